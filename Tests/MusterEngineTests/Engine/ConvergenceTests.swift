import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// The promise of the engine, as a property: after any pattern of loss, reconnects, slow observers, slow disks and mode changes,
/// once traffic stops, every observer's view equals the server's; and on the way no counter ever differs from a scan.
@Suite("Convergence")
struct ConvergenceTests {
  @Test("every observer's view equals the server's once traffic stops", arguments: scenarioSeeds(300))
  func converges(seed: UInt64) throws {
    var world = World(seed: seed, planes: 1 + Int(seed % 3))
    for step in 0..<150 {
      try world.step()
      // A scan after each step takes longer than all steps.
      if step % 5 == 0 { try world.checkInvariants() }
    }
    try world.checkInvariants()
    world.quiesce()
    try world.check()
  }
}

/// Users who do what users do, and a server that sees it.
private struct World {
  let seed: UInt64
  let harness: EngineHarness
  let random: SeededRandom
  let users = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan"]
  let channels = ["room:1", "room:2", "lobby"].map { ChannelName.named($0) }
  var clients: [ManualClient] = []
  var sleeping: [SessionID] = []

  init(seed: UInt64, planes: Int) {
    self.seed = seed
    random = SeededRandom(seed: seed)
    harness = EngineHarness(planes: planes, seed: seed) { configuration in
      configuration.resumeWindow = .seconds(3)
      configuration.sessionsPerUserMax = 3
      configuration.requestsBurst = 100_000
      configuration.awayAfter = .seconds(2)
      // Tiny thresholds, so that a few users drive a channel through all modes.
      configuration.defaultNamespace.announceMax = 3
      configuration.defaultNamespace.intervalMax = 6
      configuration.defaultNamespace.ringChangesMax = 8
      configuration.pageMembersMax = 4
    }
  }

  mutating func step() throws {
    switch random.below(100) {
    case 0..<14: try login()
    case 14..<40: withClient { client in client.send(randomRequest()) }
    case 40..<45: withClient { client in client.drop(random.happens(percent: 30) ? .goodbye : .lost) }
    case 45..<53: try resume()
    case 53..<58: withClient { client in client.congest() }
    case 58..<66: withClient { client in client.drain() }
    case 66..<74: withClient { client in client.receive() }
    case 74..<88: harness.turn(random.below(harness.executors.count))
    case 88..<91: harness.journal.hold()
    case 91..<95: harness.journal.sync(records: 1 + random.below(6))
    default: pass(ticks: UInt32(1 + random.below(12)))
    }
    let gone = clients.filter { $0.isClosed || !$0.isOpen }
    clients.removeAll { client in gone.contains { $0 === client } }
    for client in gone {
      client.receive()
      if let session = client.welcome?.session { sleeping.append(session) }
    }
  }

  private func pass(ticks: UInt32) {
    // Clients answer pings, or the test would be over after 35 s.
    for client in clients where random.happens(percent: 95) { client.heard() }
    harness.advance(ticks: ticks)
  }

  private mutating func login() throws {
    guard clients.count < 14 else { return }
    let client = try harness.connect(plane: random.below(harness.executors.count))
    let user = UserID.named(random.pick(users))
    let status: Status? = random.happens(percent: 15) ? .invisible : nil
    client.hello(.member(user), Hello(credentials: .user(user), device: random.pick(Device.allCases), status: status))
    clients.append(client)
  }

  private mutating func resume() throws {
    guard !sleeping.isEmpty else { return }
    let client = try harness.connect(plane: random.below(harness.executors.count))
    let session = sleeping.remove(at: random.below(sleeping.count))
    let status: Status? = random.happens(percent: 15) ? .invisible : nil
    client.hello(.session(session), Hello(credentials: .anonymous, status: status))
    clients.append(client)
  }

  private func withClient(_ body: (ManualClient) -> Void) {
    if !clients.isEmpty { body(random.pick(clients)) }
  }

  private func randomRequest() -> Request {
    let channel = random.pick(channels)
    switch random.below(17) {
    case 0...3: return .join(channel, meta: randomMeta(), list: random.below(6))
    case 4: return .leave(channel)
    case 5: return .observe(channel, list: random.below(6))
    case 6: return .unobserve(channel)
    case 7, 8: return .update(channel, patch: randomMeta())
    case 9: return .status(StatusChange(status: random.pick([.online, .away, .dnd, .invisible])))
    case 10: return .activity(idle: random.happens(percent: 50))
    case 11:
      let status = random.happens(percent: 50) ? random.pick([Status.online, .dnd, .invisible]) : nil
      return .status(StatusChange(status: status, scope: .user, forMilliseconds: status == nil ? nil : 2_000))
    case 12: return .watch(users.filter { _ in random.happens(percent: 40) }.map { .named($0) })
    case 13: return .unwatch(users.filter { _ in random.happens(percent: 40) }.map { .named($0) })
    case 14: return .users(users.filter { _ in random.happens(percent: 40) }.map { .named($0) })
    case 15: return .signal(.user(.named(random.pick(users))), data: [0x31])
    default: return .list(channel, limit: 2, cursor: nil)
    }
  }

  private func randomMeta() -> Payload {
    let key = random.pick(["a", "b"])
    let value = random.happens(percent: 30) ? "null" : String(random.below(5))
    return Payload(text: "{\"\(key)\":\(value)}")
  }

  /// Traffic stops: the disk catches up, everybody drains, every window ends, every hole is asked for.
  mutating func quiesce() {
    harness.journal.release()
    for round in 0..<12 {
      harness.settle()
      for client in clients {
        client.drain()
        client.receive()
        for channel in channels { page(client, channel) }
      }
      if round < 6 { harness.advance(ticks: 11) }
    }
    for client in clients { client.receive() }
  }

  /// Follows the cursor of a list that was longer than a page.
  private func page(_ client: ManualClient, _ channel: ChannelName) {
    for _ in 0..<10 {
      guard let next = client.views[channel]?.next else { return }
      client.ask(.list(channel, limit: 4, cursor: next))
    }
  }

  func checkInvariants() throws {
    let violations = harness.violations()
    try #require(violations == [], "seed \(seed)")
  }

  func check() throws {
    try checkInvariants()
    for client in clients where client.isOpen {
      let detail = harness.connections(client.connection.shard) { [connection = client.connection] in
        $0.detail(of: connection)
      }
      let observed = try client.views.keys.count { try checkView(of: $0, by: client) }
      try #require(observed == detail?.channelsObserved, "seed \(seed): the client knows of every channel that it observes")
      try checkWatches(of: client, count: detail?.usersWatched ?? 0)
    }
  }

  /// - Returns: Whether the client observes the channel, so that its view has to be right.
  private func checkView(of channel: ChannelName, by client: ManualClient) throws -> Bool {
    guard let view = client.views[channel], client.isObserving(channel) else { return false }
    let detail = try #require(harness.detail(of: channel.text), "seed \(seed)")
    // A further session of a user who is there already is no event, so the number of sessions is that of the last event.
    try #require(view.occupancy.users == detail.occupancy.users, "seed \(seed), \(channel.text)")
    try #require(view.occupancy.guests == detail.occupancy.guests, "seed \(seed), \(channel.text)")
    try #require(view.seq == detail.seq, "seed \(seed), \(channel.text)")
    if detail.mode != .count {
      try #require(view.members == harness.roster(of: channel.text), "seed \(seed), \(channel.text)")
    }
    return true
  }

  private func checkWatches(of client: ManualClient, count: Int) throws {
    let own = try client.letIn().user
    var seen = 0
    for user in client.users.keys where client.isWatching(user) {
      seen += 1
      let truth = user == own ? harness.ownPresence(of: user.text) : harness.presence(of: user.text)
      try #require(client.users[user] == truth, "seed \(seed), \(user.text) watched by \(own.text)")
    }
    try #require(seen == count, "seed \(seed): the client knows of every user that it watches")
  }
}
