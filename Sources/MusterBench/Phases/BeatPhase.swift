/// Every connection sends a heartbeat once per interval, whether or not the server keeps up.
///
/// The id of a heartbeat is its round, so a reply's latency follows from the schedule, without a table.
struct BeatPhase: LoadPhase {
  /// What counts as measured: heartbeats due in this span.
  ///
  /// Those before are warm-up.
  let measured: Range<MonotonicTime>
  private let schedule: OpenLoopSchedule
  /// Empty text frames, which are never answered.
  private let isSilent: Bool
  private var position = 0
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
    self.schedule = schedule
    self.measured = measured
    self.isSilent = isSilent
    answered = Array(repeating: 0, count: schedule.share)
  }

  /// Whether all is sent and answered.
  var isComplete: Bool {
    isAbandoned || (schedule.due(position: position) >= measured.upperBound && outstanding == 0)
  }

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    isAbandoned = table.readyCount == 0
    var budget = sendsPerTurnMax
    // The clock is read once per send, not per turn: the last of many is as late as it is.
    var sentAt = now
    while true {
      let due = schedule.due(position: position)
      if due >= measured.upperBound { return .never }
      if due > sentAt { return due }
      if budget == 0 { return now }
      budget -= 1
      send(position, due: due, at: sentAt, on: &table)
      position += 1
      sentAt = .now()
    }
  }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {
    switch head {
    case .ok(let round, _):
      guard round >= 0, round < sentRounds(of: row), answer(round, row: row) else { return }
      done += 1
      let due = schedule.due(lane: row, round: round)
      guard measured.contains(due) else { return }
      replies += 1
      latency.record(now.nanoseconds(since: due))
    case .failed(let round?, _): _ = answer(round, row: row)
    case .failed, .push, .unknown: break
    }
  }

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    guard !isSilent else { return }
    outstanding -= sentRounds(of: row) - Int(answered[row])
  }

  /// How many rounds of a row are behind the present position.
  private func sentRounds(of row: Int) -> Int {
    schedule.round(position: position) + (row < schedule.lane(position: position) ? 1 : 0)
  }

  /// Notes that a heartbeat was answered.
  ///
  /// - Returns: Whether it was still unanswered.
  private mutating func answer(_ round: Int, row: Int) -> Bool {
    guard Int(answered[row]) < sentRounds(of: row) else { return false }
    if Int(answered[row]) != round { outOfOrder += 1 }
    answered[row] += 1
    outstanding -= 1
    return true
  }

  private mutating func send(_ position: Int, due: MonotonicTime, at now: MonotonicTime, on table: inout ConnectionTable) {
    let row = schedule.lane(position: position)
    let round = schedule.round(position: position)
    let isMeasured = measured.contains(due)
    guard table.stage(of: row) == .ready else {
      if isMeasured { skipped += 1 }
      return
    }
    if isSilent {
      table.send(to: row) { _ in }
      done += 1
    } else {
      table.send(to: row) { Requests.beat(id: round, into: &$0) }
      outstanding += 1
    }
    if isMeasured {
      sent += 1
      lateness.sent(at: now, due: due)
    }
  }
}
