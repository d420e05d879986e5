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
    let whole = max(0, min(64, message.byteCount - start)) / 4
    for word in 0..<whole {
      words[unchecked: word] = UInt32(bigEndian: message.unsafeLoadUnaligned(fromByteOffset: start &+ word &* 4, as: UInt32.self))
    }
    for byte in start + whole * 4..<max(start + whole * 4, min(start + 64, message.byteCount + 1)) {
      let value = byte < message.byteCount ? message.unsafeLoad(fromByteOffset: byte, as: UInt8.self) : 0x80
      words[(byte - start) / 4] |= UInt32(value) << UInt32(24 - 8 * (byte & 3))
    }
    return words
  }

  // The four kinds of rounds are loops of their own, so that nothing is decided in a round.
  private static func compress(_ words: inout Words, into state: inout State) {
    var mixed = state
    for round in 0..<16 { mix(&mixed, words[unchecked: round], choice(mixed), 0x5a82_7999) }
    for round in 16..<20 { mix(&mixed, extend(&words, round), choice(mixed), 0x5a82_7999) }
    for round in 20..<40 { mix(&mixed, extend(&words, round), mixed.1 ^ mixed.2 ^ mixed.3, 0x6ed9_eba1) }
    for round in 40..<60 { mix(&mixed, extend(&words, round), majority(mixed), 0x8f1b_bcdc) }
    for round in 60..<80 { mix(&mixed, extend(&words, round), mixed.1 ^ mixed.2 ^ mixed.3, 0xca62_c1d6) }
    state = (
      state.0 &+ mixed.0, state.1 &+ mixed.1, state.2 &+ mixed.2, state.3 &+ mixed.3, state.4 &+ mixed.4
    )
  }

  @inline(__always)
  private static func choice(_ state: State) -> UInt32 { state.3 ^ state.1 & (state.2 ^ state.3) }

  @inline(__always)
  private static func majority(_ state: State) -> UInt32 { state.1 & state.2 | state.3 & (state.1 | state.2) }

  @inline(__always)
  private static func mix(_ state: inout State, _ word: UInt32, _ chosen: UInt32, _ constant: UInt32) {
    let next = rotate(state.0, 5) &+ chosen &+ state.4 &+ constant &+ word
    state = (next, state.0, rotate(state.1, 30), state.2, state.3)
  }

  /// The word of a later round, which takes the place of the one 16 rounds before.
  // SAFETY: all four places are below 16.
  @inline(__always)
  private static func extend(_ words: inout Words, _ round: Int) -> UInt32 {
    let word = rotate(
      words[unchecked: (round &+ 13) & 15] ^ words[unchecked: (round &+ 8) & 15] ^ words[unchecked: (round &+ 2) & 15]
        ^ words[unchecked: round & 15], 1)
    words[unchecked: round & 15] = word
    return word
  }

  @inline(__always)
  private static func rotate(_ value: UInt32, _ bits: UInt32) -> UInt32 { value &<< bits | value &>> (32 &- bits) }
}
