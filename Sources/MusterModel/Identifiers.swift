/// The opaque UTF-8 name of a user: 1 to 128 bytes.
///
/// Identity is by bytes. Swift's `String` would call two spellings of "é" equal, and then two accounts would be one.
package struct UserID: Sendable, Hashable {
  /// The longest accepted id, in bytes.
  package static let bytesMax = 128

  /// The id as it was given, valid UTF-8.
  package let utf8: [UInt8]

  /// Takes the id, or refuses one that is empty, too long, not UTF-8 or holds a control character.
  package init?(utf8: [UInt8]) {
    guard Name.isValid(utf8, bytesMax: Self.bytesMax) else { return nil }
    self.utf8 = utf8
  }

  /// Takes the id from text, under the same rules.
  package init?(_ text: String) {
    self.init(utf8: Array(text.utf8))
  }

  /// Takes bytes that this type has already checked once, for example on the way out of a table.
  package init(unchecked utf8: [UInt8]) {
    self.utf8 = utf8
  }

  /// The stable hash whose first 16 bits place the user on a shard.
  package var placement: UInt16 {
    // SAFETY: the bytes are only read, and within the call.
    utf8.withUnsafeBytes { Self.placement(of: $0) }
  }

  /// The placement of an id that lies somewhere as bytes.
  package static func placement(of utf8: UnsafeRawBufferPointer) -> UInt16 {
    // SAFETY: the bytes are only read, and within the call.
    UInt16(truncatingIfNeeded: StableHash.hash(utf8) >> 48)
  }

  /// Whether bytes are an id, under the rules of ``init(utf8:)``.
  package static func isValid(_ utf8: UnsafeRawBufferPointer) -> Bool {
    // SAFETY: the bytes are only read, and within the call.
    Name.isValid(utf8, bytesMax: bytesMax)
  }

  /// The id as text, for messages and logs.
  package var text: String { String(decoding: utf8, as: UTF8.self) }
}

/// The name of a channel: 1 to 128 bytes of UTF-8; what stands before the first colon is its namespace.
package struct ChannelName: Sendable, Hashable {
  /// The longest accepted name, in bytes.
  package static let bytesMax = 128

  /// The name as it was given, valid UTF-8.
  package let utf8: [UInt8]

  /// Takes the name, or refuses one that is empty, too long, not UTF-8, holds a control character or has nothing behind its
  /// colon.
  package init?(utf8: [UInt8]) {
    guard Name.isValid(utf8, bytesMax: Self.bytesMax) else { return nil }
    if let colon = utf8.firstIndex(of: UInt8(ascii: ":")), colon == 0 || colon == utf8.count - 1 { return nil }
    self.utf8 = utf8
  }

  /// Takes the name from text, under the same rules.
  package init?(_ text: String) {
    self.init(utf8: Array(text.utf8))
  }

  /// The namespace that picks the settings of this channel; empty when the name has no colon.
  package var namespace: ArraySlice<UInt8> {
    utf8.firstIndex(of: UInt8(ascii: ":")).map { utf8[..<$0] } ?? []
  }

  /// The stable hash that places the channel on a shard.
  package var placement: UInt64 { StableHash.hash(utf8) }

  /// The name as text, for messages and logs.
  package var text: String { String(decoding: utf8, as: UTF8.self) }
}

/// What a name from outside must satisfy.
private enum Name {
  static func isValid(_ utf8: [UInt8], bytesMax: Int) -> Bool {
    // SAFETY: the bytes are only read, and within the call.
    utf8.withUnsafeBytes { isValid($0, bytesMax: bytesMax) }
  }

  static func isValid(_ utf8: UnsafeRawBufferPointer, bytesMax: Int) -> Bool {
    guard !utf8.isEmpty, utf8.count <= bytesMax else { return false }
    var all: UInt8 = 0
    for byte in utf8 {
      guard byte >= 0x20, byte != 0x7f else { return false }
      all |= byte
    }
    // Most names are ASCII, and need no second look.
    return all < 0x80 || String(validating: utf8, as: UTF8.self) != nil
  }
}

/// The 128-bit name of one session.
///
/// The first 16 bits are the user's ``UserID/placement``, the rest is random. So the id alone names the shard, and all
/// sessions of one user live on one shard.
@frozen
package struct SessionID: Sendable, Hashable {
  package let high: UInt64
  package let low: UInt64

  @inlinable
  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Makes an id for a user from 112 random bits.
  package init(placement: UInt16, random high: UInt64, _ low: UInt64) {
    self.high = UInt64(placement) << 48 | high & 0x0000_ffff_ffff_ffff
    self.low = low
  }

  /// The user's placement bits.
  package var placement: UInt16 { UInt16(truncatingIfNeeded: high >> 48) }

  /// The id as 32 lowercase hexadecimal digits.
  package var text: String { Hexadecimal.text(high) + Hexadecimal.text(low) }

  /// Reads 32 hexadecimal digits.
  package init?(_ text: some StringProtocol) {
    let digits = Array(text.utf8)
    guard digits.count == 32, let high = Hexadecimal.value(digits[..<16]), let low = Hexadecimal.value(digits[16...])
    else { return nil }
    self.init(high: high, low: low)
  }
}

/// The name of one connection: shard, slot and generation in 64 bits.
///
/// A slot is used again, its generation is not, so a stale id never reaches a newer connection.
package struct ConnectionID: Sendable, Hashable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// Packs 10 bits of shard, 26 bits of slot and 28 bits of generation.
  package init(shard: Int, slot: UInt32, generation: UInt32) {
    precondition(shard < 1 << 10 && slot < 1 << 26, "a connection id has 10 bits of shard and 26 bits of slot")
    rawValue = UInt64(shard) << 54 | UInt64(slot) << 28 | UInt64(generation & 0x0fff_ffff)
  }

  package var shard: Int { Int(rawValue >> 54) }
  package var slot: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 28) & 0x03ff_ffff }
  package var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue) & 0x0fff_ffff }

  /// The id as 16 lowercase hexadecimal digits.
  package var text: String { Hexadecimal.text(rawValue) }

  /// Reads 16 hexadecimal digits.
  package init?(_ text: some StringProtocol) {
    guard text.utf8.count == 16, let value = Hexadecimal.value(Array(text.utf8)[...]) else { return nil }
    rawValue = value
  }
}

/// One life of the engine: a new one after every start.
package struct Epoch: Sendable, Hashable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// The epoch as it goes over the wire: base 36, at most 13 characters.
  package var text: String { String(rawValue, radix: 36) }

  /// Reads base 36.
  package init?(_ text: some StringProtocol) {
    guard let value = UInt64(text, radix: 36) else { return nil }
    rawValue = value
  }
}

/// The dense number of an event within a channel and an epoch; 0 is "before any event".
package struct Seq: Sendable, Hashable, Comparable {
  package var rawValue: UInt64

  package init(_ rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// The number after this one.
  package var next: Seq { Seq(rawValue + 1) }

  package static func < (left: Seq, right: Seq) -> Bool { left.rawValue < right.rawValue }
}

/// A place in the list of a channel's members, from which the next page goes on.
///
/// It is the ordinal of the first member not yet listed. Ordinals only grow, so whoever stays in the channel while a client
/// pages is listed exactly once.
package struct Cursor: Sendable, Hashable {
  package let ordinal: UInt64

  package init(ordinal: UInt64) {
    self.ordinal = ordinal
  }
}

/// Hexadecimal digits without Foundation.
private enum Hexadecimal {
  static func text(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  static func value(_ digits: ArraySlice<UInt8>) -> UInt64? {
    guard digits.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) else { return nil }
    return UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
  }
}
