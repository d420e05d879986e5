/// Reads JSON piece by piece, on the caller's demand, straight from the bytes.
///
/// Strict RFC 8259: number grammar, escapes with their surrogates in pairs, no control characters, strings in valid UTF-8
/// whether they are looked at or skipped. Duplicate keys are handed out as they come; who cares about them lets the last win.
/// Skipping and finding strings allocates nothing; only ``bytes(of:)`` copies.
///
/// The caller drives along the structure that it expects:
///
/// ```swift
/// try reader.beginObject()
/// while let key = try reader.nextKey() {
///   if reader.matches(key, "seq") { seq = try reader.integer() } else { try reader.skipValue() }
/// }
/// try reader.finish()
/// ```
///
/// After an error the reader is of no more use.
///
/// - Invariant: I1. `0 <= offset <= bytes.count`.
/// - Invariant: I2. `0 <= depth <= depthMax`.
/// ### Ownership
/// It borrows the bytes: they must outlive it and must not change meanwhile. `~Copyable`, so it is not passed on by accident.
package struct JSONReader: ~Copyable {
  /// The deepest nesting that a reader can be asked to accept.
  package static let depthLimit = 64

  // SAFETY: the caller of `init` keeps the memory alive and unchanged; each access is behind a comparison with `bytes.count`.
  let bytes: UnsafeRawBufferPointer
  /// Where the next byte stands that has not been read.
  package internal(set) var offset: Int
  private let depthMax: Int
  private var depth = 0
  /// Whether the container that was entered last has not given out an element yet, so that no comma may stand here.
  private var isFirst = false

  /// Reads from the beginning of a text, or from a place where a value begins.
  ///
  /// - Parameters:
  ///   - bytes: The text; it must outlive the reader.
  ///   - offset: Where to begin, 0 to the number of bytes.
  ///   - depthMax: How deep arrays and objects may be nested, at most ``depthLimit``.
  package init(_ bytes: UnsafeRawBufferPointer, from offset: Int = 0, depthMax: Int = 32) {
    precondition((0...bytes.count).contains(offset), "a reader begins within its bytes")
    precondition((0...Self.depthLimit).contains(depthMax), "a reader keeps one bit for each level, 64 at most")
    self.bytes = bytes
    self.offset = offset
    self.depthMax = depthMax
  }

  // MARK: Structure

  /// The kind of the value that comes next, which is not read.
  package mutating func kind() throws(JSONError) -> JSONKind {
    switch try nextByte() {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
    case UInt8(ascii: "n"): return .null
    default: throw fail(.unexpectedByte)
    }
  }

  /// Enters an object.
  package mutating func beginObject() throws(JSONError) {
    try open(UInt8(ascii: "{"))
  }

  /// Goes on to the next member of the object and reads its key, or leaves the object.
  ///
  /// The value of the member before must have been read or skipped.
  ///
  /// - Returns: The key, or `nil` when the object is over.
  package mutating func nextKey() throws(JSONError) -> JSONText? {
    if try nextByte() == UInt8(ascii: "}") {
      close()
      return nil
    }
    try passComma()
    let key = try scanString()
    try pass(UInt8(ascii: ":"))
    return key
  }

  /// Enters an array.
  package mutating func beginArray() throws(JSONError) {
    try open(UInt8(ascii: "["))
  }

  /// Goes on to the next element of the array, or leaves the array.
  ///
  /// The element before must have been read or skipped.
  ///
  /// - Returns: Whether there is another element.
  package mutating func nextElement() throws(JSONError) -> Bool {
    if try nextByte() == UInt8(ascii: "]") {
      close()
      return false
    }
    try passComma()
    return true
  }

  /// Makes sure that nothing but white space follows.
  package mutating func finish() throws(JSONError) {
    skipSpace()
    if offset < bytes.count { throw fail(.trailingBytes) }
  }

  // MARK: Values

  /// Validates the next value, whatever it is, and passes it by.
  ///
  /// - Returns: Where it stands, without the white space around it.
  /// - Complexity: O(bytes), no allocation, no recursion.
  @discardableResult
  package mutating func skipValue() throws(JSONError) -> Range<Int> {
    _ = try nextByte()
    let start = offset
    // One bit for each container opened here, the innermost lowest; set for an object.
    var objects: UInt64 = 0
    var levels = 0
    repeat {
      // Here a value must begin.
      let byte = try nextByte()
      if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
        let isObject = byte == UInt8(ascii: "{")
        guard depth + levels < depthMax else { throw fail(.tooDeep) }
        levels &+= 1
        objects = objects << 1 | (isObject ? 1 : 0)
        offset &+= 1
        if try nextByte() != byte &+ 2 {
          if isObject { try skipKey() }
          continue
        }
      } else {
        try skipScalar(byte)
      }
      try leaveFinishedContainers(&objects, &levels)
    } while levels > 0
    return start..<offset
  }

  /// Reads a string.
  ///
  /// - Returns: Where it stands; ``bytes(of:)`` makes a copy of it.
  package mutating func string() throws(JSONError) -> JSONText {
    guard try kind() == .string else { throw fail(.wrongKind) }
    return try scanString()
  }

  /// Reads `true` or `false`.
  package mutating func bool() throws(JSONError) -> Bool {
    guard try kind() == .bool else { throw fail(.wrongKind) }
    let value = bytes[offset] == UInt8(ascii: "t")
    try skipScalar(bytes[offset])
    return value
  }

  /// Reads `null`.
  package mutating func null() throws(JSONError) {
    guard try kind() == .null else { throw fail(.wrongKind) }
    try skipScalar(bytes[offset])
  }

  // MARK: Inside

  func fail(_ reason: JSONError.Reason) -> JSONError { JSONError(reason, at: offset) }

  /// Passes white space; the byte behind it, which is not read.
  @inline(__always)
  mutating func nextByte() throws(JSONError) -> UInt8 {
    if offset < bytes.count, bytes[offset] > 0x20 { return bytes[offset] }
    skipSpace()
    guard offset < bytes.count else { throw fail(.unexpectedEnd) }
    return bytes[offset]
  }

  private mutating func skipSpace() {
    while offset < bytes.count {
      let byte = bytes[offset]
      guard byte <= 0x20, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return }
      offset &+= 1
    }
  }

  private mutating func open(_ bracket: UInt8) throws(JSONError) {
    guard try nextByte() == bracket else {
      _ = try kind()
      throw fail(.wrongKind)
    }
    guard depth < depthMax else { throw fail(.tooDeep) }
    depth &+= 1
    offset &+= 1
    isFirst = true
  }

  private mutating func close() {
    precondition(depth > 0, "the reader is not inside an array or object")
    depth &-= 1
    offset &+= 1
    // What contains the closed one has given out at least that.
    isFirst = false
  }

  private mutating func passComma() throws(JSONError) {
    if isFirst {
      isFirst = false
    } else {
      try pass(UInt8(ascii: ","))
      _ = try nextByte()
    }
  }

  private mutating func pass(_ byte: UInt8) throws(JSONError) {
    guard try nextByte() == byte else { throw fail(.unexpectedByte) }
    offset &+= 1
  }

  private mutating func skipKey() throws(JSONError) {
    _ = try nextByte()
    _ = try scanString()
    try pass(UInt8(ascii: ":"))
  }

  /// After a value: leaves the containers that end here, and stops where the next value must begin.
  private mutating func leaveFinishedContainers(_ objects: inout UInt64, _ levels: inout Int) throws(JSONError) {
    // A container that was found empty stands before its own closing bracket, as does one after its last element.
    while levels > 0 {
      let isObject = objects & 1 == 1
      switch try nextByte() {
      case UInt8(ascii: ","):
        offset &+= 1
        if isObject { try skipKey() }
        return
      case isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"):
        offset &+= 1
        levels &-= 1
        objects >>= 1
      default:
        throw fail(.unexpectedByte)
      }
    }
  }

  private mutating func skipScalar(_ byte: UInt8) throws(JSONError) {
    switch byte {
    case UInt8(ascii: "\""): _ = try scanString()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try scanNumber()
    case UInt8(ascii: "t"): try skipLiteral("true")
    case UInt8(ascii: "f"): try skipLiteral("false")
    case UInt8(ascii: "n"): try skipLiteral("null")
    default: throw fail(.unexpectedByte)
    }
  }

  private mutating func skipLiteral(_ literal: StaticString) throws(JSONError) {
    for index in 0..<literal.utf8CodeUnitCount {
      guard offset < bytes.count else { throw fail(.unexpectedEnd) }
      // SAFETY: a literal lives as long as the process, and the index is within it.
      guard bytes[offset] == literal.utf8Start[index] else { throw fail(.unexpectedByte) }
      offset &+= 1
    }
  }
}

// A reader is a place in borrowed memory: another thread has no business with it.
@available(*, unavailable)
extension JSONReader: Sendable {}
