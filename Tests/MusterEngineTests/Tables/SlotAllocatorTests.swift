import MusterEngine
import MusterTestKit
import Testing

@Suite("SlotAllocator")
struct SlotAllocatorTests {
  @Test("rows are handed out densely, and the last one freed comes first")
  func order() {
    var allocator = SlotAllocator(rowsMax: 10)
    #expect((0..<4).map { _ in allocator.allocate()?.rawValue } == [0, 1, 2, 3])
    allocator.free(Slot(1))
    allocator.free(Slot(2))
    #expect(allocator.allocate() == Slot(2))
    #expect(allocator.allocate() == Slot(1))
    #expect(allocator.allocate() == Slot(4))
    #expect(allocator.rows == 5)
    #expect(allocator.count == 5)
  }

  @Test("a full table has no row to give until one is freed")
  func limit() {
    var allocator = SlotAllocator(rowsMax: 3)
    for _ in 0..<3 { #expect(allocator.allocate() != nil) }
    #expect(allocator.allocate() == nil)
    allocator.free(Slot(1))
    #expect(allocator.allocate() == Slot(1))
    #expect(allocator.allocate() == nil)
    #expect(allocator.rows == 3)
  }

  @Test("a stale handle, and one from outside, is not live")
  func staleHandles() {
    var allocator = SlotAllocator(rowsMax: 100)
    let slot = allocator.allocate() ?? .none
    let generation = allocator.generation(of: slot)
    expect(allocator.isLive(slot, generation: generation))
    allocator.free(slot)
    expect(!allocator.isLive(slot))
    expect(!allocator.isLive(slot, generation: generation))
    expect(!allocator.isLive(slot, generation: generation + 1))
    #expect(allocator.allocate() == slot)
    expect(allocator.isLive(slot))
    expect(!allocator.isLive(slot, generation: generation))
    expect(allocator.isLive(slot, generation: generation + 1))
    for outside in [Slot(1), Slot(4_095), Slot(4_096), Slot(.max - 1), .none] {
      expect(!allocator.isLive(outside))
      expect(!allocator.isLive(outside, generation: 0))
    }
    // The same 31 bits with the 32nd set, which no handle of ours can have.
    expect(!allocator.isLive(slot, generation: (generation + 1) | 1 << 31))
  }

  @Test("a row whose generations are used up is retired instead of given to a second owner")
  func retirement() {
    var allocator = SlotAllocator(rowsMax: 2, generationBits: 2)
    var owners: Set<[UInt32]> = []
    for _ in 0..<100 {
      guard let slot = allocator.allocate() else { break }
      #expect(owners.insert([slot.rawValue, allocator.generation(of: slot)]).inserted)
      #expect(allocator.generation(of: slot) < 4)
      allocator.free(slot)
      allocator.checkInvariants()
      expect(!allocator.isLive(slot, generation: allocator.generation(of: slot)))
    }
    #expect(owners.count == 8)
    #expect(allocator.count == 0)
  }

  @Test("random use: no pair of row and generation is live twice, counts are exact")
  func randomUse() {
    for seed in scenarioSeeds(100) {
      do { try scenario(seed) } catch { Issue.record("seed \(seed): \(error)") }
    }
  }

  private func scenario(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let rowsMax = Int.random(in: 1...200, using: &random)
    var allocator = SlotAllocator(rowsMax: rowsMax, generationBits: random.below(2) == 0 ? 31 : 4)
    var live: [(slot: Slot, generation: UInt32)] = []
    var stale: [(slot: Slot, generation: UInt32)] = []
    var ever: Set<UInt64> = []
    for _ in 0..<500 {
      if Int.random(in: 0..<rowsMax * 2, using: &random) > live.count {
        guard let slot = allocator.allocate() else { continue }
        let generation = allocator.generation(of: slot)
        try require(ever.insert(UInt64(slot.rawValue) << 32 | UInt64(generation)).inserted, "\(slot) \(generation) came twice")
        live.append((slot, generation))
      } else if let index = live.indices.randomElement(using: &random) {
        let handle = live.remove(at: index)
        allocator.free(handle.slot)
        stale.append(handle)
      }
      try require(allocator.count == live.count, "\(allocator.count) rows are counted, \(live.count) are live")
      try require(allocator.rows <= rowsMax, "there are \(allocator.rows) rows of at most \(rowsMax)")
    }
    allocator.checkInvariants()
    for handle in live {
      try require(allocator.isLive(handle.slot, generation: handle.generation), "\(handle) is live and seems not so")
    }
    for handle in stale {
      try require(!allocator.isLive(handle.slot, generation: handle.generation), "\(handle) is stale and seems live")
    }
  }

  @Test("freeing a row twice traps, in every build")
  func doubleFree() async {
    await #expect(processExitsWith: .failure) {
      var allocator = SlotAllocator(rowsMax: 2)
      if let slot = allocator.allocate() {
        allocator.free(slot)
        allocator.free(slot)
      }
    }
  }
}
