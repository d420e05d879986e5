/// What a load found out: one value for the table and for JSON, so that they cannot differ.
package struct Report: Sendable {
  /// One figure, with its name for programs and its name for people.
  package struct Field: Sendable {
    /// In JSON; the unit is its last word: `server_cpu_us_per_heartbeat`.
    package var key: String
    /// In the table.
    package var title: String
    /// In the table, behind the figure.
    package var unit: String
    package var value: Value

    package init(_ key: String, _ title: String, unit: String = "", _ value: Value) {
      self.key = key
      self.title = title
      self.unit = unit
      self.value = value
    }
  }

  /// A figure.
  package indirect enum Value: Sendable {
    case integer(Int)
    /// Rounded to so many digits behind the point.
    case decimal(Double, digits: Int)
    case text(String)
    case flag(Bool)
    /// Percentiles in microseconds.
    case latency(LatencySummary)
    /// A small table: every row has the same fields.
    case rows([[Field]])
  }

  /// Figures that belong together.
  package struct Section: Sendable {
    package var key: String
    package var title: String
    package var fields: [Field]

    package init(_ key: String, _ title: String, _ fields: [Field]) {
      self.key = key
      self.title = title
      self.fields = fields
    }
  }

  /// The name of the load: `connect`, `beat` and so on.
  package var command: String
  /// When it began, in UTC.
  package var date: String
  /// Where it ran.
  package var host: [Field]
  /// What was asked for.
  package var parameters: [Field]
  package var sections: [Section]
  /// The parts of it as sums, where they are kept as such; not written.
  package var outcomes: [(key: String, outcome: Outcome)] = []
  /// What went wrong; a run with any of it has failed.
  package var troubles: Tally
  /// Whether it was stopped early; then the figures are of what was measured until then.
  package var isInterrupted: Bool

  package init(
    command: String, date: String, host: [Field], parameters: [Field], sections: [Section] = [], troubles: Tally = Tally(),
    isInterrupted: Bool = false
  ) {
    self.command = command
    self.date = date
    self.host = host
    self.parameters = parameters
    self.sections = sections
    self.troubles = troubles
    self.isInterrupted = isInterrupted
  }

  /// A figure that is a number, by the keys of its section and its own.
  package func figure(_ section: String, _ key: String) -> Double? {
    let fields = sections.first { $0.key == section }?.fields
    switch fields?.first(where: { $0.key == key })?.value {
    case .integer(let number): return Double(number)
    case .decimal(let number, _): return number.isFinite ? number : nil
    default: return nil
    }
  }

  /// A latency, by the keys of its section and its own.
  package func latency(_ section: String, _ key: String) -> LatencySummary? {
    let fields = sections.first { $0.key == section }?.fields
    if case .latency(let summary)? = fields?.first(where: { $0.key == key })?.value { return summary }
    return nil
  }

  /// Whether everything went as it should.
  package var isClean: Bool { troubles.isEmpty }
}

extension Report.Value {
  /// A number as text, rounded half away from zero; `null` in JSON and `-` in the table stand for what is no number.
  package static func fixed(_ value: Double, digits: Int) -> String? {
    guard value.isFinite, abs(value) < 1e15 else { return nil }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 9e18 else { return nil }
    let whole = Int(scaled) / Int(scale)
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(whole)" }
    let fraction = String(Int(scaled) % Int(scale))
    return "\(sign)\(whole).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
  }
}
