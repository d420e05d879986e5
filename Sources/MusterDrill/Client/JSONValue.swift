package import MusterJSON

/// A JSON value as a tree, for messages that are looked at from outside: `reply["ok"]["seq"].integer`.
///
/// What is not there is ``null``, so a path never traps. Numbers that are no integers are null too: the protocol has none.
package enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int64)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Reads a text that is one value.
  package init(parsing bytes: [UInt8]) throws(JSONError) {
    // SAFETY: the pointer is used inside the closure only.
    self = try bytes.span.bytes.withUnsafeBytes { bytes throws(JSONError) in
      var reader = JSONReader(bytes)
      let value = try Self.read(&reader, bytes)
      try reader.finish()
      return value
    }
  }

  // SAFETY: the bytes are those of the reader, alive in the closure around. The reader bounds the depth, and with it the recursion.
  private static func read(_ reader: inout JSONReader, _ bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSONValue {
    switch try reader.kind() {
    case .null:
      try reader.null()
      return .null
    case .bool: return .bool(try reader.bool())
    case .string: return .string(String(decoding: reader.bytes(of: try reader.string()), as: UTF8.self))
    case .number:
      // A reader is of no use after an error, so another one tries.
      var again = JSONReader(bytes, from: try reader.skipValue().lowerBound)
      return (try? again.integer()).map { .integer($0) } ?? .null
    case .array:
      var values: [JSONValue] = []
      try reader.beginArray()
      while try reader.nextElement() { values.append(try read(&reader, bytes)) }
      return .array(values)
    case .object:
      var members: [String: JSONValue] = [:]
      try reader.beginObject()
      while let key = try reader.nextKey() {
        members[String(decoding: reader.bytes(of: key), as: UTF8.self)] = try read(&reader, bytes)
      }
      return .object(members)
    }
  }

  package subscript(name: String) -> JSONValue { members[name] ?? .null }

  package var members: [String: JSONValue] {
    if case .object(let members) = self { members } else { [:] }
  }

  package var elements: [JSONValue] {
    if case .array(let values) = self { values } else { [] }
  }

  package var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  package var integer: Int64? {
    if case .integer(let number) = self { number } else { nil }
  }

  package var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  package var isNull: Bool { self == .null }

  /// The value as it is sent.
  package var bytes: [UInt8] {
    var writer = JSONWriter(capacity: 128)
    write(into: &writer)
    return writer.copyBytes()
  }

  private func write(into writer: inout JSONWriter) {
    switch self {
    case .null: writer.null()
    case .bool(let value): writer.bool(value)
    case .integer(let number): writer.integer(number)
    case .string(let text): writer.string(text)
    case .array(let values):
      writer.beginArray()
      for value in values { value.write(into: &writer) }
      writer.endArray()
    case .object(let members):
      writer.beginObject()
      for (name, value) in members.sorted(by: { $0.key < $1.key }) {
        writer.key(Array(name.utf8))
        value.write(into: &writer)
      }
      writer.endObject()
    }
  }
}

extension JSONValue: CustomStringConvertible {
  package var description: String { String(decoding: bytes, as: UTF8.self) }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
  }
}
