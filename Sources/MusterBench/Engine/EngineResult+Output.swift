import MusterJSON

extension EngineResult {
  /// The result as a page: a table of medians, budgets, lateness, what the medians are of, and plots.
  package func markdown(_ facts: RunFacts, plots: [String] = []) -> String {
    var text = facts.markdown
    text += "\nMedians of \(rounds). Costs are CPU time of the one thread that runs, without sockets, actors or a log.\n"
    text += "How long a slice takes is said by the wall as well, where a busy machine shows, and so does a guest's host:\n"
    text += "beside it stands what happens to a loop that only reads the clocks.\n\n"
    text += table { figure, sessions in
      spread(figure, at: sessions).flatMap { Report.Value.fixed($0.median, digits: 1) } ?? "–"
    }
    text += "\n## Slices\n\n" + slicesTable
    if !verdicts.isEmpty {
      text += "\n## Budgets\n\n| what | at most | median | kept |\n| --- | ---: | ---: | --- |\n"
      for verdict in verdicts {
        let isKept = verdict.isKept ? "yes" : "**no**"
        text += "| \(verdict.what) | \(number(verdict.most)) | \(number(verdict.median)) | \(isKept) |\n"
      }
    }
    if !lateness.isEmpty { text += "\n## Leases in real time\n\n" + latenessTable }
    text += "\n## From the least to the most of all rounds\n\n"
    text += table { figure, sessions in
      guard let spread = spread(figure, at: sessions) else { return "–" }
      return "\(number(spread.min)) to \(number(spread.max)), n=\(spread.count)"
    }
    if !plots.isEmpty { text += "\n## Plots\n\n" + plots.map { "![\($0)](\($0))\n" }.joined(separator: "\n") }
    return text
  }

  private var rounds: String {
    let counts = Set(values.values.flatMap { $0.values.map(\.count) }).sorted()
    let text = counts.map(String.init).joined(separator: " or ")
    return counts == [1] ? "1 round" : "\(text) interleaved rounds"
  }

  private func number(_ value: Double) -> String { Report.Value.fixed(value, digits: 1) ?? "–" }

  private func table(_ cell: (EngineFigure, Int) -> String) -> String {
    var lines = ["| | " + sizes.map { "\(ChartScale.label(Double($0))) sessions" }.joined(separator: " | ") + " |"]
    lines.append("| --- |" + String(repeating: " ---: |", count: sizes.count))
    for figure in EngineFigure.allCases {
      lines.append("| \(figure.title) | " + sizes.map { cell(figure, $0) }.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private var slicesTable: String {
    var text = "Rounds do the same work, slice by slice. What the machine adds comes at another slice in each round, so the\n"
    text += "longest slice is given twice: as it came, and with each slice at its quickest of all rounds, which is what the\n"
    text += "work itself takes.\n\n"
    text += "| sessions | a slice is | longest, µs of CPU | each at its quickest, µs of CPU |\n| ---: | --- | ---: | ---: |\n"
    for sessions in sizes {
      for kind in SliceKind.allCases {
        guard let longest = longestSlice(kind, at: sessions),
          let came = spread(kind == .timers ? .sliceCPU : .opensCPU, at: sessions)
        else { continue }
        let label = ChartScale.label(Double(sessions))
        text += "| \(label) | \(kind.title) | \(number(came.median)) | \(number(longest)) |\n"
      }
    }
    return text
  }

  private var latenessTable: String {
    let leases = lateness.map(\.lateness.count).max() ?? 0
    var text = "\(ChartScale.label(Double(leases))) leases whose ends are spread over 10 s; a loop wakes at each tick (100 ms)\n"
    text += "and ends in slices what is due. Late is a lease from the tick at which it is due to the end of the slice\n"
    text += "that ended it.\n\n"
    text += "| µs | median | least | most |\n| --- | ---: | ---: | ---: |\n"
    for (title, value) in Self.latenessRows {
      guard let spread = Spread(lateness.map(value)) else { continue }
      text += "| \(title) | \(number(spread.median)) | \(number(spread.min)) | \(number(spread.max)) |\n"
    }
    return text
  }

  private static let latenessRows: [(title: String, value: @Sendable (LatenessFigures) -> Double)] = [
    ("late, p50", { $0.lateness.p50 }),
    ("late, p99", { $0.lateness.p99 }),
    ("late, p99.9", { $0.lateness.p999 }),
    ("late, most", { $0.lateness.max }),
    ("longest slice, CPU", { $0.longestSliceCPU }),
    ("longest slice, wall", { $0.longestSliceWall }),
  ]

  /// The result as one JSON object with every raw value.
  package func json(_ facts: RunFacts) -> String {
    var writer = JSONWriter(capacity: 16 << 10)
    writer.beginObject()
    facts.write(into: &writer)
    writer.key("sizes")
    writer.beginArray()
    for sessions in sizes {
      writer.beginObject()
      writer.pair("sessions", integer: sessions)
      for figure in EngineFigure.allCases {
        guard let measured = values[sessions]?[figure] else { continue }
        writer.key(Array(figure.rawValue.utf8))
        write(measured, into: &writer)
      }
      for kind in SliceKind.allCases {
        guard let longest = longestSlice(kind, at: sessions) else { continue }
        writer.key(Array("longest_\(kind.rawValue)_at_quickest_us".utf8))
        writer.number(longest, digits: 1)
      }
      writer.endObject()
    }
    writer.endArray()
    writer.key("lateness")
    writer.beginArray()
    for each in lateness {
      writer.beginObject()
      writer.pair("leases", integer: each.lateness.count)
      for (name, value) in each.lateness.figures {
        writer.key(Array("\(name)_us".utf8))
        writer.number(value, digits: 1)
      }
      writer.key("longest_slice_cpu_us")
      writer.number(each.longestSliceCPU, digits: 1)
      writer.key("longest_slice_us")
      writer.number(each.longestSliceWall, digits: 1)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return String(decoding: writer.copyBytes(), as: UTF8.self)
  }

  private func write(_ values: [Double], into writer: inout JSONWriter) {
    writer.beginArray()
    for value in values { writer.number(value, digits: 2) }
    writer.endArray()
  }
}
