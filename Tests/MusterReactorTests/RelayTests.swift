#if os(Linux)
  import MusterAccess
  import MusterEdge
  import MusterEngine
  import MusterJSON
  import MusterModel
  import MusterWire
  import Testing

  @testable import MusterReactor

  private func batch(_ request: RelayRequest, id: UInt32) -> [UInt8] {
    var buffer = OutputBuffer()
    RelayEncoder.write(request, id: id, into: &buffer)
    return RawSocket.frame(.binary, buffer.copyBytes())
  }

  private func strangers(_ count: Int) -> RelayRequest {
    .heartbeats((0..<UInt64(count)).map { SessionID(high: 0xdead, low: $0) })
  }

  /// Opens of users with the longest ids, all of which begin with two characters.
  private func longOpens(_ count: Int, _ prefix: String) -> RelayRequest {
    let padding = String(repeating: "x", count: 116)
    return .opens(
      (0..<count).map { index in
        let digits = String(1_000_000_000 + index)
        return RelayOpen(user: UserID("\(prefix)\(digits)\(padding)"), device: .bot)
      })
  }

  extension RawSocket {
    /// The next reply to a batch.
    fileprivate func reply() throws -> (id: UInt32, reply: RelayReply) {
      let event = try next()
      guard case .batch(let bytes) = event else { throw Failure(description: "\(event) instead of a batch") }
      return try RelayDecoder.decodeReply(bytes.span.bytes)
    }
  }

  extension EdgeHarness {
    /// A relay, for which what it sends goes out in pieces that the kernel surely takes.
    fileprivate func connectRelay(leftover: [UInt8] = []) throws -> RawSocket {
      let client = try connect(leftover: leftover, speaking: .relay)
      client.expectBatches()
      return client
    }

    fileprivate func send(_ bytes: [UInt8], over client: RawSocket, piece: Int = 32 << 10) throws {
      for start in stride(from: 0, to: bytes.count, by: piece) {
        try client.send(bytes: Array(bytes[start..<min(start + piece, bytes.count)]))
        settle()
      }
    }

    fileprivate func ask(_ client: RawSocket, _ request: RelayRequest, id: UInt32) throws -> RelayReply {
      try send(batch(request, id: id), over: client)
      let (repliedID, reply) = try client.reply()
      #expect(repliedID == id)
      return reply
    }

    fileprivate func onShard<Result: Sendable>(_ body: (isolated ConnectionShard) -> Result) -> Result {
      let result = engine.connectionShards[0].assumeIsolated(body)
      settle()
      return result
    }
  }

  @Suite("Relays over sockets")
  struct RelayTests {
    @Test("sessions are opened, heard and closed, and the one that nobody knows is named")
    func life() throws {
      let harness = try EdgeHarness()
      let relay = try harness.connectRelay()
      let opens = RelayRequest.opens(["ann", "bob"].map { RelayOpen(user: UserID($0), device: .ios) })
      guard case .opens(let opened) = try harness.ask(relay, opens, id: 1) else {
        Issue.record("no sessions")
        return
      }
      let sessions = try opened.map { try $0.get() }
      let watcher = try harness.login("carl")
      let presence = #"{"op":"users","id":2,"ids":["ann","bob"]}"#
      #expect(try harness.ask(watcher, presence).components(of: #""status":"online""#) == 2)
      let unknown = SessionID(high: 1, low: 2)
      #expect(
        try harness.ask(relay, .heartbeats([sessions[0], unknown, sessions[1]]), id: .max) == .heartbeats(unknown: [1]))
      let closes = RelayRequest.closes(
        [RelayClose(session: unknown, how: .leave)] + sessions.map { RelayClose(session: $0, how: .logout) })
      #expect(try harness.ask(relay, closes, id: 3) == .closes(unknown: [0]))
      #expect(try harness.ask(relay, .heartbeats(sessions), id: 4) == .heartbeats(unknown: [0, 1]))
      try relay.send(bytes: RawSocket.closeFrame(1000))
      harness.settle()
      #expect(try relay.next() == .close(1000, ""))
      #expect(try relay.next() == .end)
    }

    @Test("a large batch in pieces is put together, and what follows it too", arguments: [1_448, 5_000, 32 << 10, 65_537])
    func pieces(piece: Int) throws {
      let harness = try EdgeHarness()
      let relay = try harness.connectRelay()
      let bytes = batch(strangers(10_000), id: 1) + batch(strangers(3), id: 2) + RawSocket.frame(.ping, [5])
      try harness.send(bytes, over: relay, piece: piece)
      #expect(try relay.next() == .pong([5]))
      let first = try relay.reply()
      let second = try relay.reply()
      #expect(Set([first.id, second.id]) == [1, 2])
      #expect([first, second].contains { $0 == (1, .heartbeats(unknown: Array(0..<10_000))) })
      #expect([first, second].contains { $0 == (2, .heartbeats(unknown: [0, 1, 2])) })
    }

    @Test("a batch that came with the upgrade is handled when the socket is adopted, from its middle, too")
    func leftover() throws {
      let harness = try EdgeHarness()
      let bytes = batch(strangers(200), id: 1)
      let relay = try harness.connectRelay(leftover: Array(bytes.prefix(3_000)))
      try harness.send(Array(bytes[3_000...]), over: relay)
      #expect(try relay.reply() == (1, .heartbeats(unknown: Array(0..<200))))
    }

    @Test(
      "a text message closes with 1003, be it a heartbeat of a client", arguments: ["", #"{"op":"beat","id":1}"#, "{}"])
    func text(_ text: String) throws {
      let harness = try EdgeHarness()
      let relay = try harness.connectRelay()
      try relay.send(text)
      harness.settle()
      #expect(try relay.next() == .close(1003, WebSocketViolation.textMessage.sentence))
      #expect(try relay.next() == .end)
    }

    @Test("a binary message of a client closes with 1003")
    func binaryOfClient() throws {
      let harness = try EdgeHarness()
      let client = try harness.login("ann")
      try client.send(bytes: batch(strangers(1), id: 1))
      harness.settle()
      #expect(try client.next() == .close(1003, WebSocketViolation.binaryMessage.sentence))
    }

    @Test("a malformed batch closes with a sentence, one over the limit before it has arrived")
    func violations() throws {
      let harness = try EdgeHarness()
      let first = try harness.connectRelay()
      try first.send(bytes: RawSocket.frame(.binary, [4] + [UInt8](repeating: 0, count: 11)))
      harness.settle()
      #expect(try first.next() == .close(ErrorCode.badRequest.rawValue, RelayViolation.unknownKind.sentence))
      let second = try harness.connectRelay()
      // The head of a frame of 1 MiB and one byte.
      try second.send(bytes: [0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 1, 2, 3, 4])
      harness.settle()
      #expect(try second.next() == .close(ErrorCode.tooLarge.rawValue, WebSocketViolation.messageTooLarge.sentence))
    }

    @Test("a relay that takes no replies is not read from until it does, and loses none")
    func backPressure() throws {
      let harness = try EdgeHarness()
      let relay = try harness.connectRelay()
      let row = try #require((0..<4).map { Slot(UInt32($0)) }.first { harness.isLive($0) })
      var sent: UInt32 = 0
      while !harness.isPaused(row), sent < 200 {
        sent += 1
        try harness.send(batch(strangers(10_000), id: sent), over: relay)
      }
      #expect(harness.isPaused(row), "200 batches were answered, and nobody has read a reply")
      var replies: [UInt32] = []
      while replies.count < sent {
        harness.settle()
        guard let event = try relay.nextIfWhole() else { continue }
        guard case .batch(let bytes) = event else {
          Issue.record("\(event)")
          return
        }
        replies.append(try RelayDecoder.decodeReply(bytes.span.bytes).id)
      }
      harness.settle()
      #expect(replies == Array(1...sent))
      #expect(!harness.isPaused(row))
      #expect(try harness.ask(relay, strangers(1), id: 1_000) == .heartbeats(unknown: [0]))
    }

    @Test("a silent relay is pinged, and then closed, without a word in text")
    func silence() throws {
      // A ping after 25 ticks of silence, the end after 40.
      let harness = try EdgeHarness {
        $0.heartbeatInterval = .seconds(2)
        $0.heartbeatTimeout = .seconds(2)
      }
      let relay = try harness.connectRelay()
      harness.advance(ticks: 30)
      #expect(try relay.next() == .ping)
      try relay.send(bytes: RawSocket.frame(.pong, []))
      harness.settle()
      harness.advance(ticks: 30)
      #expect(try relay.next() == .ping)
      harness.advance(ticks: 15)
      guard case .close(ErrorCode.heartbeatTimeout.rawValue, _) = try relay.next() else {
        Issue.record("no close frame")
        return
      }
    }

    @Test("while the server stops batches are refused, and the end is a close with drain, without a word in text")
    func drain() throws {
      let harness = try EdgeHarness()
      let relay = try harness.connectRelay()
      harness.onShard { $0.beginDraining(reason: "stop", spread: .seconds(1)) }
      #expect(try harness.ask(relay, strangers(1), id: 7) == .refused(.drain))
      harness.onShard { $0.finishDraining() }
      guard case .close(ErrorCode.drain.rawValue, _) = try relay.next() else {
        Issue.record("no close frame")
        return
      }
    }

    @Test("one connection too many is closed, without a word in text")
    func overload() throws {
      let harness = try EdgeHarness { $0.connectionsPerPlaneMax = 1 }
      let first = try harness.connectRelay()
      let second = try harness.connectRelay()
      guard case .close(ErrorCode.overloaded.rawValue, _) = try second.next() else {
        Issue.record("no close frame")
        return
      }
      #expect(try harness.ask(first, strangers(1), id: 1) == .heartbeats(unknown: [0]))
    }
  }

  @Suite("Relays on the transport's threads", .serialized)
  struct RelayTransportTests {
    @Test("batches of a mebibyte are put together, and answered")
    func large() async throws {
      try await TransportHarness.run { harness in
        let relay = try harness.adoptRelay()
        let count = (RelayLimits.messageBytesMax - 12) / 136
        var opened = 0
        var unknown = 0
        for id in 0..<6 as Range<UInt32> {
          // One at a time: who sends only, and takes no replies, is not read from.
          try relay.send(bytes: batch(id % 2 == 0 ? longOpens(count, "u\(id)") : strangers(10_000), id: id))
          switch try relay.reply().reply {
          case .opens(let results): opened += results.count { if case .success = $0 { true } else { false } }
          case .heartbeats(let positions, _): unknown += positions.count
          case let reply: Issue.record("\(reply)")
          }
        }
        #expect(opened == 3 * count)
        #expect(unknown == 30_000)
      }
    }
  }

  extension EdgeHarness {
    fileprivate func isPaused(_ slot: Slot) -> Bool { edge.table.rows[slot].flags.contains(.paused) }
  }

  extension TransportHarness {
    /// A relay whose upgrade somebody else has granted.
    fileprivate func adoptRelay() throws -> RawSocket {
      let (client, server) = try RawSocket.pair()
      let place = SocketPlace(admission)
      #expect(admission.open())
      #expect(place.upgrade(.other) == nil)
      let grant = UpgradeGrant(peer: Peer(address: "backend"), response: "HTTP/1.1 101 Hello\r\n\r\n", subprotocol: .relay)
      transport.adopt(server, grant, leftover: [], place: try #require(place.surrender()))
      #expect(try client.nextHead().hasPrefix("HTTP/1.1 101"))
      client.expectBatches()
      return client
    }
  }

  extension String {
    /// How often another stands in it.
    fileprivate func components(of other: String) -> Int { ranges(of: other).count }
  }
#endif
