/// Writes JSON straight into bytes, compactly.
///
/// Commas and colons come by themselves; what must fit together (a key before each value of an object, an end for each
/// beginning) is up to the caller and not checked. Several values can be written one after another, for example each in a
/// frame of its own.
///
/// ### Ownership
/// The writer owns its ``buffer``; whoever wants to put something in front of a value or between two appends to the buffer.
package struct JSONWriter: ~Copyable, Sendable {
  /// Where the bytes go.
  package var buffer: OutputBuffer
  private var depth = 0
  private var needsComma = false

  /// Makes a writer over an empty buffer with room for so many bytes.
  package init(capacity: Int = 256) {
    buffer = OutputBuffer(capacity: capacity)
  }

  /// How many bytes have been written.
  package var count: Int { buffer.count }

  /// Forgets what was written, also in the middle of a value.
  package mutating func removeAll(keepingCapacity: Bool) {
    buffer.removeAll(keepingCapacity: keepingCapacity)
    depth = 0
    needsComma = false
  }

  /// Shows what was written, for as long as the body runs.
  package borrowing func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // SAFETY: the promise of the buffer is passed on as it is.
    try buffer.withUnsafeBytes(body)
  }

  /// A copy of what was written.
  package borrowing func copyBytes() -> [UInt8] { buffer.copyBytes() }

  // MARK: Structure

  /// Begins an object; a key before each value and ``endObject()`` must follow.
  package mutating func beginObject() { begin(UInt8(ascii: "{")) }
  /// Ends the object that was begun last.
  package mutating func endObject() { end(UInt8(ascii: "}")) }

  /// Begins an array; its values and ``endArray()`` must follow.
  package mutating func beginArray() { begin(UInt8(ascii: "[")) }
  /// Ends the array that was begun last.
  package mutating func endArray() { end(UInt8(ascii: "]")) }

  /// Writes the key of the value that follows.
  ///
  /// - Parameter name: A literal without quotes, backslashes and control characters, since it is written as it is.
  package mutating func key(_ name: StaticString) {
    let length = name.utf8CodeUnitCount
    let comma = needsComma ? 1 : 0
    buffer.append(room: length &+ 3 &+ comma) { room in
      room[0] = UInt8(ascii: ",")
      room[comma] = UInt8(ascii: "\"")
      // SAFETY: a literal lives as long as the process, and the room has three bytes (four with the comma) more.
      UnsafeMutableRawBufferPointer(rebasing: room[(comma &+ 1)...])
        .copyMemory(from: UnsafeRawBufferPointer(start: name.utf8Start, count: length))
      room[comma &+ length &+ 1] = UInt8(ascii: "\"")
      room[comma &+ length &+ 2] = UInt8(ascii: ":")
      return length &+ 3 &+ comma
    }
    needsComma = false
  }

  /// Writes the key of the value that follows, escaped where it must be.
  ///
  /// - Parameter name: Valid UTF-8.
  package mutating func key(_ name: [UInt8]) {
    string(name)
    buffer.append(UInt8(ascii: ":"))
    needsComma = false
  }

  // MARK: Values

  /// Writes a string, escaped where it must be.
  ///
  /// - Parameter utf8: Valid UTF-8; it is not checked again.
  /// - Complexity: O(bytes), eight at a time.
  package mutating func string(_ utf8: UnsafeRawBufferPointer) {
    beginValue()
    buffer.append(UInt8(ascii: "\""))
    appendEscaped(utf8)
    buffer.append(UInt8(ascii: "\""))
    endValue()
  }

  /// Writes a string, escaped where it must be.
  ///
  /// - Parameter utf8: Valid UTF-8; it is not checked again.
  package mutating func string(_ utf8: [UInt8]) {
    // SAFETY: the pointer is used inside the closure only.
    utf8.withUnsafeBytes { string($0) }
  }

  /// Writes a string, escaped where it must be.
  package mutating func string(_ text: String) {
    var text = text
    // SAFETY: the pointer is used inside the closure only.
    text.withUTF8 { string(UnsafeRawBufferPointer($0)) }
  }

  /// Writes an integer, without making a `String` of it.
  package mutating func integer(_ value: Int) { integer(magnitude: UInt64(value.magnitude), isNegative: value < 0) }

  /// Writes an integer, without making a `String` of it.
  package mutating func integer(_ value: Int64) { integer(magnitude: value.magnitude, isNegative: value < 0) }

  /// Writes an integer, without making a `String` of it.
  package mutating func integer(_ value: UInt64) { integer(magnitude: value, isNegative: false) }

  private mutating func integer(magnitude: UInt64, isNegative: Bool) {
    beginValue()
    if magnitude < 10, !isNegative {
      buffer.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: magnitude))
    } else {
      appendDecimal(magnitude, isNegative: isNegative)
    }
    endValue()
  }

  /// Writes a number, or `null` for one that JSON does not have (infinite or not a number).
  package mutating func double(_ value: Double) {
    guard value.isFinite else { return null() }
    var text = value.description
    // SAFETY: the pointer is used inside the closure only.
    text.withUTF8 { raw(UnsafeRawBufferPointer($0)) }
  }

  /// Writes `true` or `false`.
  package mutating func bool(_ value: Bool) {
    beginValue()
    buffer.append(value ? "true" : "false")
    endValue()
  }

  /// Writes `null`.
  package mutating func null() {
    beginValue()
    buffer.append("null")
    endValue()
  }

  /// Writes a whole value that is JSON already.
  ///
  /// - Parameter json: One valid value; it is neither checked nor changed.
  package mutating func raw(_ json: UnsafeRawBufferPointer) {
    beginValue()
    buffer.append(json)
    endValue()
  }

  /// Writes a whole value that is JSON already.
  ///
  /// - Parameter json: One valid value; it is neither checked nor changed.
  package mutating func raw(_ json: [UInt8]) {
    // SAFETY: the pointer is used inside the closure only.
    json.withUnsafeBytes { raw($0) }
  }

  /// Writes a string of ASCII that needs no escapes, by the hand of the caller.
  ///
  /// - Parameters:
  ///   - room: The most bytes that the body writes.
  ///   - body: Gets the room between the quotes, not initialised, and returns how many bytes it wrote.
  package mutating func string(room: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
    beginValue()
    buffer.append(UInt8(ascii: "\""))
    buffer.append(room: room, body)
    buffer.append(UInt8(ascii: "\""))
    endValue()
  }

  // MARK: Pairs

  /// Writes a key and a string that needs no escapes, since it is written as it is.
  package mutating func pair(_ name: StaticString, literal: StaticString) {
    key(name)
    buffer.append(UInt8(ascii: "\""))
    buffer.append(literal)
    buffer.append(UInt8(ascii: "\""))
    endValue()
  }

  /// Writes a key and a string, escaped where it must be.
  package mutating func pair(_ name: StaticString, string utf8: [UInt8]) {
    key(name)
    string(utf8)
  }

  /// Writes a key and a string, escaped where it must be.
  package mutating func pair(_ name: StaticString, string text: String) {
    key(name)
    string(text)
  }

  /// Writes a key and an integer.
  package mutating func pair(_ name: StaticString, integer value: Int) {
    key(name)
    integer(value)
  }

  /// Writes a key and an integer.
  package mutating func pair(_ name: StaticString, integer value: Int64) {
    key(name)
    integer(value)
  }

  /// Writes a key and an integer.
  package mutating func pair(_ name: StaticString, integer value: UInt64) {
    key(name)
    integer(value)
  }

  /// Writes a key and `true` or `false`.
  package mutating func pair(_ name: StaticString, bool value: Bool) {
    key(name)
    bool(value)
  }

  /// Writes a key and a value that is JSON already.
  package mutating func pair(_ name: StaticString, raw json: [UInt8]) {
    key(name)
    raw(json)
  }

  // MARK: Inside

  private mutating func begin(_ bracket: UInt8) {
    beginValue()
    buffer.append(bracket)
    depth &+= 1
    needsComma = false
  }

  private mutating func end(_ bracket: UInt8) {
    precondition(depth > 0, "an end without a beginning")
    buffer.append(bracket)
    depth &-= 1
    endValue()
  }

  private mutating func beginValue() {
    if needsComma { buffer.append(UInt8(ascii: ",")) }
  }

  private mutating func endValue() {
    needsComma = depth > 0
  }

  private mutating func appendDecimal(_ magnitude: UInt64, isNegative: Bool) {
    // 20 digits are the most that 64 bits take; they come out backwards.
    buffer.append(room: 21) { room in
      var rest = magnitude
      var start = 21
      repeat {
        start &-= 1
        let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
        room[start] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit)
        rest = quotient
      } while rest > 0
      if isNegative {
        start &-= 1
        room[start] = UInt8(ascii: "-")
      }
      // SAFETY: both runs are within the room, and `copyMemory` allows them to overlap.
      room.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[start...]))
      return 21 &- start
    }
  }

  /// Appends runs of plain characters as they are, and an escape for each other one.
  // SAFETY: `0 <= start <= offset <= utf8.count`, and a word is loaded only where eight bytes are left.
  private mutating func appendEscaped(_ utf8: UnsafeRawBufferPointer) {
    var start = 0
    var offset = 0
    while offset < utf8.count {
      if offset &+ 8 <= utf8.count {
        let stops = Word.stringStops(
          UInt64(littleEndian: utf8.loadUnaligned(fromByteOffset: offset, as: UInt64.self)), nonASCII: false)
        guard stops != 0 else {
          offset &+= 8
          continue
        }
        offset &+= Word.bytesBefore(stops)
      }
      let byte = utf8[offset]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        buffer.append(UnsafeRawBufferPointer(rebasing: utf8[start..<offset]))
        appendEscape(byte)
        start = offset &+ 1
      }
      offset &+= 1
    }
    buffer.append(UnsafeRawBufferPointer(rebasing: utf8[start...]))
  }

  private mutating func appendEscape(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): buffer.append("\\\"")
    case UInt8(ascii: "\\"): buffer.append("\\\\")
    case 0x08: buffer.append("\\b")
    case 0x09: buffer.append("\\t")
    case 0x0a: buffer.append("\\n")
    case 0x0c: buffer.append("\\f")
    case 0x0d: buffer.append("\\r")
    default:
      buffer.append(byte < 0x10 ? "\\u000" : "\\u001")
      let digit = byte & 0x0f
      buffer.append(digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10)
    }
  }
}
