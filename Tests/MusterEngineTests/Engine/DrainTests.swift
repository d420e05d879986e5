import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Draining")
struct DrainTests {
  @Test("every connection is told to come back within the spread and closed with drain; sessions wait", arguments: 1...3)
  func drains(planes: Int) async throws {
    let harness = EngineHarness(planes: planes, seed: 5)
    let clients = try (0..<30).map { try harness.login("user\($0)", plane: $0 % planes) }
    let silent = try harness.connect(plane: planes - 1)
    clients[0].join("room:1")
    await harness.engine.drain(reason: "deploy", spread: .seconds(5))
    harness.settle()
    var delays: Set<Int> = []
    for client in clients {
      let events = client.takeEvents()
      guard case .reconnect(let delay, let reason)? = events.last else {
        Issue.record("\(events)")
        continue
      }
      #expect((0..<5_000).contains(delay))
      #expect(reason == "deploy")
      delays.insert(delay)
      #expect(client.refusal?.code == .drain)
      #expect(client.closings == 1)
    }
    #expect(delays.count > 20, "the delays are spread")
    #expect(silent.refusal?.code == .drain)
    let stats = harness.stats
    #expect([stats.connections, stats.detached, stats.observers] == [0, 30, 0])
    #expect(harness.roster(of: "room:1").count == 1, "no leave storm")
    #expect(harness.violations() == [])
  }

  @Test("nobody is let in any more: not as a connection, not over HTTP")
  func closedDoors() async throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    let session = try client.session
    await harness.engine.drain(reason: "deploy", spread: .zero)
    harness.settle()
    #expect(throws: EngineHarness.NoRoom.self) { try harness.connect(plane: 0) }
    let user = UserID.named("bob")
    let refusal = await #expect(throws: Refusal.self) {
      try await harness.engine.open(.member(user), Hello(credentials: .user(user)))
    }
    #expect(refusal?.code == .drain)
    #expect(await harness.engine.request(session, .beat).code == .drain)
  }

  @Test("between the warning and the close, requests and hellos are refused with drain")
  func meanwhile() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    let fresh = try harness.connect()
    harness.connections(0) { $0.beginDraining(reason: "deploy", spread: .seconds(1)) }
    #expect(client.join("room:1")?.code == .drain)
    #expect(client.isOpen)
    let user = UserID.named("bob")
    fresh.hello(.member(user), Hello(credentials: .user(user)))
    harness.settle()
    #expect(fresh.refusal?.code == .drain)
    #expect(harness.stats.sessions == 1)
    harness.connections(0) { $0.finishDraining() }
    harness.settle()
    #expect(client.refusal?.code == .drain)
  }

  @Test("a hello that is on its way when draining begins leaves a detached session", arguments: scenarioSeeds(20))
  func race(seed: UInt64) async throws {
    let harness = EngineHarness(planes: 3, seed: seed)
    let client = try harness.connect(plane: harness.random.below(3))
    let user = UserID.named("alice")
    client.hello(.member(user), Hello(credentials: .user(user)))
    for _ in 0..<harness.random.below(5) { harness.turn(harness.random.below(3)) }
    await harness.engine.drain(reason: "deploy", spread: .zero)
    harness.settle()
    try #require(client.refusal?.code == .drain, "seed \(seed)")
    try #require(harness.stats.connections == 0, "seed \(seed)")
    try #require(harness.stats.detached == 1, "seed \(seed)")
    harness.advance(.seconds(16))
    try #require(harness.stats.dormant == 1, "seed \(seed)")
    try #require(harness.violations() == [], "seed \(seed)")
  }
}
