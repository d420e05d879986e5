import MusterBench
import Testing

@Suite struct OpenLoopScheduleTests {
  private let start = MonotonicTime(nanoseconds: 1_000_000_000)

  @Test("lanes take turns, spread evenly over one interval")
  func spread() {
    let schedule = OpenLoopSchedule(start: start, interval: .milliseconds(100), lanes: 4)
    let offsets = (0..<6).map { schedule.due(position: $0).nanoseconds(since: start) / 1_000_000 }
    #expect(offsets == [0, 25, 50, 75, 100, 125])
    #expect((0..<6).map { schedule.lane(position: $0) } == [0, 1, 2, 3, 0, 1])
    #expect((0..<6).map { schedule.round(position: $0) } == [0, 0, 0, 0, 1, 1])
  }

  @Test("an interval that the lanes do not divide does not drift: after a million rounds a lane is exactly on time")
  func drift() {
    let schedule = OpenLoopSchedule(start: start, interval: .seconds(1), lanes: 7)
    let late = schedule.due(lane: 3, round: 1_000_000)
    #expect(late.nanoseconds(since: start) == 1_000_000 * 1_000_000_000 + 3_000_000_000 / 7)
  }

  @Test("the shares of several threads are together the schedule of one", arguments: 1...7)
  func shares(threads: Int) {
    let lanes = 23
    let whole = OpenLoopSchedule(start: start, interval: .milliseconds(10), lanes: lanes)
    var times: [MonotonicTime] = []
    for thread in 0..<threads {
      let share = OpenLoopSchedule(
        start: start, interval: .milliseconds(10), lanes: lanes, first: thread, stride: threads)
      for position in 0..<share.share * 5 { times.append(share.due(position: position)) }
    }
    #expect(times.sorted() == (0..<lanes * 5).map { whole.due(position: $0) })
  }

  @Test("the time of a reply follows from its lane and round alone")
  func inverse() {
    let share = OpenLoopSchedule(start: start, interval: .microseconds(333), lanes: 11, first: 2, stride: 3)
    for position in 0..<100 {
      let again = share.due(lane: share.lane(position: position), round: share.round(position: position))
      #expect(again == share.due(position: position))
    }
  }

  @Test("due times never decrease, whatever the plan")
  func order() {
    var random = SeededRandom()
    for _ in 0..<300 {
      let lanes = Int.random(in: 1...50, using: &random)
      let stride = Int.random(in: 1...lanes, using: &random)
      let schedule = OpenLoopSchedule(
        start: start, interval: .nanoseconds(Int64.random(in: 1...1_000_000, using: &random)), lanes: lanes,
        first: Int.random(in: 0..<min(lanes, stride), using: &random), stride: stride)
      for position in 1..<100 {
        #expect(schedule.due(position: position - 1) <= schedule.due(position: position), "\(random)")
      }
    }
  }
}

@Suite struct OpenLoopCursorTests {
  private let start = MonotonicTime(nanoseconds: 1_000)

  private func cursor(end: UInt64) -> OpenLoopCursor {
    OpenLoopCursor(
      OpenLoopSchedule(start: start, interval: .nanoseconds(100), lanes: 2), end: MonotonicTime(nanoseconds: end))
  }

  @Test("a generator that comes late catches up: every turn is handed out once, with the time at which it was due")
  func catchingUp() {
    var cursor = cursor(end: 1_150)
    var turns: [OpenLoopCursor.Turn] = []
    let late = MonotonicTime(nanoseconds: 9_000)
    while case .due(let turn) = cursor.step(at: late) { turns.append(turn) }
    #expect(turns.map(\.lane) == [0, 1, 0])
    #expect(turns.map(\.round) == [0, 0, 1])
    #expect(turns.map(\.due.nanoseconds) == [1_000, 1_050, 1_100])
    #expect(cursor.isOver)
    #expect(cursor.step(at: late) == .wait(until: .never))
  }

  @Test("one that comes early is told when to come back, and takes no turn")
  func early() {
    var cursor = cursor(end: 1_150)
    #expect(cursor.step(at: MonotonicTime(nanoseconds: 999)) == .wait(until: start))
    guard case .due = cursor.step(at: start) else {
      Issue.record("the first turn was not due")
      return
    }
    #expect(cursor.step(at: start) == .wait(until: MonotonicTime(nanoseconds: 1_050)))
    #expect(!cursor.isOver)
  }

  @Test("the rounds of each lane are those that were handed out")
  func rounds() {
    var cursor = cursor(end: 2_000)
    var taken = [0, 0]
    for now in stride(from: 1_000, through: 2_100, by: 7) as StrideThrough<UInt64> {
      while case .due(let turn) = cursor.step(at: MonotonicTime(nanoseconds: now)) { taken[turn.lane] += 1 }
      #expect([cursor.rounds(of: 0), cursor.rounds(of: 1)] == taken)
    }
    #expect(taken == [10, 10])
  }
}

@Suite struct MonotonicTimeTests {
  @Test("time spans saturate instead of wrapping")
  func saturation() {
    let time = MonotonicTime(nanoseconds: 5)
    #expect(time.nanoseconds(since: MonotonicTime(nanoseconds: 9)) == 0)
    #expect(MonotonicTime.never.advanced(by: .seconds(1)) == .never)
    #expect(time.advanced(by: .seconds(-1)) == time)
    #expect(Duration.seconds(Int64.max).nanoseconds == .max)
  }

  @Test("durations convert to nanoseconds and to seconds")
  func conversion() {
    #expect(Duration.milliseconds(1_500).nanoseconds == 1_500_000_000)
    #expect(Duration.nanoseconds(7).nanoseconds == 7)
    #expect(Duration.milliseconds(250).inSeconds == 0.25)
  }
}
