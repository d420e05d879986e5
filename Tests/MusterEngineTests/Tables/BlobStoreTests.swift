import MusterTestKit
import Testing

@testable import MusterEngine

@Suite("BlobStore")
struct BlobStoreTests {
  @Test("what was stored comes back, for every length around every size class")
  func everyLength() {
    var store = BlobStore()
    var stored: [(ref: BlobRef, bytes: [UInt8])] = []
    for length in lengthsOfInterest {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ length) }
      stored.append((store.store(bytes), bytes))
    }
    for (ref, bytes) in stored {
      #expect(store.bytes(of: ref) == bytes)
      expect(store.equals(ref, bytes))
    }
    #expect(store.bytesUsed == stored.reduce(0) { $0 + $1.bytes.count })
    store.checkInvariants()
    for (ref, _) in stored { store.free(ref) }
    #expect(store.count == 0)
    #expect(store.bytesUsed == 0)
    store.checkInvariants()
  }

  private var lengthsOfInterest: [Int] {
    let edges = (0..<BlobSizeClass.count).map { BlobSizeClass(index: $0).cellBytes }
    let around = edges.flatMap { edge in [edge - 4, edge - 3, edge - 2, edge - 1, edge, edge + 1] }
    return Array(0...140) + around + [40_000, 65_535, 65_536, 262_143, BlobStore.bytesMax - 1, BlobStore.bytesMax]
  }

  @Test("the empty string takes no room, and freeing it is nothing")
  func emptyString() {
    var store = BlobStore()
    #expect(store.store([UInt8]()) == .none)
    #expect(store.bytes(of: .none) == [])
    expect(store.equals(.none, []))
    expect(!store.equals(.none, [0]))
    store.free(.none)
    #expect(store.count == 0)
    #expect(store.bytesReserved == 0)
  }

  @Test("strings differ by length, by any byte, and by nothing else")
  func equality() {
    var store = BlobStore()
    for length in [1, 7, 8, 9, 15, 16, 17, 31, 64] {
      let bytes = [UInt8](repeating: 0x61, count: length)
      let ref = store.store(bytes)
      expect(store.equals(ref, bytes))
      expect(!store.equals(ref, []))
      expect(!store.equals(ref, Array(bytes.dropLast())))
      expect(!store.equals(ref, bytes + [0]))
      for place in 0..<length {
        var other = bytes
        other[place] = 0x62
        expect(!store.equals(ref, other), "byte \(place) of \(length)")
      }
    }
  }

  @Test("a size class is the smallest that fits, and wastes at most a fifth above 64 bytes")
  func sizeClasses() {
    var last = BlobSizeClass(holding: 1)
    #expect(last.index == 0)
    for bytes in 1...BlobSizeClass.cellBytesMax {
      let sizeClass = BlobSizeClass(holding: bytes)
      guard sizeClass.cellBytes >= bytes, sizeClass.index == last.index || sizeClass.index == last.index + 1 else {
        Issue.record("\(bytes) bytes go into class \(sizeClass.index) of \(sizeClass.cellBytes)")
        return
      }
      if sizeClass != last, last.cellBytes != bytes - 1 { Issue.record("class \(last.index) ends before \(bytes) bytes") }
      if bytes > 64, (sizeClass.cellBytes - bytes) * 5 > sizeClass.cellBytes { Issue.record("\(bytes) bytes waste a fifth") }
      last = sizeClass
    }
    #expect(last.index == BlobSizeClass.count - 1)
    for index in 0..<BlobSizeClass.count {
      let sizeClass = BlobSizeClass(index: index)
      #expect(sizeClass.cellBytes % 8 == 0)
      #expect(sizeClass.cells <= 1 << Int(BlobRef.cellBits))
    }
  }

  @Test("random use agrees with a dictionary")
  func randomUse() {
    for seed in scenarioSeeds(60) {
      do { try scenario(seed) } catch { Issue.record("seed \(seed): \(error)") }
    }
  }

  private func scenario(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var store = BlobStore()
    var truth: [BlobRef: [UInt8]] = [:]
    var refs: [BlobRef] = []
    for step in 0..<600 {
      // Tides again: mostly storing, then mostly freeing.
      if Int.random(in: 0..<10, using: &random) < (step / 150 % 2 == 0 ? 8 : 2) {
        let bytes = randomBytes(&random)
        let ref = store.store(bytes)
        try require(truth.updateValue(bytes, forKey: ref) == nil, "\(ref) was given out twice")
        refs.append(ref)
      } else if let index = refs.indices.randomElement(using: &random) {
        let ref = refs.remove(at: index)
        try require(store.bytes(of: ref) == truth.removeValue(forKey: ref), "\(ref) holds other bytes")
        store.free(ref)
      }
      if let ref = refs.randomElement(using: &random), let bytes = truth[ref] {
        try require(store.equals(ref, bytes), "\(ref) holds other bytes")
        try require(!store.equals(ref, bytes + [1]), "\(ref) equals a longer string")
      }
      if step % 100 == 0 { store.checkInvariants() }
    }
    store.checkInvariants()
    try require(store.count == truth.count, "\(store.count) strings are counted, \(truth.count) are stored")
    try require(store.bytesUsed == truth.values.reduce(0) { $0 + $1.count }, "\(store.bytesUsed) bytes are counted")
    for (ref, bytes) in truth { try require(store.bytes(of: ref) == bytes, "\(ref) holds other bytes at the end") }
  }

  private func randomBytes(_ random: inout SeededRandom) -> [UInt8] {
    let length =
      switch Int.random(in: 0..<20, using: &random) {
      case 0: Int.random(in: 4_000...70_000, using: &random)
      case 1...5: Int.random(in: 65...2_000, using: &random)
      default: Int.random(in: 1...64, using: &random)
      }
    var bytes = [UInt8](repeating: .random(in: 0...255, using: &random), count: length)
    bytes[Int.random(in: 0..<length, using: &random)] ^= 0x55
    bytes[length - 1] ^= UInt8.random(in: 0...255, using: &random)
    return bytes
  }

  @Test("freed cells are used again: the same strings in and out take no more memory the second time")
  func reuse() {
    var store = BlobStore()
    func fill() -> [BlobRef] { (0..<20_000).map { store.store([UInt8](repeating: UInt8($0 & 0xff), count: 10 + $0 % 60)) } }
    let first = fill()
    let reserved = store.bytesReserved
    for ref in first.reversed() { store.free(ref) }
    let second = fill()
    #expect(store.bytesReserved == reserved)
    #expect(Double(store.bytesUsed) > Double(reserved) * 0.7)
    for (index, ref) in second.enumerated() where store.bytes(of: ref).first != UInt8(index & 0xff) {
      Issue.record("string \(index) holds other bytes")
    }
    store.checkInvariants()
  }

  @Test("memory of freed strings goes back, but for one slab of each class")
  func memoryComesBack() {
    var store = BlobStore()
    let small = (0..<20_000).map { _ in store.store([UInt8](repeating: 1, count: 100)) }
    let large = (0..<5).map { _ in store.store([UInt8](repeating: 2, count: 200_000)) }
    #expect(store.bytesReserved > 3_000_000)
    for ref in large { store.free(ref) }
    #expect(store.bytesReserved < 20_000 * 112 + (64 << 10))
    for ref in small { store.free(ref) }
    #expect(store.bytesReserved <= 64 << 10)
    expect(store.hasRoom)
    store.checkInvariants()
  }

  @Test("freeing twice, and more than a mebibyte, trap in every build")
  func traps() async {
    await #expect(processExitsWith: .failure) {
      var store = BlobStore()
      _ = store.store([1])
      let ref = store.store([1, 2, 3])
      store.free(ref)
      store.free(ref)
    }
    await #expect(processExitsWith: .failure) {
      var store = BlobStore()
      _ = store.store([UInt8](repeating: 0, count: BlobStore.bytesMax + 1))
    }
  }
}
