#if os(Linux)
  import Glibc
  import MusterEdge
  import MusterEngine
  import MusterModel
  import MusterTestKit
  import MusterThreads
  import MusterWire
  import Testing

  @testable import MusterReactor

  @Suite("One plane's sockets")
  struct EdgeTests {
    @Test("a client says hello, beats, joins and sees others come")
    func words() throws {
      let harness = try EdgeHarness()
      let ann = try harness.login("ann")
      let time = harness.clock.wall.milliseconds
      #expect(try harness.ask(ann, #"{"op":"beat","id":7}"#) == #"{"re":7,"ok":{"server_time_ms":\#(time)}}"#)
      #expect(try harness.ask(ann, #"{"op":"join","id":2,"channel":"room:1"}"#).hasPrefix(#"{"re":2,"ok":{"channel":"room:1""#))
      harness.advance(ticks: 2)
      // Her own arrival.
      #expect(try ann.text().hasPrefix(#"{"ev":"diff","channel":"room:1""#))
      let bob = try harness.login("bob")
      #expect(try harness.ask(bob, #"{"op":"join","id":"x","channel":"room:1"}"#).hasPrefix(#"{"re":"x","ok":{"#))
      harness.advance(ticks: 2)
      let diff = try ann.text()
      #expect(diff.hasPrefix(#"{"ev":"diff","channel":"room:1""#) && diff.contains(#""user":"bob""#), "\(diff)")
    }

    @Test("frames that come byte by byte are put together")
    func dribble() throws {
      let harness = try EdgeHarness()
      let client = try harness.connect()
      for byte in RawSocket.frame(.text, Array(#"{"op":"hello","id":1,"user":"ann"}"#.utf8)) {
        try client.send(bytes: [byte])
        harness.settle()
      }
      #expect(try client.text().hasPrefix(#"{"re":1,"ok":"#))
      for byte in RawSocket.frame(.text, Array(#"{"op":"beat","id":2}"#.utf8)) + RawSocket.frame(.ping, [1, 2, 3]) {
        try client.send(bytes: [byte])
        harness.settle()
      }
      #expect(try client.text().hasPrefix(#"{"re":2,"ok":{"server_time_ms":"#))
      #expect(try client.next() == .pong([1, 2, 3]))
    }

    @Test("a long frame in pieces is read once, and what follows it too", arguments: [1_000, 1_448, 5_000, 70_000])
    func longFrames(piece: Int) throws {
      let harness = try EdgeHarness()
      let client = try harness.login("ann")
      let meta = String(repeating: "x", count: 1_900)
      let padding = String(repeating: " ", count: 12_000)
      let join = #"{"op":"join","id":2,"channel":"a",\#(padding)"meta":{"m":"\#(meta)"}}"#
      let bytes = RawSocket.frame(.text, Array(join.utf8)) + RawSocket.frame(.text, Array(#"{"op":"beat","id":3}"#.utf8))
      for start in stride(from: 0, to: bytes.count, by: piece) {
        try client.send(bytes: Array(bytes[start..<min(start + piece, bytes.count)]))
        harness.settle()
      }
      var texts = [try client.text(), try client.text()]
      if texts.contains(where: { $0.hasPrefix(#"{"ev""#) }) { texts.append(try client.text()) }
      #expect(texts.contains { $0.hasPrefix(#"{"re":2,"ok":{"channel":"a""#) })
      #expect(texts.contains { $0.hasPrefix(#"{"re":3,"ok":"#) })
    }

    @Test("pipelined requests leave in one call, heartbeats and others")
    func pipelined() throws {
      let harness = try EdgeHarness()
      let client = try harness.login("ann")
      var before = harness.counters.sends
      let beats = (0..<50).flatMap { RawSocket.frame(.text, Array(#"{"op":"beat","id":\#($0)}"#.utf8)) }
      try client.send(bytes: beats)
      harness.settle()
      #expect(harness.counters.sends == before + 1)
      for id in 0..<50 { #expect(try client.text().hasPrefix(#"{"re":\#(id),"ok":"#)) }
      before = harness.counters.sends
      try client.send(
        bytes: (0..<20).flatMap { RawSocket.frame(.text, Array(#"{"op":"count","id":\#($0),"channel":"c"}"#.utf8)) })
      harness.settle()
      #expect(harness.counters.sends == before + 1)
      for id in 0..<20 { #expect(try client.text().hasPrefix(#"{"re":\#(id),"ok":"#)) }
    }

    @Test("an event for many leaves in one call each, slice by slice, and a heartbeat in between is answered")
    func slices() throws {
      let harness = try EdgeHarness { $0.defaultNamespace.announceMax = 10_000 }
      let count = ReactorEdge.sliceRows * 3
      let clients = try (0..<count).map { try harness.login("u\($0)") }
      for client in clients { _ = try harness.ask(client, #"{"op":"observe","id":2,"channel":"hall","list":0}"#) }
      let speaker = try harness.login("speaker")
      let before = harness.counters.sends
      try speaker.send(#"{"op":"join","channel":"hall","list":0}"#)
      // The turn that tells the event also writes the first slice of it.
      while harness.counters.sends == before {
        harness.clock.advance(ticks: 1)
        harness.executor.requestTurn()
        harness.round()
      }
      let first = harness.counters.sends - before
      #expect(first <= ReactorEdge.sliceRows + 1)
      #expect(harness.edge.hasMoreToDo)
      try clients[0].send(#"{"op":"beat","id":9}"#)
      harness.round()
      // Behind the event or in front of it, but before all others have theirs.
      let told = [try clients[0].text(), try clients[0].text()]
      #expect(told.contains { $0.hasPrefix(#"{"re":9,"ok":"#) })
      #expect(told.contains { $0.hasPrefix(#"{"ev":"diff","channel":"hall""#) })
      #expect(harness.edge.hasMoreToDo)
      harness.settle()
      #expect(harness.edge.table.arena.segmentsHeld == 0)
      for client in clients.dropFirst() { #expect(try client.text().hasPrefix(#"{"ev":"diff","channel":"hall""#)) }
    }

    @Test("an event that was reported for a row that has gone reaches nobody")
    func staleEvents() throws {
      let harness = try EdgeHarness()
      let first = try harness.login("ann")
      let slot = Slot(0)
      let stale = harness.edge.table.tag(of: slot)
      first.close()
      harness.settle()
      #expect(!harness.isLive(stale))
      _ = try harness.login("bob")
      // The row is another's now.
      #expect(harness.isLive(slot))
      #expect(!harness.isLive(stale))
    }

    @Test("a peer that resets, closes half or says goodbye is gone, and its row with it")
    func ends() throws {
      let harness = try EdgeHarness()
      let clients = try (0..<4).map { try harness.login("u\($0)") }
      #expect(harness.socketCount == 4)
      clients[0].close()
      clients[1].finish()
      try clients[2].send(bytes: RawSocket.closeFrame(1000))
      harness.settle()
      #expect(try clients[1].next() == .end)
      #expect(try clients[2].next() == .close(1000, ""))
      #expect(try clients[2].next() == .end)
      clients[2].close()
      harness.settle()
      #expect(harness.socketCount == 1)
      #expect(harness.admission.sockets.webSockets == 1)
    }

    @Test("a client that does not answer a close frame is dropped after the close timeout")
    func closeTimeout() throws {
      let harness = try EdgeHarness()
      let client = try harness.connect()
      try client.send(#"{"op":"count","id":1,"channel":"c"}"#)
      harness.settle()
      #expect(try client.text().hasPrefix(#"{"re":1,"error":"#))
      guard case .close = try client.next() else {
        Issue.record("no close frame")
        return
      }
      harness.advance(ticks: 45)
      #expect(harness.socketCount == 1)
      harness.advance(ticks: 10)
      #expect(harness.socketCount == 0)
      #expect(try client.next() == .end)
    }

    @Test("a broken frame closes with its code, and says so to the operator")
    func violation() throws {
      let harness = try EdgeHarness()
      let client = try harness.login("ann")
      try client.send(bytes: [0x81, 0x01, 0x41])
      harness.settle()
      #expect(try client.next() == .close(1002, WebSocketViolation.unmaskedFrame.sentence))
      #expect(try client.next() == .end)
      let told = harness.notices.withLock { $0 }
      #expect(told == [.ended(CloseFrame(code: 1002, reason: WebSocketViolation.unmaskedFrame.sentence))])
    }

    @Test("frames that came with the upgrade are handled when the socket is adopted")
    func leftover() throws {
      let harness = try EdgeHarness()
      let hello = RawSocket.frame(.text, Array(#"{"op":"hello","id":1,"user":"ann"}"#.utf8))
      let beat = RawSocket.frame(.text, Array(#"{"op":"beat","id":2}"#.utf8))
      let client = try harness.connect(leftover: hello + beat.dropLast(3))
      #expect(try client.text().hasPrefix(#"{"re":1,"ok":"#))
      try client.send(bytes: Array(beat.suffix(3)))
      harness.settle()
      #expect(try client.text().hasPrefix(#"{"re":2,"ok":"#))
    }

    /// ```
    /// round   accept4       the listener is
    /// 1       EMFILE        left alone
    /// 2       not called    left alone: nothing is ready, though a client waits
    /// 3       not called    left alone: 99 ms have passed
    /// 4       succeeds      watched again: 100 ms have passed
    /// ```
    @Test(
      "out of descriptors: accepting pauses for 100 ms without a busy loop, says so once, and goes on",
      arguments: [EMFILE, ENFILE])
    func outOfDescriptors(code: Int32) throws {
      let harness = try EdgeHarness()
      let (descriptor, port) = try RawSocket.listen()
      defer { harness.edge.stopAccepting() }
      var calls = 0
      harness.edge.accept = { _, _ in
        calls += 1
        errno = code
        return nil
      }
      harness.edge.listen(on: ListeningSocket(descriptor: descriptor) { close($0) })
      // From here on the kernel has a connection to accept.
      let client = try RawSocket.connect(to: port)
      try client.send(bytes: RawSocket.upgradeHead())
      harness.round()
      #expect(calls == 1)
      #expect(harness.notices.withLock { $0 } == [.outOfDescriptors(ReactorError("accept4", code: code))])
      harness.edge.accept = { listener, address in
        calls += 1
        return ReactorEdge.acceptSocket(listener, &address)
      }
      for _ in 0..<3 { #expect(!harness.round(), "nothing is ready while accepting pauses") }
      harness.now += 99_000_000
      harness.settle()
      #expect(calls == 1 && harness.socketCount == 0)
      harness.now += 1_000_000
      harness.settle()
      harness.settle()
      #expect(calls >= 2 && harness.socketCount == 1)
      #expect(try client.nextHead().hasPrefix("HTTP/1.1 101"))
      #expect(harness.notices.withLock { $0.count } == 1)
    }
  }
#endif
