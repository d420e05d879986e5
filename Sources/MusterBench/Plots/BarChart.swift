/// One figure of several servers: a bar from zero for each median, with a whisker from the least to the most.
package struct BarChart: Sendable {
  /// One bar.
  package struct Bar: Sendable {
    package var name: String
    package var value: Double
    package var low: Double
    package var high: Double
    /// What stands behind the value.
    package var remark: String

    package init(name: String, value: Double, low: Double, high: Double, remark: String = "") {
      self.name = name
      self.value = value
      self.low = low
      self.high = high
      self.remark = remark
    }
  }

  package var title: String
  package var subtitle: String
  package var unit: String
  package var bars: [Bar]

  package init(title: String, subtitle: String, unit: String, bars: [Bar]) {
    self.title = title
    self.subtitle = subtitle
    self.unit = unit
    self.bars = bars
  }

  private static let (width, left, right, top, row) = (820.0, 150.0, 190.0, 66.0, 38.0)

  /// The chart as a file.
  package var svg: String {
    let scale = ChartScale(covering: bars.flatMap { [$0.value, $0.high] }, .linear)
    let bottom = Self.top + Double(bars.count) * Self.row
    let right = Self.width - Self.right
    func x(_ value: Double) -> Double { Self.left + scale.position(value) * (right - Self.left) }

    var drawing = SVGDocument(width: Int(Self.width), height: Int(bottom + 60))
    drawing.text(title, 24, 28, size: 17, isBold: true)
    drawing.text(subtitle, 24, 48, size: 12, colour: "#666")
    for tick in scale.ticks {
      drawing.line(x(tick), Self.top, x(tick), bottom, colour: "#e2e2e2")
      drawing.text(ChartScale.label(tick), x(tick), bottom + 20, .middle)
    }
    for (index, bar) in bars.enumerated() {
      let (y, middle) = (Self.top + Double(index) * Self.row, Self.top + (Double(index) + 0.5) * Self.row)
      let colour = SVGDocument.colours[index % SVGDocument.colours.count]
      drawing.text(bar.name, Self.left - 10, middle + 5, .end)
      drawing.bar(Self.left, y + 7, x(bar.value) - Self.left, Self.row - 14, colour: colour)
      if bar.high > bar.low {
        drawing.line(x(bar.low), middle, x(bar.high), middle, colour: "#222", width: 1.5)
        for end in [bar.low, bar.high] { drawing.line(x(end), middle - 5, x(end), middle + 5, colour: "#222", width: 1.5) }
      }
      let label = "\(ChartScale.label(bar.value))\(bar.remark.isEmpty ? "" : "  \(bar.remark)")"
      drawing.text(label, x(max(bar.value, bar.high)) + 10, middle + 5)
    }
    drawing.line(Self.left, Self.top, Self.left, bottom, colour: "#444")
    drawing.text(unit, (Self.left + right) / 2, bottom + 44, .middle)
    return drawing.svg
  }
}
