/// A keyed 64-bit hash that gives the same value in every process, on every machine, for ever.
///
/// Swift's `Hasher` is seeded anew at each start, so it cannot decide where something lives across restarts. With
/// ``placementKey`` the result is part of the format of a ``SessionID``; with a random key it is safe against chosen
/// collisions in an index.
///
/// The algorithm is SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), which is also what
/// Rust and Swift use for their tables.
///
/// - Complexity: O(bytes), no allocation.
package struct StableHash: Sendable {
  /// The two halves of the key.
  package struct Key: Sendable, Equatable {
    package let k0: UInt64
    package let k1: UInt64

    package init(_ k0: UInt64, _ k1: UInt64) {
      self.k0 = k0
      self.k1 = k1
    }
  }

  /// Decides placement, so it is frozen: another key would move every user to another shard.
  package static let placementKey = Key(0x6d75_7374_6572_2e31, 0x706c_6163_656d_656e)

  /// Hashes bytes under a key.
  package static func hash(_ bytes: [UInt8], key: Key = placementKey) -> UInt64 {
    // SAFETY: the bytes are only read, and the pointer does not leave the closure.
    bytes.withUnsafeBytes { hash($0, key: key) }
  }

  /// Hashes raw bytes under a key.
  package static func hash(_ bytes: UnsafeRawBufferPointer, key: Key = placementKey) -> UInt64 {
    var state = StableHash(key)
    let words = bytes.count / 8
    for word in 0..<words {
      state.absorb(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self)))
    }
    var last = UInt64(truncatingIfNeeded: bytes.count) << 56
    for (shift, offset) in (words * 8..<bytes.count).enumerated() {
      last |= UInt64(bytes[offset]) << UInt64(8 * shift)
    }
    state.absorb(last)
    return state.finish()
  }

  private var v0: UInt64
  private var v1: UInt64
  private var v2: UInt64
  private var v3: UInt64

  private init(_ key: Key) {
    v0 = key.k0 ^ 0x736f_6d65_7073_6575
    v1 = key.k1 ^ 0x646f_7261_6e64_6f6d
    v2 = key.k0 ^ 0x6c79_6765_6e65_7261
    v3 = key.k1 ^ 0x7465_6462_7974_6573
  }

  private mutating func absorb(_ word: UInt64) {
    v3 ^= word
    round()
    v0 ^= word
  }

  private mutating func finish() -> UInt64 {
    v2 ^= 0xff
    round()
    round()
    round()
    return v0 ^ v1 ^ v2 ^ v3
  }

  private mutating func round() {
    v0 &+= v1
    v1 = Self.rotate(v1, 13) ^ v0
    v0 = Self.rotate(v0, 32)
    v2 &+= v3
    v3 = Self.rotate(v3, 16) ^ v2
    v0 &+= v3
    v3 = Self.rotate(v3, 21) ^ v0
    v2 &+= v1
    v1 = Self.rotate(v1, 17) ^ v2
    v2 = Self.rotate(v2, 32)
  }

  private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    value << bits | value >> (64 - bits)
  }
}
