import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Storms")
struct StormTests {
  @Test("sessions that all come in one tick are opened in slices, and their leases end in slices, however many there are")
  func expiry() throws {
    let sessions = 100_000
    let harness = EngineHarness(planes: 1)
    let relay = try #require(harness.connections(0) { $0.open(remote: "backend") })
    let became = harness.connections(0) { $0.beginRelay(relay) }
    #expect(became)
    for batch in 0..<sessions / RelayRequest.entriesMax {
      let users = (0..<RelayRequest.entriesMax).map { RelayOpen(user: .named("user\(batch)-\($0)"), device: .web) }
      harness.connections(0) { $0.relay(relay, UInt32(batch), .opens(users)) }
    }
    // A turn carries out what 4,096 heartbeats are worth, and a login is worth 8.
    let opening = turns(of: harness, max: 512, units: \.attached, until: sessions)
    #expect(opening >= sessions / 512)
    harness.clock.advance(ticks: harness.engine.configuration.httpLease.ticks)
    let timersMax = harness.engine.configuration.timersPerTurnMax
    let ending = turns(of: harness, max: timersMax, units: \.dormant, until: sessions)
    #expect(ending >= sessions / timersMax)
    #expect(harness.violations() == [])
  }

  /// Runs turns until so many units of work are done, none of which may do more than `max` of them.
  ///
  /// - Returns: How many turns it took.
  private func turns(
    of harness: EngineHarness, max: Int, units: KeyPath<EngineStats, Int>, until all: Int
  ) -> Int {
    var turns = 0
    var done = harness.stats[keyPath: units]
    while done < all, turns < 1_000 {
      harness.turn(0)
      turns += 1
      let now = harness.stats[keyPath: units]
      if now - done > max { Issue.record("turn \(turns) did \(now - done) units of work, the most is \(max)") }
      done = now
    }
    #expect(done == all, "\(done) of \(all) are done after \(turns) turns")
    return turns
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
