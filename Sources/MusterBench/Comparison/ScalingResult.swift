import MusterJSON

/// What was found out about how cost grows: one question a plot.
package struct ScalingResult: Sendable {
  /// What is asked.
  package enum Question: String, Sendable, CaseIterable {
    case beat
    case latency
    case memory
    case connect
    case storm
    case delivery
    case reach
    case throughput
    case threads

    /// Title of the plot, and of its axes.
    var titles: (title: String, x: String, y: String) {
      switch self {
      case .beat: ("What a heartbeat costs, by connections", "connections, one heartbeat a second each", "µs of server CPU")
      case .latency:
        ("How long a heartbeat takes, by connections", "connections, one heartbeat a second each", "µs from due to reply")
      case .memory: ("What the server's process holds, by connections", "connections", "MiB, private")
      case .connect: ("What a connection costs, by connections", "connections", "µs of server CPU for accept, upgrade, hello")
      case .storm: ("How long it takes until all are back, by connections", "connections dropped at once", "s")
      case .delivery: ("What a delivery costs, by observers", "observers of one channel", "µs of server CPU")
      case .reach:
        ("How long a change takes to its observers, by observers", "observers of one channel", "µs from due to delivery")
      case .throughput: ("What goes through, by threads of the server", "threads", "heartbeats answered a second")
      case .threads:
        ("What a heartbeat costs, by threads of the server", "threads, 16 in flight on 64 connections", "µs of server CPU")
      }
    }

    /// How the axes are spaced.
    var kinds: (x: ChartScale.Kind, y: ChartScale.Kind) {
      switch self {
      case .latency, .reach: (.logarithmic, .logarithmic)
      case .memory, .storm, .throughput, .threads: (.linear, .linear)
      case .beat, .connect, .delivery: (.logarithmic, .linear)
      }
    }
  }

  /// One line of a plot.
  package struct Line: Sendable {
    package var name: String
    /// The measured values at each place, in the order of the rounds.
    package var values: [Double: [Double]] = [:]
  }

  package var troubles: [String] = []
  package private(set) var lines: [Question: [Line]] = [:]

  package init() {}

  /// Takes in one value; nothing for none.
  package mutating func add(_ question: Question, _ name: String, _ x: Double, _ value: Double?) {
    guard let value else { return }
    var lines = lines[question] ?? []
    let place = lines.firstIndex { $0.name == name } ?? lines.count
    if place == lines.count { lines.append(Line(name: name)) }
    lines[place].values[x, default: []].append(value)
    self.lines[question] = lines
  }

  /// The slope of a line through the medians from `low` on; what one more costs.
  package func slope(_ question: Question, _ name: String, from low: Double) -> LineFit? {
    guard let line = lines[question]?.first(where: { $0.name == name }) else { return nil }
    return LineFit(line.values.compactMap { x, values in x >= low ? Spread(values).map { (x: x, y: $0.median) } : nil })
  }

  /// One plot for each question that has an answer.
  package func plots() -> [ComparisonResult.Plot] {
    Question.allCases.compactMap { question in
      guard let lines = lines[question], !lines.isEmpty else { return nil }
      let (title, xTitle, yTitle) = question.titles
      let rounds = lines.flatMap { $0.values.values.map(\.count) }.max() ?? 0
      let chart = LineChart(
        title: title,
        subtitle: rounds == 1 ? "One run at each point." : "Medians of \(rounds) rounds, with the least and the most.",
        xTitle: xTitle, yTitle: yTitle, xKind: question.kinds.x, yKind: question.kinds.y,
        series: lines.map { line in
          LineChart.Series(
            name: line.name,
            points: line.values.keys.sorted().compactMap { x in
              Spread(line.values[x] ?? []).map { .init(x: x, y: $0.median, low: $0.min, high: $0.max) }
            })
        })
      return .init(name: question.rawValue, svg: chart.svg)
    }
  }

  /// The result as a page: a plot and a table for each question.
  package func markdown(_ facts: RunFacts, plots: [String]) -> String {
    var text = facts.markdown + "\nMedians; CPU is that of the server's process.\n"
    if let slope = slope(.memory, Peer.muster.title, from: 5_000) {
      let bytes = Report.Value.fixed(slope.slope * 1_048_576, digits: 0) ?? "–"
      text += "\nMemory of Muster per idle connection with its session, slope from 5,000 connections on: **\(bytes) bytes** "
      text += "(r² \(Report.Value.fixed(slope.fit, digits: 4) ?? "–")).\n"
    }
    for question in Question.allCases {
      guard let lines = lines[question], !lines.isEmpty else { continue }
      text += "\n## \(question.titles.title)\n\n"
      for plot in plots where plot.hasSuffix("-\(question.rawValue).svg") { text += "![\(question.titles.title)](\(plot))\n\n" }
      let places = Set(lines.flatMap { $0.values.keys }).sorted()
      text += "| \(question.titles.y) | " + places.map { ChartScale.label($0) }.joined(separator: " | ") + " |\n"
      text += "| --- |" + String(repeating: " ---: |", count: places.count) + "\n"
      for line in lines {
        let cells = places.map { x in Spread(line.values[x] ?? []).map { ChartScale.label($0.median) } ?? "–" }
        text += "| \(line.name) | " + cells.joined(separator: " | ") + " |\n"
      }
    }
    if !troubles.isEmpty { text += "\n## What went wrong\n\n" + troubles.map { "- \($0)\n" }.joined() }
    return text
  }

  /// The result as one JSON object with every raw value.
  package func json(_ facts: RunFacts) -> String {
    var writer = JSONWriter(capacity: 16 << 10)
    writer.beginObject()
    facts.write(into: &writer)
    writer.key("questions")
    writer.beginObject()
    for question in Question.allCases {
      guard let lines = lines[question] else { continue }
      writer.key(Array(question.rawValue.utf8))
      writer.beginObject()
      writer.pair("x", string: question.titles.x)
      writer.pair("y", string: question.titles.y)
      writer.key("lines")
      writer.beginObject()
      for line in lines {
        writer.key(Array(line.name.utf8))
        writer.beginArray()
        for x in line.values.keys.sorted() {
          writer.beginObject()
          writer.pair("x", integer: Int(x))
          writer.key("values")
          writer.beginArray()
          for value in line.values[x] ?? [] { writer.number(value, digits: 4) }
          writer.endArray()
          writer.endObject()
        }
        writer.endArray()
      }
      writer.endObject()
      writer.endObject()
    }
    writer.endObject()
    writer.key("troubles")
    writer.beginArray()
    for trouble in troubles { writer.string(trouble) }
    writer.endArray()
    writer.endObject()
    return String(decoding: writer.copyBytes(), as: UTF8.self)
  }
}
