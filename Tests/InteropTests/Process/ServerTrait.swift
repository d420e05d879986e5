import Testing

/// Runs a suite against one server of its own.
///
/// Around the suite it starts the server; behind it, it waits until the counters are back at zero, stops the server with
/// SIGTERM and expects exit code 0. So every suite shows that the server went on, whatever it was sent.
struct ServerTrait: SuiteTrait, TestScoping {
  let settings: [String: String]

  func provideScope(for test: Test, testCase: Test.Case?, performing function: () async throws -> Void) async throws {
    let server = try Server(settings)
    try await Server.$running.withValue(server) { try await function() }
    #expect(server.process.isRunning, "the server is gone:\n\(server.process.log)")
    try server.expectNobodyLeft()
    try server.stop()
  }
}

extension Trait where Self == ServerTrait {
  /// A server whose sessions end soon after their connections, so that the counters can return to zero within a test.
  static func server(_ settings: [String: String] = [:]) -> ServerTrait {
    let short = [
      "heartbeat_interval": "3s", "heartbeat_timeout": "3s", "resume_window": "0s", "session_idle_ttl": "6s",
      "drain_spread": "0s", "log_level": "debug",
    ]
    return ServerTrait(settings: short.merging(settings) { $1 })
  }
}

/// All suites that start the real server; they share two cores, so they run one after the other.
@Suite("Interop", .serialized)
enum Interop {}
