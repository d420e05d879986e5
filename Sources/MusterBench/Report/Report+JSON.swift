import MusterJSON

extension Report {
  /// The report as one JSON object on one line, without a line break at its end.
  package var json: String {
    var writer = JSONWriter(capacity: 4096)
    writer.beginObject()
    writer.pair("tool", string: "muster bench")
    writer.pair("command", string: command)
    writer.pair("date", string: date)
    writer.key("host")
    Self.write(host, into: &writer)
    writer.key("parameters")
    Self.write(parameters, into: &writer)
    writer.pair("interrupted", bool: isInterrupted)
    writer.key("results")
    writer.beginObject()
    for section in sections {
      writer.key(Array(section.key.utf8))
      Self.write(section.fields, into: &writer)
    }
    writer.endObject()
    writer.key("troubles")
    writer.beginArray()
    for entry in troubles.entries {
      writer.beginObject()
      writer.pair("kind", string: entry.kind.rawValue)
      writer.pair("code", string: entry.code)
      writer.pair("count", integer: entry.count)
      writer.pair("message", string: entry.message)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return String(decoding: writer.copyBytes(), as: UTF8.self)
  }

  private static func write(_ fields: [Field], into writer: inout JSONWriter) {
    writer.beginObject()
    for field in fields {
      writer.key(Array(field.key.utf8))
      write(field.value, into: &writer)
    }
    writer.endObject()
  }

  private static func write(_ value: Value, into writer: inout JSONWriter) {
    switch value {
    case .integer(let number): writer.integer(number)
    case .decimal(let number, let digits): write(number, digits: digits, into: &writer)
    case .text(let words): writer.string(words)
    case .flag(let isSet): writer.bool(isSet)
    case .latency(let summary):
      writer.beginObject()
      writer.pair("count", integer: summary.count)
      for (name, figure) in summary.figures {
        writer.key(Array(name.utf8))
        write(figure, digits: 1, into: &writer)
      }
      writer.endObject()
    case .rows(let rows):
      writer.beginArray()
      for row in rows { write(row, into: &writer) }
      writer.endArray()
    }
  }

  private static func write(_ number: Double, digits: Int, into writer: inout JSONWriter) {
    guard let text = Value.fixed(number, digits: digits) else { return writer.null() }
    writer.raw(Array(text.utf8))
  }
}
