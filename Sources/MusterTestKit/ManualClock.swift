package import MusterEngine
package import MusterModel
import MusterThreads

/// A clock that moves when it is told to.
package final class ManualClock: EngineClock {
  private struct State {
    var tick = Tick(1_000)
    var wall = WallTime(milliseconds: 1_800_000_000_000)
  }

  private let state = ContendedLock(State())

  package init() {}

  package var now: Tick { state.withLock { $0.tick } }

  package var wall: WallTime { state.withLock { $0.wall } }

  /// Both times as one.
  package var moment: Moment { state.withLock { Moment(tick: $0.tick, wall: $0.wall) } }

  /// Moves both times on.
  package func advance(ticks: UInt32) {
    state.withLock {
      $0.tick = $0.tick.advanced(by: ticks)
      $0.wall.milliseconds += Int64(ticks) * Int64(Tick.milliseconds)
    }
  }

  /// Moves the wall time alone, as an operator or NTP does.
  package func jumpWall(milliseconds: Int64) {
    state.withLock { $0.wall.milliseconds += milliseconds }
  }
}
