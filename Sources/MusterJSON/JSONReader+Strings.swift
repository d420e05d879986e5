extension JSONReader {
  /// A copy of a string that this reader has found, with its escape sequences resolved.
  ///
  /// - Returns: Valid UTF-8.
  package borrowing func bytes(of text: JSONText) -> [UInt8] {
    // SAFETY: the range was found within these bytes; unescaping never gives more bytes than it takes.
    if text.isPlain { return Array(UnsafeRawBufferPointer(rebasing: bytes[text.range])) }
    return Array(unsafeUninitializedCapacity: text.range.count) { room, count in
      unescape(text) { byte in
        room[count] = byte
        count += 1
      }
    }
  }

  /// How many bytes ``bytes(of:)`` would give, without making them.
  package borrowing func length(of text: JSONText) -> Int {
    guard !text.isPlain else { return text.range.count }
    var count = 0
    unescape(text) { _ in count += 1 }
    return count
  }

  /// Whether a string that this reader has found is the literal.
  package borrowing func matches(_ text: JSONText, _ literal: StaticString) -> Bool {
    var matched = 0
    var differs = false
    // SAFETY: a literal lives as long as the process, and the index is compared with its length.
    func compare(_ byte: UInt8) {
      if matched < literal.utf8CodeUnitCount, literal.utf8Start[matched] == byte { matched += 1 } else { differs = true }
    }
    if text.isPlain {
      guard text.range.count == literal.utf8CodeUnitCount else { return false }
      for index in text.range { compare(bytes[index]) }
    } else {
      unescape(text, compare)
    }
    return !differs && matched == literal.utf8CodeUnitCount
  }

  /// A short string that this reader has found as one number, so that telling names apart costs one comparison each.
  ///
  /// The first byte is the lowest; what is left of the 128 bits is zero.
  ///
  /// - Returns: `nil` for more than 16 bytes, and for a string with U+0000, which could not be told from a shorter one.
  package borrowing func packed(_ text: JSONText) -> UInt128? {
    guard text.isPlain else { return packedByBytes(text) }
    let count = text.range.count
    guard count <= 16 else { return nil }
    guard text.range.lowerBound &+ 16 <= bytes.count else { return packedByBytes(text) }
    // A plain string holds no U+0000, so what stands behind it can be cut off and the rest be taken as it is.
    let sixteen = UInt128(littleEndian: bytes.loadUnaligned(fromByteOffset: text.range.lowerBound, as: UInt128.self))
    return sixteen & ~(.max << UInt128(count &* 8))
  }

  private borrowing func packedByBytes(_ text: JSONText) -> UInt128? {
    var packed: UInt128 = 0
    var count = 0
    var holdsZero = false
    func pack(_ byte: UInt8) {
      // Shifting by 128 or more gives zero; what does not fit is refused by the count.
      packed |= UInt128(byte) << (count * 8)
      count &+= 1
      holdsZero = holdsZero || byte == 0
    }
    if text.isPlain {
      for index in text.range { pack(bytes[index]) }
    } else {
      unescape(text, pack)
    }
    return count <= 16 && !holdsZero ? packed : nil
  }

  /// Finds a string, which begins at `offset` with its quote, validates it and passes it by.
  mutating func scanString() throws(JSONError) -> JSONText {
    guard bytes[offset] == UInt8(ascii: "\"") else { throw fail(.unexpectedByte) }
    offset &+= 1
    let start = offset
    var isPlain = true
    while true {
      skipPlainRun()
      guard offset < bytes.count else { throw fail(.unexpectedEnd) }
      switch bytes[offset] {
      case UInt8(ascii: "\""):
        defer { offset &+= 1 }
        return JSONText(range: start..<offset, isPlain: isPlain)
      case UInt8(ascii: "\\"):
        isPlain = false
        _ = try scanEscape()
      case 0x00..<0x20: throw fail(.controlCharacter)
      case 0x80...0xff: try scanMultibyte()
      default: offset &+= 1
      }
    }
  }

  /// Passes bytes that mean themselves, eight at a time; may stop before the run is over.
  private mutating func skipPlainRun() {
    while offset &+ 8 <= bytes.count {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      let stops = Word.stringStops(word, nonASCII: true)
      guard stops == 0 else {
        offset &+= Word.bytesBefore(stops)
        return
      }
      offset &+= 8
    }
  }

  private mutating func scanMultibyte() throws(JSONError) {
    let start = offset
    var validator = UTF8Validator()
    repeat {
      guard offset < bytes.count else { throw fail(.unexpectedEnd) }
      guard validator.step(bytes[offset]) else { throw JSONError(.invalidUTF8, at: start) }
      offset &+= 1
    } while !validator.isComplete
  }

  /// Passes an escape sequence, which begins at `offset` with its backslash.
  ///
  /// - Returns: The character it stands for.
  private mutating func scanEscape() throws(JSONError) -> UInt32 {
    let start = offset
    guard offset &+ 1 < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
    let letter = bytes[offset &+ 1]
    offset &+= 2
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt32(letter)
    case UInt8(ascii: "b"): return 0x08
    case UInt8(ascii: "f"): return 0x0c
    case UInt8(ascii: "n"): return 0x0a
    case UInt8(ascii: "r"): return 0x0d
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "u"): break
    default: throw JSONError(.malformedEscape, at: start)
    }
    let unit = try scanFourDigits()
    guard (0xd800...0xdfff).contains(unit) else { return unit }
    guard unit < 0xdc00, offset &+ 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"), bytes[offset &+ 1] == UInt8(ascii: "u")
    else { throw JSONError(.loneSurrogate, at: start) }
    offset &+= 2
    let second = try scanFourDigits()
    guard (0xdc00...0xdfff).contains(second) else { throw JSONError(.loneSurrogate, at: start) }
    return 0x10000 + (unit - 0xd800) << 10 + (second - 0xdc00)
  }

  private mutating func scanFourDigits() throws(JSONError) -> UInt32 {
    guard offset &+ 4 <= bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
    var unit: UInt32 = 0
    for _ in 0..<4 {
      let byte = bytes[offset]
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): unit = unit << 4 | UInt32(byte &- UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
        unit = unit << 4 | UInt32((byte | 0x20) &- UInt8(ascii: "a") &+ 10)
      default: throw fail(.malformedEscape)
      }
      offset &+= 1
    }
    return unit
  }

  /// Hands out the bytes that a string with escape sequences stands for.
  private borrowing func unescape(_ text: JSONText, _ take: (UInt8) -> Void) {
    // SAFETY: the inner reader sees the bytes that this one sees, up to the end of the string, and ends before this one does.
    var inner = JSONReader(UnsafeRawBufferPointer(rebasing: bytes[..<text.range.upperBound]), from: text.range.lowerBound)
    while inner.offset < inner.bytes.count {
      let byte = inner.bytes[inner.offset]
      guard byte == UInt8(ascii: "\\") else {
        take(byte)
        inner.offset &+= 1
        continue
      }
      // The text was validated when it was found.
      guard let scalar = (try? inner.scanEscape()).flatMap(Unicode.Scalar.init) else {
        preconditionFailure("the string was found by a reader over other bytes")
      }
      for unit in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { take(unit) }
    }
  }
}
