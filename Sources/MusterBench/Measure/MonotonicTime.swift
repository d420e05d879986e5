import CLinux
import Glibc

/// A moment of the monotonic clock, in nanoseconds since the machine started.
///
/// The generator's only clock: it never jumps, and 53 bits of it fit a JSON number for the first hundred days of a machine.
package struct MonotonicTime: Comparable, Hashable, Sendable {
  /// After every moment that can occur.
  package static let never = MonotonicTime(nanoseconds: .max)

  package let nanoseconds: UInt64

  package init(nanoseconds: UInt64) {
    self.nanoseconds = nanoseconds
  }

  /// Reads the clock; about 30 ns, without a system call.
  package static func now() -> MonotonicTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
  }

  /// The moment `span` later; saturates at ``never``.
  package func advanced(by span: Duration) -> MonotonicTime {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(UInt64(max(0, span.nanoseconds)))
    return overflow ? .never : MonotonicTime(nanoseconds: sum)
  }

  /// Nanoseconds from `earlier` to here; 0 when `earlier` is later.
  package func nanoseconds(since earlier: MonotonicTime) -> UInt64 {
    self > earlier ? nanoseconds &- earlier.nanoseconds : 0
  }

  /// Seconds from `earlier` to here; 0 when `earlier` is later.
  package func seconds(since earlier: MonotonicTime) -> Double {
    Double(nanoseconds(since: earlier)) / 1e9
  }

  package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

/// The wall clock, for what has to be told to others; nothing is measured with it.
enum WallClock {
  /// Milliseconds since 1970.
  static func milliseconds() -> Int64 {
    let time = time(after: 0)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }

  /// The time so many nanoseconds, less than a second, from now, as calls of the system take it.
  static func time(after nanoseconds: Int) -> timespec {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    time.tv_nsec += nanoseconds
    if time.tv_nsec >= 1_000_000_000 { (time.tv_sec, time.tv_nsec) = (time.tv_sec + 1, time.tv_nsec - 1_000_000_000) }
    return time
  }
}

extension Duration {
  /// Whole nanoseconds; saturates at 292 years.
  package var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? (seconds < 0 ? .min : .max) : whole + attoseconds / 1_000_000_000
  }

  /// Seconds as a fraction.
  package var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
