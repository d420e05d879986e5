/// A few actors change their `meta`; everybody else watches the channel and measures when the change arrives.
///
/// Each change carries its actor and when it was due, so an observer needs only the message to measure, and the last stamp of
/// each actor that it saw to tell what never came. Presence is state: a server may merge changes of one actor, but the last one
/// must reach every observer.
struct FanoutPhase: OpenLoopPhase {
  let measured: Range<MonotonicTime>
  /// Stamps count from here.
  private let origin: MonotonicTime
  private let channel: [UInt8]
  /// The first so many rows of this worker act, in the order of the schedule's lanes; all others observe.
  private let actorRows: Int
  private let actors: Int
  /// `nil` when no actor is among this worker's connections.
  private var cursor: OpenLoopCursor?
  /// How many changes are not answered, in all and for each of this worker's actors.
  private(set) var outstanding = 0
  private var waiting: [Int]
  /// The last stamp of each actor that each observer saw, row by row.
  private var seen: [Int]
  /// The sequence number up to which each row has heard of the channel; −1 before its first.
  private var seq: [Int]
  /// What all observers must have seen in the end; known when all is sent.
  private var goal: [Int]?
  private var behind = 0
  private var isAbandoned = false

  private(set) var done = 0
  /// The last stamp that each of this worker's actors sent and the server accepted.
  private(set) var accepted: [Int]
  /// Measured changes that were sent, and that the server accepted.
  private(set) var sent = 0
  private(set) var replies = 0
  private(set) var skipped = 0
  /// Measured changes that reached an observer, each counted once for each observer.
  private(set) var deliveries = 0
  /// Messages that carried measured changes; with several changes in one there are fewer.
  private(set) var frames = 0
  /// How often an observer was told a snapshot instead of what it had missed.
  private(set) var snapshots = 0
  /// How often the server left numbers out, and how many in all.
  private(set) var holes = 0
  private(set) var missedSeqs = 0
  private(set) var latency = LatencyRecord()
  private(set) var ack = LatencyRecord()
  private(set) var lateness = SendLateness()

  /// Prepares one worker's part of a fan-out.
  ///
  /// - Parameters:
  ///   - rows: How many connections this worker has.
  ///   - actorRows: How many of them, the first ones, are actors.
  ///   - actors: How many actors all workers have together.
  ///   - schedule: When this worker's actors act.
  ///   - origin: When the load began.
  ///   - measured: Which changes count.
  ///   - channel: Where it all happens.
  init(
    rows: Int, actorRows: Int, actors: Int, schedule: OpenLoopSchedule?, origin: MonotonicTime,
    measured: Range<MonotonicTime>, channel: [UInt8]
  ) {
    self.actorRows = actorRows
    self.actors = actors
    cursor = schedule.map { OpenLoopCursor($0, end: measured.upperBound) }
    self.origin = origin
    self.measured = measured
    self.channel = channel
    seen = Array(repeating: -1, count: rows * actors)
    seq = Array(repeating: -1, count: rows)
    waiting = Array(repeating: 0, count: actorRows)
    accepted = Array(repeating: -1, count: actors)
  }

  /// Sending is over when its time is; then all observers have to reach the goal.
  var isComplete: Bool { isAbandoned || (goal != nil && behind == 0 && outstanding == 0) }

  /// How many pairs of observer and actor have not seen the actor's last change.
  var staleViews: Int { behind }

  /// Names the last stamp of each actor, from all workers, and counts who has not seen it.
  mutating func settle(goal: [Int], on table: borrowing ConnectionTable) {
    self.goal = goal
    behind = 0
    for row in actorRows..<seq.count where table.stage(of: row) == .ready {
      for actor in 0..<actors where seen[row * actors + actor] < goal[actor] { behind += 1 }
    }
  }

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    isAbandoned = table.readyCount == 0
    return sendDue(at: now, on: &table)
  }

  mutating func nextStep(at now: MonotonicTime) -> OpenLoopCursor.Step { cursor?.step(at: now) ?? .wait(until: .never) }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {
    switch head {
    case .push(.diff): observe(view, row: row, at: now, isSnapshot: false)
    case .push(.snapshot): observe(view, row: row, at: now, isSnapshot: true)
    case .inTurn:
      // Without ids the actors' rounds are not told apart: the reply is to the oldest change, which is answered now.
      guard answer(row) else { return }
      replies += 1
    case .ok(let round, _):
      guard answer(row), let cursor, round >= 0 else { return }
      let due = cursor.schedule.due(lane: row, round: round)
      accepted[table.number(of: row)] = Int(due.nanoseconds(since: origin))
      guard measured.contains(due) else { return }
      replies += 1
      ack.record(now.nanoseconds(since: due))
    case .failed(.some, _): _ = answer(row)
    case .failed, .push, .unknown: break
    }
  }

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    if row < actorRows {
      outstanding -= waiting[row]
      waiting[row] = 0
      return
    }
    guard let goal else { return }
    for actor in 0..<actors where seen[row * actors + actor] < goal[actor] { behind -= 1 }
  }

  mutating func send(_ turn: OpenLoopCursor.Turn, at now: MonotonicTime, on table: inout ConnectionTable) {
    let row = turn.lane
    let isMeasured = measured.contains(turn.due)
    let stamp = Stamp(actor: table.number(of: row), nanoseconds: Int(turn.due.nanoseconds(since: origin)))
    guard table.stage(of: row) == .ready else {
      if isMeasured { skipped += 1 }
      return
    }
    table.send(.change(id: turn.round, channel: channel, stamp), to: row)
    if table.dialect.acknowledgesChanges {
      outstanding += 1
      waiting[row] += 1
    }
    // Where no reply tells what was accepted, what was sent has to arrive.
    if !table.dialect.hasRequestIDs {
      accepted[stamp.actor] = stamp.nanoseconds
      if !table.dialect.acknowledgesChanges, isMeasured { replies += 1 }
    }
    if isMeasured {
      sent += 1
      lateness.sent(at: now, due: turn.due)
    }
  }

  /// Notes that a change was answered.
  ///
  /// - Returns: Whether one was waiting for it.
  private mutating func answer(_ row: Int) -> Bool {
    guard row < actorRows, waiting[row] > 0 else { return false }
    waiting[row] -= 1
    outstanding -= 1
    return true
  }

  private mutating func observe(_ view: MessageView, row: Int, at now: MonotonicTime, isSnapshot: Bool) {
    guard row >= actorRows else { return }
    follow(view, row: row, isSnapshot: isSnapshot)
    let before = deliveries
    view.forEachStamp { stamp in
      guard (0..<actors).contains(stamp.actor), stamp.nanoseconds > seen[row * actors + stamp.actor] else { return }
      let before = seen[row * actors + stamp.actor]
      seen[row * actors + stamp.actor] = stamp.nanoseconds
      if let goal, before < goal[stamp.actor], stamp.nanoseconds >= goal[stamp.actor] { behind -= 1 }
      let due = origin.advanced(by: .nanoseconds(stamp.nanoseconds))
      guard measured.contains(due) else { return }
      deliveries += 1
      latency.record(now.nanoseconds(since: due))
    }
    if deliveries > before { frames += 1 }
    done += deliveries - before
  }

  /// Follows the channel's numbers: each diff names the one it builds on.
  private mutating func follow(_ view: MessageView, row: Int, isSnapshot: Bool) {
    guard let new = view.integer("seq") else { return }
    defer { seq[row] = new }
    if isSnapshot {
      snapshots += 1
      if seq[row] >= 0 { missedSeqs += max(0, new - seq[row]) }
      return
    }
    guard let previous = view.integer("prev"), seq[row] >= 0, previous > seq[row] else { return }
    holes += 1
    missedSeqs += previous - seq[row]
  }
}
