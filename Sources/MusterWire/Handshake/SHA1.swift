/// SHA-1 (FIPS 180-4), because the WebSocket handshake asks for it; it protects nothing here.
///
/// It allocates nothing: a server that everybody comes back to at once computes one for each of them.
enum SHA1 {
  typealias Digest = InlineArray<20, UInt8>
  private typealias Words = InlineArray<16, UInt32>

  /// The digest of a message.
  static func digest(_ message: [UInt8]) -> [UInt8] {
    let digest = digest(message.span.bytes)
    return digest.indices.map { digest[$0] }
  }

  /// The digest of a message.
  static func digest(_ message: RawSpan) -> Digest {
    var state: State = (0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0)
    let blocks = (message.byteCount + 8) / 64 + 1
    for block in 0..<blocks {
      var words = words(of: message, from: block * 64)
      if block == blocks - 1 {
        let bits = UInt64(message.byteCount) * 8
        words[14] = UInt32(truncatingIfNeeded: bits >> 32)
        words[15] = UInt32(truncatingIfNeeded: bits)
      }
      compress(&words, into: &state)
    }
    var digest = Digest(repeating: 0)
    for byte in 0..<4 {
      let shift = UInt32(24 - 8 * byte)
      digest[byte] = UInt8(truncatingIfNeeded: state.0 >> shift)
      digest[4 + byte] = UInt8(truncatingIfNeeded: state.1 >> shift)
      digest[8 + byte] = UInt8(truncatingIfNeeded: state.2 >> shift)
      digest[12 + byte] = UInt8(truncatingIfNeeded: state.3 >> shift)
      digest[16 + byte] = UInt8(truncatingIfNeeded: state.4 >> shift)
    }
    return digest
  }

  private typealias State = (UInt32, UInt32, UInt32, UInt32, UInt32)

  /// The words of one block: those of the message, a one bit behind it, then zeros.
  private static func words(of message: RawSpan, from start: Int) -> Words {
    var words = Words(repeating: 0)
    for byte in start..<max(start, min(start + 64, message.byteCount + 1)) {
      let value = byte < message.byteCount ? message.unsafeLoad(fromByteOffset: byte, as: UInt8.self) : 0x80
      words[(byte - start) / 4] |= UInt32(value) << UInt32(24 - 8 * (byte & 3))
    }
    return words
  }

  private static func compress(_ words: inout Words, into state: inout State) {
    var (a, b, c, d, e) = state
    for round in 0..<80 {
      if round >= 16 {
        words[round & 15] = rotate(
          words[(round &+ 13) & 15] ^ words[(round &+ 8) & 15] ^ words[(round &+ 2) & 15] ^ words[round & 15], 1)
      }
      let mixed: UInt32
      let constant: UInt32
      switch round {
      case 0..<20: (mixed, constant) = (b & c | ~b & d, 0x5a82_7999)
      case 20..<40: (mixed, constant) = (b ^ c ^ d, 0x6ed9_eba1)
      case 40..<60: (mixed, constant) = (b & c | b & d | c & d, 0x8f1b_bcdc)
      default: (mixed, constant) = (b ^ c ^ d, 0xca62_c1d6)
      }
      let next = rotate(a, 5) &+ mixed &+ e &+ constant &+ words[round & 15]
      (a, b, c, d, e) = (next, a, rotate(b, 30), c, d)
    }
    state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e)
  }

  private static func rotate(_ value: UInt32, _ bits: UInt32) -> UInt32 { value << bits | value >> (32 - bits) }
}
