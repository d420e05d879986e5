/// How one thing grows with another: a line for each of several, with what was measured as dots.
package struct LineChart: Sendable {
  /// One measured point; `low` and `high` are the ends of its whisker.
  package struct Point: Sendable {
    package var x: Double
    package var y: Double
    package var low: Double
    package var high: Double

    package init(x: Double, y: Double, low: Double? = nil, high: Double? = nil) {
      self.x = x
      self.y = y
      self.low = low ?? y
      self.high = high ?? y
    }
  }

  /// One line.
  package struct Series: Sendable {
    package var name: String
    package var points: [Point]

    package init(name: String, points: [Point]) {
      self.name = name
      self.points = points
    }
  }

  package var title: String
  /// Below the title: what was run.
  package var subtitle: String
  package var xTitle: String
  package var yTitle: String
  package var xKind = ChartScale.Kind.logarithmic
  package var yKind = ChartScale.Kind.linear
  package var series: [Series]
  /// A dashed line across, such as a budget, with its name.
  package var mark: (name: String, y: Double)?

  package init(
    title: String, subtitle: String, xTitle: String, yTitle: String, xKind: ChartScale.Kind = .logarithmic,
    yKind: ChartScale.Kind = .linear, series: [Series], mark: (name: String, y: Double)? = nil
  ) {
    self.title = title
    self.subtitle = subtitle
    self.xTitle = xTitle
    self.yTitle = yTitle
    self.xKind = xKind
    self.yKind = yKind
    self.series = series
    self.mark = mark
  }

  private static let (width, height) = (900.0, 470.0)
  private static let (left, right, top, bottom) = (86.0, 270.0, 66.0, 66.0)

  /// The chart as a file.
  package var svg: String {
    let points = series.flatMap(\.points)
    let xScale = ChartScale(covering: points.map(\.x), xKind)
    let yScale = ChartScale(covering: points.flatMap { [$0.low, $0.high] } + (mark.map { [$0.y] } ?? []), yKind)
    let (right, bottom) = (Self.width - Self.right, Self.height - Self.bottom)
    func x(_ value: Double) -> Double { Self.left + xScale.position(value) * (right - Self.left) }
    func y(_ value: Double) -> Double { bottom - yScale.position(value) * (bottom - Self.top) }

    var drawing = SVGDocument(width: Int(Self.width), height: Int(Self.height))
    drawing.text(title, Self.left, 28, size: 17, isBold: true)
    drawing.text(subtitle, Self.left, 48, size: 12, colour: "#666")
    for tick in yScale.ticks {
      drawing.line(Self.left, y(tick), right, y(tick), colour: "#e2e2e2")
      drawing.text(ChartScale.label(tick), Self.left - 8, y(tick) + 4, .end)
    }
    for tick in xScale.ticks {
      drawing.line(x(tick), Self.top, x(tick), bottom, colour: "#f0f0f0")
      drawing.text(ChartScale.label(tick), x(tick), bottom + 20, .middle)
    }
    drawing.line(Self.left, bottom, right, bottom, colour: "#444")
    drawing.line(Self.left, Self.top, Self.left, bottom, colour: "#444")
    drawing.text(xTitle, (Self.left + right) / 2, Self.height - 18, .middle)
    drawing.text(yTitle, 22, (Self.top + bottom) / 2, .middle, isUpright: true)

    if let mark {
      drawing.line(Self.left, y(mark.y), right, y(mark.y), colour: "#888", width: 1.5, isDashed: true)
      drawing.text(mark.name, right + 8, y(mark.y) + 4, size: 12, colour: "#666")
    }
    for (index, series) in series.enumerated() {
      let colour = SVGDocument.colours[index % SVGDocument.colours.count]
      let points = series.points.sorted { $0.x < $1.x }
      drawing.path(points.map { (x($0.x), y($0.y)) }, colour: colour)
      for point in points {
        if point.high > point.low {
          drawing.line(x(point.x), y(point.low), x(point.x), y(point.high), colour: colour, width: 1.5)
        }
        drawing.dot(x(point.x), y(point.y), colour: colour)
      }
      let line = Self.top + 14 + Double(index) * 22
      drawing.line(right + 18, line - 4, right + 42, line - 4, colour: colour, width: 2)
      drawing.dot(right + 30, line - 4, colour: colour)
      drawing.text(series.name, right + 50, line)
    }
    return drawing.svg
  }
}
