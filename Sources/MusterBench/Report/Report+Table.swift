extension Report {
  /// The report for people: sections of aligned lines, ending with a line break.
  package var table: String {
    var lines = ["muster bench \(command), \(date)\(isInterrupted ? ", stopped early" : "")"]
    lines += Self.lines(of: host)
    lines += ["", "asked for"] + Self.lines(of: parameters)
    for section in sections {
      lines += ["", section.title] + Self.lines(of: section.fields)
    }
    if !troubles.isEmpty {
      lines += ["", "trouble"]
      let width = troubles.entries.map { "\($0.kind.rawValue) \($0.code)".count }.max() ?? 0
      for entry in troubles.entries {
        let name = Self.left("\(entry.kind.rawValue) \(entry.code)", width)
        lines.append("  \(name)  \(Self.right(String(entry.count), 8))  \(entry.message)")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Plain figures first, one a line; then all latencies under one head; then small tables.
  private static func lines(of fields: [Field]) -> [String] {
    var lines: [String] = []
    let plain = fields.filter { if case .latency = $0.value { false } else if case .rows = $0.value { false } else { true } }
    let width = plain.map(\.title.count).max() ?? 0
    for field in plain {
      lines.append("  \(left(field.title, width))  \(text(of: field.value))\(field.unit.isEmpty ? "" : " \(field.unit)")")
    }
    let latencies = fields.compactMap { field -> (String, LatencySummary)? in
      if case .latency(let summary) = field.value { (field.title, summary) } else { nil }
    }
    if !latencies.isEmpty {
      let cells = latencies.map { name, summary in
        [name, String(summary.count)] + summary.figures.map { Value.fixed($0.figure, digits: 1) ?? "-" }
      }
      lines += grid([["latency, µs", "count"] + latencies[0].1.figures.map { $0.name.replacing("_", with: ".") }] + cells)
    }
    for field in fields {
      guard case .rows(let rows) = field.value, let first = rows.first else { continue }
      let head = first.map { $0.unit.isEmpty ? $0.title : "\($0.title), \($0.unit)" }
      lines += grid([[field.title] + head] + rows.map { [""] + $0.map { text(of: $0.value) } })
    }
    return lines
  }

  private static func text(of value: Value) -> String {
    switch value {
    case .integer(let number): String(number)
    case .decimal(let number, let digits): Value.fixed(number, digits: digits) ?? "-"
    case .text(let words): words
    case .flag(let isSet): isSet ? "yes" : "no"
    case .latency(let summary): Value.fixed(summary.p50, digits: 1) ?? "-"
    case .rows(let rows): "\(rows.count) rows"
    }
  }

  /// Aligns cells in columns: the first to the left, the others to the right.
  private static func grid(_ rows: [[String]]) -> [String] {
    let columns = rows.first?.count ?? 0
    let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.indices.map { $0 == 0 ? left(row[$0], widths[$0]) : right(row[$0], widths[$0]) }
      return "  " + cells.joined(separator: "  ")
    }
  }

  private static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
