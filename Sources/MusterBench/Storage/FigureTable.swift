package import MusterJSON

/// Figures of several subjects, each measured in several rounds: one value for the page and for JSON, so that they cannot differ.
package struct FigureTable: Sendable {
  /// What is measured, and how it is written.
  package struct Figure: Sendable, Equatable {
    /// In JSON.
    package let key: String
    package let title: String
    package let unit: String
    package let digits: Int

    package init(_ key: String, _ title: String, unit: String, digits: Int = 0) {
      self.key = key
      self.title = title
      self.unit = unit
      self.digits = digits
    }
  }

  /// What it is measured of.
  package struct Subject: Sendable, Hashable {
    /// In JSON.
    package let key: String
    package let title: String

    package init(key: String, title: String) {
      self.key = key
      self.title = title
    }
  }

  /// What the rows of a page are.
  package enum Rows: Sendable {
    case figures
    case subjects
  }

  package let figures: [Figure]
  /// Those with any value, in the order in which they came.
  package private(set) var subjects: [Subject] = []
  private var values: [Subject: [String: [Double]]] = [:]

  /// A table without values.
  package init(_ figures: [Figure]) {
    self.figures = figures
  }

  package var isEmpty: Bool { subjects.isEmpty }

  /// Takes in one value; nothing for none.
  package mutating func add(_ value: Double?, _ figure: String, of subject: Subject) {
    guard let value, value.isFinite else { return }
    precondition(figures.contains { $0.key == figure }, "there is no figure '\(figure)'")
    if values[subject] == nil { subjects.append(subject) }
    values[subject, default: [:]][figure, default: []].append(value)
  }

  /// The values of all rounds; `nil` for none.
  package func spread(_ figure: String, of subject: Subject) -> Spread? {
    values[subject]?[figure].flatMap { Spread($0) }
  }

  /// How one median stands to another; `nil` when one is missing, or the second is 0.
  package func ratio(_ figure: String, of subject: Subject, to other: Subject) -> Double? {
    guard let own = spread(figure, of: subject)?.median, let base = spread(figure, of: other)?.median, base != 0 else {
      return nil
    }
    return own / base
  }

  /// The table in Markdown: medians, and with several rounds the least and the most in brackets.
  package func markdown(rows: Rows, corner: String = "") -> String {
    var lines: [String]
    switch rows {
    case .figures:
      lines = [row([corner, "unit"] + subjects.map(\.title)), row(["---", "---"] + subjects.map { _ in "---:" })]
      for figure in figures where subjects.contains(where: { spread(figure.key, of: $0) != nil }) {
        lines.append(row([figure.title, figure.unit] + subjects.map { cell(figure, $0) }))
      }
    case .subjects:
      let heads = figures.map { $0.unit.isEmpty ? $0.title : "\($0.title), \($0.unit)" }
      lines = [row([corner] + heads), row(["---"] + figures.map { _ in "---:" })]
      for subject in subjects { lines.append(row([subject.title] + figures.map { cell($0, subject) })) }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }

  private func cell(_ figure: Figure, _ subject: Subject) -> String {
    guard let spread = spread(figure.key, of: subject) else { return "–" }
    let median = Self.number(spread.median, figure)
    if spread.count == 1 || spread.min == spread.max { return median }
    return "\(median) (\(Self.number(spread.min, figure)) to \(Self.number(spread.max, figure)))"
  }

  private static func number(_ value: Double, _ figure: Figure) -> String {
    Report.Value.fixed(value, digits: figure.digits) ?? "–"
  }

  /// Writes the table as one object: subject, figure, values in the order of the rounds.
  package func write(into writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("figures")
    writer.beginObject()
    for figure in figures {
      writer.key(Array(figure.key.utf8))
      writer.beginObject()
      writer.pair("title", string: figure.title)
      writer.pair("unit", string: figure.unit)
      writer.endObject()
    }
    writer.endObject()
    writer.key("subjects")
    writer.beginObject()
    for subject in subjects {
      writer.key(Array(subject.key.utf8))
      writer.beginObject()
      writer.pair("title", string: subject.title)
      for figure in figures {
        guard let found = values[subject]?[figure.key], let spread = Spread(found) else { continue }
        writer.key(Array(figure.key.utf8))
        writer.beginObject()
        writer.key("median")
        writer.number(spread.median, digits: figure.digits + 2)
        writer.key("values")
        writer.beginArray()
        for value in found { writer.number(value, digits: figure.digits + 2) }
        writer.endArray()
        writer.endObject()
      }
      writer.endObject()
    }
    writer.endObject()
    writer.endObject()
  }
}

/// A bound that one figure of one subject is held against.
package struct FigureBudget: Sendable {
  package var what: String
  /// With its unit, as it stands in the table.
  package var bound: String
  /// What was measured; `nil` when it was not.
  package var measured: String?
  /// Whether it was kept; `nil` when it was not measured.
  package var isKept: Bool?

  package init(what: String, bound: String, measured: String?, isKept: Bool?) {
    self.what = what
    self.bound = bound
    self.measured = measured
    self.isKept = isKept
  }

  /// Several of them as a table.
  package static func markdown(_ budgets: [FigureBudget]) -> String {
    var lines = ["| what | budget | measured | kept |", "| --- | --- | --- | --- |"]
    for budget in budgets {
      let verdict = budget.isKept.map { $0 ? "yes" : "**no**" } ?? "not measured"
      lines.append("| \(budget.what) | \(budget.bound) | \(budget.measured ?? "–") | \(verdict) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
