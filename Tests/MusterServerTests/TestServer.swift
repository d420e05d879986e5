import Logging
import MusterServer
import Testing

/// A whole server on loopback, on ports of its own, for as long as a body runs.
struct TestServer: Sendable {
  let addresses: ServerAddresses

  /// Starts a development server, runs the body, and stops the server: once on every transport that the platform has.
  static func run(
    _ configure: (inout ServerConfiguration) -> Void = { _ in }, _ body: @escaping @Sendable (TestServer) async throws -> Void
  ) async throws {
    for transport in transports { try await run(on: transport, configure, body) }
  }

  private static var transports: [ServerConfiguration.Transport] {
    #if os(Linux)
      [.reactor, .nio]
    #else
      [.nio]
    #endif
  }

  private static func run(
    on transport: ServerConfiguration.Transport, _ configure: (inout ServerConfiguration) -> Void,
    _ body: @escaping @Sendable (TestServer) async throws -> Void
  ) async throws {
    var configuration = ServerConfiguration()
    configuration.transport = transport
    configuration.listen = ListenAddress(host: "127.0.0.1", port: 0)
    configuration.adminListen = ListenAddress(host: "127.0.0.1", port: 0)
    configuration.isDevelopment = true
    configuration.threads = 2
    configuration.drainSpread = .zero
    configure(&configuration)
    #expect(configuration.problems().isEmpty)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let server = MusterServer(configuration: configuration, logger: logger)
    let (ready, continuation) = AsyncStream.makeStream(of: ServerAddresses.self)
    try await withThrowingTaskGroup { group in
      group.addTask {
        defer { continuation.finish() }
        try await server.run { continuation.yield($0) }
      }
      var addresses = ready.makeAsyncIterator()
      // Without addresses the server has failed, and the group throws its error.
      if let addresses = await addresses.next() { try await body(TestServer(addresses: addresses)) }
      group.cancelAll()
      try await group.waitForAll()
    }
  }

  /// Opens a socket to the public port.
  func connect<Result: Sendable>(_ body: @Sendable (TestSocket) async throws -> Result) async throws -> Result {
    try await TestSocket.connect(to: addresses.public, body)
  }

  /// Opens a WebSocket and says hello.
  func login<Result: Sendable>(_ user: String, _ body: @Sendable (TestSocket) async throws -> Result) async throws -> Result {
    try await connect { socket in
      try await socket.upgrade()
      try await socket.send(#"{"op":"hello","id":1,"user":"\#(user)"}"#)
      _ = try await socket.text(containing: #""re":1,"ok":{"#)
      return try await body(socket)
    }
  }

  /// What the admin port answers to a GET.
  func admin(_ path: String, method: String = "GET") async throws -> String {
    try await TestSocket.connect(to: addresses.admin) { socket in
      let head = "\(method) \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
      try await socket.send(bytes: Array(head.utf8))
      return try await socket.rest()
    }
  }

  /// Asks for the statistics until they hold a text; each asking is a round trip, so this waits without sleeping.
  func waitForStats(_ text: String, attemptsMax: Int = 2_000) async throws {
    var last = ""
    for _ in 0..<attemptsMax {
      last = try await admin("/v1/stats")
      if last.contains(text) { return }
    }
    Issue.record("the statistics never held \(text): \(last)")
  }
}
