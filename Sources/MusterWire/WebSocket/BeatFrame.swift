/// What a ``BeatFrame`` holds.
///
/// Trivial: it costs no allocation and no reference count.
package enum ScannedBeat: Sendable, Hashable {
  /// Anything but a usual heartbeat, a malformed message too: to be decoded as any message.
  case other
  /// A `beat` without an id, which gets no reply.
  case bare
  /// A `beat` with an integer as its id.
  case numbered(Int64)
}

/// Recognises heartbeats without decoding them, as nearly all that arrives is one.
///
/// It knows exactly the usual shapes: the empty text, `{"op":"beat"}` and `{"op":"beat","id":1}`, the members in either order and
/// with spaces between tokens. What it recognises means the same to ``MessageDecoder``; about everything else it says nothing.
package enum BeatFrame {
  /// The longest text that is looked at, in bytes: a beat with the longest id and some spaces.
  package static let textBytesMax = 64

  /// Takes the frame that begins at an offset, if it is a whole text message from a client and a usual heartbeat.
  ///
  /// - Parameters:
  ///   - bytes: What has arrived; it is not changed.
  ///   - offset: Where a frame begins, between two messages. Moved behind the frame unless the answer is ``ScannedBeat/other``.
  /// - Returns: The heartbeat, or that this is something else, or not whole yet.
  /// - Complexity: O(1), no allocation.
  @inlinable
  package static func take(_ bytes: RawSpan, at offset: inout Int) -> ScannedBeat {
    let available = bytes.byteCount &- offset
    guard available >= headBytes, bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) == finalText else { return .other }
    let count = Int(bytes.unsafeLoad(fromByteOffset: offset &+ 1, as: UInt8.self) ^ maskBit)
    guard count <= textBytesMax, available >= headBytes &+ count else { return .other }
    if count == 0 {
      offset &+= headBytes
      return .bare
    }
    let beat = scan(bytes, at: offset &+ headBytes, count: count)
    if beat != .other { offset &+= headBytes &+ count }
    return beat
  }

  /// Unmasks a short text and scans it.
  ///
  /// The four bytes in front of `start` are the masking key.
  @usableFromInline
  static func scan(_ bytes: RawSpan, at start: Int, count: Int) -> ScannedBeat {
    let key = UInt64(UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start &- 4, as: UInt32.self)))
    let wide = key << 32 | key
    var text = InlineArray<8, UInt64>(repeating: 0)
    let words = count &>> 3
    for word in 0..<words {
      let masked = UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start &+ word &* 8, as: UInt64.self))
      text[word] = (masked ^ wide).littleEndian
    }
    var tail: UInt64 = 0
    for byte in words &* 8..<count {
      tail |= UInt64(bytes.unsafeLoad(fromByteOffset: start &+ byte, as: UInt8.self)) << UInt64((byte & 7) &* 8)
    }
    if words < 8 { text[words] = (tail ^ wide).littleEndian }
    return scan(text.span.bytes.extracting(first: count))
  }

  /// Says whether the text of a message is a usual heartbeat.
  ///
  /// - Parameter text: Unmasked; any length.
  /// - Returns: The heartbeat, or that this is something else.
  /// - Complexity: O(1), no allocation.
  package static func scan(_ text: RawSpan) -> ScannedBeat {
    if MessageDecoder.isBareBeat(text) { return .bare }
    guard text.byteCount <= textBytesMax else { return .other }
    return scanTokens(text)
  }

  // A text frame that is its whole message, from a client: masked, its length in the second byte.
  @usableFromInline static let finalText: UInt8 = 0x81
  @usableFromInline static let maskBit: UInt8 = 0x80
  @usableFromInline static let headBytes = 6
}

/// The tokens of a short text, each with the spaces in front of it.
extension BeatFrame {
  // Two and four letters as they lie in memory, first byte lowest.
  private static let op: UInt16 = 0x706f
  private static let id: UInt16 = 0x6469
  private static let beat: UInt32 = 0x7461_6562
  /// So many digits cannot overflow.
  private static let digitsMax = 18

  private static func scanTokens(_ text: RawSpan) -> ScannedBeat {
    var offset = 0
    guard pass(UInt8(ascii: "{"), in: text, &offset) else { return .other }
    var isBeat = false
    var id: Int64?
    repeat {
      guard let name = name(in: text, &offset), pass(UInt8(ascii: ":"), in: text, &offset) else { return .other }
      if name == op, !isBeat, passBeat(in: text, &offset) {
        isBeat = true
      } else if name == self.id, id == nil, let value = integer(in: text, &offset) {
        id = value
      } else {
        return .other
      }
    } while pass(UInt8(ascii: ","), in: text, &offset)
    guard isBeat, pass(UInt8(ascii: "}"), in: text, &offset) else { return .other }
    skipSpaces(in: text, &offset)
    guard offset == text.byteCount else { return .other }
    return id.map { .numbered($0) } ?? .bare
  }

  private static func byte(_ text: RawSpan, _ offset: Int) -> UInt8 {
    text.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  private static func skipSpaces(in text: RawSpan, _ offset: inout Int) {
    while offset < text.byteCount, byte(text, offset) == UInt8(ascii: " ") { offset &+= 1 }
  }

  private static func pass(_ token: UInt8, in text: RawSpan, _ offset: inout Int) -> Bool {
    skipSpaces(in: text, &offset)
    guard offset < text.byteCount, byte(text, offset) == token else { return false }
    offset &+= 1
    return true
  }

  /// A name of two letters.
  private static func name(in text: RawSpan, _ offset: inout Int) -> UInt16? {
    guard pass(UInt8(ascii: "\""), in: text, &offset), offset &+ 3 <= text.byteCount else { return nil }
    guard byte(text, offset &+ 2) == UInt8(ascii: "\"") else { return nil }
    defer { offset &+= 3 }
    return UInt16(littleEndian: text.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  private static func passBeat(in text: RawSpan, _ offset: inout Int) -> Bool {
    guard pass(UInt8(ascii: "\""), in: text, &offset), offset &+ 5 <= text.byteCount else { return false }
    guard UInt32(littleEndian: text.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)) == beat,
      byte(text, offset &+ 4) == UInt8(ascii: "\"")
    else { return false }
    offset &+= 5
    return true
  }

  /// An integer of up to 18 digits, without a sign and without leading zeros.
  private static func integer(in text: RawSpan, _ offset: inout Int) -> Int64? {
    skipSpaces(in: text, &offset)
    let start = offset
    var value: Int64 = 0
    while offset < text.byteCount {
      let digit = byte(text, offset) &- UInt8(ascii: "0")
      guard digit < 10 else { break }
      value = value &* 10 &+ Int64(digit)
      offset &+= 1
    }
    let digits = offset &- start
    guard (1...digitsMax).contains(digits), digits == 1 || byte(text, start) != UInt8(ascii: "0") else { return nil }
    return value
  }
}
