extension JSONReader {
  /// Reads an integer.
  ///
  /// A fraction or an exponent is refused even where the value is whole, so that a number has one way to be written.
  package mutating func integer() throws(JSONError) -> Int64 {
    guard try kind() == .number else { throw fail(.wrongKind) }
    let start = offset
    try scanNumber()
    let isNegative = bytes[start] == UInt8(ascii: "-")
    var value: Int64 = 0
    for index in (isNegative ? start + 1 : start)..<offset {
      let digit = Int64(bytes[index]) - Int64(UInt8(ascii: "0"))
      // The sum is kept negative, since the smallest integer has no positive counterpart.
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowToo) = product.subtractingReportingOverflow(digit)
      guard (0...9).contains(digit), !overflow, !overflowToo else { throw JSONError(.notAnInteger, at: start) }
      value = sum
    }
    guard isNegative || value != .min else { throw JSONError(.notAnInteger, at: start) }
    return isNegative ? value : -value
  }

  /// Passes a number, which begins at `offset`.
  mutating func scanNumber() throws(JSONError) {
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") { offset &+= 1 }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "0") {
      offset &+= 1
    } else {
      try scanDigits()
    }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
      offset &+= 1
      try scanDigits()
    }
    if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
      offset &+= 1
      if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") { offset &+= 1 }
      try scanDigits()
    }
    // "01" is two tokens, and a letter glued to a number is none: say so here, where the number is.
    if offset < bytes.count, isWord(bytes[offset]) { throw fail(.malformedNumber) }
  }

  private mutating func scanDigits() throws(JSONError) {
    let start = offset
    while offset < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) { offset &+= 1 }
    guard offset > start else { throw fail(offset < bytes.count ? .malformedNumber : .unexpectedEnd) }
  }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
