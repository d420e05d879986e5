/// One figure of a comparison: where it stands in a report, and how it is written.
package struct ComparisonFigure: Sendable {
  /// In JSON.
  package let key: String
  package let title: String
  package let unit: String
  package let digits: Int
  /// Whether a larger one is better; for most a smaller one is.
  package let largerIsBetter: Bool
  let section: String
  let field: String
  /// Which of the latencies, where it is one.
  let percentile: (@Sendable (LatencySummary) -> Double)?

  init(
    _ key: String, _ title: String, unit: String, digits: Int, at section: String, _ field: String,
    largerIsBetter: Bool = false, percentile: (@Sendable (LatencySummary) -> Double)? = nil
  ) {
    self.key = key
    self.title = title
    self.unit = unit
    self.digits = digits
    self.section = section
    self.field = field
    self.largerIsBetter = largerIsBetter
    self.percentile = percentile
  }
}

extension Comparison {
  /// What is compared, in the order of the table.
  package static let figures: [ComparisonFigure] = [
    .init(
      "bytes_per_connection", "memory per idle connection", unit: "bytes", digits: 0, at: "connect",
      "server_private_bytes_per_connection"),
    .init("upgrade_us", "accept and upgrade", unit: "µs", digits: 1, at: "upgrade", "server_cpu_us_per_connection"),
    .init(
      "connect_us", "accept, upgrade and hello", unit: "µs", digits: 1, at: "connect", "server_cpu_us_per_connection"),
    .init("beat_us", "heartbeat with reply", unit: "µs", digits: 2, at: "beat", "server_cpu_us_per_heartbeat"),
    .init(
      "beat_p99_us", "its latency, p99", unit: "µs", digits: 0, at: "beat", "latency_us", percentile: { $0.p99 }),
    .init("silent_us", "heartbeat without reply", unit: "µs", digits: 2, at: "silent", "server_cpu_us_per_heartbeat"),
    .init(
      "pipelined_us", "heartbeat, 16 in flight on 64 connections", unit: "µs", digits: 3, at: "pipeline",
      "server_cpu_us_per_heartbeat"),
    .init(
      "pipelined_per_second", "the same, answered", unit: "per second", digits: 0, at: "pipeline", "achieved_per_second",
      largerIsBetter: true),
    .init("delivery_us", "fan-out, one delivery", unit: "µs", digits: 2, at: "fanout", "server_cpu_us_per_delivery"),
    .init(
      "delivery_p99_us", "change to delivery, p99", unit: "µs", digits: 0, at: "fanout", "latency_us",
      percentile: { $0.p99 }),
    .init("reconnect_us", "storm, one reconnect", unit: "µs", digits: 1, at: "storm", "server_cpu_us_per_reconnect"),
    .init("storm_seconds", "storm, until all are back", unit: "s", digits: 3, at: "storm", "seconds_to_full"),
  ]
}
