extension ComparisonResult {
  /// A plot and the name that its file gets.
  package struct Plot: Sendable {
    package var name: String
    package var svg: String
  }

  /// One bar chart for each figure that is CPU, memory or the time of a storm.
  package func plots() -> [Plot] {
    let plotted = [
      "bytes_per_connection", "upgrade_us", "connect_us", "beat_us", "silent_us", "pipelined_us", "delivery_us", "reconnect_us",
      "storm_seconds",
    ]
    return figures.filter { plotted.contains($0.key) }.compactMap { figure in
      let bars = peers.compactMap { peer -> BarChart.Bar? in
        guard let spread = spread(figure.key, of: peer) else { return nil }
        var remark = peer == .floor ? "" : ratio(figure.key, of: peer).map { "(\(ChartScale.short($0))×)" } ?? ""
        if isSaturated(figure, of: peer) { remark += " at its limit" }
        return .init(name: peer.title, value: spread.median, low: spread.min, high: spread.max, remark: remark)
      }
      guard !bars.isEmpty else { return nil }
      let rounds = peers.compactMap { spread(figure.key, of: $0)?.count }.max() ?? 0
      let isCPU = figure.unit == "µs"
      let chart = BarChart(
        title: figure.title.prefix(1).uppercased() + figure.title.dropFirst() + (isCPU ? ": server CPU" : ""),
        subtitle:
          "Median of \(rounds) interleaved rounds; whiskers from the least to the most; in brackets: how it stands to the floor.",
        unit: isCPU ? "µs of CPU, less is better" : "\(figure.unit), less is better", bars: bars)
      return Plot(name: figure.key.replacing("_", with: "-"), svg: chart.svg)
    }
  }
}
