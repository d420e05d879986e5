/// A phase whose sends follow a schedule, whether or not the server keeps up.
protocol OpenLoopPhase: LoadPhase {
  /// The next turn if it is due, else when it will be.
  mutating func nextStep(at now: MonotonicTime) -> OpenLoopCursor.Step

  /// Sends what the turn is about.
  mutating func send(_ turn: OpenLoopCursor.Turn, at now: MonotonicTime, on table: inout ConnectionTable)
}

extension OpenLoopPhase {
  /// Sends what is due, a bounded number of turns.
  ///
  /// The clock is read for each send, not for each call: the last of many is as late as it is.
  ///
  /// - Returns: When more will be due.
  mutating func sendDue(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    var now = now
    for _ in 0..<sendsPerTurnMax {
      switch nextStep(at: now) {
      case .wait(let moment): return moment
      case .due(let turn): send(turn, at: now, on: &table)
      }
      now = .now()
    }
    return now
  }
}
