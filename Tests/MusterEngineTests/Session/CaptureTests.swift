import MusterEngine
import MusterModel
import MusterTestKit
import Synchronization
import Testing

/// Pages are written while everything goes on; with the log behind them they give what there was.
@Suite("Capture and restore")
struct CaptureTests {
  /// Pages are written in steps while mutations go on, and each is current through a record of its own.
  ///
  ///     record     1 … 50    51   52   53   54   55   56
  ///     page             A             B         C
  ///     replay           A: 51 on      B: 54 on  C: 56
  @Test(
    "pages written while everything goes on, and the log behind them, give the same users, sessions, places and data",
    arguments: scenarioSeeds(80))
  func fuzzy(seed: UInt64) async throws {
    let planes = 1 + Int(seed % 3)
    var life = Life(seed: seed, planes: planes)
    for _ in 0..<80 { try await life.step() }
    let snapshot = MemorySnapshot(planes: planes)
    let start = LSN(UInt64(life.harness.journal.records.count))
    let pace = CapturePace.onePage(rows: 1 + Int(seed % 2))
    try #require(await life.harness.engine.beginCapture(into: snapshot, from: start, pace: pace))
    var steps = 0
    while !snapshot.isFinished || steps < 40 {
      snapshot.makeRoom(pages: life.random.below(2))
      try await life.step()
      life.harness.turn(life.random.below(planes))
      steps += 1
      try #require(steps < 10_000, "seed \(seed): a capture ends")
    }
    life.harness.settle()
    let names = Life.names + life.guests
    let original = EngineImage(of: life.harness, users: names, channels: Life.channels)
    snapshot.alter { life.random.shuffle(&$0) }
    // The log may begin with the snapshot, or long before.
    for first in [start.rawValue + 1, 1] {
      let second = try await life.harness.recovered(
        from: snapshot, records: life.harness.logged(from: first), planes: 1 + life.random.below(3), configure: Life.configure)
      let restored = EngineImage(of: second, users: names, channels: Life.channels)
      try #require(restored.users == original.users, "seed \(seed), from \(first)")
      try #require(restored.rosters == original.rosters, "seed \(seed), from \(first)")
      try #require(restored.stats == original.stats, "seed \(seed), from \(first)")
      try #require(second.violations() == [], "seed \(seed), from \(first)")
      second.advance(.seconds(70))
      try #require(second.violations() == [], "seed \(seed), from \(first): later")
    }
  }

  @Test("a snapshot of a snapshot is the same again", arguments: scenarioSeeds(10))
  func twice(seed: UInt64) async throws {
    var life = Life(seed: seed, planes: 2)
    for _ in 0..<120 { try await life.step() }
    life.harness.settle()
    let names = Life.names + life.guests
    let first = await life.harness.snapshot()
    let second = try await life.harness.recovered(from: first, records: [], planes: 2, configure: Life.configure)
    let image = EngineImage(of: second, users: names, channels: Life.channels)
    try #require(image == EngineImage(of: life.harness, users: names, channels: Life.channels), "seed \(seed)")
    let again = await second.snapshot()
    let third = try await second.recovered(from: again, records: [], planes: 3, configure: Life.configure)
    try #require(EngineImage(of: third, users: names, channels: Life.channels) == image, "seed \(seed)")
  }

  @Test("a capture waits while its sink is full, goes on when there is room, and is forgotten when it is abandoned")
  func sink() async throws {
    let harness = EngineHarness(planes: 1)
    for index in 0..<10 { _ = try harness.login("user\(index)") }
    let snapshot = MemorySnapshot(planes: 1)
    snapshot.answer(.full)
    #expect(await harness.engine.beginCapture(into: snapshot, from: .zero, pace: .onePage(rows: 4)))
    #expect(await harness.engine.beginCapture(into: snapshot, from: .zero, pace: .onePage()) == false, "one at a time")
    #expect(harness.settle(), "a full sink does not keep the plane busy")
    #expect(snapshot.pages.isEmpty)
    snapshot.answer(.taken)
    harness.engine.requestTurns()
    harness.settle()
    #expect(snapshot.isFinished)
    #expect(snapshot.pages.map(\.sessions) == [4, 4, 2])
    let other = MemorySnapshot(planes: 1)
    other.answer(.abandoned)
    #expect(await harness.engine.beginCapture(into: other, from: .zero, pace: .onePage()))
    harness.settle()
    #expect(!other.isFinished)
    #expect(await harness.engine.beginCapture(into: other, from: .zero, pace: .onePage()), "the next may begin")
  }

  @Test("a capture takes several pages in a turn while its budget lasts, and one when it does not")
  func budget() async throws {
    for (microseconds, pages) in [(200, 1), (60, 4)] {
      let harness = EngineHarness(planes: 1)
      for index in 0..<10 { _ = try harness.login("user\(index)") }
      let time = SteppingTime(step: .microseconds(microseconds))
      let snapshot = MemorySnapshot(planes: 1)
      let pace = CapturePace(budget: .microseconds(200), rows: 1) { time.next() }
      _ = await harness.engine.beginCapture(into: snapshot, from: .zero, pace: pace)
      harness.turn(0)
      #expect(snapshot.pages.count == pages)
    }
  }

  @Test("a page whose bytes are wrong is refused or means something, and never more than that", arguments: scenarioSeeds(8))
  func flipped(seed: UInt64) async throws {
    var life = Life(seed: seed, planes: 1)
    for _ in 0..<80 { try await life.step() }
    life.harness.settle()
    let snapshot = await life.harness.snapshot()
    let page = try #require(snapshot.pages.first)
    for _ in 0..<150 {
      var bytes = page.bytes
      switch life.random.below(4) {
      case 0: bytes.removeLast(1 + life.random.below(bytes.count - 1))
      case 1: bytes[life.random.below(48)] ^= 1 << UInt8(life.random.below(8))
      case 2: bytes[life.random.below(bytes.count)] = UInt8(life.random.below(256))
      default: bytes[life.random.below(bytes.count)] ^= 1 << UInt8(life.random.below(8))
      }
      let broken = MemorySnapshot(planes: 1)
      broken.alter { $0 = [CapturedPage(shard: 0, through: page.through, sessions: page.sessions, bytes: bytes)] }
      do {
        let second = try await life.harness.recovered(from: broken, records: [], planes: 1, configure: Life.configure)
        try #require(second.violations() == [], "seed \(seed)")
      } catch is RecoveryError {}
    }
  }
}

/// Time that goes on by the same step whenever it is looked at.
private final class SteppingTime: Sendable {
  private let reads = Atomic<Int>(0)
  private let step: Duration

  init(step: Duration) {
    self.step = step
  }

  func next() -> Duration { step * reads.add(1, ordering: .relaxed).newValue }
}
