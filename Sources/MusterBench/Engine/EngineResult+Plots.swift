extension EngineResult {
  /// A plot: figures against the number of sessions.
  private struct Question {
    var name: String
    var title: String
    var yTitle: String
    var figures: [(EngineFigure, String)]
    var yKind = ChartScale.Kind.linear
    var mark: (name: String, y: Double)?
  }

  private static let questions = [
    Question(
      name: "beat", title: "What a heartbeat costs, by sessions", yTitle: "ns of CPU",
      figures: [
        (.beatBySlot, "by slot"), (.bareWrite, "a write to a plain row"), (.beatByID, "by id, in batches of \(EngineLoad.batch)"),
      ]),
    Question(
      name: "life", title: "What a session's life costs, by sessions", yTitle: "ns of CPU",
      figures: [(.open, "open, with a heartbeat"), (.dormant, "lease over"), (.expire, "expiry")]),
    Question(
      name: "bytes", title: "What a dormant session holds, by sessions", yTitle: "bytes",
      figures: [(.tableBytes, "tables"), (.privateBytes, "process, private")], mark: ("budget", 96)),
    Question(
      name: "stall", title: "The longest slice of work, by sessions", yTitle: "µs",
      figures: [
        (.sliceCPU, "timers, CPU"), (.sliceWall, "timers, wall"), (.opensCPU, "opens, CPU"), (.opensWall, "opens, wall"),
      ], yKind: .logarithmic, mark: ("budget", 2_000)),
  ]

  /// One plot for each question, when there is more than one size.
  package func plots() -> [ComparisonResult.Plot] {
    guard sizes.count > 1 else { return [] }
    return Self.questions.map { question in
      let series = question.figures.map { figure, name in
        LineChart.Series(
          name: name,
          points: sizes.compactMap { sessions in
            spread(figure, at: sessions).map { .init(x: Double(sessions), y: $0.median, low: $0.min, high: $0.max) }
          })
      }
      let chart = LineChart(
        title: question.title, subtitle: "Medians of interleaved rounds, with the least and the most.", xTitle: "sessions",
        yTitle: question.yTitle, yKind: question.yKind, series: series.filter { !$0.points.isEmpty }, mark: question.mark)
      return .init(name: question.name, svg: chart.svg)
    }
  }
}
