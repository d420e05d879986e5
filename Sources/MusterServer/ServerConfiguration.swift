package import Logging
import MusterAccess
package import MusterEdge
package import MusterEngine
package import MusterStorage

/// Everything that can be set about a server.
package struct ServerConfiguration: Sendable {
  /// Where clients connect.
  package var listen = ListenAddress(host: "127.0.0.1", port: 7600)
  /// Where operators and backends connect.
  package var adminListen = ListenAddress(host: "127.0.0.1", port: 7601)
  /// Data-plane threads; 0 takes one for each core.
  package var threads = 0
  /// What the data-plane threads are.
  package var transport = Transport.platformDefault
  /// Believes a bare user id; only on loopback.
  package var isDevelopment = false
  /// What the admin port and relays are asked for as bearer token.
  ///
  /// With `nil` the admin port asks for nothing, which only loopback may, and relays exist in development only.
  package var apiKey: String?
  /// From which the key of the session tokens is made; `nil` takes the one that is kept in the data directory.
  package var tokenSecret: String?
  /// Web pages that may talk to the public port; empty allows the own host, in development any.
  package var origins: [String] = []
  package var cookieSameSite = SameSite.lax
  package var logLevel = Logger.Level.info
  /// Over how long a stopping server spreads the return of its clients.
  package var drainSpread: Duration = .seconds(3)
  /// Where log, snapshots and the secret of the session tokens are kept.
  package var dataDirectory = "snapshots"
  package var storage = StorageOptions()
  package var limits = GatewayLimits()
  package var engine = EngineConfiguration()

  package init() {}

  /// What the data-plane threads are, and so how WebSockets are served.
  package enum Transport: String, Sendable, CaseIterable {
    /// Epoll loops of our own: the least memory and time for each connection. Linux only.
    case reactor
    /// Event loops of NIO, on every platform.
    case nio

    /// The best that the platform has.
    package static var platformDefault: Transport {
      #if os(Linux)
        .reactor
      #else
        .nio
      #endif
    }
  }

  /// When a browser sends the session cookie along.
  package enum SameSite: String, Sendable, CaseIterable {
    case strict
    case lax
    /// With requests from all sites; browsers take such a cookie over HTTPS only.
    case none

    /// The word as a cookie has it.
    package var attribute: String {
      switch self {
      case .strict: "Strict"
      case .lax: "Lax"
      case .none: "None"
      }
    }
  }

  /// Relates the settings to their ranges and to each other.
  ///
  /// - Returns: Every problem, not only the first.
  package func problems() -> [EngineConfiguration.Problem] {
    var found = engine.problems() + limits.problems()
    func check(_ setting: String, _ holds: Bool, _ message: String) {
      if !holds { found.append(.init(setting: setting, message: message)) }
    }
    check("threads", (0...1_024).contains(threads), "\(threads) is not within 0 to 1024")
    #if !os(Linux)
      check("transport", transport != .reactor, "the reactor needs Linux; nio runs everywhere")
    #endif
    check(
      "drain_spread", (.zero ... .seconds(300)).contains(drainSpread),
      "\(DurationText.text(drainSpread)) is not within 0s to 300s")
    check("data_dir", !dataDirectory.isEmpty, "it must name a directory")
    for problem in storage.problems() { check("durability", false, problem) }
    check("origins", OriginPolicy(origins) != nil, "every entry must be * or an origin like https://chat.example.com")
    if let apiKey {
      check("api_key", (16...512).contains(apiKey.utf8.count), "it has \(apiKey.utf8.count) bytes, allowed are 16 to 512")
    }
    if let tokenSecret {
      check(
        "token_secret", (32...512).contains(tokenSecret.utf8.count),
        "it has \(tokenSecret.utf8.count) bytes, allowed are 32 to 512")
    }
    for (setting, address) in [("listen", listen), ("admin_listen", adminListen)] where isDevelopment {
      check(setting, address.isLoopback, "development mode believes everybody, so it serves loopback only, not \(address)")
    }
    check(
      "api_key", adminListen.isLoopback || apiKey != nil,
      "the admin port listens on \(adminListen), which others can reach, so it needs a key")
    check(
      "admin_listen", listen != adminListen || listen.port == 0,
      "\(adminListen) is also where the public port listens")
    return found
  }

  /// Which backends may open a relay on the public port.
  var relayPolicy: RelayPolicy { RelayPolicy(key: apiKey, isDevelopment: isDevelopment) }

  /// How many planes there will be.
  package func planes(cores: Int) -> Int {
    threads == 0 ? max(1, cores) : threads
  }
}
