/// How punctual the generator itself was.
///
/// A late send is part of the latency, which counts from when it was due; so a reader has to know how much of it is the
/// generator's own.
package struct SendLateness: Sendable {
  /// What is later than this counts as late: one millisecond.
  package static let tolerance: UInt64 = 1_000_000

  package private(set) var record = LatencyRecord()
  package private(set) var late = 0

  package init() {}

  /// Takes in one send.
  package mutating func sent(at now: MonotonicTime, due: MonotonicTime) {
    let lateness = now.nanoseconds(since: due)
    record.record(lateness)
    if lateness > Self.tolerance { late += 1 }
  }

  /// Adds what another worker measured.
  package mutating func add(_ other: SendLateness) {
    record.add(other.record)
    late += other.late
  }
}
