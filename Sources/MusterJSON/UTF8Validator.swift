/// Checks that bytes are UTF-8, however they are cut into pieces.
///
/// Three bytes of state, so that a connection can keep one for a text message that is still arriving. Overlong forms,
/// surrogates and everything above U+10FFFF are refused (Unicode, table 3-7).
package struct UTF8Validator: Sendable, Hashable {
  /// How many bytes of the current sequence are still to come.
  private var missing: UInt8 = 0
  // What the next byte of the sequence may be. Only its second byte is ever narrower than 0x80 to 0xbf.
  private var lower: UInt8 = 0x80
  private var upper: UInt8 = 0xbf

  /// Starts between two characters.
  package init() {}

  /// Whether the bytes so far end between two characters.
  package var isComplete: Bool { missing == 0 }

  /// Takes the next bytes.
  ///
  /// - Returns: `false` as soon as no continuation could make the text valid; the validator is then of no more use.
  /// - Complexity: O(bytes), eight at a time where they are ASCII; no allocation.
  package mutating func consume(_ bytes: RawSpan) -> Bool {
    let count = bytes.byteCount
    var offset = 0
    while offset < count {
      if missing == 0 {
        while offset &+ 8 <= count, Word.isASCII(bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)) {
          offset &+= 8
        }
        guard offset < count else { return true }
      }
      guard step(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) else { return false }
      offset &+= 1
    }
    return true
  }

  /// Whether a whole text is UTF-8.
  package static func isValid(_ bytes: RawSpan) -> Bool {
    var validator = UTF8Validator()
    return validator.consume(bytes) && validator.isComplete
  }

  /// Takes one byte; `false` when it cannot stand here.
  mutating func step(_ byte: UInt8) -> Bool {
    if missing > 0 {
      guard byte >= lower, byte <= upper else { return false }
      missing &-= 1
      lower = 0x80
      upper = 0xbf
      return true
    }
    switch byte {
    case 0x00...0x7f: break
    case 0xc2...0xdf: missing = 1
    case 0xe0: (missing, lower) = (2, 0xa0)
    case 0xed: (missing, upper) = (2, 0x9f)
    case 0xe1...0xef: missing = 2
    case 0xf0: (missing, lower) = (3, 0x90)
    case 0xf4: (missing, upper) = (3, 0x8f)
    case 0xf1...0xf3: missing = 3
    default: return false
    }
    return true
  }
}

/// Eight bytes looked at together.
///
/// Each function marks bytes by their high bit. Above the lowest mark there may be false ones (a borrow runs on), so only the
/// lowest counts, and of a union of marks too. Source: Anderson, "Bit Twiddling Hacks", "Determine if a word has a byte …".
enum Word {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highs: UInt64 = 0x8080_8080_8080_8080

  static func isASCII(_ word: UInt64) -> Bool { word & highs == 0 }

  /// Marks the bytes that end a run of plain characters in a JSON string: quote, backslash, control, and on asking non-ASCII.
  @inline(__always)
  static func stringStops(_ word: UInt64, nonASCII: Bool) -> UInt64 {
    let stops = equal(word, 0x22) | equal(word, 0x5c) | (word &- ones &* 0x20) & ~word & highs
    return nonASCII ? stops | word & highs : stops
  }

  /// How many bytes stand below the lowest mark.
  @inline(__always)
  static func bytesBefore(_ marks: UInt64) -> Int { marks.trailingZeroBitCount >> 3 }

  @inline(__always)
  private static func equal(_ word: UInt64, _ byte: UInt64) -> UInt64 {
    let zeroes = word ^ ones &* byte
    return (zeroes &- ones) & ~zeroes & highs
  }
}
