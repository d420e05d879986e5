import HTTPTypes
package import Hummingbird
import Logging
package import MusterAccess
package import MusterEngine
import MusterJSON
import MusterModel

/// The HTTP API of the admin port: for operators, and for backends that ask who is here.
package struct AdminAPI: Sendable {
  /// What the server around the engine adds.
  package struct Hooks: Sendable {
    /// How many WebSockets, and how many other sockets, are open on the public port.
    package var openSockets: @Sendable () -> (webSockets: Int, http: Int)
    /// Begins draining; returns at once.
    package var drain: @Sendable () -> Void
    /// Makes a snapshot and waits for it; throws a `Refusal` when none can be made.
    package var snapshot: @Sendable () async throws -> SnapshotView
    /// How the log is, and what came of the last snapshot, if there was one.
    package var storage: @Sendable () -> StorageView

    package init(
      openSockets: @escaping @Sendable () -> (webSockets: Int, http: Int), drain: @escaping @Sendable () -> Void,
      snapshot: @escaping @Sendable () async throws -> SnapshotView, storage: @escaping @Sendable () -> StorageView
    ) {
      self.openSockets = openSockets
      self.drain = drain
      self.snapshot = snapshot
      self.storage = storage
    }
  }

  /// The largest body of an admin request: 10,000 session tokens fit.
  static let bodyBytesMax = 1 << 20
  /// The most users of one query.
  static let usersMax = 1_000
  /// The most sessions of one batch of heartbeats.
  static let heartbeatsMax = 10_000
  /// The most targets of one request for signals.
  static let signalTargetsMax = 1_000
  /// The largest page of channels or members.
  static let pageMax = 1_000

  let engine: PresenceEngine
  let tokens: any SessionTokens
  let hooks: Hooks
  let started = ContinuousClock.now
  private let readiness: Readiness
  private let key: [UInt8]?

  /// Makes the API.
  ///
  /// `key` is what every request but the health checks must show as bearer token; `nil` asks for nothing.
  package init(
    engine: PresenceEngine, tokens: any SessionTokens, readiness: Readiness, key: String?, hooks: Hooks
  ) {
    self.engine = engine
    self.tokens = tokens
    self.readiness = readiness
    self.key = key.map { Array($0.utf8) }
    self.hooks = hooks
  }

  /// What answers the requests of the admin port.
  package func router() -> Router<EdgeContext> {
    let router = Router(context: EdgeContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: EdgeMiddleware())
    router.addHealth(readiness)
    if let key { router.add(middleware: APIKeyMiddleware(key: key)) }
    router.get("v1/stats", use: stats)
    router.get("v1/users/{user}", use: user)
    router.post("v1/users/query", use: users)
    router.delete("v1/users/{user}/sessions", use: kickUser)
    router.put("v1/users/{user}/ban", use: ban)
    router.delete("v1/users/{user}/ban", use: unban)
    router.put("v1/users/{user}/status", use: setStatus)
    router.get("v1/explain/users/{user}", use: explain)
    router.get("v1/sessions/{session}", use: session)
    router.delete("v1/sessions/{session}", use: kickSession)
    router.patch("v1/sessions/{session}/data", use: patchData)
    router.delete("v1/connections/{connection}", use: kickConnection)
    router.get("v1/channels", use: channels)
    router.get("v1/channels/{channel}", use: channel)
    router.get("v1/channels/{channel}/members", use: members)
    router.post("v1/heartbeats", use: heartbeats)
    router.post("v1/signals", use: signals)
    router.post("v1/admin/drain", use: drain)
    router.post("v1/admin/snapshot", use: snapshot)
    return router
  }

  /// Answers `GET /v1/stats`.
  private func stats(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let stats = await engine.stats()
    let sockets = hooks.openSockets()
    return .json { writer in
      writer.pair("node", string: engine.configuration.node)
      writer.pair("epoch", string: engine.epoch.text)
      writer.pair("uptime_ms", integer: started.duration(to: .now).milliseconds)
      writer.members(of: stats)
      writer.key("sockets")
      writer.beginObject()
      writer.pair("websockets", integer: sockets.webSockets)
      writer.pair("http", integer: sockets.http)
      writer.endObject()
      writer.key("storage")
      writer.value(hooks.storage())
    }
  }

  /// Answers `POST /v1/admin/snapshot`.
  private func snapshot(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    context.logger.notice("asked for a snapshot by the admin port")
    do {
      let snapshot = try await hooks.snapshot()
      return .json { $0.members(of: snapshot) }
    } catch let refusal as Refusal {
      throw Problem(refusal)
    }
  }

  /// Answers `POST /v1/admin/drain`.
  private func drain(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    context.logger.notice("asked to drain by the admin port")
    hooks.drain()
    return .json(status: .accepted) { $0.pair("draining", bool: true) }
  }
}
