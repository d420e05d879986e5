import Glibc

/// A moment of the monotonic clock: what recoveries are measured with, and when waiting ends.
package struct Moment: Comparable, Hashable, Sendable {
  /// After every moment that can occur.
  package static let never = Moment(nanoseconds: .max)

  private let nanoseconds: UInt64

  private init(nanoseconds: UInt64) {
    self.nanoseconds = nanoseconds
  }

  /// Reads the clock.
  package static func now() -> Moment {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Moment(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
  }

  /// The moment so long from now.
  package static func after(_ span: Duration) -> Moment { now().advanced(by: span) }

  /// The moment a span later; saturates at ``never``.
  package func advanced(by span: Duration) -> Moment {
    let (seconds, attoseconds) = span.components
    let (sum, overflow) = nanoseconds.addingReportingOverflow(
      UInt64(clamping: seconds) &* 1_000_000_000 &+ UInt64(clamping: attoseconds / 1_000_000_000))
    return overflow ? .never : Moment(nanoseconds: sum)
  }

  /// Whether it is over.
  package var hasPassed: Bool { Moment.now() >= self }

  /// What passed between an earlier moment and this one; zero when the other is later.
  package func since(_ earlier: Moment) -> Duration {
    .nanoseconds(Int64(clamping: nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0))
  }

  /// What is left, in milliseconds for `poll(2)`, rounded up; 0 when it is over.
  var pollMilliseconds: Int32 {
    guard self != .never else { return -1 }
    let left = since(.now())
    guard left > .zero else { return 0 }
    return Int32(clamping: left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000 + 1)
  }

  /// Keeps this thread still until a moment, or until somebody wants the drill to end.
  static func wait(until end: Moment) {
    while !end.hasPassed, !StopWish.isRaised {
      poll(nil, 0, min(end.pollMilliseconds, 50))
    }
  }

  package static func < (left: Moment, right: Moment) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension Duration {
  /// Milliseconds as a fraction.
  var inMilliseconds: Double {
    Double(components.seconds) * 1e3 + Double(components.attoseconds) / 1e15
  }
}
