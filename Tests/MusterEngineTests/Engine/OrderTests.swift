import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// Requests of one connection are carried out in the order in which they were sent, without waiting for each other's answers.
@Suite("Order of requests")
struct OrderTests {
  private let room = ChannelName.named("room:1")

  private func code(_ reply: Reply?) -> String {
    switch reply {
    case .channel(let snapshot): "channel \(snapshot.members.count)"
    case .members(let page): "members \(page.members.count)"
    case .occupancy(let occupancy): "count \(occupancy.users)"
    case .left(let changed): "left \(changed)"
    case .updated: "updated"
    case .empty: "empty"
    case .refused(let refusal): refusal.code.name
    case nil: "nothing"
    default: "other"
    }
  }

  @Test("a pipeline of requests about one channel is answered in its order, each as of its place", arguments: scenarioSeeds(30))
  func pipeline(seed: UInt64) throws {
    let harness = EngineHarness(planes: 1 + Int(seed % 3), seed: seed)
    let client = try harness.login("alice", plane: harness.random.below(harness.executors.count))
    let requests: [(Request, String)] = [
      (.update(room, patch: .empty), "not_joined"),
      (.join(room, meta: .empty, list: 10), "channel 1"),
      (.list(room, limit: 10, cursor: nil), "members 1"),
      (.update(room, patch: Payload(text: "{\"a\":1}")), "updated"),
      (.count(room), "count 1"),
      (.leave(room), "left true"),
      (.list(room, limit: 10, cursor: nil), "members 0"),
      (.leave(room), "left false"),
      (.observe(room, list: 10), "channel 0"),
      (.join(room, meta: .empty, list: 10), "channel 1"),
      (.unobserve(room), "empty"),
      (.count(room), "count 1"),
      (.observe(room, list: 10), "channel 1"),
    ]
    var ids: [RequestID] = []
    for (request, _) in requests {
      ids.append(client.send(request))
      if harness.random.happens(percent: 30) { harness.turn(harness.random.below(harness.executors.count)) }
    }
    harness.settle()
    client.receive()
    try #require(ids.map { code(client.answers[$0]) } == requests.map(\.1), "seed \(seed)")
    // What the session shard refuses by itself may come earlier; what passes through the channel keeps its order.
    try #require(client.answered.filter { ids.dropFirst().contains($0) } == Array(ids.dropFirst()), "seed \(seed)")
    try #require(client.isObserving(room), "seed \(seed)")
    try #require(harness.violations() == [], "seed \(seed)")
  }

  @Test(
    "requests sent behind hello, before its reply, are carried out in order once the session is there",
    arguments: scenarioSeeds(30))
  func behindHello(seed: UInt64) throws {
    let harness = EngineHarness(planes: 1 + Int(seed % 3), seed: seed)
    let bob = try harness.login("bob")
    let client = try harness.connect(plane: harness.random.below(harness.executors.count))
    let user = UserID.named("alice")
    client.hello(.member(user), Hello(credentials: .user(user)))
    let join = client.send(.join(room, meta: .empty, list: 10))
    let watch = client.send(.watch([.named("bob")]))
    let status = client.send(.status(StatusChange(status: .dnd)))
    let leave = client.send(.leave(room))
    harness.settle()
    client.receive()
    try #require(client.answered.first == .integer(1), "seed \(seed): the welcome comes first")
    try #require(code(client.answers[join]) == "channel 1", "seed \(seed)")
    try #require(client.answers[leave] == .left(changed: true), "seed \(seed)")
    try #require(client.answers[status] != nil && client.answers[watch] != nil, "seed \(seed)")
    try #require(client.users[.named("bob")]?.status == .online, "seed \(seed)")
    try #require(harness.presence(of: "alice").status == .dnd, "seed \(seed)")
    try #require(bob.isOpen)
    try #require(harness.violations() == [], "seed \(seed)")
  }

  @Test("requests behind a hello that is refused are dropped with the connection")
  func behindRefusedHello() throws {
    let harness = EngineHarness { $0.guestsAllowed = false }
    let client = try harness.connect()
    client.hello(.guest, Hello(credentials: .anonymous))
    client.send(.join(room, meta: .empty, list: 10))
    harness.settle()
    client.receive()
    #expect(client.refusal?.code == .unauthorized)
    #expect(client.answered == [.integer(1)])
    #expect(harness.stats.channels == 0)
    #expect(harness.violations() == [])
  }

  @Test("a connection that closes while its hello is on its way leaves a detached session, not one that is held for ever")
  func closesDuringHello() throws {
    let harness = EngineHarness(planes: 2)
    let client = try harness.connect(plane: 1)
    let user = UserID.named("alice")
    client.hello(.member(user), Hello(credentials: .user(user)))
    client.send(.join(room, meta: .empty, list: 10))
    client.drop()
    harness.settle()
    #expect(harness.stats.detached == 1)
    #expect(harness.stats.connections == 0)
    harness.advance(.seconds(16))
    #expect(harness.stats.dormant == 1)
    #expect(harness.violations() == [])
  }

  @Test("a connection that closes while its requests are on their way leaves nothing behind", arguments: scenarioSeeds(40))
  func closesDuringRequests(seed: UInt64) throws {
    let harness = EngineHarness(planes: 1 + Int(seed % 3), seed: seed)
    let client = try harness.login("alice", plane: harness.random.below(harness.executors.count))
    for _ in 0..<harness.random.below(3) { harness.turn(harness.random.below(harness.executors.count)) }
    client.send(.join(room, meta: .empty, list: 10))
    client.send(.observe(.named("lobby"), list: 0))
    client.send(.watch([.named("bob"), .named("carol"), .named("dave")]))
    for _ in 0..<harness.random.below(6) { harness.turn(harness.random.below(harness.executors.count)) }
    client.drop(.goodbye)
    harness.settle()
    harness.advance(ticks: 2)
    try #require(harness.stats.observers == 0, "seed \(seed)")
    try #require(harness.stats.watches == 0, "seed \(seed)")
    try #require(harness.stats.usersKnown == 1, "seed \(seed)")
    try #require(harness.stats.channels == 0, "seed \(seed)")
    try #require(harness.stats.dormant == 1, "seed \(seed)")
    try #require(harness.violations() == [], "seed \(seed)")
  }

  @Test("without an id there is no answer, but for a refusal; nothing stays counted as unanswered")
  func withoutID() throws {
    let harness = EngineHarness { $0.requestsInFlightMax = 4 }
    let client = try harness.login("alice")
    let requests: [Request] = [
      .join(room, meta: .empty, list: 1), .update(room, patch: .empty), .signal(.channel(room), data: [0x31]),
      .signal(.user(.named("alice")), data: [0x31]), .status(StatusChange(status: .away)), .activity(idle: true),
      .list(room, limit: 1, cursor: nil), .count(room), .users([.named("bob")]), .users([]), .watch([.named("bob")]),
      .unwatch([.named("bob")]), .sync(room, epoch: harness.engine.epoch, seq: Seq(0)), .data(patch: nil, ifVersion: nil),
      .observe(room, list: 1), .unobserve(room), .leave(room), .beat,
    ]
    for _ in 0..<3 {
      for request in requests {
        client.sendWithoutID(request)
        harness.settle()
      }
    }
    client.receive()
    #expect(client.answered == [.integer(1)], "only hello had an id")
    client.sendWithoutID(.update(.named("elsewhere"), patch: .empty))
    harness.settle()
    client.receive()
    #expect(client.answers[RequestID.none]?.code == .notJoined)
    #expect(client.ask(.count(room))?.code == nil, "no request is still in flight")
  }
}
