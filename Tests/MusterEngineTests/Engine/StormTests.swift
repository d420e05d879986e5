import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Storms")
struct StormTests {
  @Test("leases that are all due in one tick are ended in slices, however many there are")
  func expiry() throws {
    let harness = EngineHarness(planes: 1)
    let relay = try #require(harness.connections(0) { $0.open(remote: "backend") })
    let became = harness.connections(0) { $0.beginRelay(relay) }
    #expect(became)
    let users = (0..<6_000).map { RelayOpen(user: .named("user\($0)"), device: .web) }
    harness.connections(0) { $0.relay(relay, 1, .opens(users)) }
    harness.settle()
    #expect(harness.stats.attached == 6_000)
    harness.clock.advance(ticks: harness.engine.configuration.httpLease.ticks)
    var turns = 0
    while harness.stats.attached > 0, turns < 1_000 {
      let before = harness.stats.attached
      harness.turn(0)
      turns += 1
      let ended = before - harness.stats.attached
      #expect(ended <= harness.engine.configuration.timersPerTurnMax, "one turn ended \(ended) leases")
    }
    #expect(harness.stats.dormant == 6_000)
    #expect(harness.violations() == [])
  }

  @Test("a slice counts what its timers lead to: sessions in many channels end fewer at a time")
  func withChannels() throws {
    let harness = EngineHarness(planes: 1) { $0.resumeWindow = .seconds(10) }
    let clients = try (0..<200).map { try harness.login("user\($0)") }
    for client in clients {
      for channel in 0..<20 { _ = client.join("room:\(channel)", list: 0) }
    }
    for client in clients { client.drop() }
    harness.settle()
    harness.clock.advance(ticks: 101)
    var turns = 0
    while harness.stats.detached > 0, turns < 1_000 {
      let before = harness.stats.detached
      harness.turn(0)
      turns += 1
      // 512 units: each session is one, and twenty channels are told of it; sixteen sessions are taken at once.
      #expect(before - harness.stats.detached <= 512 / 21 + 16)
    }
    #expect(harness.stats.dormant == 200)
    #expect(harness.violations() == [])
  }
}
