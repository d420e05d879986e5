import MusterEngine
import MusterTestKit
import Testing

@Suite("TimingWheel against a sorted list")
struct TimingWheelOracleTests {
  @Test("3,000 seeds: nothing fires early, nothing late by more than the limit allows, nothing is lost or comes twice")
  func scenarios() {
    for seed in scenarioSeeds(3_000) {
      do {
        var scenario = WheelScenario(seed: seed)
        try scenario.run(steps: 60)
      } catch {
        Issue.record("seed \(seed): \(error)")
      }
    }
  }
}

/// One wheel and one sorted list that are told the same.
private struct WheelScenario: ~Copyable {
  private static let handles: UInt32 = 40
  private static let lastTick = UInt32.max - 1

  private var random: SeededRandom
  private var wheel: TimingWheel
  private var oracle = SortedTimers()
  /// The time that has come; the hand may be behind.
  private var clock: Tick

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
    let starts: [UInt32] = [0, 1, 255, 65_000, 65_536, 1 << 24 - 3, .max / 2, .max - 1 << 25, .max - 70_000, .max - 600]
    let start = starts.randomElement(using: &random) ?? 0
    clock = Tick(start + UInt32.random(in: 0...400, using: &random))
    wheel = TimingWheel(now: clock)
  }

  mutating func run(steps: Int) throws {
    for _ in 0..<steps {
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<11: arm()
      case 11..<13: disarm()
      case 13..<17: try advanceOnce()
      default: try advanceToTheEnd()
      }
      try compare()
      if random.below(16) == 0 { wheel.checkInvariants() }
    }
    wheel.checkInvariants()
    try finish()
  }

  private mutating func arm() {
    let handle = Slot(UInt32.random(in: 0..<Self.handles, using: &random))
    let deadline = randomDeadline()
    wheel.arm(handle, at: deadline)
    oracle.arm(handle, at: deadline, hand: wheel.now)
  }

  private mutating func disarm() {
    let handle = Slot(UInt32.random(in: 0..<Self.handles + 2, using: &random))
    wheel.disarm(handle)
    oracle.disarm(handle)
  }

  /// One call only: what it leaves meets whatever comes next.
  private mutating func advanceOnce() throws {
    clock = randomTarget()
    _ = try advance(limit: randomLimit())
  }

  /// As many calls as it takes, which must not be more than the work there is.
  private mutating func advanceToTheEnd() throws {
    clock = randomTarget()
    let limit = randomLimit()
    // A handle moves down at most three times, then fires.
    var callsLeft = oracle.timers.count * 4 / limit + 1
    while try advance(limit: limit) == .moreDue {
      callsLeft -= 1
      try require(callsLeft > 0, "advancing by \(limit) handles a call does not come to an end")
    }
  }

  private mutating func advance(limit: Int) throws -> TimingWheel.Advance {
    let handBefore = wheel.now
    var due: [Slot] = []
    let advance = wheel.advance(to: clock, limit: limit, into: &due)
    try require(due.count <= limit, "\(due.count) handles fired, allowed were \(limit)")
    try require(wheel.now >= handBefore && wheel.now <= clock, "the hand went from \(handBefore) to \(wheel.now) of \(clock)")
    for handle in due {
      let tick = try oracle.fire(handle)
      try require(tick <= wheel.now, "handle \(handle.rawValue) fired at \(wheel.now), early for \(tick)")
      try require(!wheel.isArmed(handle), "handle \(handle.rawValue) fired and is still armed")
    }
    if advance == .reachedNow {
      try require(wheel.now == clock, "the hand is at \(wheel.now), not at \(clock)")
      try require(oracle.timers.first.map { $0.tick > clock } ?? true, "something due at \(clock) did not fire")
    }
    return advance
  }

  private mutating func compare() throws {
    try require(wheel.count == oracle.timers.count, "\(wheel.count) handles are counted, \(oracle.timers.count) are armed")
    let handle = Slot(UInt32.random(in: 0..<Self.handles, using: &random))
    try require(wheel.isArmed(handle) == oracle.isArmed(handle), "whether \(handle.rawValue) is armed is not agreed")
    let limit = randomTarget()
    let earliest = oracle.timers.first?.tick
    if let next = wheel.nextDeadline(limit: limit) {
      try require(next >= wheel.now && next <= limit, "the next deadline \(next) is not between \(wheel.now) and \(limit)")
      try require(earliest.map { next <= $0 } ?? false, "the next deadline \(next) is later than \(String(describing: earliest))")
    } else {
      try require(earliest.map { $0 > limit } ?? true, "no next deadline, but one at \(String(describing: earliest))")
    }
  }

  /// The end of time, where all that is left must come.
  private mutating func finish() throws {
    clock = Tick(Self.lastTick)
    while try advance(limit: 7) == .moreDue {}
    try require(oracle.timers.isEmpty && wheel.count == 0, "\(oracle.timers.count) handles never fired")
    wheel.checkInvariants()
  }

  private mutating func randomLimit() -> Int {
    [1, 2, 5, 30, .max].randomElement(using: &random) ?? 1
  }

  private mutating func randomDeadline() -> Tick {
    switch Int.random(in: 0..<12, using: &random) {
    case 0: Tick(UInt32.random(in: 0...wheel.now.rawValue, using: &random))
    case 1: .never
    case 2: Tick(UInt32.random(in: wheel.now.rawValue...Self.lastTick, using: &random))
    case 3...5: edge()
    case 6: wheel.now.advanced(by: UInt32.random(in: 0...200_000, using: &random))
    default: wheel.now.advanced(by: UInt32.random(in: 0...700, using: &random))
    }
  }

  private mutating func randomTarget() -> Tick {
    switch Int.random(in: 0..<12, using: &random) {
    case 0: clock
    case 1: Tick(UInt32.random(in: clock.rawValue...min(Self.lastTick, clock.rawValue | 0x00ff_ffff), using: &random))
    case 2...4: max(clock, edge())
    case 5: oracle.timers.randomElement(using: &random).map { max(clock, $0.tick) } ?? clock
    default: clock.advanced(by: UInt32.random(in: 0...300, using: &random))
    }
  }

  /// Next to where a block of some level begins.
  private mutating func edge() -> Tick {
    let width = ([1 << 8, 1 << 16, 1 << 24] as [UInt32]).randomElement(using: &random) ?? 1
    let (block, offset) = (UInt32.random(in: 0...3, using: &random), UInt32.random(in: 0...4, using: &random))
    let hand = UInt64(wheel.now.rawValue / width * width)
    let tick = hand + UInt64(width) * UInt64(block) + UInt64(offset)
    return Tick(UInt32(min(UInt64(Self.lastTick), tick < 2 ? 0 : tick - 2)))
  }
}
