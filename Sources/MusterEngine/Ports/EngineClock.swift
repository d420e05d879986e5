package import MusterModel

/// A point in monotonic engine time, in units of 100 ms.
///
/// Where it begins is up to the clock: high enough for the ages of what is recovered, since those reach back before the start.
/// 32 bits last for 13 years in all.
package struct Tick: Sendable, Hashable, Comparable {
  /// How long one tick is, in milliseconds.
  package static let milliseconds = 100

  package var rawValue: UInt32

  package init(_ rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// A tick that no deadline reaches.
  package static let never = Tick(.max)

  /// The tick so many ticks later; saturates below ``never``.
  package func advanced(by ticks: UInt32) -> Tick {
    let (sum, overflow) = rawValue.addingReportingOverflow(ticks)
    return Tick(overflow ? .max - 1 : min(sum, .max - 1))
  }

  /// The tick a duration later, rounded up to whole ticks.
  package func advanced(by duration: Duration) -> Tick {
    advanced(by: duration.ticks)
  }

  /// How many ticks lie between an earlier tick and this one; 0 when the other is later.
  package func ticks(since earlier: Tick) -> UInt32 {
    rawValue > earlier.rawValue ? rawValue - earlier.rawValue : 0
  }

  package static func < (left: Tick, right: Tick) -> Bool { left.rawValue < right.rawValue }
}

extension Duration {
  /// The duration in ticks, rounded up; saturates.
  package var ticks: UInt32 {
    let milliseconds = max(0, milliseconds)
    return UInt32(clamping: (milliseconds + Int64(Tick.milliseconds) - 1) / Int64(Tick.milliseconds))
  }

  /// The duration in whole milliseconds, rounded down.
  package var milliseconds: Int64 {
    // Not by `components`, which divides twice and takes 190 instructions.
    Int64(attoseconds / 1_000_000_000_000_000)
  }
}

/// Where engine time comes from.
///
/// Shards never read it: a plane reads it once per turn and hands the values down, so one manual clock drives a whole test.
package protocol EngineClock: Sendable {
  /// The current tick. Never goes back.
  var now: Tick { get }
  /// The current wall time. May jump.
  var wall: WallTime { get }
}

/// A moment as a turn sees it: the same for everything that happens in that turn.
package struct Moment: Sendable, Hashable {
  package var tick: Tick
  package var wall: WallTime

  package init(tick: Tick, wall: WallTime) {
    self.tick = tick
    self.wall = wall
  }

  /// The wall time at which a tick comes, as far as it can be told now.
  package func wall(at tick: Tick) -> WallTime {
    let difference = (Int64(tick.rawValue) - Int64(self.tick.rawValue)) * Int64(Tick.milliseconds)
    return WallTime(milliseconds: wall.milliseconds + difference)
  }

  /// The tick at which a wall time comes, as far as it can be told now; the present for a time that is past.
  package func tick(at wall: WallTime) -> Tick {
    let milliseconds = max(0, wall.milliseconds - self.wall.milliseconds)
    return tick.advanced(by: UInt32(clamping: (milliseconds + Int64(Tick.milliseconds) - 1) / Int64(Tick.milliseconds)))
  }
}
