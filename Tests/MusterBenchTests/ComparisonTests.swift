import MusterBench
import MusterJSON
import Testing

@Suite struct ComparisonResultTests {
  private let facts = RunFacts(
    title: "T", command: "muster bench compare", commit: "abc", date: "2026-01-02T03:04:05Z",
    host: [.init("cores", "cores", .integer(2))])

  private func result() -> ComparisonResult {
    var result = ComparisonResult(figures: Comparison.figures)
    for value in [10.0, 30, 20] { result.add(["beat_us": value, "delivery_us": 6], of: .floor) }
    for value in [24.0, 22, 18] { result.add(["beat_us": value, "delivery_us": 7, "bytes_per_connection": 400], of: .muster) }
    for value in [40.0, 41, 39] { result.add(["beat_us": value, "delivery_us": 7.1], of: .nchan) }
    return result
  }

  @Test("a median is a value that was measured: of an even number the lower in the middle")
  func median() throws {
    #expect(Spread([]) == nil)
    #expect(try #require(Spread([3])).median == 3)
    #expect(try #require(Spread([4, 1, 3, 2])).median == 2)
    let spread = try #require(Spread([5, 1, 9, 3, 7]))
    #expect(spread.median == 5 && spread.min == 1 && spread.max == 9 && spread.count == 5)
  }

  @Test("a ratio is that of two medians; without one of them there is none")
  func ratio() {
    let result = result()
    #expect(result.ratio("beat_us", of: .muster) == 1.1)
    #expect(result.ratio("beat_us", of: .redis) == nil)
    #expect(result.ratio("bytes_per_connection", of: .muster) == nil)
  }

  @Test("a budget is kept up to its bound, and one that was not measured is neither kept nor missed")
  func budgets() throws {
    var result = result()
    func verdict(_ figure: String, _ bound: ComparisonResult.Budget.Bound) -> Bool? {
      result.isKept(.init(figure: figure, what: "", bound: bound))
    }
    #expect(verdict("beat_us", .timesFloor(1.1)) == true)
    #expect(verdict("beat_us", .timesFloor(1.09)) == false)
    #expect(verdict("bytes_per_connection", .atMost(400)) == true)
    #expect(verdict("bytes_per_connection", .atMost(399)) == false)
    #expect(verdict("delivery_us", .below(.nchan)) == true)
    #expect(verdict("delivery_us", .below(.redis)) == nil)
    #expect(verdict("connect_us", .timesFloor(1.5)) == nil)
    for _ in 0..<3 { result.add(["delivery_us": 5], of: .nchan) }
    #expect(verdict("delivery_us", .below(.nchan)) == false)
    #expect(result.budgetTable.contains("**no**"))
  }

  @Test("the best is found by what is better, and the floor does not take part")
  func best() throws {
    var result = result()
    let beat = try #require(Comparison.figures.first { $0.key == "beat_us" })
    #expect(result.best(beat) == .muster)
    let rate = try #require(Comparison.figures.first { $0.key == "pipelined_per_second" })
    result.add(["pipelined_per_second": 5], of: .muster)
    result.add(["pipelined_per_second": 9], of: .nchan)
    #expect(result.best(rate) == .nchan)
  }

  @Test("the page has medians with ratios, spreads, what was left out and what was at its limit")
  func markdown() {
    var result = result()
    result.skipped = [.init(peer: .redis, reason: "not installed")]
    result.saturated = [.init(peer: .nchan, section: "beat")]
    let page = result.markdown(facts, plots: ["a.svg"])
    #expect(page.contains("| heartbeat with reply | µs | 20.00 | **22.00** (1.10) | 40.00 (2.00) ‡ |"))
    #expect(page.contains("18.00 to 24.00, n=3"))
    #expect(page.contains("- Redis was left out: not installed"))
    #expect(page.contains("- commit: `abc`") && page.contains("![a.svg](a.svg)"))
  }

  @Test("the JSON is sound and has every raw value in the order of the rounds")
  func json() throws {
    let text = Array(result().json(facts).utf8)
    try text.withUnsafeBytes { bytes in
      var reader = JSONReader(bytes)
      try reader.skipValue()
      try reader.finish()
    }
    #expect(String(decoding: text, as: UTF8.self).contains(#""values":[24.0000,22.0000,18.0000]"#))
  }
}

@Suite struct ScalingResultTests {
  @Test("the slope is that of the medians from a place on")
  func slope() throws {
    var result = ScalingResult()
    for (x, values) in [(1_000.0, [50.0]), (5_000, [2, 1, 900]), (10_000, [3, 3, 3]), (19_000, [4.8, 4.8, 0])] {
      for value in values { result.add(.memory, "Muster", x, value) }
    }
    result.add(.memory, "Muster", 30_000, nil)
    let line = try #require(result.slope(.memory, "Muster", from: 5_000))
    #expect(abs(line.slope - 0.0002) < 1e-9 && abs(line.fit - 1) < 1e-9)
    #expect(result.slope(.memory, "nobody", from: 0) == nil)
    #expect(result.plots().map(\.name) == ["memory"])
  }
}

@Suite struct ChartTests {
  @Test("an axis covers what it was made for, in steps that increase", arguments: [ChartScale.Kind.linear, .logarithmic])
  func cover(kind: ChartScale.Kind) {
    var random = SeededRandom()
    for _ in 0..<500 {
      let top = Double.random(in: 1e-3...1e9, using: &random)
      let values = [top, top * Double.random(in: 1e-4...1, using: &random)]
      let scale = ChartScale(covering: values, kind)
      #expect((2...16).contains(scale.ticks.count), "\(random): \(scale)")
      #expect(zip(scale.ticks, scale.ticks.dropFirst()).allSatisfy { $0 < $1 }, "\(random)")
      for value in values {
        #expect(value >= scale.ticks[0] * 0.999999, "\(random)")
        #expect(value <= (scale.ticks.last ?? 0) * 1.000001, "\(random)")
      }
      #expect(scale.position(scale.ticks[0]) == 0 && scale.position(scale.ticks.last ?? 0) == 1, "\(random)")
    }
  }

  @Test("a linear axis begins at zero; on a logarithmic one equal factors are equal distances")
  func positions() {
    #expect(ChartScale(covering: [7, 9], .linear).ticks == [0, 2, 4, 6, 8, 10])
    let scale = ChartScale(covering: [10, 1_000], .logarithmic)
    #expect(abs(scale.position(100) - 0.5) < 1e-9)
    #expect(scale.position(0) == 0 && scale.position(1e9) == 1)
    for values in [[], [0], [5]] as [[Double]] {
      #expect(ChartScale(covering: values, .linear).ticks.count >= 2)
      #expect(ChartScale(covering: values, .logarithmic).ticks.count >= 2)
    }
  }

  @Test("numbers are written with few digits and a letter for their size")
  func labels() {
    for (value, text) in [
      (0, "0"), (0.5, "0.5"), (0.44, "0.44"), (1, "1"), (12.5, "12.5"), (999, "999"), (1_000, "1 k"), (19_000, "19 k"),
      (1_500_000, "1.5 M"), (2e9, "2 G"), (0.001, "0.001"),
    ] { #expect(ChartScale.label(value) == text) }
  }

  @Test("a plot is sound XML with every name escaped, and shows each point")
  func svg() {
    let chart = LineChart(
      title: "a < b & c", subtitle: "", xTitle: "x", yTitle: "y",
      series: [.init(name: "one", points: [.init(x: 1_000, y: 2, low: 1, high: 3), .init(x: 10_000, y: 4)])])
    #expect(chart.svg.contains("a &lt; b &amp; c") && !chart.svg.contains("a < b"))
    // Two points and one in the legend.
    #expect(chart.svg.split(separator: "<circle").count == 4)
    let bars = BarChart(
      title: "t", subtitle: "", unit: "µs", bars: [.init(name: "n", value: 2, low: 1, high: 3, remark: "(1.1×)")])
    #expect(bars.svg.contains("2  (1.1×)") && bars.svg.hasSuffix("</svg>\n"))
  }
}
