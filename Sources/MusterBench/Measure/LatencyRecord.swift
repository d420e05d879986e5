import Histogram

/// Latencies of one kind of operation, in a histogram with three significant digits.
///
/// - Complexity: O(1) to record, without allocation; about 300 KB.
package struct LatencyRecord: Sendable {
  /// What is longer is recorded as this: ten minutes.
  private static let nanosecondsMax: UInt64 = 600_000_000_000

  private var histogram = Histogram<UInt64>(
    lowestDiscernibleValue: 1, highestTrackableValue: nanosecondsMax, numberOfSignificantValueDigits: .three)

  package init() {}

  /// How many latencies were recorded.
  package var count: Int { Int(histogram.totalCount) }

  /// Takes in one latency, in nanoseconds.
  package mutating func record(_ nanoseconds: UInt64) {
    histogram.record(min(nanoseconds, Self.nanosecondsMax))
  }

  /// Adds what another thread recorded.
  package mutating func add(_ other: LatencyRecord) {
    histogram.add(other.histogram)
  }

  /// Takes in so many latencies of one length at once, in nanoseconds.
  package mutating func record(_ nanoseconds: UInt64, times: Int) {
    histogram.record(min(nanoseconds, Self.nanosecondsMax), count: UInt64(max(0, times)))
  }

  /// What was recorded, by length; as exact as the record itself.
  ///
  /// - Complexity: O(buckets that are not empty).
  package var buckets: [(nanoseconds: UInt64, count: Int)] {
    var buckets = histogram.recordedValues().map {
      (nanoseconds: histogram.lowestEquivalentForValue($0.value), count: Int($0.count))
    }
    // The longest is known exactly, and percentiles near the end are cut to it.
    if let last = buckets.indices.last { buckets[last].nanoseconds = histogram.maxRecorded }
    return buckets
  }

  /// The latency that `percentile` percent of all do not exceed, in microseconds; 0 when nothing was recorded.
  package func microseconds(percentile: Double) -> Double {
    Double(histogram.valueAtPercentile(percentile)) / 1e3
  }

  /// The figures of a report, in microseconds; `nil` when nothing was recorded.
  package var summary: LatencySummary? {
    guard count > 0 else { return nil }
    return LatencySummary(
      count: count, mean: histogram.mean / 1e3, p50: microseconds(percentile: 50), p90: microseconds(percentile: 90),
      p99: microseconds(percentile: 99), p999: microseconds(percentile: 99.9), max: microseconds(percentile: 100))
  }
}

/// Percentiles in microseconds.
package struct LatencySummary: Sendable, Equatable {
  package var count: Int
  package var mean: Double
  package var p50: Double
  package var p90: Double
  package var p99: Double
  package var p999: Double
  package var max: Double

  /// The figures but for the count, in the order in which they are reported, by their names in JSON.
  package var figures: [(name: String, figure: Double)] {
    [("mean", mean), ("p50", p50), ("p90", p90), ("p99", p99), ("p99_9", p999), ("max", max)]
  }

  package init(count: Int, mean: Double, p50: Double, p90: Double, p99: Double, p999: Double, max: Double) {
    self.count = count
    self.mean = mean
    self.p50 = p50
    self.p90 = p90
    self.p99 = p99
    self.p999 = p999
    self.max = max
  }
}
