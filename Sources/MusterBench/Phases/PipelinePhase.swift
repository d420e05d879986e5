/// Keeps so many heartbeats in flight on every connection: each reply brings on the next.
///
/// A closed loop: it shows the most a server can do, not how it feels to its users, since it waits when the server does.
struct PipelinePhase: LoadPhase {
  let measured: Range<MonotonicTime>
  private let depth: Int
  /// When the heartbeat in each place of each row's window was sent.
  private var sentAt: [MonotonicTime]
  private var nextID: [Int]
  /// How many heartbeats of each row were answered: also the id whose reply is next.
  private var answered: [Int]
  private var started = 0
  private var isAbandoned = false

  private(set) var done = 0
  /// Replies that came within the measured span.
  private(set) var replies = 0
  private(set) var latency = LatencyRecord()

  init(count: Int, depth: Int, measured: Range<MonotonicTime>) {
    self.depth = depth
    self.measured = measured
    sentAt = Array(repeating: .never, count: count * depth)
    nextID = Array(repeating: 0, count: count)
    answered = nextID
  }

  /// How many heartbeats are not answered.
  private(set) var outstanding = 0
  /// Replies that came twice or out of turn.
  private(set) var outOfOrder = 0
  private(set) var isComplete = false

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    isAbandoned = table.readyCount == 0
    var budget = max(1, sendsPerTurnMax / depth)
    while now < measured.upperBound, started < nextID.count, budget > 0 {
      for _ in 0..<depth { send(on: started, at: now, on: &table) }
      started += 1
      budget -= 1
    }
    isComplete = isAbandoned || (now >= measured.upperBound && outstanding == 0)
    return started < nextID.count && now < measured.upperBound ? now : .never
  }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {
    switch head {
    case .ok(let id, _): take(id, row: row, at: now, on: &table)
    case .inTurn: take(answered[row], row: row, at: now, on: &table)
    // A refused one is not replaced: a server that refuses all would be flooded by it.
    case .failed(let id?, _): _ = answer(id, row: row)
    case .failed, .push, .unknown: break
    }
  }

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    outstanding -= nextID[row] - answered[row]
    answered[row] = nextID[row]
  }

  private mutating func take(_ id: Int, row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    guard answer(id, row: row) else { return }
    done += 1
    if measured.contains(now) {
      replies += 1
      latency.record(now.nanoseconds(since: sentAt[row * depth + id % depth]))
    }
    if now < measured.upperBound { send(on: row, at: now, on: &table) }
  }

  /// Notes that a heartbeat was answered.
  ///
  /// - Returns: Whether it was still unanswered.
  private mutating func answer(_ id: Int, row: Int) -> Bool {
    guard id >= 0, id < nextID[row], answered[row] < nextID[row] else { return false }
    if id != answered[row] { outOfOrder += 1 }
    answered[row] += 1
    outstanding -= 1
    return true
  }

  private mutating func send(on row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    let id = nextID[row]
    guard table.send(.beat(id: id), to: row) else { return }
    sentAt[row * depth + id % depth] = now
    nextID[row] = id + 1
    outstanding += 1
  }
}
