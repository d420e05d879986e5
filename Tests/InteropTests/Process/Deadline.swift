import Glibc

/// Something that should have happened by now did not.
struct TimedOut: Error, CustomStringConvertible {
  let what: String

  var description: String { "timed out waiting for \(what)" }
}

/// The moment at which a test stops waiting.
struct Deadline: Sendable {
  private let instant: ContinuousClock.Instant

  /// A deadline from now on.
  ///
  /// The default is far beyond what a loaded machine needs, so reaching it means a defect.
  static func after(_ duration: Duration = .seconds(20)) -> Deadline {
    Deadline(instant: .now + duration)
  }

  var hasPassed: Bool { ContinuousClock.now >= instant }

  /// What is left for `poll(2)`, at most `limit` milliseconds.
  func milliseconds(atMost limit: Int32 = .max) -> Int32 {
    let left = instant - .now
    guard left > .zero else { return 0 }
    let (seconds, attoseconds) = left.components
    return Int32(clamping: min(Int64(limit), seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1))
  }

  /// Asks again and again until there is an answer.
  ///
  /// - Throws: ``TimedOut``, with what was last seen.
  func poll<Answer>(_ what: String, every pause: Duration = .milliseconds(20), _ ask: () throws -> Answer?) throws -> Answer {
    while true {
      if let answer = try ask() { return answer }
      guard !hasPassed else { throw TimedOut(what: what) }
      // The one place that waits without an event: what is asked for happens in another process and cannot be subscribed to.
      Glibc.poll(nil, 0, Deadline.after(pause).milliseconds())
    }
  }
}
