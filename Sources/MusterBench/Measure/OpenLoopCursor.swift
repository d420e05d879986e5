/// Walks through a schedule, from turn to turn, up to its end.
package struct OpenLoopCursor: Sendable {
  /// One message that is due.
  package struct Turn: Sendable, Equatable {
    /// Who sends it: a lane, counted within this share.
    package let lane: Int
    /// How many it has sent before.
    package let round: Int
    package let due: MonotonicTime
  }

  /// What comes next.
  package enum Step: Sendable, Equatable {
    case due(Turn)
    /// Nothing until then; ``MonotonicTime/never`` behind the end.
    case wait(until: MonotonicTime)
  }

  package let schedule: OpenLoopSchedule
  /// What is due from here on is not sent any more.
  package let end: MonotonicTime
  private var position = 0

  package init(_ schedule: OpenLoopSchedule, end: MonotonicTime) {
    self.schedule = schedule
    self.end = end
  }

  /// Whether no turn is left.
  package var isOver: Bool { schedule.due(position: position) >= end }

  /// Takes the next turn if it is due.
  package mutating func step(at now: MonotonicTime) -> Step {
    let due = schedule.due(position: position)
    if due >= end { return .wait(until: .never) }
    if due > now { return .wait(until: due) }
    defer { position += 1 }
    return .due(Turn(lane: schedule.lane(position: position), round: schedule.round(position: position), due: due))
  }

  /// How many turns of a lane have been taken.
  package func rounds(of lane: Int) -> Int {
    schedule.round(position: position) + (lane < schedule.lane(position: position) ? 1 : 0)
  }
}
