/// Puts the small parts of a snapshot file together: headers, index entries, the footer.
struct SnapshotBytes {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ more: [UInt8]) {
    bytes += more
  }

  mutating func append(_ number: UInt32) {
    for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
  }

  mutating func append(_ number: UInt64) {
    append(UInt32(truncatingIfNeeded: number))
    append(UInt32(truncatingIfNeeded: number >> 32))
  }

  /// Adds zeros up to a length.
  mutating func fill(to count: Int) {
    bytes += [UInt8](repeating: 0, count: count - bytes.count)
  }

  /// The bytes, with their sum behind them.
  var summed: [UInt8] {
    var out = self
    out.append(CRC32C.of(bytes))
    return out.bytes
  }

  /// Takes such a part apart; whoever reads has checked how long it is.
  struct Reader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) {
      self.bytes = bytes
    }

    /// Whether the last four bytes are the sum of those before them.
    var hasSum: Bool {
      var tail = Reader(bytes)
      tail.offset = bytes.count - 4
      return tail.word() == CRC32C.of(Array(bytes.dropLast(4)))
    }

    mutating func take(_ count: Int) -> [UInt8] {
      defer { offset += count }
      return Array(bytes[offset..<offset + count])
    }

    mutating func word() -> UInt32 {
      take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func long() -> UInt64 {
      take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
  }
}
