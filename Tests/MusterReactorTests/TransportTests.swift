#if os(Linux)
  import CLinux
  import Glibc
  import MusterAccess
  import MusterEdge
  import MusterEngine
  import MusterModel
  import MusterReactor
  import MusterTestKit
  import MusterThreads
  import MusterWire
  import Synchronization
  import Testing

  /// A whole transport on its own threads, with an engine behind it, on a free port of this machine.
  final class TransportHarness: Sendable {
    let transport: ReactorTransport
    let engine: PresenceEngine
    let admission: Admission
    let port: UInt16
    let notices: ContendedLock<[ReactorNotice]>
    /// What was given away.
    let elsewhere: ContendedLock<[Int32]>

    init(threads: Int = 2, limits: GatewayLimits = GatewayLimits(), origins: OriginPolicy = .sameHost, sendBytes: Int32? = nil)
      throws
    {
      var configuration = EngineConfiguration()
      // Time stands still, so nobody gets new tokens.
      configuration.requestsBurst = 1_000_000
      let admission = Admission(limits: limits)
      let notices = ContendedLock<[ReactorNotice]>([])
      let elsewhere = ContendedLock<[Int32]>([])
      transport = try ReactorTransport(
        threads: threads, limits: limits, engine: configuration, judge: UpgradeJudge(origins: origins), admission: admission,
        authenticator: PlainAccess(), tokens: PlainAccess(), notice: { notice in notices.withLock { $0.append(notice) } })
      engine = PresenceEngine(
        configuration: configuration, executors: transport.executors, sinks: transport.sinks, clock: ManualClock(),
        journal: MemoryJournal(), random: SeededRandom(seed: 11))
      transport.connect(to: engine)
      engine.start()
      let (descriptor, port) = try RawSocket.listen(sendBytes: sendBytes)
      self.port = port
      self.admission = admission
      self.notices = notices
      self.elsewhere = elsewhere
      transport.listen(on: descriptor) { descriptor in
        elsewhere.withLock { $0.append(descriptor) }
        // The peer sees that somebody has it.
        _ = send(descriptor, "elsewhere", 9, Int32(MSG_NOSIGNAL))
      }
    }

    /// Runs a test, and ends the threads behind it.
    static func run(
      threads: Int = 2, limits: GatewayLimits = GatewayLimits(), origins: OriginPolicy = .sameHost,
      sendBytes: Int32? = nil, _ body: (TransportHarness) async throws -> Void
    ) async throws {
      let harness = try TransportHarness(threads: threads, limits: limits, origins: origins, sendBytes: sendBytes)
      do {
        try await body(harness)
      } catch {
        await harness.end()
        throw error
      }
      await harness.end()
    }

    private func end() async {
      await transport.shutDown()
      for descriptor in elsewhere.withLock({ $0 }) { close(descriptor) }
      #expect(admission.sockets == (0, 0))
    }

    /// A client that the front door has upgraded.
    func connect(fields: [String] = [], receiveBytes: Int32? = nil) throws -> RawSocket {
      let client = try RawSocket.connect(to: port, receiveBytes: receiveBytes)
      try client.send(bytes: RawSocket.upgradeHead(fields: fields))
      #expect(try client.nextHead().hasPrefix("HTTP/1.1 101 "))
      return client
    }

    /// A client that has said hello.
    func login(_ user: String, receiveBytes: Int32? = nil) throws -> RawSocket {
      let client = try connect(receiveBytes: receiveBytes)
      try client.send(#"{"op":"hello","id":1,"user":"\#(user)"}"#)
      #expect(try client.text().hasPrefix(#"{"re":1,"ok":{"user":"\#(user)""#))
      return client
    }
  }

  @Suite("The transport on its threads", .serialized)
  struct TransportTests {
    @Test("clients on all threads see each other, and the 101 is right")
    func words() async throws {
      try await TransportHarness.run { harness in
        let ann = try RawSocket.connect(to: harness.port)
        let hello = RawSocket.frame(.text, Array(#"{"op":"hello","id":1,"user":"ann"}"#.utf8))
        // The first frame comes in the same segment.
        try ann.send(bytes: RawSocket.upgradeHead(fields: ["Sec-WebSocket-Protocol: other, muster.v1"]) + hello)
        let head = try ann.nextHead()
        #expect(head.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "\(head)")
        #expect(head.contains("\r\nsec-websocket-protocol: muster.v1\r\n"), "\(head)")
        #expect(try ann.text().hasPrefix(#"{"re":1,"ok":{"user":"ann""#))
        try ann.send(#"{"op":"join","id":2,"channel":"room"}"#)
        #expect(try ann.text().contains(#""re":2,"ok""#))
        // More than the lead that one loop may have, so that both have some.
        let others = try (0..<40).map { try harness.login("u\($0)") }
        for other in others { try other.send(#"{"op":"signal","id":3,"to":{"user":"ann"},"data":1}"#) }
        for other in others { #expect(try other.text() == #"{"re":3,"ok":{"delivered":1}}"#) }
        var signals = 0
        while signals < others.count { if try ann.text().hasPrefix(#"{"ev":"signal""#) { signals += 1 } }
        #expect(harness.transport.openSockets.webSockets == 41)
      }
    }

    @Test(
      "what is no usual upgrade goes elsewhere, with nothing read from it",
      arguments: [
        "GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n", "GET /v1/connect HT", "\0\u{1}\u{2}",
        "POST /v1/connect HTTP/1.1\r\nHost: a\r\n\r\n",
        String(decoding: RawSocket.upgradeHead(fields: ["Origin: http://elsewhere"]), as: UTF8.self),
        String(decoding: RawSocket.upgradeHead(fields: ["Content-Length: 0"]), as: UTF8.self),
        String(decoding: RawSocket.upgradeHead(fields: ["Sec-WebSocket-Protocol: other"]), as: UTF8.self),
        String(decoding: RawSocket.upgradeHead(fields: ["Sec-WebSocket-Protocol: muster.relay.v1, muster.v1"]), as: UTF8.self),
      ])
    func elsewhere(request: String) async throws {
      try await TransportHarness.run(threads: 1) { harness in
        let client = try RawSocket.connect(to: harness.port)
        try client.send(bytes: Array(request.utf8))
        #expect(try client.rest(9) == Array("elsewhere".utf8))
        let descriptors = harness.elsewhere.withLock { $0 }
        #expect(descriptors.count == 1)
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptors[0], &bytes, bytes.count, 0)
        #expect(bytes.prefix(max(0, count)).elementsEqual(request.utf8))
        #expect(harness.transport.openSockets == (0, 0))
      }
    }

    @Test("an upgrade in two segments goes elsewhere, and can come back by adoption")
    func handOver() async throws {
      try await TransportHarness.run { harness in
        let client = try RawSocket.connect(to: harness.port)
        try client.send(bytes: Array(RawSocket.upgradeHead.prefix(30)))
        #expect(try client.rest(9) == Array("elsewhere".utf8))
        let descriptor = try #require(harness.elsewhere.withLock { $0.popLast() })
        let place = SocketPlace(harness.admission)
        #expect(harness.admission.open())
        #expect(place.upgrade(AddressKey(ipv4: 0x7f00_0001)) == nil)
        let hello = RawSocket.frame(.text, Array(#"{"op":"hello","id":1,"user":"ann"}"#.utf8))
        harness.transport.adopt(
          descriptor, UpgradeGrant(peer: Peer(address: "127.0.0.1"), response: "HTTP/1.1 101 Switching\r\n\r\n"),
          leftover: hello, place: try #require(place.surrender()))
        #expect(try client.nextHead().hasPrefix("HTTP/1.1 101 "))
        #expect(try client.text().hasPrefix(#"{"re":1,"ok":{"user":"ann""#))
        #expect(harness.transport.openSockets.webSockets == 1)
      }
    }

    @Test("credentials of the upgrade request are used by a hello without any")
    func credentials() async throws {
      try await TransportHarness.run { harness in
        let bearer = try harness.connect(fields: ["Authorization: Bearer ann"])
        try bearer.send(#"{"op":"hello","id":1}"#)
        #expect(try bearer.text().hasPrefix(#"{"re":1,"ok":{"user":"ann""#))
        let wrong = try harness.connect(fields: ["Cookie: a=b; muster_session=wrong"])
        try wrong.send(#"{"op":"hello","id":1}"#)
        #expect(try wrong.text().hasPrefix(#"{"re":1,"error":{"code":"#))
        guard case .close = try wrong.next() else {
          Issue.record("a refused hello is not followed by a close frame")
          return
        }
      }
    }

    @Test("one connection too many is told so, and one socket too many is closed")
    func limits() async throws {
      var limits = GatewayLimits()
      limits.connectionsMax = 2
      limits.httpConnectionsMax = 2
      try await TransportHarness.run(limits: limits) { harness in
        let held = [try harness.login("a"), try harness.login("b")]
        let third = try harness.connect()
        #expect(try third.text().contains(#""name":"overloaded""#))
        guard case .close = try third.next() else {
          Issue.record("no close frame for the third")
          return
        }
        // It still counts as HTTP, so one more silent socket fits, and the next is closed.
        let silent = try RawSocket.connect(to: harness.port)
        while harness.transport.openSockets.http < 2 { await Task.yield() }
        let refused = try RawSocket.connect(to: harness.port)
        #expect(try refused.next() == .end)
        #expect(held.count == 2 && silent.descriptor >= 0)
      }
    }

    @Test("a socket that sends nothing is closed after the request timeout")
    func requestTimeout() async throws {
      var limits = GatewayLimits()
      limits.requestTimeout = .milliseconds(200)
      try await TransportHarness.run(limits: limits) { harness in
        let client = try RawSocket.connect(to: harness.port)
        #expect(try client.next() == .end)
      }
    }

    @Test("a client that takes nothing is paused, is told a snapshot when it drains, and loses nothing")
    func congestion() async throws {
      var limits = GatewayLimits()
      limits.outboundBytesHigh = 32 << 10
      limits.outboundBytesLow = 8 << 10
      try await TransportHarness.run(threads: 1, limits: limits, sendBytes: 8_192) { harness in
        let slow = try harness.login("slow", receiveBytes: 4_096)
        try slow.send(#"{"op":"observe","id":2,"channel":"c","list":0}"#)
        #expect(try slow.text().hasPrefix(#"{"re":2,"ok""#))
        let fast = try harness.login("fast")
        let meta = String(repeating: "m", count: 1_800)
        try fast.send(#"{"op":"join","id":1,"channel":"c","list":0,"meta":{"m":"\#(meta)"}}"#)
        _ = try fast.text()
        // The kernel takes some signals before the edge's own queue grows.
        let data = String(repeating: "d", count: 8_000)
        var isCongested = false
        var sent = 0
        while !isCongested, sent < 4_000 {
          try fast.send(#"{"op":"signal","id":\#(sent),"to":{"channel":"c"},"data":"\#(data)"}"#)
          sent += 1
          while try !fast.text().hasPrefix(#"{"re":\#(sent - 1),"#) {}
          isCongested = await harness.hasCongested()
        }
        #expect(isCongested)
        // It drains as it reads, and is served as before.
        try slow.send(#"{"op":"beat","id":"last"}"#)
        while try !slow.text().hasPrefix(#"{"re":"last","ok""#) {}
        #expect(await harness.hasCongested() == false)
      }
    }

    @Test("connections outlive a stop of accepting, and nobody new comes in")
    func stopAccepting() async throws {
      try await TransportHarness.run { harness in
        let client = try harness.login("ann")
        harness.transport.stopAccepting()
        #expect(throws: RawSocket.Failure.self) { _ = try RawSocket.connect(to: harness.port) }
        try client.send(#"{"op":"beat","id":2}"#)
        #expect(try client.text().hasPrefix(#"{"re":2,"ok""#))
      }
    }

    @Test("a shutdown closes every descriptor, in whatever state its socket is")
    func shutDown() async throws {
      var clients: [RawSocket] = []
      weak var transport: ReactorTransport?
      weak var engine: PresenceEngine?
      try await TransportHarness.run { harness in
        (transport, engine) = (harness.transport, harness.engine)
        clients.append(try harness.login("ann"))
        clients.append(try harness.connect())
        clients.append(try RawSocket.connect(to: harness.port))
        try clients[0].send(bytes: Array(RawSocket.frame(.text, Array("half of it".utf8)).prefix(9)))
        while harness.admission.sockets != (2, 1) { await Task.yield() }
      }
      for client in clients { #expect(try client.next() == .end) }
      #expect(transport == nil && engine == nil)
    }
  }

  extension TransportHarness {
    /// Whether the engine holds back from any connection.
    fileprivate func hasCongested() async -> Bool {
      for shard in engine.connectionShards {
        for detail in await shard.details where detail.isCongested { return true }
      }
      return false
    }
  }

  extension ConnectionShard {
    fileprivate var details: [ConnectionDetail] { state.connections.compactMap { detail(of: $0) } }
  }

  extension RawSocket {
    /// The next so many bytes.
    fileprivate func rest(_ count: Int) throws -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: count)
      let received = recv(descriptor, &bytes, count, Int32(MSG_WAITALL))
      return Array(bytes.prefix(max(0, received)))
    }
  }
#endif
