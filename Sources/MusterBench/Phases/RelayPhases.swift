import MusterJSON

/// Every connection of a relay opens its sessions, or closes them, batch after batch, one under way at a time.
struct RelayStepPhase: LoadPhase {
  enum Step: Sendable, Equatable {
    case open(prefix: String)
    case close
  }

  private let step: Step
  private let batch: Int
  /// How many sessions each row has or is to have.
  private let share: Int
  /// The ids of each row's sessions, 16 bytes each; empty before they are opened.
  private(set) var sessions: [[UInt8]]
  private var position: [Int]
  private var started = 0
  private var finished = 0
  private(set) var done = 0
  /// Opens that were refused.
  private(set) var refused = 0

  /// Prepares one worker's part.
  init(_ step: Step, rows: Int, share: Int, batch: Int, sessions: [[UInt8]] = []) {
    self.step = step
    self.batch = batch
    self.share = share
    self.sessions = sessions.isEmpty ? Array(repeating: [], count: rows) : sessions
    position = Array(repeating: 0, count: rows)
  }

  var isComplete: Bool { finished >= position.count }

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    while started < position.count {
      started += 1
      next(row: started - 1, on: &table)
    }
    return .never
  }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {
    switch head {
    case .ok(_, let body):
      if case .open = step { take(view, from: body, row: row) } else { done += batch }
      next(row: row, on: &table)
    // The batch counts as a trouble already; the rest is still to be tried.
    case .failed: next(row: row, on: &table)
    case .inTurn, .push, .unknown: break
    }
  }

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    if position[row] < .max { finished += 1 }
    position[row] = .max
  }

  private mutating func next(row: Int, on table: inout ConnectionTable) {
    guard position[row] < .max else { return }
    let limit = step == .close ? sessions[row].count / RelayBatch.sessionBytes : share
    let start = position[row]
    let end = min(start + batch, limit)
    let first = table.number(of: row) * share
    let isSent =
      start < end
      && table.sendBinary(to: row) { [step, sessions] writer in
        switch step {
        case .open(let prefix):
          RelayBatch.opens(prefix: prefix, numbers: first + start..<first + end, id: start, into: &writer.buffer)
        case .close:
          let ids = sessions[row][start * RelayBatch.sessionBytes..<end * RelayBatch.sessionBytes]
          RelayBatch.closes(ids, id: start, into: &writer.buffer)
        }
      }
    position[row] = isSent ? end : .max
    if !isSent { finished += 1 }
  }

  private mutating func take(_ view: MessageView, from body: Int, row: Int) {
    for start in stride(from: body, to: view.bytes.count - RelayBatch.openedBytes + 1, by: RelayBatch.openedBytes) {
      let code = view.bytes[start] | view.bytes[start + 1]
      guard code == 0 else {
        refused += 1
        continue
      }
      sessions[row] += view.bytes[start + 4..<start + RelayBatch.openedBytes]
      done += 1
    }
  }
}

/// Every connection of a relay sends a batch of heartbeats once per interval: the sessions that it has, in turn.
struct RelayBeatPhase: OpenLoopPhase {
  let measured: Range<MonotonicTime>
  private var cursor: OpenLoopCursor
  private let batch: Int
  private let sessions: [[UInt8]]
  private var waiting: [Int]
  private(set) var outstanding = 0
  private var isAbandoned = false

  /// Heartbeats that were answered.
  private(set) var done = 0
  private(set) var sent = 0
  private(set) var skipped = 0
  /// Heartbeats of sessions that the server did not know.
  private(set) var unknown = 0
  /// Of batches.
  private(set) var latency = LatencyRecord()
  private(set) var lateness = SendLateness()

  init(schedule: OpenLoopSchedule, measured: Range<MonotonicTime>, batch: Int, sessions: [[UInt8]]) {
    cursor = OpenLoopCursor(schedule, end: measured.upperBound)
    self.measured = measured
    self.batch = batch
    self.sessions = sessions
    waiting = Array(repeating: 0, count: sessions.count)
  }

  var isComplete: Bool { isAbandoned || (cursor.isOver && outstanding == 0) }

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    isAbandoned = table.readyCount == 0
    return sendDue(at: now, on: &table)
  }

  mutating func nextStep(at now: MonotonicTime) -> OpenLoopCursor.Step { cursor.step(at: now) }

  mutating func send(_ turn: OpenLoopCursor.Turn, at now: MonotonicTime, on table: inout ConnectionTable) {
    let ids = slice(row: turn.lane, round: turn.round)
    let isSent = !ids.isEmpty && table.sendBinary(to: turn.lane) { RelayBatch.heartbeats(ids, id: turn.round, into: &$0.buffer) }
    guard isSent else {
      if measured.contains(turn.due) { skipped += 1 }
      return
    }
    waiting[turn.lane] += 1
    outstanding += 1
    guard measured.contains(turn.due) else { return }
    sent += ids.count / RelayBatch.sessionBytes
    lateness.sent(at: now, due: turn.due)
  }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {
    switch head {
    case .ok(let round, _):
      guard answer(row) else { return }
      done += slice(row: row, round: round).count / RelayBatch.sessionBytes
      unknown += RelayBatch.entries(of: view.bytes)
      let due = cursor.schedule.due(lane: row, round: round)
      if measured.contains(due) { latency.record(now.nanoseconds(since: due)) }
    case .failed: _ = answer(row)
    case .inTurn, .push, .unknown: break
    }
  }

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    outstanding -= waiting[row]
    waiting[row] = 0
  }

  /// The ids of one batch of a row; the last of a walk through all may be shorter.
  private func slice(row: Int, round: Int) -> ArraySlice<UInt8> {
    let ids = sessions[row]
    let batches = (ids.count / RelayBatch.sessionBytes + batch - 1) / batch
    guard batches > 0 else { return [] }
    let start = round % batches * batch * RelayBatch.sessionBytes
    return ids[start..<min(ids.count, start + batch * RelayBatch.sessionBytes)]
  }

  private mutating func answer(_ row: Int) -> Bool {
    guard waiting[row] > 0 else { return false }
    waiting[row] -= 1
    outstanding -= 1
    return true
  }
}
