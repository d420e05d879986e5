/// What a drill found out: one value for the table and for JSON, so that they cannot differ.
package struct DrillResult: Sendable {
  /// How a drill ended.
  package enum Outcome: Sendable, Hashable {
    case kept
    /// Something that was acknowledged is gone, or something that was not is there.
    case lost
    /// Nothing is lost as far as it went, but something was not as it should be.
    case failed
    /// This machine cannot do it.
    case skipped(String)

    /// The word in reports.
    package var name: String {
      switch self {
      case .kept: "kept"
      case .lost: "LOST"
      case .failed: "FAILED"
      case .skipped: "skipped"
      }
    }
  }

  /// A figure of one scenario only.
  package struct Note: Sendable, Hashable {
    /// In JSON; the unit is its last word.
    package var key: String
    /// In the table.
    package var title: String
    package var value: Value

    package init(_ key: String, _ title: String, _ value: Value) {
      self.key = key
      self.title = title
      self.value = value
    }
  }

  /// A figure.
  package enum Value: Sendable, Hashable {
    case integer(Int)
    /// In milliseconds.
    case span(Duration)
    case text(String)
  }

  package var scenario: String
  package var seed: UInt64
  package var acknowledged = 0
  /// Sent, and never answered or answered with `unavailable`.
  package var unanswered = 0
  package var kills = 0
  /// From the start of a server's process until it was ready, for each restart.
  package var recoveries: [Duration] = []
  /// Joins and leaves that restarts caused; `nil` where nobody watched.
  package var events: Int?
  package var losses: [Loss] = []
  package var troubles: [String] = []
  package var notes: [Note] = []
  package var skipReason: String?
  package var isInterrupted = false
  package var elapsed = Duration.zero
  /// The directory that was kept.
  package var directory: String?

  package init(scenario: String, seed: UInt64) {
    self.scenario = scenario
    self.seed = seed
  }

  /// What all of it comes to.
  package var outcome: Outcome {
    if !losses.isEmpty { return .lost }
    if !troubles.isEmpty || events ?? 0 > 0 { return .failed }
    return skipReason.map { .skipped($0) } ?? .kept
  }

  /// Whether the process may end with 0.
  package var isClean: Bool { outcome != .lost && outcome != .failed }

  /// The one in the middle; `nil` without restarts.
  package var recoveryMedian: Duration? {
    recoveries.isEmpty ? nil : recoveries.sorted()[recoveries.count / 2]
  }

  /// The longest; `nil` without restarts.
  package var recoveryMax: Duration? { recoveries.max() }
}
