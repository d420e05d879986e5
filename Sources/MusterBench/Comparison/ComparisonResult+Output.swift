import MusterJSON

extension ComparisonResult {
  /// The result as a page: a table of medians, a table of what they are the medians of, and what went wrong.
  package func markdown(_ facts: RunFacts, plots: [String] = []) -> String {
    var text = facts.markdown
    text += "\nCPU is user and system time of the server's process for one operation. Each cell is the median of all rounds; in "
    text +=
      "brackets\nhow it stands to the floor, a bare epoll loop in C in the same rounds. The best apart from the floor is bold.\n"
    if !saturated.isEmpty {
      text += "‡: the server did not keep up with the load that was offered, so this is its cost at its limit, not the cost of "
      text += "one more.\n"
    }
    text +=
      "\n"
      + table { figure, peer in
        guard let spread = spread(figure.key, of: peer) else { return "–" }
        let median = Report.Value.fixed(spread.median, digits: figure.digits) ?? "–"
        let isBest = peer == best(figure)
        var cell = isBest ? "**\(median)**" : median
        if peer != .floor, let ratio = ratio(figure.key, of: peer) { cell += " (\(Report.Value.fixed(ratio, digits: 2) ?? "–"))" }
        return cell + (isSaturated(figure, of: peer) ? " ‡" : "")
      }
    if peers.contains(.muster) { text += "\n## Budgets\n\n" + budgetTable }
    text +=
      "\n## From the least to the most of all rounds\n\n"
      + table { figure, peer in
        guard let spread = spread(figure.key, of: peer) else { return "–" }
        let ends = [spread.min, spread.max].map { Report.Value.fixed($0, digits: figure.digits) ?? "–" }
        return "\(ends[0]) to \(ends[1]), n=\(spread.count)"
      }
    if !plots.isEmpty { text += "\n## Plots\n\n" + plots.map { "![\($0)](\($0))\n" }.joined() }
    text += "\n## Versions\n\n"
    for peer in peers { text += "- \(peer.title): \(versions[peer] ?? facts.commit)\n" }
    for skip in skipped { text += "- \(skip.peer.title) was left out: \(skip.reason)\n" }
    if !troubles.isEmpty { text += "\n## What went wrong\n\n" + troubles.map { "- \($0)\n" }.joined() }
    return text
  }

  /// The peer with the best median apart from the floor.
  package func best(_ figure: ComparisonFigure) -> Peer? {
    let medians = peers.filter { $0 != .floor }.compactMap { peer in spread(figure.key, of: peer).map { (peer, $0.median) } }
    let ordered = medians.sorted { figure.largerIsBetter ? $0.1 > $1.1 : $0.1 < $1.1 }
    return ordered.first?.0
  }

  private func table(_ cell: (ComparisonFigure, Peer) -> String) -> String {
    var lines = ["| | unit | " + peers.map(\.title).joined(separator: " | ") + " |"]
    lines.append("| --- | --- |" + String(repeating: " ---: |", count: peers.count))
    for figure in figures {
      lines.append("| \(figure.title) | \(figure.unit) | " + peers.map { cell(figure, $0) }.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The result as one JSON object with every raw value.
  package func json(_ facts: RunFacts) -> String {
    var writer = JSONWriter(capacity: 16 << 10)
    writer.beginObject()
    facts.write(into: &writer)
    writer.key("versions")
    writer.beginObject()
    for peer in peers {
      guard let version = versions[peer] else { continue }
      writer.key(Array(peer.rawValue.utf8))
      writer.string(version)
    }
    writer.endObject()
    writer.key("skipped")
    writer.beginObject()
    for skip in skipped {
      writer.key(Array(skip.peer.rawValue.utf8))
      writer.string(skip.reason)
    }
    writer.endObject()
    writer.key("figures")
    writer.beginArray()
    for figure in figures { write(figure, into: &writer) }
    writer.endArray()
    writer.key("troubles")
    writer.beginArray()
    for trouble in troubles { writer.string(trouble) }
    writer.endArray()
    writer.endObject()
    return String(decoding: writer.copyBytes(), as: UTF8.self)
  }

  private func write(_ figure: ComparisonFigure, into writer: inout JSONWriter) {
    writer.beginObject()
    writer.pair("key", string: figure.key)
    writer.pair("title", string: figure.title)
    writer.pair("unit", string: figure.unit)
    writer.key("peers")
    writer.beginObject()
    for peer in peers {
      guard let spread = spread(figure.key, of: peer) else { continue }
      writer.key(Array(peer.rawValue.utf8))
      writer.beginObject()
      for (name, value) in [("median", spread.median), ("min", spread.min), ("max", spread.max)] {
        writer.key(Array(name.utf8))
        writer.number(value, digits: figure.digits + 2)
      }
      if let ratio = ratio(figure.key, of: peer) {
        writer.key("ratio_to_floor")
        writer.number(ratio, digits: 3)
      }
      writer.pair("saturated", bool: isSaturated(figure, of: peer))
      writer.key("values")
      writer.beginArray()
      for value in values[peer]?[figure.key] ?? [] { writer.number(value, digits: figure.digits + 2) }
      writer.endArray()
      writer.endObject()
    }
    writer.endObject()
    writer.endObject()
  }
}
