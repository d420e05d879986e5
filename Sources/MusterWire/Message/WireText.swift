package import MusterModel

/// Numbers as short text: base 36 in lowercase, which is how epochs and cursors are written.
enum Base36 {
  /// The most digits that 64 bits take.
  static let digitsMax = 13

  /// Writes the digits of a number.
  ///
  /// - Parameters:
  ///   - value: The number.
  ///   - room: At least ``digitsMax`` bytes.
  /// - Returns: How many bytes were written.
  static func write(_ value: UInt64, to room: UnsafeMutableRawBufferPointer) -> Int {
    var rest = value
    var count = 0
    repeat {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 36)
      room[count] = UInt8(truncatingIfNeeded: digit) &+ (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") &- 10)
      rest = quotient
      count &+= 1
    } while rest > 0
    for index in 0..<count / 2 { room.swapAt(index, count &- 1 &- index) }
    return count
  }

  /// Reads 1 to 13 digits; `nil` for anything else, and for more than 64 bits.
  static func read(_ digits: some Sequence<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    var count = 0
    for digit in digits {
      let number: UInt8
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): number = digit &- UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): number = digit &- UInt8(ascii: "a") &+ 10
      default: return nil
      }
      let (product, overflow) = value.multipliedReportingOverflow(by: 36)
      let (sum, overflowToo) = product.addingReportingOverflow(UInt64(number))
      guard !overflow, !overflowToo, count < digitsMax else { return nil }
      value = sum
      count += 1
    }
    return count > 0 ? value : nil
  }
}

/// Numbers as 16 lowercase hexadecimal digits, which is how the ids of sessions and connections are written.
enum Hexadecimal {
  /// Writes 16 digits at the beginning of the room.
  static func write(_ value: UInt64, to room: UnsafeMutableRawBufferPointer) {
    for index in 0..<16 {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 &- 4 &* index)) & 0x0f
      room[index] = digit &+ (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") &- 10)
    }
  }

  /// Reads 16 digits of either case; `nil` for anything else.
  static func read(_ digits: ArraySlice<UInt8>) -> UInt64? {
    guard digits.count == 16 else { return nil }
    var value: UInt64 = 0
    for digit in digits {
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit &- UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
        value = value << 4 | UInt64((digit | 0x20) &- UInt8(ascii: "a") &+ 10)
      default: return nil
      }
    }
    return value
  }
}

extension Cursor {
  /// The cursor as it goes over the wire: an opaque string of at most 13 characters.
  package var text: String { String(ordinal, radix: 36) }

  /// Reads what ``text`` has given; `nil` for anything else.
  package init?(_ text: some StringProtocol) {
    guard let ordinal = Base36.read(text.utf8) else { return nil }
    self.init(ordinal: ordinal)
  }
}
