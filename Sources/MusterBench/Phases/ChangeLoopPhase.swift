/// Keeps one change that must survive under way on every connection: each reply brings on the next.
///
/// A closed loop, so the number of connections is the number of changes that a server can make durable together.
struct ChangeLoopPhase: LoadPhase {
  let measured: Range<MonotonicTime>
  /// The channel that each row joins and leaves, its own.
  private let channels: [[UInt8]]
  /// `never` for a row that waits for nothing.
  private var sentAt: [MonotonicTime]
  private var nextID: [Int]
  private var started = 0

  private(set) var done = 0
  /// How many changes are not answered.
  private(set) var outstanding = 0
  /// Replies to something else than what was asked last.
  private(set) var outOfOrder = 0
  private(set) var latency = LatencyRecord()
  private(set) var isComplete = false

  /// Prepares as many rows as there are channels.
  init(channels: [[UInt8]], measured: Range<MonotonicTime>) {
    self.channels = channels
    self.measured = measured
    sentAt = Array(repeating: .never, count: channels.count)
    nextID = Array(repeating: 0, count: channels.count)
  }

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    var budget = sendsPerTurnMax
    while now < measured.upperBound, started < channels.count, budget > 0 {
      send(on: started, at: now, on: &table)
      started += 1
      budget -= 1
    }
    isComplete = table.readyCount == 0 || (now >= measured.upperBound && outstanding == 0)
    return started < channels.count && now < measured.upperBound ? now : .never
  }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {
    switch head {
    case .ok(let id, _): take(id, row: row, at: now, on: &table)
    case .inTurn: take(nextID[row] - 1, row: row, at: now, on: &table)
    // A refused one is not followed by another: a server that refuses all would be flooded.
    case .failed: finish(row)
    case .push, .unknown: break
    }
  }

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    finish(row)
  }

  private mutating func take(_ id: Int, row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    guard id == nextID[row] - 1, sentAt[row] != .never else {
      outOfOrder += 1
      return
    }
    let began = sentAt[row]
    finish(row)
    done += 1
    if measured.contains(now) { latency.record(now.nanoseconds(since: began)) }
    if now < measured.upperBound { send(on: row, at: now, on: &table) }
  }

  private mutating func finish(_ row: Int) {
    guard sentAt[row] != .never else { return }
    sentAt[row] = .never
    outstanding -= 1
  }

  private mutating func send(on row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    guard table.send(.lasting(id: nextID[row], channels[row]), to: row) else { return }
    sentAt[row] = now
    nextID[row] += 1
    outstanding += 1
  }
}
