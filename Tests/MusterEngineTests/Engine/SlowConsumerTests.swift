import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// Conflation instead of punishment: who cannot keep up loses intermediate events and gets one snapshot when it drains.
@Suite("Slow consumers")
struct SlowConsumerTests {
  private let room = ChannelName.named("room:1")

  @Test("a congested connection is not read, its events are conflated, and one snapshot sets it right when it drains")
  func conflation() throws {
    let harness = EngineHarness()
    let slow = try harness.login("slow", plane: 1)
    slow.observe("room:1")
    slow.observe("lobby")
    let busy = try harness.login("busy")
    busy.join("room:1")
    harness.advance(ticks: 2)
    _ = slow.takeEvents()
    slow.congest()
    slow.congest()
    #expect(!slow.isReading)
    for index in 0..<10 {
      busy.update("room:1", patch: "{\"n\":\(index)}")
      harness.advance(ticks: 1)
    }
    #expect(slow.takeEvents() == [])
    slow.drain()
    #expect(slow.isReading)
    harness.settle()
    let events = slow.takeEvents()
    #expect(events.count == 1, "the other channel has not changed")
    guard case .snapshot(let snapshot)? = events.first else {
      Issue.record("\(events)")
      return
    }
    #expect(snapshot.members.map(\.meta.text) == ["{\"n\":9}"])
    busy.update("room:1", patch: "{\"n\":10}")
    harness.advance(ticks: 2)
    #expect(slow.takeDiffs().updates == ["busy"], "from then on it gets events like all others")
    #expect(slow.view(of: "room:1")?.members == harness.roster(of: "room:1"))
    #expect(harness.violations() == [])
  }

  @Test("after 30 s without progress it is closed with slow_consumer, and its session waits")
  func closed() throws {
    let harness = EngineHarness()
    let slow = try harness.login("slow")
    harness.advance(.seconds(20))
    slow.congest()
    harness.advance(.milliseconds(29_900))
    #expect(slow.isOpen, "silence means nothing while nothing is read")
    harness.advance(.milliseconds(200))
    #expect(slow.refusal?.code == .slowConsumer)
    #expect(slow.closings == 1)
    #expect(harness.stats.detached == 1)
    #expect(harness.violations() == [])
  }

  @Test("progress keeps it, however slow, and so does a short heartbeat interval")
  func progress() throws {
    let harness = EngineHarness()
    let slow = try harness.login("slow") { $0.heartbeatMilliseconds = 1_000 }
    slow.congest()
    for _ in 0..<6 {
      harness.advance(.seconds(29))
      #expect(slow.isOpen)
      slow.progress()
    }
    #expect(slow.pings == 0, "a ping would only wait behind the rest")
    slow.drain()
    harness.advance(.milliseconds(10_500))
    #expect(slow.isOpen, "its silence counts from the moment it could speak again")
    harness.advance(.seconds(1))
    #expect(slow.refusal?.code == .heartbeatTimeout)
  }

  @Test("one that gets congested before its hello keeps its hello timeout")
  func beforeHello() throws {
    let harness = EngineHarness()
    let slow = try harness.connect()
    slow.congest()
    harness.advance(.seconds(6))
    #expect(slow.refusal?.code == .helloTimeout)
  }

  @Test("congested again before the snapshot comes, it gets another one when it drains at last", arguments: scenarioSeeds(40))
  func again(seed: UInt64) throws {
    let harness = EngineHarness(planes: 3, seed: seed)
    let slow = try harness.login("slow", plane: harness.random.below(3))
    slow.observe("room:1")
    let busy = try harness.login("busy", plane: harness.random.below(3))
    busy.join("room:1")
    for index in 0..<15 {
      busy.send(.update(room, patch: Payload(text: "{\"n\":\(index)}")))
      if harness.random.happens(percent: 50) { slow.congest() } else { slow.drain() }
      for _ in 0..<harness.random.below(5) { harness.turn(harness.random.below(3)) }
      if harness.random.happens(percent: 30) { harness.advance(ticks: 1) }
    }
    slow.drain()
    harness.advance(ticks: 3)
    slow.receive()
    harness.settle()
    slow.receive()
    try #require(slow.view(of: "room:1")?.members == harness.roster(of: "room:1"), "seed \(seed)")
    try #require(harness.violations() == [], "seed \(seed)")
  }
}
