/// Every connection sends a heartbeat once per interval, whether or not the server keeps up.
///
/// The id of a heartbeat is its round, so a reply's latency follows from the schedule, without a table.
struct BeatPhase: OpenLoopPhase {
  /// What counts as measured: heartbeats due in this span.
  ///
  /// Those before are warm-up.
  let measured: Range<MonotonicTime>
  private var cursor: OpenLoopCursor
  /// Empty text frames, which are never answered.
  private let isSilent: Bool
  /// How many are sent and not answered.
  private(set) var outstanding = 0

  private(set) var done = 0
  /// Measured heartbeats that were sent.
  private(set) var sent = 0
  /// Measured heartbeats that were answered.
  private(set) var replies = 0
  /// Measured heartbeats that were due on a connection that had ended.
  private(set) var skipped = 0
  private(set) var latency = LatencyRecord()
  private(set) var lateness = SendLateness()
  /// How many heartbeats of each row were answered.
  ///
  /// A row is ready from the first round to its end, so this is also the round whose reply is next.
  private var answered: [Int32]
  /// Replies that came twice or out of turn.
  private(set) var outOfOrder = 0
  private var isAbandoned = false

  init(schedule: OpenLoopSchedule, measured: Range<MonotonicTime>, isSilent: Bool) {
    cursor = OpenLoopCursor(schedule, end: measured.upperBound)
    self.measured = measured
    self.isSilent = isSilent
    answered = Array(repeating: 0, count: schedule.share)
  }

  /// Whether all is sent and answered.
  var isComplete: Bool { isAbandoned || (cursor.isOver && outstanding == 0) }

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    isAbandoned = table.readyCount == 0
    return sendDue(at: now, on: &table)
  }

  mutating func nextStep(at now: MonotonicTime) -> OpenLoopCursor.Step { cursor.step(at: now) }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {
    switch head {
    case .ok(let round, _): take(round, row: row, at: now)
    case .inTurn: take(Int(answered[row]), row: row, at: now)
    case .failed(let round?, _): _ = answer(round, row: row)
    case .failed, .push, .unknown: break
    }
  }

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    guard !isSilent else { return }
    outstanding -= cursor.rounds(of: row) - Int(answered[row])
  }

  private mutating func take(_ round: Int, row: Int, at now: MonotonicTime) {
    guard round >= 0, round < cursor.rounds(of: row), answer(round, row: row) else { return }
    done += 1
    let due = cursor.schedule.due(lane: row, round: round)
    guard measured.contains(due) else { return }
    replies += 1
    latency.record(now.nanoseconds(since: due))
  }

  /// Notes that a heartbeat was answered.
  ///
  /// - Returns: Whether it was still unanswered.
  private mutating func answer(_ round: Int, row: Int) -> Bool {
    guard Int(answered[row]) < cursor.rounds(of: row) else { return false }
    if Int(answered[row]) != round { outOfOrder += 1 }
    answered[row] += 1
    outstanding -= 1
    return true
  }

  mutating func send(_ turn: OpenLoopCursor.Turn, at now: MonotonicTime, on table: inout ConnectionTable) {
    let isMeasured = measured.contains(turn.due)
    guard table.stage(of: turn.lane) == .ready else {
      if isMeasured { skipped += 1 }
      return
    }
    if isSilent {
      table.send(.silentBeat, to: turn.lane)
      done += 1
    } else {
      table.send(.beat(id: turn.round), to: turn.lane)
      outstanding += 1
    }
    if isMeasured {
      sent += 1
      lateness.sent(at: now, due: turn.due)
    }
  }
}
