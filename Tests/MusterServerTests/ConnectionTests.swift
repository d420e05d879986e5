import MusterEdge
import MusterEngine
import MusterModel
import MusterServer
import MusterWire
import Testing

/// A close frame with a code of the catalogue, whatever it says.
private func isClose(_ event: TestSocket.Event, _ code: ErrorCode) -> Bool {
  if case .close(code.rawValue, _) = event { true } else { false }
}

@Suite("Connections over real sockets", .timeLimit(.minutes(2)))
struct ConnectionTests {
  @Test("hello, a beat, a goodbye that is echoed, and an end")
  func goodbye() async throws {
    try await TestServer.run { server in
      try await server.login("alice") { socket in
        try await socket.send(#"{"op":"beat","id":"b"}"#)
        _ = try await socket.text(containing: #"{"re":"b","ok":{"server_time_ms":"#)
        try await socket.sendClose(1000)
        #expect(try await socket.next() == .close(1000, ""))
        #expect(try await socket.next() == .end)
      }
      try await server.waitForStats(#""connections":0"#)
      try await server.waitForStats(#""websockets":0,"http":0"#)
      #expect(try await server.admin("/v1/stats").contains(#""dormant":1"#))
    }
  }

  @Test("what was sent along with the upgrade request is not lost")
  func early() async throws {
    try await TestServer.run { server in
      try await server.connect { socket in
        let hello = TestSocket.frame(.text, Array(#"{"op":"hello","id":1,"user":"alice"}"#.utf8))
        try await socket.send(bytes: TestSocket.upgradeRequest() + hello + TestSocket.frame(.ping, [7]))
        #expect(try await socket.head().contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        #expect(try await socket.next() == .pong([7]))
        _ = try await socket.text(containing: #""user":"alice""#)
      }
    }
  }

  @Test("a connection that has served requests can still become a WebSocket, as behind a proxy")
  func lateUpgrade() async throws {
    try await TestServer.run { server in
      try await server.connect { socket in
        for _ in 0..<2 {
          try await socket.send(bytes: Array("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
          #expect(try await socket.response().hasSuffix(#"{"status":"live"}"#))
        }
        try await socket.upgrade()
        try await socket.send(#"{"op":"hello","id":1,"user":"alice"}"#)
        _ = try await socket.text(containing: #""user":"alice""#)
        try await socket.sendClose(1001)
        #expect(try await socket.next() == .close(1001, ""))
        #expect(try await socket.next() == .end)
      }
      try await server.waitForStats(#""websockets":0,"http":0"#)
    }
  }

  @Test("an upgrade to something else is served as the request it also is, with and without a body")
  func otherUpgrade() async throws {
    try await TestServer.run { server in
      let fields = "Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
      for (request, expected) in [
        ("GET /health/live HTTP/1.1\r\n\(fields)\r\n", "HTTP/1.1 200 OK"),
        ("POST /v1/sessions HTTP/1.1\r\n\(fields)Content-Length: 16\r\n\r\n{\"user\":\"alice\"}", "HTTP/1.1 201 Created"),
      ] {
        try await server.connect { socket in
          try await socket.send(bytes: Array(request.utf8))
          let response = try await socket.rest()
          #expect(response.hasPrefix(expected), "\(response)")
          #expect(response.lowercased().contains("connection: close"))
        }
      }
    }
  }

  @Test("a refused upgrade is told why over HTTP, and the connection ends")
  func refusedUpgrade() async throws {
    try await TestServer.run { configuration in
      configuration.origins = ["https://app.example.com"]
    } _: { server in
      try await server.connect { socket in
        try await socket.send(bytes: TestSocket.upgradeRequest("/v1/connect", "Origin: https://evil.example\r\n"))
        let response = try await socket.rest()
        #expect(response.hasPrefix("HTTP/1.1 403 Forbidden"))
        #expect(response.contains(#"{"error":{"code":4509,"name":"forbidden""#))
      }
      try await server.connect { socket in
        try await socket.upgrade("/v1/connect", "Origin: https://app.example.com\r\n")
      }
      try await server.waitForStats(#""websockets":0,"http":0"#)
    }
  }

  @Test("the session goes on with its token: in the hello, in the query, as bearer, as cookie")
  func resume() async throws {
    try await TestServer.run { server in
      let token = try await server.connect { socket in
        try await socket.upgrade()
        try await socket.send(#"{"op":"hello","id":1,"user":"alice"}"#)
        let welcome = try await socket.text(containing: "session_token")
        return try #require(welcome.split(separator: "\"session_token\":\"").last?.split(separator: "\"").first.map(String.init))
      }
      let ways = [
        ("/v1/connect", "", #","token":"\#(token)""#), ("/v1/connect?token=\(token)", "", ""),
        ("/v1/connect", "Authorization: Bearer \(token)\r\n", ""), ("/v1/connect", "Cookie: muster_session=\(token)\r\n", ""),
      ]
      for (target, fields, member) in ways {
        try await server.connect { socket in
          try await socket.upgrade(target, fields)
          try await socket.send(#"{"op":"hello","id":1\#(member)}"#)
          let welcome = try await socket.text(containing: #""re":1"#)
          #expect(welcome.contains(#""user":"alice""#) && welcome.contains(#""resumed":true"#), "\(welcome)")
        }
      }
    }
  }

  @Test("a loss is told to others: FIN without a close, and a reset", arguments: [false, true])
  func loss(isReset: Bool) async throws {
    try await TestServer.run { configuration in
      configuration.engine.resumeWindow = .zero
    } _: { server in
      try await server.login("watcher") { watcher in
        try await watcher.send(#"{"op":"observe","id":2,"channel":"room:1"}"#)
        _ = try await watcher.text(containing: #""re":2"#)
        try await server.login("alice") { socket in
          try await socket.send(#"{"op":"join","id":2,"channel":"room:1"}"#)
          _ = try await watcher.text(containing: #""joins":[{"user":"alice""#)
          if isReset { try await socket.reset() } else { socket.finishSending() }
          _ = try await watcher.text(containing: #""leaves":[{"user":"alice","reason":"timeout"}]"#)
        }
      }
    }
  }
}

@Suite("Limits of connections over real sockets", .timeLimit(.minutes(2)))
struct ConnectionLimitTests {
  @Test("one connection too many is told so, in all and per address", arguments: [true, false])
  func connections(isPerAddress: Bool) async throws {
    try await TestServer.run { configuration in
      if isPerAddress {
        configuration.limits.connectionsPerAddressMax = 1
      } else {
        configuration.limits.connectionsMax = 1
      }
    } _: { server in
      try await server.login("alice") { _ in
        try await server.connect { socket in
          try await socket.upgrade()
          _ = try await socket.text(containing: #"{"re":null,"error":{"code":4003,"name":"overloaded""#)
          #expect(isClose(try await socket.next(), .overloaded))
          try await socket.sendClose(4003)
          #expect(try await socket.next() == .end)
        }
      }
      try await server.waitForStats(#""websockets":0,"http":0"#)
      try await server.login("alice") { _ in }
    }
  }

  @Test(
    "what breaks the rules ends the connection with its code, and only that connection",
    arguments: [
      (TestSocket.frame(.text, [UInt8](repeating: 0x20, count: 20_000)), 4510),
      (TestSocket.frame(.text, Array("{}".utf8), isMasked: false), 1002),
      (TestSocket.frame(.text, [0xc3, 0x28]), 1007),
      (TestSocket.frame(.binary, [1, 2, 3]), 1003),
      ([0x8f, 0x80, 1, 2, 3, 4], 1002),
    ] as [([UInt8], UInt16)])
  func violations(bytes: [UInt8], code: UInt16) async throws {
    try await TestServer.run { server in
      try await server.login("bystander") { bystander in
        try await server.login("alice") { socket in
          try await socket.send(bytes: bytes)
          let event = try await socket.close()
          guard case .close(code, let reason) = event else {
            Issue.record("\(event)")
            return
          }
          #expect(!reason.isEmpty)
          #expect(try await socket.next() == .end)
        }
        try await bystander.send(#"{"op":"beat","id":2}"#)
        _ = try await bystander.text(containing: #""re":2"#)
      }
      try await server.waitForStats(#""connections":0"#)
    }
  }

  @Test("malformed messages are answered each; twenty in a row end the connection")
  func malformed() async throws {
    try await TestServer.run { server in
      try await server.login("alice") { socket in
        for _ in 0..<19 {
          try await socket.send(#"{"op":"#)
          _ = try await socket.text(containing: #""error":{"code":4500"#)
        }
        try await socket.send(#"{"op":"#)
        #expect(isClose(try await socket.close(), .badRequest))
      }
    }
  }

  @Test("who is nobody outside development is told what to send, and sent away")
  func unauthorized() async throws {
    try await TestServer.run { configuration in
      configuration.isDevelopment = false
    } _: { server in
      for hello in [#"{"op":"hello","id":1,"user":"alice"}"#, #"{"op":"hello","id":1}"#, #"{"op":"hello","id":1,"token":"x"}"#] {
        try await server.connect { socket in
          try await socket.upgrade()
          try await socket.send(hello)
          _ = try await socket.text(containing: #"{"re":1,"error":{"code":4501"#)
          #expect(isClose(try await socket.next(), .unauthorized))
        }
      }
    }
  }

  @Test("a connection that does not say hello in time is told so, and ended even when it does not answer")
  func silence() async throws {
    try await TestServer.run { configuration in
      configuration.engine.helloTimeout = .milliseconds(100)
      configuration.limits.closeTimeout = .milliseconds(100)
    } _: { server in
      try await server.connect { socket in
        try await socket.upgrade()
        #expect(isClose(try await socket.close(), .helloTimeout))
        #expect(try await socket.next() == .end)
      }
      try await server.waitForStats(#""websockets":0,"http":0"#)
    }
  }

  @Test("a socket that says nothing at all is ended")
  func mute() async throws {
    try await TestServer.run { configuration in
      configuration.limits.requestTimeout = .milliseconds(100)
    } _: { server in
      let said = try await server.connect { socket in try await socket.rest() }
      #expect(said == "")
    }
  }

  @Test("what is not HTTP is told so, and so are header fields beyond the limit")
  func notHTTP() async throws {
    try await TestServer.run { server in
      try await server.connect { socket in
        try await socket.send(bytes: Array("\u{16}\u{3}\u{1} hello\r\n\r\n".utf8))
        let response = try await socket.rest()
        #expect(response.hasPrefix("HTTP/1.1 400 Bad Request"))
        #expect(response.contains(#"{"error":{"code":4500"#))
      }
      try await server.connect { socket in
        let field = "X-Padding: \(String(repeating: "x", count: 20_000))\r\n"
        try await socket.send(bytes: TestSocket.upgradeRequest("/v1/connect", field))
        let response = try await socket.rest()
        #expect(response.hasPrefix("HTTP/1.1 431 "), "\(response)")
      }
      try await server.waitForStats(#""websockets":0,"http":0"#)
    }
  }

  @Test("a client that does not read loses what it could not take, and is ended when it takes nothing")
  func slowConsumer() async throws {
    try await TestServer.run { configuration in
      // Long enough that something is lost first, on a machine that does much else.
      configuration.engine.slowConsumerTimeout = .seconds(3)
      // Who does not read does not see a ping either; what ends this one must not be that.
      configuration.engine.heartbeatInterval = .seconds(300)
      configuration.limits.closeTimeout = .milliseconds(100)
      configuration.engine.requestsPerSecond = 100_000
      configuration.engine.requestsBurst = 100_000
    } _: { server in
      try await TestSocket.connect(to: server.addresses.public, receiveBuffer: 4_096) { slow in
        try await slow.upgrade()
        try await slow.send(#"{"op":"hello","id":1,"user":"slow"}"#)
        try await slow.send(#"{"op":"observe","id":2,"channel":"room:1"}"#)
        _ = try await slow.text(containing: #""re":2,"ok""#)
        try await server.login("fast") { fast in
          try await fast.send(#"{"op":"join","id":2,"channel":"room:1"}"#)
          _ = try await fast.text(containing: #""re":2,"ok""#)
          let data = String(repeating: "x", count: 8_000)
          // The kernel takes up to 4 MiB of the server's before anything queues up in it.
          for id in 3..<803 {
            try await fast.send(#"{"op":"signal","id":\#(id),"to":{"channel":"room:1"},"data":"\#(data)"}"#)
            _ = try await fast.text(containing: #""re":\#(id),"ok""#)
          }
          let stats = try await server.admin("/v1/stats")
          #expect(!stats.contains(#""conflated":0"#), "\(stats)")
          try await server.waitForStats(#""connections":1,"#, attemptsMax: 100_000)
        }
        let last = try await slow.close()
        #expect(isClose(last, .slowConsumer) || last == .end, "\(last)")
      }
    }
  }
}
