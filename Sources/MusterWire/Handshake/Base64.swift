/// Base64 with the standard alphabet and padding (RFC 4648, section 4).
enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let padding = UInt8(ascii: "=")

  /// The text for some bytes.
  static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
      for place in 0..<4 {
        text.append(place <= group.count ? alphabet[Int(bits >> UInt32(18 - 6 * place) & 0x3f)] : padding)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The text for a digest, without an allocation.
  static func encode(_ digest: SHA1.Digest) -> InlineArray<28, UInt8> {
    var text = InlineArray<28, UInt8>(repeating: padding)
    for group in 0..<7 {
      var bits: UInt32 = 0
      for place in 0..<3 {
        let index = group * 3 + place
        bits = bits << 8 | (index < digest.count ? UInt32(digest[index]) : 0)
      }
      // 20 bytes leave one digit of the last group to the padding.
      for place in 0..<4 where group * 4 + place < 27 {
        text[group * 4 + place] = alphabet[Int(bits >> UInt32(18 - 6 * place) & 0x3f)]
      }
    }
    return text
  }

  /// Whether a byte is a digit.
  static func isDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "+"), UInt8(ascii: "/"):
      true
    default: false
    }
  }

  /// The bytes that a text stands for, or `nil` when it is not padded base64.
  ///
  /// Unused bits of the last digit are ignored, as most decoders do (RFC 4648, section 3.5).
  static func decode(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 4) else { return nil }
    let paddings = digits.suffix(2).count { $0 == padding }
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: digits.count, by: 4) {
      var bits: UInt32 = 0
      for (index, digit) in digits[start..<start + 4].enumerated() {
        let isPadding = start + index >= digits.count - paddings
        guard let value = isPadding ? 0 : alphabet.firstIndex(of: digit), !isPadding || digit == padding else { return nil }
        bits = bits << 6 | UInt32(value)
      }
      for shift: UInt32 in [16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    }
    return bytes.dropLast(paddings)
  }
}
