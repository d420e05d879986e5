#if os(Linux)
  import Glibc
  import MusterAccess
  import MusterEdge
  import MusterEngine
  import MusterModel
  import MusterTestKit
  import MusterThreads
  import MusterWire
  import Synchronization
  import Testing

  @testable import MusterReactor

  /// One plane on the test's own thread: real sockets, real readiness, manual time and manual rounds.
  ///
  /// ### Isolation
  /// One test, one thread.
  final class EdgeHarness {
    let clock = ManualClock()
    let executor = ManualExecutor()
    let admission: Admission
    let judge = UpgradeJudge(origins: .sameHost)
    let edge: ReactorEdge
    let engine: PresenceEngine
    let notices: ContendedLock<[ReactorNotice]>
    /// What the rounds are told the time is, in nanoseconds.
    var now: UInt64 = 1_000_000_000

    init(limits: GatewayLimits = GatewayLimits(), configure: (inout EngineConfiguration) -> Void = { _ in }) throws {
      var configuration = EngineConfiguration()
      configure(&configuration)
      admission = Admission(limits: limits)
      let notices = ContendedLock<[ReactorNotice]>([])
      self.notices = notices
      let common = EdgeSurroundings(
        limits: limits, rules: GatewayRules(limits, MessageDecoder(limits: WireLimits(limits, configuration))), judge: judge,
        admission: admission, authenticator: PlainAccess(), tokens: PlainAccess(),
        notice: { notice in notices.withLock { $0.append(notice) } })
      edge = try ReactorEdge(common, door: LoopDoor(balance: LoopBalance(loops: []), index: 0))
      engine = PresenceEngine(
        configuration: configuration, executors: [executor], sinks: [edge], clock: clock, journal: MemoryJournal(),
        random: SeededRandom(seed: 7))
      edge.connect(to: engine.connectionShards[0])
      engine.start()
    }

    deinit {
      edge.closeAll()
    }

    var counters: ReactorCounters { edge.table.counters }

    var socketCount: Int { edge.table.slots.count }

    func isLive(_ tag: PollTag) -> Bool { edge.table.isLive(tag) }

    func isLive(_ slot: Slot) -> Bool { edge.table.slots.isLive(slot) }

    /// One round of the loop: whatever is ready, one turn if it was asked for, and one settlement.
    ///
    /// - Returns: Whether anything happened or is left to do.
    @discardableResult
    func round() -> Bool {
      let (edge, now) = (edge, now)
      let events = edge.wait(milliseconds: 0)
      edge.shard?.assumeIsolated { edge.handle(events: events, now: now, with: $0) }
      let isTurnDue = executor.isTurnDue
      if isTurnDue { executor.runTurn() }
      edge.shard?.assumeIsolated { edge.settle(now: now, with: $0) }
      return events > 0 || isTurnDue || edge.hasMoreToDo
    }

    /// Runs rounds until nothing happens any more.
    func settle() {
      for _ in 0..<100_000 where !round() {
        // With many rows that would take most of the time.
        if socketCount < 100 { edge.table.checkInvariants() }
        return
      }
      Issue.record("the edge does not come to rest")
    }

    /// Lets time pass, for the engine and for the sockets.
    func advance(ticks: UInt32) {
      for _ in 0..<ticks {
        clock.advance(ticks: 1)
        now += UInt64(Tick.milliseconds) * 1_000_000
        executor.requestTurn()
        settle()
      }
    }

    /// A client that is a WebSocket already.
    func connect(leftover: [UInt8] = [], speaking subprotocol: Subprotocol = .client) throws -> RawSocket {
      let (client, server) = try RawSocket.pair()
      try #require(admission.open())
      try #require(admission.upgrade(.other) == nil)
      let socket = AdoptedSocket(
        descriptor: server,
        grant: UpgradeGrant(peer: Peer(address: "test"), response: "HTTP/1.1 101 Hello\r\n\r\n", subprotocol: subprotocol),
        leftover: leftover, place: .webSocket(.other))
      edge.take(.adopted(socket), now: now)
      settle()
      #expect(try client.nextHead().hasPrefix("HTTP/1.1 101"))
      return client
    }

    /// A client that has said hello.
    func login(_ user: String) throws -> RawSocket {
      let client = try connect()
      try client.send(#"{"op":"hello","id":1,"user":"\#(user)"}"#)
      settle()
      #expect(try client.text().hasPrefix(#"{"re":1,"ok":{"user":"\#(user)""#))
      return client
    }

    /// Sends a request and gives back what is said to it.
    func ask(_ client: RawSocket, _ text: String) throws -> String {
      try client.send(text)
      settle()
      return try client.text()
    }
  }
#endif
