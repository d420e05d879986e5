import MusterJSON

extension DrillResult {
  /// How many losses and troubles are told one by one.
  private static let linesMax = 10

  /// The result for people: aligned lines, ending with a line break.
  package var table: String {
    var lines = ["muster drill \(scenario), seed \(seed)\(isInterrupted ? ", stopped early" : "")"]
    var rows: [(String, String)] = [("outcome", outcome.name)]
    if case .skipped(let reason) = outcome {
      rows.append(("because", reason))
    } else {
      rows += [
        ("acknowledged operations", "\(acknowledged)"), ("unanswered operations", "\(unanswered)"), ("lost", "\(losses.count)"),
        ("kills", "\(kills)"),
      ]
      if let median = recoveryMedian, let max = recoveryMax {
        rows.append(("recovery, median / max", "\(Self.text(median)) / \(Self.text(max)) ms (\(recoveries.count) starts)"))
      }
      if let events { rows.append(("events caused by restarts", "\(events)")) }
    }
    for note in notes {
      switch note.value {
      case .integer(let number): rows.append((note.title, "\(number)"))
      case .span(let span): rows.append((note.title, "\(Self.text(span)) ms"))
      case .text(let text): rows.append((note.title, text))
      }
    }
    rows.append(("took", "\(Self.text(elapsed, scale: 1000)) s"))
    if let directory { rows.append(("directory", directory)) }
    let width = rows.map(\.0.count).max() ?? 0
    lines += rows.map { "  \($0.0)\(String(repeating: " ", count: width - $0.0.count))  \($0.1)" }
    for (title, entries) in [("lost", losses.map(\.description)), ("trouble", troubles)] where !entries.isEmpty {
      lines.append("  \(title):")
      lines += entries.prefix(Self.linesMax).map { "    \($0)" }
      if entries.count > Self.linesMax { lines.append("    … and \(entries.count - Self.linesMax) more") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The result as one JSON object on one line, without a line break at its end.
  package var json: String {
    var writer = JSONWriter(capacity: 2048)
    writer.beginObject()
    writer.pair("tool", string: "muster drill")
    writer.pair("scenario", string: scenario)
    writer.pair("outcome", string: outcome.name.lowercased())
    if case .skipped(let reason) = outcome { writer.pair("reason", string: reason) }
    // As text: 64 bits do not fit a JSON number everywhere.
    writer.pair("seed", string: "\(seed)")
    writer.pair("interrupted", bool: isInterrupted)
    writer.pair("acknowledged", integer: acknowledged)
    writer.pair("unanswered", integer: unanswered)
    writer.pair("lost", integer: losses.count)
    writer.pair("kills", integer: kills)
    if let events { writer.pair("events", integer: events) }
    writer.key("recoveries_ms")
    writer.beginArray()
    for recovery in recoveries { writer.raw(Array(Self.text(recovery).utf8)) }
    writer.endArray()
    if let median = recoveryMedian, let max = recoveryMax {
      writer.pair("recovery_median_ms", raw: Array(Self.text(median).utf8))
      writer.pair("recovery_max_ms", raw: Array(Self.text(max).utf8))
    }
    for note in notes {
      writer.key(Array(note.key.utf8))
      switch note.value {
      case .integer(let number): writer.integer(number)
      case .span(let span): writer.raw(Array(Self.text(span).utf8))
      case .text(let text): writer.string(text)
      }
    }
    writer.pair("elapsed_s", raw: Array(Self.text(elapsed, scale: 1000).utf8))
    if let directory { writer.pair("directory", string: directory) }
    writer.key("losses")
    writer.beginArray()
    for loss in losses {
      writer.beginObject()
      writer.pair("subject", string: loss.subject)
      writer.pair("part", string: loss.part)
      writer.pair("acknowledged", string: loss.acknowledged)
      writer.pair("found", string: loss.found)
      writer.endObject()
    }
    writer.endArray()
    writer.key("troubles")
    writer.beginArray()
    for trouble in troubles { writer.string(trouble) }
    writer.endArray()
    writer.endObject()
    return String(decoding: writer.copyBytes(), as: UTF8.self)
  }

  /// Milliseconds, or a multiple of them, with one digit behind the point.
  private static func text(_ span: Duration, scale: Double = 1) -> String {
    let tenths = Int((span.inMilliseconds / scale * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}
