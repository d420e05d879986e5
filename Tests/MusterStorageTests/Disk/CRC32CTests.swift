import MusterStorage
import MusterTestKit
import Testing

@Suite("CRC-32C")
struct CRC32CTests {
  @Test("the check values of RFC 3720 come out")
  func knownValues() {
    #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
    #expect(CRC32C.of([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
    #expect(CRC32C.of((0..<32).map { UInt8($0) }) == 0x46dd_794e)
    #expect(CRC32C.of((0..<32).reversed().map { UInt8($0) }) == 0x113f_db5c)
    #expect(CRC32C.of(Array("123456789".utf8)) == 0xe306_9283)
    #expect(CRC32C.of([]) == 0)
  }

  @Test("the instruction, the table and any division into pieces agree at every length and alignment")
  func waysAgree() {
    let random = SeededRandom(seed: 11)
    let bytes = (0..<600).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    for length in 0..<300 {
      let slice = bytes.span.bytes.extracting(length % 9..<length % 9 + length)
      let whole = CRC32C.of(slice)
      #expect(CRC32C.byTable(slice) == whole)
      let cut = random.below(length + 1)
      var pieces = CRC32C()
      pieces.update(slice.extracting(0..<cut))
      pieces.update(slice.extracting(cut..<length))
      #expect(pieces.value == whole)
    }
  }
}
