import MusterEngine
import Testing

@Suite struct SlotIndexReserveTests {
  /// Spreads rows as a good hash does.
  private static func hash(_ row: UInt32) -> UInt64 {
    let z = (UInt64(row) &+ 1) &* 0x9e37_79b9_7f4a_7c15
    return (z ^ z >> 29) &* 0xbf58_476d_1ce4_e5b9
  }

  @Test(
    "an index with room for so many entries does not grow before it has them", arguments: [0, 1, 52, 53, 1_000, 9_984, 20_000])
  func reserve(entries: Int) {
    var index = SlotIndex()
    index.reserve(entries)
    for row in 0..<UInt32(entries) {
      index.insert(Self.hash(row), Slot(row))
      let isGrowing = index.isGrowing
      #expect(!isGrowing, "it grows with entry \(row)")
    }
    index.checkInvariants()
    for row in 0..<UInt32(entries) {
      let found = index.find(Self.hash(row)) { $0 == Slot(row) }
      #expect(found == Slot(row))
    }
    // What is beyond what was said still finds room.
    for row in UInt32(entries)..<UInt32(entries) * 2 + 100 { index.insert(Self.hash(row), Slot(row)) }
    index.checkInvariants()
    let count = index.count
    #expect(count == entries * 2 + 100)
  }

  @Test("room for entries that never come costs little")
  func untouched() {
    var index = SlotIndex()
    index.reserve(10_000_000)
    let bytes = index.bytesReserved
    #expect(bytes < 64 << 10)
  }
}
