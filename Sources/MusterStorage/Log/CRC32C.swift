import CLinux

/// The Castagnoli CRC (RFC 3720, polynomial 0x1EDC6F41), which guards every byte that is kept.
///
/// It finds every burst of errors up to 32 bits and misses others with a chance of 2⁻³². It is no protection against somebody who
/// means it.
///
/// With the instruction of the processor where there is one, else with tables of eight bytes at a time (Kounavis and Berry,
/// 2005).
///
/// - Complexity: O(bytes), no allocation.
package struct CRC32C: Sendable {
  /// The sum of all bytes so far, as it is stored.
  package var value: UInt32 { ~state }

  private var state: UInt32 = ~0

  package init() {}

  /// The sum of some bytes.
  package static func of(_ bytes: RawSpan) -> UInt32 {
    var sum = CRC32C()
    sum.update(bytes)
    return sum.value
  }

  /// The sum of the bytes of an array.
  package static func of(_ bytes: [UInt8]) -> UInt32 {
    of(bytes.span.bytes)
  }

  /// Takes more bytes in.
  package mutating func update(_ bytes: RawSpan) {
    // SAFETY: the bytes are only read, and the pointer does not leave the closure.
    state = bytes.withUnsafeBytes { [state] in
      Self.isHardware ? muster_crc32c(state, $0.baseAddress, $0.count) : Self.byTable(state, $0)
    }
  }

  /// The sum of some bytes by table, whatever the processor can do; for tests and measurements.
  package static func byTable(_ bytes: RawSpan) -> UInt32 {
    // SAFETY: the bytes are only read, and the pointer does not leave the closure.
    ~bytes.withUnsafeBytes { byTable(~0, $0) }
  }

  /// Whether the processor has the instruction.
  package static let isHardware = muster_crc32c_is_hardware() != 0

  /// Eight tables of 256: the sum of one byte with so many zero bytes behind it.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var sum = UInt32(byte)
      for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 0 ? 0 : 0x82f6_3b78) }
      tables[byte] = sum
    }
    for index in 256..<8 * 256 {
      let before = tables[index - 256]
      tables[index] = before >> 8 ^ tables[Int(before & 0xff)]
    }
    return tables
  }()

  // SAFETY: words are loaded unaligned from offsets at least 8 before the end.
  private static func byTable(_ state: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let tables = tables
    var state = state
    var offset = 0
    while bytes.count - offset >= 8 {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(state)
      state = 0
      for byte in 0..<8 { state ^= tables[(7 - byte) * 256 + Int(word >> UInt64(8 * byte) & 0xff)] }
      offset += 8
    }
    while offset < bytes.count {
      state = state >> 8 ^ tables[Int((state ^ UInt32(bytes[offset])) & 0xff)]
      offset += 1
    }
    return state
  }
}
