import MusterJSON

/// What the results about storage have in common: a table, where it was measured, and what was not as it should be.
protocol StorageResult: Sendable {
  var table: FigureTable { get }
  var fileSystem: FileSystemFacts { get }
  /// What went wrong, in sentences.
  var troubles: [String] { get }
  /// What was not measured, and why.
  var notes: [String] { get }
  /// How Redis names itself.
  var redisVersion: String? { get }
}

extension StorageResult {
  /// The last sections of the page.
  func closing(plots: [String]) -> String {
    var text = ""
    if !plots.isEmpty { text += "\n## Plots\n\n" + plots.map { "![\($0)](\($0))\n" }.joined() }
    for (title, sentences) in [("Notes", notes), ("What went wrong", troubles)] where !sentences.isEmpty {
      text += "\n## \(title)\n\n" + sentences.map { "- \($0)\n" }.joined()
    }
    return text
  }

  /// The result as one JSON object with every raw value; `more` writes members behind the directory.
  func json(_ facts: RunFacts, more: (inout JSONWriter) -> Void = { _ in }) -> String {
    var writer = JSONWriter(capacity: 16 << 10)
    writer.beginObject()
    facts.write(into: &writer)
    writer.pair("directory", string: fileSystem.text)
    more(&writer)
    if let redisVersion { writer.pair("redis", string: redisVersion) }
    writer.key("results")
    table.write(into: &writer)
    for (key, sentences) in [("notes", notes), ("troubles", troubles)] {
      writer.key(Array(key.utf8))
      writer.beginArray()
      for sentence in sentences { writer.string(sentence) }
      writer.endArray()
    }
    writer.endObject()
    return String(decoding: writer.copyBytes(), as: UTF8.self)
  }
}

extension FigureTable {
  /// A figure of those subjects whose keys are a prefix and a number, over that number.
  func points(_ figure: String, prefix: String) -> [LineChart.Point] {
    subjects.compactMap { subject in
      guard subject.key.hasPrefix(prefix), let x = Double(subject.key.dropFirst(prefix.count)),
        let spread = spread(figure, of: subject)
      else { return nil }
      return .init(x: x, y: spread.median, low: spread.min, high: spread.max)
    }
  }
}
