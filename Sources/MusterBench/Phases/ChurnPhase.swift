/// Every connection in turn joins one of its channels, or leaves it if it is in.
///
/// Each connection has `slots` channels of its own among all; which of them is next is drawn from a seed. The id of a request
/// carries its round and slot, so a reply needs no table.
struct ChurnPhase: OpenLoopPhase {
  /// Which connection may be in which channels.
  struct Layout: Sendable {
    /// The names of all channels.
    var channels: [[UInt8]]
    /// How many of them each connection uses.
    var slots: Int
    var seed: UInt64

    /// The channel behind a connection's slot.
    ///
    /// Neighbouring slots are neighbouring channels, so all are different.
    func channel(number: Int, slot: Int) -> Int {
      Int((Self.mix(seed ^ UInt64(number)) &+ UInt64(slot)) % UInt64(channels.count))
    }

    /// The slot that a connection uses in a round.
    func slot(number: Int, round: Int) -> Int {
      Int(Self.mix(seed &+ 1 ^ UInt64(number) << 32 ^ UInt64(round)) % UInt64(slots))
    }

    /// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): nearby inputs, unrelated outputs.
    private static func mix(_ value: UInt64) -> UInt64 {
      var z = value &+ 0x9e37_79b9_7f4a_7c15
      z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
      return z ^ z >> 31
    }
  }

  let measured: Range<MonotonicTime>
  private var cursor: OpenLoopCursor
  private let layout: Layout
  /// How many requests are not answered.
  private(set) var outstanding = 0
  /// How many requests of each row wait for their reply.
  private var waiting: [Int32]
  /// Whether each row is in the channel of each of its slots, as the replies will have it.
  private var isJoined: [Bool]
  private var isAbandoned = false

  private(set) var done = 0
  private(set) var sent = 0
  private(set) var replies = 0
  private(set) var skipped = 0
  private(set) var joins = LatencyRecord()
  private(set) var leaves = LatencyRecord()
  private(set) var lateness = SendLateness()
  /// What the other members' comings and goings brought.
  private(set) var pushes = 0

  init(schedule: OpenLoopSchedule, measured: Range<MonotonicTime>, layout: Layout) {
    cursor = OpenLoopCursor(schedule, end: measured.upperBound)
    self.measured = measured
    self.layout = layout
    waiting = Array(repeating: 0, count: schedule.share)
    isJoined = Array(repeating: false, count: schedule.share * layout.slots)
  }

  var isComplete: Bool { isAbandoned || (cursor.isOver && outstanding == 0) }

  /// How many connections of this worker are in each channel.
  func expected(numberOf: (Int) -> Int) -> [Int] {
    var counts = Array(repeating: 0, count: layout.channels.count)
    for row in waiting.indices {
      for slot in 0..<layout.slots where isJoined[row * layout.slots + slot] {
        counts[layout.channel(number: numberOf(row), slot: slot)] += 1
      }
    }
    return counts
  }

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    isAbandoned = table.readyCount == 0
    return sendDue(at: now, on: &table)
  }

  mutating func nextStep(at now: MonotonicTime) -> OpenLoopCursor.Step { cursor.step(at: now) }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {
    switch head {
    case .ok(let id, _):
      guard let request = answer(id, row: row) else { return }
      done += 1
      let due = cursor.schedule.due(lane: row, round: request.round)
      guard measured.contains(due) else { return }
      replies += 1
      if request.isJoin {
        joins.record(now.nanoseconds(since: due))
      } else {
        leaves.record(now.nanoseconds(since: due))
      }
    case .failed(let id?, _):
      // What was refused did not happen.
      if let request = answer(id, row: row) { isJoined[row * layout.slots + request.slot].toggle() }
    case .push: pushes += 1
    case .failed, .inTurn, .unknown: break
    }
  }

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    outstanding -= Int(waiting[row])
    waiting[row] = 0
    for slot in 0..<layout.slots { isJoined[row * layout.slots + slot] = false }
  }

  mutating func send(_ turn: OpenLoopCursor.Turn, at now: MonotonicTime, on table: inout ConnectionTable) {
    let row = turn.lane
    let isMeasured = measured.contains(turn.due)
    guard table.stage(of: row) == .ready else {
      if isMeasured { skipped += 1 }
      return
    }
    let number = table.number(of: row)
    let slot = layout.slot(number: number, round: turn.round)
    let isJoin = !isJoined[row * layout.slots + slot]
    let id = (turn.round * layout.slots + slot) * 2 + (isJoin ? 1 : 0)
    let channel = layout.channels[layout.channel(number: number, slot: slot)]
    table.send(.channel(isJoin ? .join : .leave, id: id, channel), to: row)
    isJoined[row * layout.slots + slot] = isJoin
    waiting[row] += 1
    outstanding += 1
    if isMeasured {
      sent += 1
      lateness.sent(at: now, due: turn.due)
    }
  }

  /// Takes a request off those that wait.
  private mutating func answer(_ id: Int, row: Int) -> (round: Int, slot: Int, isJoin: Bool)? {
    guard id >= 0, waiting[row] > 0 else { return nil }
    waiting[row] -= 1
    outstanding -= 1
    return (id / 2 / layout.slots, id / 2 % layout.slots, id % 2 == 1)
  }
}
