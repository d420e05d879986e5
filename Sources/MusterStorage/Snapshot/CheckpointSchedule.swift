package import MusterEngine

/// When a checkpoint is due; a value without a clock.
package struct CheckpointSchedule: Sendable {
  /// So much log behind the last checkpoint makes one due.
  package var logBytes = 256 << 20
  /// So long after the last one the next is due, if anything has changed.
  package var interval: Duration = .seconds(300)
  /// So long after one that failed the next may be tried.
  package var pause: Duration = .seconds(10)

  private var made = LSN.zero
  private var tried: Duration = .zero
  private var hasFailed = false

  /// A schedule that begins now.
  package init(from covered: LSN, at now: Duration) {
    made = covered
    tried = now
  }

  /// Whether a checkpoint is due.
  ///
  /// - Parameters:
  ///   - appended: The last record.
  ///   - bytes: How much log there is behind the last checkpoint.
  ///   - now: On the clock of ``noteMade(through:at:)``.
  /// - Returns: Whether to make one now.
  package func isDue(appended: LSN, bytes: Int, at now: Duration) -> Bool {
    guard appended > made else { return false }
    if hasFailed, now - tried < pause { return false }
    return bytes >= logBytes || now - tried >= interval
  }

  /// A checkpoint was made, and holds everything through a record.
  package mutating func noteMade(through covered: LSN, at now: Duration) {
    made = covered
    tried = now
    hasFailed = false
  }

  /// A checkpoint could not be made.
  package mutating func noteFailed(at now: Duration) {
    tried = now
    hasFailed = true
  }
}
