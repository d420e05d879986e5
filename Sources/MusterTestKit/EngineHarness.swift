package import MusterEngine
package import MusterModel

/// A whole engine on the test's thread: manual time, manual turns, seeded random order.
///
/// ### Isolation
/// One test, one thread. Not `Sendable`.
package final class EngineHarness {
  package let clock = ManualClock()
  package let random: SeededRandom
  package let journal: ManualJournal
  package let executors: [ManualExecutor]
  package let sinks: [RecordingSink]
  package let engine: PresenceEngine

  package init(
    planes: Int = 2, seed: UInt64 = 1, journal: ManualJournal = ManualJournal(),
    configure: (inout EngineConfiguration) -> Void = { _ in }
  ) {
    var configuration = EngineConfiguration()
    configure(&configuration)
    random = SeededRandom(seed: seed)
    self.journal = journal
    executors = (0..<planes).map { _ in ManualExecutor() }
    sinks = (0..<planes).map { _ in RecordingSink() }
    engine = PresenceEngine(
      configuration: configuration, executors: executors, sinks: sinks, clock: clock, journal: journal,
      random: SeededRandom(seed: seed ^ 0x5eed))
    engine.start()
  }

  deinit {
    engine.stop()
  }

  // MARK: Time and turns

  /// Runs turns, in random order, until no plane asks for one.
  ///
  /// - Returns: Whether it came to rest within `turnsMax`.
  @discardableResult
  package func settle(turnsMax: Int = 10_000) -> Bool {
    for _ in 0..<turnsMax {
      let due = executors.filter(\.isTurnDue)
      if due.isEmpty { return true }
      random.pick(due).runTurn()
    }
    return false
  }

  /// Runs one turn of one plane, asked for or not.
  package func turn(_ plane: Int) {
    executors[plane].runTurn()
  }

  /// Lets time pass tick by tick; every plane has a turn in each, and comes to rest.
  package func advance(ticks: UInt32) {
    for _ in 0..<ticks {
      clock.advance(ticks: 1)
      for executor in executors { executor.requestTurn() }
      settle()
    }
  }

  /// Lets time pass tick by tick; these clients send a heartbeat every 10 s.
  package func advance(_ duration: Duration, beating clients: [ManualClient] = []) {
    var left = duration.ticks
    while left > 0 {
      for client in clients { client.heard() }
      advance(ticks: min(left, 100))
      left -= min(left, 100)
    }
  }

  /// Lets time pass in one leap, as after a laptop has slept.
  package func leap(_ duration: Duration) {
    clock.advance(ticks: duration.ticks)
    for executor in executors { executor.requestTurn() }
    settle()
  }

  // MARK: Shards

  package func sessions<R: Sendable>(_ plane: Int, _ body: (isolated SessionShard) -> R) -> R {
    engine.planes[plane].sessions.assumeIsolated(body)
  }

  package func channels<R: Sendable>(_ plane: Int, _ body: (isolated ChannelShard) -> R) -> R {
    engine.planes[plane].channels.assumeIsolated(body)
  }

  package func connections<R: Sendable>(_ plane: Int, _ body: (isolated ConnectionShard) -> R) -> R {
    engine.planes[plane].connections.assumeIsolated(body)
  }

  /// The counters of all shards, added up.
  package var stats: EngineStats {
    var sum = EngineStats()
    for plane in engine.planes.indices {
      sum.add(sessions(plane) { $0.state.stats })
      sum.add(connections(plane) { $0.state.stats })
      let counters = channels(plane) { $0.counters }
      sum.channels += counters.channels
      sum.events += counters.events
    }
    return sum
  }

  /// A user as others see it.
  package func presence(of user: String) -> UserPresence {
    let id = UserID.named(user)
    return sessions(engine.placement.plane(of: id)) { $0.state.presence(of: id) }
  }

  /// A user as its own sessions see it.
  package func ownPresence(of user: String) -> UserPresence {
    let id = UserID.named(user)
    return sessions(engine.placement.plane(of: id)) { $0.state.ownPresence(of: id) }
  }

  /// A user with all sessions, as the user's shard has it.
  package func detail(ofUser user: String) -> UserDetail? {
    let id = UserID.named(user)
    return sessions(engine.placement.plane(of: id)) { [moment = clock.moment] in $0.state.detail(of: id, at: moment) }
  }

  /// The roster of a channel as its shard has it.
  package func roster(of channel: String) -> [UserID: Member] {
    let name = ChannelName.named(channel)
    let plane = engine.placement.plane(of: name)
    var members: [UserID: Member] = [:]
    var cursor: Cursor?
    repeat {
      guard let page = channels(plane, { $0.page(of: name, cursor: cursor, limit: 1_000) }) else { break }
      for member in page.members { members[member.user] = member }
      cursor = page.next
    } while cursor != nil
    return members
  }

  package func detail(of channel: String) -> ChannelDetail? {
    let name = ChannelName.named(channel)
    return channels(engine.placement.plane(of: name)) { $0.detail(of: name) }
  }

  /// What contradicts itself in any shard; empty when all is well.
  package func violations() -> [String] {
    let tick = clock.now
    return sinks.flatMap(\.complaints)
      + engine.planes.indices.flatMap { plane in
        sessions(plane) { $0.state.invariantViolations(at: tick) }
          + connections(plane) { $0.state.invariantViolations() } + channels(plane) { $0.state.invariantViolations() }
      }
  }

  // MARK: Clients

  /// The engine did not take a connection: its table is full, or it is draining.
  package struct NoRoom: Error {}

  /// Opens a connection on a plane, and says nothing.
  package func connect(plane: Int = 0) throws -> ManualClient {
    guard let connection = connections(plane, { $0.open(remote: "test") }) else { throw NoRoom() }
    return ManualClient(connection, harness: self)
  }

  /// Opens a connection, says hello as a user and waits for the answer.
  package func login(
    _ user: String, device: Device = .web, plane: Int = 0, configure: (inout Hello) -> Void = { _ in }
  ) throws -> ManualClient {
    let client = try connect(plane: plane)
    let user = UserID.named(user)
    var hello = Hello(credentials: .user(user), device: device)
    configure(&hello)
    client.hello(.member(user), hello)
    settle()
    return client
  }

  /// Opens a connection, says hello as a guest and waits for the answer.
  package func visit(
    device: Device = .web, plane: Int = 0, configure: (inout Hello) -> Void = { _ in }
  ) throws -> ManualClient {
    let client = try connect(plane: plane)
    var hello = Hello(credentials: .anonymous, device: device)
    configure(&hello)
    client.hello(.guest, hello)
    settle()
    return client
  }

  /// Opens a connection, asks to resume a session and waits for the answer.
  package func resume(
    _ session: SessionID, plane: Int = 0, configure: (inout Hello) -> Void = { _ in }
  ) throws -> ManualClient {
    let client = try connect(plane: plane)
    var hello = Hello(credentials: .anonymous)
    configure(&hello)
    client.hello(.session(session), hello)
    settle()
    return client
  }
}
