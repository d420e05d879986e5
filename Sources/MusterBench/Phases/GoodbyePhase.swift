/// Closes every connection with code 1000, so that the sessions leave at once and the server is as it was.
struct GoodbyePhase: LoadPhase {
  /// So many wait for the server's answer at a time.
  private static let atOnceMax = 512

  private var next = 0
  private var underWay = 0
  private(set) var done = 0
  private(set) var isComplete = false

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    while next < table.count, underWay < Self.atOnceMax {
      let stage = table.stage(of: next)
      if table.dialect.saysGoodbye, stage == .ready || stage == .greeting {
        table.sendGoodbye(row: next)
        underWay += 1
      } else {
        table.drop(row: next)
      }
      next += 1
    }
    isComplete = next >= table.count && underWay == 0
    return .never
  }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {}

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    // A row that comes later may be lost before it is said goodbye to.
    guard row < next else { return }
    underWay -= 1
    done += 1
  }
}
