import MusterEngine
import Testing

@Suite("TimingWheel")
struct TimingWheelTests {
  private static let hands: [UInt32] = [0, 1, 200, 255, 256, 65_535, 65_536, 1_000_000, 1 << 24 - 1, 1 << 31, .max - 1 << 25]
  private static let distances: [UInt32] = [
    1, 2, 255, 256, 257, 511, 512, 65_279, 65_280, 65_535, 65_536, 65_537, 130_816, 1 << 24 - 1, 1 << 24, 1 << 24 + 1,
  ]

  @Test("a deadline on any edge of any level fires at its tick, not one earlier and not one later", arguments: hands)
  func edges(_ hand: UInt32) {
    for distance in Self.distances {
      var wheel = TimingWheel(now: Tick(hand))
      var due: [Slot] = []
      wheel.arm(Slot(3), at: Tick(hand + distance))
      #expect(wheel.advance(to: Tick(hand + distance - 1), limit: 8, into: &due) == .reachedNow)
      #expect(due.isEmpty, "\(distance) ticks after \(hand)")
      #expect(wheel.advance(to: Tick(hand + distance), limit: 8, into: &due) == .reachedNow)
      #expect(due == [Slot(3)], "\(distance) ticks after \(hand)")
      #expect(wheel.count == 0)
      wheel.checkInvariants()
    }
  }

  @Test("stepping tick by tick fires each of a thousand deadlines at its tick")
  func steps() {
    var wheel = TimingWheel(now: Tick(65_000))
    for row in 0..<1_000 as Range<UInt32> { wheel.arm(Slot(row), at: Tick(65_001 + row)) }
    for row in 0..<1_000 as Range<UInt32> {
      var due: [Slot] = []
      #expect(wheel.advance(to: Tick(65_001 + row), limit: 1_000, into: &due) == .reachedNow)
      #expect(due == [Slot(row)])
    }
    wheel.checkInvariants()
  }

  @Test("a deadline at or before the hand fires on the next advance, even when that moves nothing")
  func pastDeadlines() {
    var wheel = TimingWheel(now: Tick(1_000))
    wheel.arm(Slot(1), at: Tick(1_000))
    wheel.arm(Slot(2), at: Tick(3))
    wheel.checkInvariants()
    #expect(wheel.count == 2)
    expect(wheel.isArmed(Slot(1)) && wheel.isArmed(Slot(2)))
    #expect(wheel.nextDeadline(limit: Tick(1_000)) == Tick(1_000))
    var due: [Slot] = []
    #expect(wheel.advance(to: Tick(1_000), limit: 5, into: &due) == .reachedNow)
    #expect(Set(due) == [Slot(1), Slot(2)])
    expect(!wheel.isArmed(Slot(1)) && !wheel.isArmed(Slot(2)))
  }

  @Test("arming again moves: 30 days become 15 seconds, and 15 seconds 30 days")
  func moving() {
    var wheel = TimingWheel(now: Tick(77))
    let (month, grace) = (UInt32(30 * 86_400 * 10), UInt32(150))
    wheel.arm(Slot(0), at: wheel.now.advanced(by: month))
    wheel.arm(Slot(0), at: wheel.now.advanced(by: grace))
    wheel.arm(Slot(1), at: wheel.now.advanced(by: grace))
    wheel.arm(Slot(1), at: wheel.now.advanced(by: month))
    #expect(wheel.count == 2)
    var due: [Slot] = []
    #expect(wheel.advance(to: Tick(77 + grace), limit: 5, into: &due) == .reachedNow)
    #expect(due == [Slot(0)])
    #expect(wheel.advance(to: Tick(77 + month), limit: 5, into: &due) == .reachedNow)
    #expect(due == [Slot(0), Slot(1)])
  }

  @Test("a disarmed handle does not fire; never disarms; disarming what is not armed is nothing")
  func disarming() {
    var wheel = TimingWheel(now: Tick(0))
    for row in 0..<5 as Range<UInt32> { wheel.arm(Slot(row), at: Tick(100)) }
    wheel.disarm(Slot(4))
    wheel.disarm(Slot(0))
    wheel.arm(Slot(2), at: .never)
    wheel.disarm(Slot(0))
    wheel.disarm(Slot(1_000_000))
    wheel.disarm(.none)
    expect(!wheel.isArmed(Slot(1_000_000)) && !wheel.isArmed(.none))
    #expect(wheel.count == 2)
    wheel.checkInvariants()
    var due: [Slot] = []
    #expect(wheel.advance(to: Tick(200), limit: 5, into: &due) == .reachedNow)
    #expect(Set(due) == [Slot(1), Slot(3)])
  }

  @Test("the last ticks of 32 bits: what is due fires, and the hand stops there")
  func endOfTime() {
    let last = UInt32.max - 1
    var wheel = TimingWheel(now: Tick(last - 70_000))
    for row in 0..<70 as Range<UInt32> { wheel.arm(Slot(row), at: Tick(last - row * 1_000)) }
    wheel.arm(Slot(70), at: Tick(last).advanced(by: 5))
    var due: [Slot] = []
    #expect(wheel.advance(to: Tick(last), limit: 1_000, into: &due) == .reachedNow)
    #expect(due.count == 71)
    #expect(due.dropLast(2) == (1..<70).reversed().map { Slot($0) }[...])
    wheel.arm(Slot(5), at: Tick(last))
    #expect(wheel.advance(to: Tick(last), limit: 1_000, into: &due) == .reachedNow)
    #expect(due.last == Slot(5))
    wheel.checkInvariants()
  }

  @Test("20,000 deadlines in one coarse bucket: each call moves or fires at most its limit, and the hand waits")
  func boundedWork() {
    let (handles, limit) = (20_000, 64)
    let deadline = Tick(70_000)
    var wheel = TimingWheel(now: Tick(0))
    for row in 0..<handles { wheel.arm(Slot(UInt32(row)), at: deadline) }
    var fired: Set<Slot> = []
    var (calls, callsBeforeFirst) = (0, 0)
    var due: [Slot] = []
    while wheel.advance(to: deadline, limit: limit, into: &due) == .moreDue {
      calls += 1
      #expect(due.count <= limit)
      if due.isEmpty { callsBeforeFirst += 1 }
      fired.formUnion(due)
      due.removeAll(keepingCapacity: true)
    }
    fired.formUnion(due)
    #expect(fired.count == handles)
    #expect(wheel.now == deadline)
    // 70,000 is on level 2: each handle moves down twice and then fires.
    #expect(callsBeforeFirst >= 2 * handles / limit - 1)
    #expect((3 * handles / limit - 1...3 * handles / limit + 1).contains(calls))
    wheel.checkInvariants()
  }

  @Test("what is armed, moved and disarmed while a coarse bucket is half moved down comes at its tick")
  func changesWithinACascade() {
    var wheel = TimingWheel(now: Tick(0))
    for row in 0..<100 as Range<UInt32> { wheel.arm(Slot(row), at: Tick(600 + row)) }
    var due: [Slot] = []
    #expect(wheel.advance(to: Tick(560), limit: 30, into: &due) == .moreDue)
    #expect(wheel.now == Tick(512))
    wheel.checkInvariants()
    // One of each that was moved and was not yet, in either order of the list.
    for row in [0, 99] as [UInt32] { wheel.disarm(Slot(row)) }
    for row in [1, 98] as [UInt32] { wheel.arm(Slot(row), at: Tick(513)) }
    for row in [2, 97] as [UInt32] { wheel.arm(Slot(row), at: Tick(512 + 65_536)) }
    wheel.arm(Slot(200), at: Tick(400))
    wheel.checkInvariants()
    while wheel.advance(to: Tick(560), limit: 30, into: &due) == .moreDue { wheel.checkInvariants() }
    #expect(due.first == Slot(200))
    #expect(Set(due) == [Slot(200), Slot(1), Slot(98)])
    while wheel.advance(to: Tick(800), limit: 7, into: &due) == .moreDue { wheel.checkInvariants() }
    #expect(due.count == 3 + 94)
    #expect(wheel.count == 2)
    #expect(wheel.advance(to: Tick(512 + 65_535), limit: 30, into: &due) == .reachedNow)
    #expect(wheel.count == 2)
    #expect(wheel.advance(to: Tick(512 + 65_536), limit: 30, into: &due) == .reachedNow)
    #expect(wheel.count == 0)
  }

  @Test("who is armed at the hand again and again does not keep others waiting")
  func fairness() {
    var wheel = TimingWheel(now: Tick(0))
    for row in 0..<3 as Range<UInt32> { wheel.arm(Slot(row), at: Tick(300)) }
    var due: [Slot] = []
    for _ in 0..<9 {
      #expect(wheel.advance(to: Tick(300), limit: 1, into: &due) == .moreDue)
      if let last = due.last { wheel.arm(last, at: Tick(300)) }
    }
    // Three calls moved the handles down, the others fired them in turn.
    #expect(due.map(\.rawValue) == [0, 1, 2, 0, 1, 2])
  }

  @Test("empty ticks cost nothing: years pass in one call that may do one thing")
  func idleJumps() {
    var wheel = TimingWheel(now: Tick(0))
    var due: [Slot] = []
    for jump in 1...10_000 as ClosedRange<UInt32> {
      #expect(wheel.advance(to: Tick(jump * 400_000), limit: 1, into: &due) == .reachedNow)
    }
    wheel.arm(Slot(0), at: Tick(4_294_000_000))
    #expect(wheel.advance(to: Tick(4_293_999_999), limit: 3, into: &due) == .reachedNow)
    #expect(due.isEmpty)
    #expect(wheel.advance(to: Tick(4_294_000_000), limit: 1, into: &due) == .reachedNow)
    #expect(due == [Slot(0)])
  }

  @Test("the next deadline is exact within 256 ticks, and never too late")
  func nextDeadline() {
    var wheel = TimingWheel(now: Tick(1_000))
    #expect(wheel.nextDeadline(limit: .never) == nil)
    wheel.arm(Slot(0), at: Tick(1_000_000))
    #expect(wheel.nextDeadline(limit: Tick(900_000)) == nil)
    #expect(wheel.nextDeadline(limit: .never).map { (900_000...1_000_000).contains($0.rawValue) } == true)
    wheel.arm(Slot(1), at: Tick(1_255))
    #expect(wheel.nextDeadline(limit: Tick(1_254)) == nil)
    #expect(wheel.nextDeadline(limit: Tick(1_255)) == Tick(1_255))
  }

  @Test("time that goes back, and an advance that may do nothing, trap")
  func traps() async {
    await #expect(processExitsWith: .failure) {
      var wheel = TimingWheel(now: Tick(10))
      var due: [Slot] = []
      _ = wheel.advance(to: Tick(9), limit: 1, into: &due)
    }
    await #expect(processExitsWith: .failure) {
      var wheel = TimingWheel(now: Tick(10))
      var due: [Slot] = []
      _ = wheel.advance(to: Tick(11), limit: 0, into: &due)
    }
  }
}
