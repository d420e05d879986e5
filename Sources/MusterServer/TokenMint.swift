import Crypto
import MusterAccess
package import MusterModel

/// Makes session tokens: the session id and a keyed MAC over it, so that a token is checked without any state.
///
/// A token is base64url without padding of 32 bytes: 16 bytes of the id, 16 bytes of HMAC-SHA256 over them, truncated as
/// RFC 2104 §5 allows. Guessing one takes 2^127 attempts on average; knowing many helps with none.
package struct TokenMint: SessionTokens {
  /// The length of every token, in bytes.
  package static let tokenBytes = 43

  private static let idBytes = 16
  private static let macBytes = 16

  private let key: SymmetricKey

  /// Derives the key from a configured secret.
  ///
  /// The secret is hashed with a label, so that the same secret may serve other purposes with other keys.
  package init(secret: [UInt8]) {
    key = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: SymmetricKey(data: secret), info: Array("muster session token 1".utf8), outputByteCount: 32)
  }

  /// Makes a new random key; its tokens are worth nothing to the next process.
  package init() {
    key = SymmetricKey(size: .bits256)
  }

  package func token(for session: SessionID) -> [UInt8] {
    let id = Self.bytes(of: session)
    return Base64URL.encode(id + mac(over: id))
  }

  package func session(of token: [UInt8]) -> SessionID? {
    guard token.count == Self.tokenBytes, let bytes = Base64URL.decode(token), bytes.count == Self.idBytes + Self.macBytes
    else { return nil }
    let id = Array(bytes[..<Self.idBytes])
    guard ConstantTime.areEqual(mac(over: id), Array(bytes[Self.idBytes...])) else { return nil }
    return SessionID(high: Self.word(id[..<8]), low: Self.word(id[8...]))
  }

  private func mac(over id: [UInt8]) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: id, using: key).prefix(Self.macBytes))
  }

  private static func bytes(of session: SessionID) -> [UInt8] {
    [session.high, session.low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) } }
  }

  private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// Base64 with the alphabet that needs no escaping in a header, a query or a cookie (RFC 4648 §5), without padding.
enum Base64URL {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  private static let values: [UInt8] = {
    var values = [UInt8](repeating: .max, count: 256)
    for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
    return values
  }()

  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count * 4 + 2) / 3)
    var bits: UInt32 = 0
    var count = 0
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      count += 8
      while count >= 6 {
        count -= 6
        text.append(alphabet[Int(bits >> count & 63)])
      }
    }
    if count > 0 { text.append(alphabet[Int(bits << (6 - count) & 63)]) }
    return text
  }

  /// Reads what ``encode(_:)`` wrote, and nothing else: there is one spelling of every value.
  static func decode(_ text: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for letter in text {
      let value = values[Int(letter)]
      guard value != .max else { return nil }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> count))
      }
    }
    // Bits that belong to no byte must be zero, and a single letter can hold no byte.
    guard count < 6, bits & (1 << count - 1) == 0 else { return nil }
    return bytes
  }
}
