import MusterJSON
import MusterModel
import MusterServer
import MusterWire
import Testing

private let key = "0123456789abcdef"
private let offer = "Sec-WebSocket-Protocol: muster.relay.v1, muster.v1\r\n"

extension TestSocket {
  /// Sends a batch, and gives back the reply to it.
  fileprivate func ask(_ request: RelayRequest, id: UInt32) async throws -> RelayReply {
    var buffer = OutputBuffer()
    RelayEncoder.write(request, id: id, into: &buffer)
    try await send(bytes: Self.frame(.binary, buffer.copyBytes()))
    let event = try await next()
    guard case .batch(let bytes) = event else { throw Unexpected(description: "\(event) instead of a batch") }
    let (repliedID, reply) = try RelayDecoder.decodeReply(bytes.span.bytes)
    #expect(repliedID == id)
    return reply
  }

  /// Opens a relay, which shows a key if it has one.
  fileprivate func openRelay(key: String? = nil) async throws {
    try await send(bytes: Self.upgradeRequest("/v1/connect", offer + (key.map { "Authorization: Bearer \($0)\r\n" } ?? "")))
    let head = try await head()
    #expect(head.hasPrefix("HTTP/1.1 101 "), "\(head)")
    #expect(head.contains("sec-websocket-protocol: muster.relay.v1\r\n"), "\(head)")
    expectBatches()
  }
}

@Suite("Relays over real sockets", .timeLimit(.minutes(2)))
struct RelayTests {
  @Test("a relay opens sessions, holds them and closes them; the one that nobody knows is named")
  func life() async throws {
    try await TestServer.run { server in
      try await server.connect { socket in
        try await socket.openRelay()
        let opens = RelayRequest.opens(["ann", "bob"].map { RelayOpen(user: UserID($0), device: .ios) })
        guard case .opens(let opened) = try await socket.ask(opens, id: 1) else {
          Issue.record("no sessions")
          return
        }
        let sessions = try opened.map { try $0.get() }
        let unknown = SessionID(high: 1, low: 2)
        #expect(try await socket.ask(.heartbeats(sessions + [unknown]), id: 2) == .heartbeats(unknown: [2]))
        let closes = sessions.map { RelayClose(session: $0, how: .logout) }
        #expect(try await socket.ask(.closes(closes), id: 3) == .closes(unknown: []))
        #expect(try await socket.ask(.heartbeats(sessions), id: 4) == .heartbeats(unknown: [0, 1]))
        try await socket.sendClose(1000)
        #expect(try await socket.next() == .close(1000, ""))
        #expect(try await socket.next() == .end)
      }
      try await server.waitForStats(#""websockets":0,"http":0"#)
    }
  }

  @Test("with a key, a relay must show it, in development no less")
  func withKey() async throws {
    try await TestServer.run { configuration in
      configuration.apiKey = key
    } _: { server in
      for fields in [offer, offer + "Authorization: Bearer \(key.dropLast())X\r\n"] {
        try await server.connect { socket in
          try await socket.send(bytes: TestSocket.upgradeRequest("/v1/connect", fields))
          let response = try await socket.rest()
          #expect(response.hasPrefix("HTTP/1.1 401 "), "\(response)")
          #expect(response.contains(#""name":"unauthorized""#), "\(response)")
        }
      }
      try await server.connect { socket in
        try await socket.openRelay(key: key)
        let stranger = SessionID(high: 1, low: 2)
        #expect(try await socket.ask(.heartbeats([stranger]), id: 1) == .heartbeats(unknown: [0]))
      }
    }
  }

  @Test("without a key and without development mode there are no relays")
  func withoutKey() async throws {
    try await TestServer.run { configuration in
      configuration.isDevelopment = false
    } _: { server in
      try await server.connect { socket in
        try await socket.send(bytes: TestSocket.upgradeRequest("/v1/connect", offer))
        #expect(try await socket.rest().hasPrefix("HTTP/1.1 401 "))
      }
    }
  }

  @Test("a batch in many small writes is put together")
  func pieces() async throws {
    try await TestServer.run { server in
      try await server.connect { socket in
        try await socket.openRelay()
        var buffer = OutputBuffer()
        RelayEncoder.write(.heartbeats((0..<4_000).map { SessionID(high: 9, low: $0) }), id: 5, into: &buffer)
        let bytes = TestSocket.frame(.binary, buffer.copyBytes())
        for start in stride(from: 0, to: bytes.count, by: 1_000) {
          try await socket.send(bytes: Array(bytes[start..<min(start + 1_000, bytes.count)]))
        }
        guard case .batch(let reply) = try await socket.next() else {
          Issue.record("no reply")
          return
        }
        let (id, unknown) = try RelayDecoder.decodeReply(reply.span.bytes)
        #expect(id == 5 && unknown == .heartbeats(unknown: Array(0..<4_000)))
      }
    }
  }

  @Test("a text message closes with 1003, a malformed batch with what is wrong")
  func violations() async throws {
    try await TestServer.run { server in
      try await server.connect { socket in
        try await socket.openRelay()
        try await socket.send(#"{"op":"beat","id":1}"#)
        #expect(try await socket.next() == .close(1003, WebSocketViolation.textMessage.sentence))
      }
      try await server.connect { socket in
        try await socket.openRelay()
        try await socket.send(bytes: TestSocket.frame(.binary, [1, 0]))
        #expect(try await socket.next() == .close(ErrorCode.badRequest.rawValue, RelayViolation.tooShort.sentence))
      }
    }
  }
}
