import Hummingbird
import MusterJSON
import MusterModel
import NIOCore

/// The body of a request: one JSON object whose members are asked for by name.
///
/// Unknown members are ignored, of two with one name the last holds; a member of the wrong kind is refused with a sentence
/// that names it and says what is wanted.
struct BodyObject: Sendable {
  private enum Field: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case string([UInt8])
    /// An array, an object, or a number that is no integer.
    case other(JSONKind)
  }

  private let bytes: [UInt8]
  private var fields: [String: (field: Field, place: Range<Int>)] = [:]

  /// Reads the body of a request; an empty one counts as an object without members.
  init(of request: Request, bytesMax: Int) async throws {
    let buffer: ByteBuffer
    do {
      buffer = try await request.body.collect(upTo: bytesMax)
    } catch is NIOTooManyBytesError {
      throw Problem(.tooLarge, "The body is larger than \(bytesMax) bytes.")
    }
    try self.init(Array(buffer.readableBytesView))
  }

  /// Reads bytes.
  init(_ bytes: [UInt8]) throws(Refusal) {
    self.bytes = bytes
    guard !bytes.isEmpty else { return }
    do throws(JSONError) {
      // SAFETY: the pointer is used inside the closure only.
      fields = try bytes.span.bytes.withUnsafeBytes { bytes throws(JSONError) in try Self.fields(of: bytes) }
    } catch {
      throw Refusal(.badRequest, "The body must be one JSON object: \(error).")
    }
  }

  private static func fields(
    of bytes: UnsafeRawBufferPointer
  ) throws(JSONError) -> [String: (field: Field, place: Range<Int>)] {
    var reader = JSONReader(bytes)
    var fields: [String: (field: Field, place: Range<Int>)] = [:]
    try reader.beginObject()
    while let key = try reader.nextKey() {
      let name = String(decoding: reader.bytes(of: key), as: UTF8.self)
      let kind = try reader.kind()
      let place = try reader.skipValue()
      var again = JSONReader(bytes, from: place.lowerBound)
      let field: Field =
        switch kind {
        case .null: .null
        case .bool: .bool(try again.bool())
        case .string: .string(again.bytes(of: try again.string()))
        case .number: (try? again.integer()).map { .integer($0) } ?? .other(.number)
        case .array, .object: .other(kind)
        }
      fields[name] = (field, place)
    }
    try reader.finish()
    return fields
  }

  /// Whether there is a member of that name, `null` or not.
  func has(_ name: String) -> Bool { fields[name] != nil }

  /// Whether the member is there and `null`.
  func isNull(_ name: String) -> Bool {
    if case .null? = fields[name]?.field { true } else { false }
  }

  /// A string; `nil` when it is missing or `null`.
  func string(_ name: String, bytesMax: Int) throws(Refusal) -> [UInt8]? {
    switch fields[name]?.field {
    case nil, .null?: return nil
    case .string(let utf8)?:
      guard utf8.count <= bytesMax else {
        throw Refusal(.tooLarge, "\"\(name)\" has \(utf8.count) bytes, allowed are \(bytesMax).")
      }
      return utf8
    default: throw Refusal(.badRequest, "\"\(name)\" must be a string.")
    }
  }

  /// An integer within a range; `nil` when it is missing or `null`.
  func integer(_ name: String, in range: ClosedRange<Int64>) throws(Refusal) -> Int64? {
    switch fields[name]?.field {
    case nil, .null?: return nil
    case .integer(let value)? where range.contains(value): return value
    default:
      throw Refusal(.badRequest, "\"\(name)\" must be an integer from \(range.lowerBound) to \(range.upperBound).")
    }
  }

  /// A truth value; `nil` when it is missing or `null`.
  func bool(_ name: String) throws(Refusal) -> Bool? {
    switch fields[name]?.field {
    case nil, .null?: return nil
    case .bool(let value)?: return value
    default: throw Refusal(.badRequest, "\"\(name)\" must be true or false.")
    }
  }

  /// A JSON object as its bytes; `nil` when it is missing or `null`.
  func object(_ name: String) throws(Refusal) -> Payload? {
    guard let (field, place) = fields[name] else { return nil }
    switch field {
    case .null: return nil
    case .other(.object): return Payload(validated: Array(bytes[place]))
    default: throw Refusal(.badRequest, "\"\(name)\" must be an object.")
    }
  }

  /// Any JSON value as its bytes; `nil` when it is missing.
  func value(_ name: String) -> [UInt8]? {
    fields[name].map { Array(bytes[$0.place]) }
  }

  /// The elements of an array as their bytes; `nil` when it is missing or `null`.
  func elements(_ name: String, max: Int) throws(Refusal) -> [[UInt8]]? {
    guard let (field, place) = fields[name] else { return nil }
    switch field {
    case .null: return nil
    case .other(.array): break
    default: throw Refusal(.badRequest, "\"\(name)\" must be an array.")
    }
    var elements: [[UInt8]] = []
    do throws(JSONError) {
      // SAFETY: the pointer is used inside the closure only.
      elements = try bytes.span.bytes.withUnsafeBytes { bytes throws(JSONError) in
        var reader = JSONReader(bytes, from: place.lowerBound)
        var elements: [[UInt8]] = []
        try reader.beginArray()
        while try reader.nextElement() {
          let element = try reader.skipValue()
          // One more than allowed is enough to know.
          if elements.count <= max { elements.append(Array(bytes[element])) }
        }
        return elements
      }
    } catch {
      // The whole body was read before, so this cannot be malformed.
      throw Refusal(.badRequest, "\"\(name)\": \(error).")
    }
    guard elements.count <= max else { throw Refusal(.tooLarge, "\"\(name)\" may have \(max) elements.") }
    return elements
  }

  /// The elements of an array of strings; `nil` when it is missing or `null`.
  func strings(_ name: String, max: Int) throws(Refusal) -> [[UInt8]]? {
    guard let elements = try elements(name, max: max) else { return nil }
    var strings: [[UInt8]] = []
    for element in elements {
      do throws(JSONError) {
        // SAFETY: the pointer is used inside the closure only.
        strings.append(
          try element.span.bytes.withUnsafeBytes { bytes throws(JSONError) in
            var reader = JSONReader(bytes)
            return reader.bytes(of: try reader.string())
          })
      } catch {
        throw Refusal(.badRequest, "\"\(name)\" must be an array of strings.")
      }
    }
    return strings
  }
}

extension BodyObject {
  /// A user id.
  func user(_ name: String) throws(Refusal) -> UserID? {
    guard let utf8 = try string(name, bytesMax: UserID.bytesMax) else { return nil }
    guard let user = UserID(utf8: utf8) else { throw Refusal(.badRequest, "\"\(name)\" is not a valid user id.") }
    return user
  }

  /// The name of a channel.
  func channel(_ name: String) throws(Refusal) -> ChannelName? {
    guard let utf8 = try string(name, bytesMax: ChannelName.bytesMax) else { return nil }
    guard let channel = ChannelName(utf8: utf8) else { throw Refusal(.invalidChannel) }
    return channel
  }

  /// A session id.
  func session(_ name: String) throws(Refusal) -> SessionID? {
    guard let utf8 = try string(name, bytesMax: 32) else { return nil }
    guard let session = SessionID(String(decoding: utf8, as: UTF8.self)) else {
      throw Refusal(.badRequest, "\"\(name)\" is not a session id: 32 hexadecimal digits.")
    }
    return session
  }

  /// A status that a session or a server may set.
  func status(_ name: String) throws(Refusal) -> Status? {
    guard let utf8 = try string(name, bytesMax: 16) else { return nil }
    let text = String(decoding: utf8, as: UTF8.self)
    guard let status = Status.allCases.first(where: { $0.name == text && $0 != .offline }) else {
      throw Refusal(.badRequest, "\"\(name)\" must be online, away, dnd or invisible.")
    }
    return status
  }
}
