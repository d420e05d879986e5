/// When each message of an open-loop load is due, as a pure function.
///
/// Every one of `lanes` senders sends once per `interval`; their turns are spread evenly over it, so the whole load is one
/// message each `interval / lanes`. The times depend on the plan alone, never on how fast the server answers: a latency that is
/// measured from them is free of coordinated omission (Gil Tene, "How NOT to Measure Latency", 2015). And because round `n` of a
/// lane is due at a computable time, a reply that carries `n` needs no table to be measured.
///
/// A generator with several threads gives each a share: lanes `first`, `first + stride`, and so on.
///
/// - Invariant: I1. `due(position:)` never decreases with the position.
package struct OpenLoopSchedule: Sendable {
  /// When round 0 of lane 0 is due.
  package let start: MonotonicTime
  /// The time between two messages of one lane, in nanoseconds.
  package let interval: UInt64
  /// How many lanes there are in all shares together.
  package let lanes: Int
  /// The first lane of this share.
  package let first: Int
  /// The distance between two lanes of this share.
  package let stride: Int

  /// Plans one share of a load.
  ///
  /// - Precondition: `interval`, `lanes` and `stride` are positive, and `first` is one of the lanes.
  package init(start: MonotonicTime, interval: Duration, lanes: Int, first: Int = 0, stride: Int = 1) {
    precondition(interval > .zero && lanes > 0 && stride > 0 && (0..<lanes).contains(first), "not a schedule")
    self.start = start
    self.interval = UInt64(interval.nanoseconds)
    self.lanes = lanes
    self.first = first
    self.stride = stride
  }

  /// How many lanes are in this share.
  package var share: Int { (lanes - first + stride - 1) / stride }

  /// The lane of this share, counted from 0 within it, whose turn is `position`.
  package func lane(position: Int) -> Int { position % share }

  /// How many messages the lane whose turn is `position` has sent before.
  package func round(position: Int) -> Int { position / share }

  /// When the message at `position` of this share is due.
  package func due(position: Int) -> MonotonicTime {
    due(lane: lane(position: position), round: round(position: position))
  }

  /// When round `round` of a lane, counted within this share, is due.
  package func due(lane: Int, round: Int) -> MonotonicTime {
    let offset = (UInt64(first + lane * stride) &* interval) / UInt64(lanes)
    return MonotonicTime(nanoseconds: start.nanoseconds &+ UInt64(round) &* interval &+ offset)
  }
}
