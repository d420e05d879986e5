import Glibc
import Testing

extension Interop {
  @Suite(
    "Clients that nobody here wrote find the protocol as documented",
    .server(["resume_window": "15s", "session_idle_ttl": "21s"]))
  struct ClientTests {
    @Test("from hello to kick, with resume, status, data, watches and signals", arguments: ForeignClient.allCases)
    func scenario(_ client: ForeignClient) throws {
      let process = try client.start("scenario", against: .current)
      try client.expectVerdict(of: process, checks: ForeignClient.scenario)
    }
  }

  @Suite(
    "Clients without any heartbeat code stay connected",
    .server(["heartbeat_interval": "1s", "heartbeat_timeout": "1s"]))
  struct SilentClientTests {
    @Test("the server pings, the library answers", arguments: ForeignClient.allCases)
    func answersPings(_ client: ForeignClient) throws {
      let process = try client.start("idle", against: .current)
      try client.expectVerdict(of: process, checks: ["ping"])
    }
  }

  @Suite("A server that is told to stop tells its clients when to come back")
  struct DrainTests {
    @Test("SIGTERM: reconnect, close 4000, exit 0 within ten seconds", arguments: ForeignClient.allCases)
    func drains(_ client: ForeignClient) throws {
      let server = try Server()
      let process = try client.start("drain", against: server)
      #expect(try process.readLine("the client's connection", by: .after(.seconds(60))) == "connected")
      try server.stop()
      try client.expectVerdict(of: process, checks: ["reconnect"])
    }

    @Test("SIGINT does the same")
    func interrupt() throws {
      let server = try Server(["drain_spread": "0s"])
      let client = try WebSocket(server.public, user: "alice")
      server.process.send(signal: SIGINT)
      _ = try client.push { $0["ev"] == "reconnect" && $0["after_ms"].int != nil }
      #expect(try client.expectClose() == 4000)
      #expect(try server.process.waitForExit(by: .after(.seconds(10))) == .code(0))
    }

    @Test("clients that do not read, do not close and have not finished their request do not hold it up")
    func stubbornClients() throws {
      let server = try Server()
      let deaf = try WebSocket(server.public, user: "deaf", receiveBytes: 2048)
      let silent = try WebSocket(server.public)
      let unfinished = try RawSocket(server.public)
      try unfinished.send("GET /v1/connect HTTP/1.1\r\nHost: a")
      let operatorsKeepAlive = try RawSocket(server.admin)
      try operatorsKeepAlive.send("GET /v1/stats HTTP/1.1\r\nHost: a\r\n\r\n")
      try server.stop()
      withExtendedLifetime((deaf, silent, unfinished, operatorsKeepAlive)) {}
    }

    @Test("after the drain has begun nobody new is let in")
    func refusesNewcomers() throws {
      let server = try Server(["drain_spread": "5s"])
      let client = try WebSocket(server.public, user: "alice")
      server.process.send(signal: SIGTERM)
      _ = try client.push { $0["ev"] == "reconnect" }
      // Either the port is closed already, or it says so.
      if let late = try? RawSocket(server.public) {
        try? late.send(WebSocket.handshake(for: server.public))
        let answer = String(decoding: try late.receiveToEnd(), as: UTF8.self)
        #expect(!answer.contains(" 101 "), "a new connection got \(answer)")
      }
      #expect(try server.process.waitForExit(by: .after(.seconds(10))) == .code(0))
    }
  }
}
