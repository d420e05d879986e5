import Foundation
import Glibc
import Testing

/// A running `muster serve`, on free ports of the loopback.
// SAFETY: suites and their tests run one after the other (`Interop` is serialized), so one thread at a time uses a server.
final class Server: @unchecked Sendable {
  /// The server of the suite that is running; see ``ServerTrait``.
  @TaskLocal static var running: Server?

  /// The server of the suite that is running.
  static var current: Server {
    get throws { try #require(running, "this suite has no .server trait") }
  }

  /// Where one of its ports listens.
  struct Address: Sendable {
    let host: String
    let port: UInt16

    var text: String { "\(host):\(port)" }

    init(_ text: Substring) throws {
      guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
        throw TimedOut(what: "an address, not '\(text)'")
      }
      host = String(text[..<colon])
      self.port = port
    }
  }

  let process: ChildProcess
  let `public`: Address
  let admin: Address

  /// Starts a server and waits until it is ready; settings have the names of the configuration file.
  ///
  /// `MUSTER_TRANSPORT` of the tests themselves goes along, so that one run covers one transport.
  init(_ settings: [String: String] = [:]) throws {
    let transport = ProcessInfo.processInfo.environment["MUSTER_TRANSPORT"].map { ["transport": $0] } ?? [:]
    let variables = settings.merging(transport) { given, _ in given }.map { ("MUSTER_\($0.key.uppercased())", $0.value) }
    process = try ChildProcess(
      [Self.binary.path, "serve", "--dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
      environment: Dictionary(uniqueKeysWithValues: variables))
    // `ready public=127.0.0.1:40001 admin=127.0.0.1:40002`
    let deadline = Deadline.after(.seconds(60))
    var line = try process.readLine("the line that begins with 'ready'", by: deadline)
    while !line.hasPrefix("ready ") { line = try process.readLine("the line that begins with 'ready'", by: deadline) }
    let fields = line.split(separator: " ").reduce(into: [Substring: Substring]()) { fields, word in
      let parts = word.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { fields[parts[0]] = parts[1] }
    }
    `public` = try Address(#require(fields["public"]))
    admin = try Address(#require(fields["admin"]))
  }

  /// The program under test: `MUSTER_BINARY`, or what the package's build has put beside these tests.
  static var binary: URL {
    if let path = ProcessInfo.processInfo.environment["MUSTER_BINARY"] { return URL(filePath: path) }
    let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().appending(path: "muster")
  }

  /// Stops it as an operator would, and checks that it says so.
  func stop() throws {
    process.send(signal: SIGTERM)
    let exit = try process.waitForExit(by: .after(.seconds(10)))
    #expect(exit == .code(0), "the server did not stop cleanly:\n\(process.log)")
  }

  /// Waits until nothing is left of whoever was connected.
  func expectNobodyLeft() throws {
    var last = Stats()
    do {
      _ = try Deadline.after(.seconds(40)).poll("the counters to return to zero") {
        last = try Stats(of: self)
        return last.live.isEmpty ? true : nil
      }
    } catch is TimedOut {
      Issue.record("the counters did not return to zero: \(last.live)\n\(process.log)")
    }
  }
}

/// The counters that `GET /v1/stats` shows.
struct Stats {
  /// The counters of what exists now, each zero when nobody is there.
  private static let gauges: Set = [
    "users", "members", "guests", "sessions", "attached", "detached", "dormant", "connections", "channels", "memberships",
    "observers", "watches", "session_timers", "connection_timers",
  ]

  private(set) var values: [String: Int] = [:]

  init() {}

  init(of server: Server) throws {
    let reply = try HTTPExchange.request("GET", "/v1/stats", of: server.admin)
    guard reply.status == 200 else { throw TimedOut(what: "/v1/stats, which answers \(reply.status): \(reply.body)") }
    collect(try JSON(parsing: reply.body), under: "")
    for required in ["sessions", "attached", "detached", "dormant", "connections", "channels"] where values[required] == nil {
      throw TimedOut(what: "'\(required)' in /v1/stats: \(reply.body)")
    }
  }

  /// Nested objects are read too: `wheel.session_timers` counts as `session_timers`.
  private mutating func collect(_ json: JSON, under name: String) {
    for (key, value) in json.members {
      if let number = value.int { values[key] = number } else { collect(value, under: key) }
    }
  }

  /// What is not zero.
  var live: [String: Int] { values.filter { Self.gauges.contains($0.key) && $0.value != 0 } }

  subscript(name: String) -> Int? { values[name] }
}
