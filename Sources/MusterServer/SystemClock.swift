package import MusterEngine
package import MusterModel

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The clocks of the system.
///
/// Engine time goes on while the machine sleeps: a client that slept along with it has missed its heartbeats.
///
/// Ticks begin at ``firstTick`` rather than at 0, so that what was heard long before the start, by an earlier life of the engine, has
/// a tick as well.
package struct SystemClock: EngineClock {
  /// Where ticks begin: 310 days of past fit below, 12 years of uptime above.
  package static let firstTick = Tick(1 << 28)

  private let start = ContinuousClock.now

  package init() {}

  package var now: Tick {
    let milliseconds = start.duration(to: .now).milliseconds
    return Tick(UInt32(clamping: Int64(Self.firstTick.rawValue) + milliseconds / Int64(Tick.milliseconds)))
  }

  package var wall: WallTime {
    // Not `clock_gettime`: which module the members of `timespec` belong to depends on what else is built.
    WallTime(milliseconds: Int64(Date.now.timeIntervalSince1970 * 1_000))
  }
}
