import MusterEngine
import MusterTestKit
import Testing

@Suite("SlotIndex")
struct SlotIndexTests {
  /// How a scenario makes hashes of its keys.
  enum Hashing: CaseIterable {
    /// As a good hash does.
    case mixed
    /// All the same.
    case constant
    /// Only seven different ones.
    case few
    /// As dense as keys are.
    case sequential
    /// Nothing in the lower half.
    case upperHalf
    /// All homes in the last buckets of a table of any size, so that runs go around its end.
    case lastHomes

    func callAsFunction(_ key: Int) -> UInt64 {
      switch self {
      case .mixed:
        let spread = UInt64(key) &* 0xd6e8_feb8_6659_fd93
        return (spread ^ spread >> 32) &* 0xd6e8_feb8_6659_fd93
      case .constant: return 42
      case .few: return UInt64(key % 7)
      case .sequential: return UInt64(key)
      case .upperHalf: return UInt64(key) << 32
      case .lastHomes: return Self.hash(keptAs: .max - UInt32(key % 5) * 0x0100_0000)
      }
    }

    /// A hash of which the index keeps these 32 bits: undoes its multiplication, with the inverse modulo 2^64.
    static func hash(keptAs bits: UInt32) -> UInt64 {
      let factor: UInt64 = 0x9e37_79b9_7f4a_7c15
      // Newton's iteration doubles the number of right bits each time; a factor is its own inverse in the lowest three.
      var inverse = factor
      for _ in 0..<5 { inverse = inverse &* (2 &- factor &* inverse) }
      return (UInt64(bits) << 32) &* inverse
    }
  }

  /// An index over rows that hold a key, and a dictionary that knows the truth.
  private struct Table: ~Copyable {
    var index = SlotIndex()
    var keys: [Int?] = []
    var truth: [Int: Slot] = [:]
    var free: [Slot] = []
    let hashing: Hashing

    init(_ hashing: Hashing) {
      self.hashing = hashing
    }

    func find(_ key: Int) -> Slot {
      index.find(hashing(key)) { keys[Int($0.rawValue)] == key }
    }

    mutating func insert(_ key: Int) {
      let slot = free.popLast() ?? Slot(UInt32(keys.count))
      if Int(slot.rawValue) == keys.count { keys.append(key) } else { keys[Int(slot.rawValue)] = key }
      index.insert(hashing(key), slot)
      truth[key] = slot
    }

    mutating func remove(_ key: Int) {
      guard let slot = truth.removeValue(forKey: key) else { return }
      index.remove(hashing(key), slot)
      keys[Int(slot.rawValue)] = nil
      free.append(slot)
    }

    func verify(keysBelow end: Int) throws {
      try require(index.count == truth.count, "\(index.count) entries are counted, \(truth.count) are there")
      for key in 0..<end {
        let expected = truth[key] ?? .none
        try require(find(key) == expected, "key \(key) is found in row \(find(key).rawValue), not in \(expected.rawValue)")
      }
    }
  }

  @Test("random use agrees with a dictionary, whatever the hash is worth", arguments: Hashing.allCases)
  func randomUse(_ hashing: Hashing) {
    for seed in scenarioSeeds(30) {
      do { try scenario(seed, hashing) } catch { Issue.record("seed \(seed): \(error)") }
    }
  }

  private func scenario(_ seed: UInt64, _ hashing: Hashing) throws {
    var random = SeededRandom(seed: seed)
    var table = Table(hashing)
    let keys = Int.random(in: 10...(hashing == .constant ? 150 : 600), using: &random)
    // Tides: the table fills and empties a few times, so that growing meets both.
    for tide in 0..<4 {
      let inserts = tide % 2 == 0 ? 4 : 1
      for step in 0..<keys {
        let key = Int.random(in: 0..<keys, using: &random)
        if table.truth[key] == nil {
          if Int.random(in: 0..<5, using: &random) < inserts { table.insert(key) }
        } else if Int.random(in: 0..<5, using: &random) >= inserts {
          table.remove(key)
        }
        let probe = Int.random(in: 0..<keys, using: &random)
        try require(table.find(probe) == table.truth[probe] ?? .none, "key \(probe) is not where it should be")
        // Every state of a short growth is looked at as a whole.
        if table.index.isGrowing || step % 64 == 0 { table.index.checkInvariants() }
      }
      try table.verify(keysBelow: keys)
    }
  }

  @Test("while it grows, everything is found and removed in either table")
  func duringGrowth() throws {
    var table = Table(.mixed)
    var growths = 0
    var stepsOfGrowth = 0
    for key in 0..<30_000 {
      let wasGrowing = table.index.isGrowing
      table.insert(key)
      if table.index.isGrowing, !wasGrowing { growths += 1 }
      guard table.index.isGrowing else { continue }
      stepsOfGrowth += 1
      // Old ones and new ones, and out of order: a third of all is removed while entries move.
      if key % 3 == 0 { table.remove(key / 2) }
      if stepsOfGrowth % 512 == 0 {
        try table.verify(keysBelow: key + 2)
        table.index.checkInvariants()
      }
    }
    #expect(growths > 6)
    try table.verify(keysBelow: 30_001)
    table.index.checkInvariants()
    for key in 0..<30_000 { table.remove(key) }
    #expect(table.index.count == 0)
    table.index.checkInvariants()
  }

  @Test("no insert moves more than the bound, nor allocates more than a few pages, while 64 buckets become 98,304")
  func boundedInserts() {
    var index = SlotIndex()
    let pageBytes = 4_096 * 8
    var growths = 0
    for row in 0..<79_000 as Range<UInt32> {
      let (toMove, bytes, wasGrowing) = (index.bucketsToMove, index.bytesReserved, index.isGrowing)
      index.insert(Hashing.mixed(Int(row)), Slot(row))
      if !wasGrowing && index.isGrowing { growths += 1 }
      if wasGrowing && toMove - index.bucketsToMove > SlotIndex.bucketsMovedPerChange {
        Issue.record("insert \(row) moved \(toMove - index.bucketsToMove) buckets")
      }
      // The directory of a new table has 8 bytes for each page.
      if index.bytesReserved - bytes > 3 * pageBytes + 8 * 32 {
        Issue.record("insert \(row) allocated \(index.bytesReserved - bytes) bytes")
      }
    }
    // 79,872 are 13 sixteenths of 98,304.
    #expect(growths == 21)
    #expect(index.count == 79_000)
    index.checkInvariants()
  }

  @Test("while it grows it holds what has not been moved and room for what has: the new table fills from one end")
  func memoryMoves() {
    var index = SlotIndex()
    var row: UInt32 = 0
    func insert() {
      index.insert(Hashing.mixed(Int(row)), Slot(row))
      row += 1
    }
    while !(index.isGrowing && index.bucketsToMove > 60_000) { insert() }
    // From 65,536 buckets to 98,304 of 8 bytes each, with their directories.
    let (larger, directories, page) = (98_304 * 8, 1_024, 4_096 * 8)
    while index.isGrowing {
      insert()
      let moved = 65_536 - index.bucketsToMove
      // The pages where moving stands and began, in both tables, and one that a run of full buckets has reached.
      let held = index.bucketsToMove * 8 + moved * 12 + 5 * page + directories
      if index.bytesReserved > held {
        Issue.record("\(index.bytesReserved) bytes are held with \(index.bucketsToMove) buckets to move, not \(held)")
        return
      }
    }
    #expect(index.bytesReserved <= larger + directories)
    index.checkInvariants()
  }

  @Test("a large index has large pages, a few for each insert at most, and gives them back")
  func largePages() {
    var index = SlotIndex()
    let large = 2 << 20
    let rows = 740_000 as UInt32
    for row in 0..<rows {
      let (toMove, bytes) = (index.bucketsToMove, index.bytesReserved)
      index.insert(Hashing.mixed(Int(row)), Slot(row))
      if toMove > 0 && toMove - index.bucketsToMove > SlotIndex.bucketsMovedPerChange {
        Issue.record("insert \(row) moved \(toMove - index.bucketsToMove) buckets")
      }
      if index.bytesReserved - bytes > 3 * large + 8 * 64 {
        Issue.record("insert \(row) allocated \(index.bytesReserved - bytes) bytes")
      }
    }
    // 786,432 buckets are in small pages. Behind 638,976 entries they become 1,048,576 in four large ones, 98,304 entries later.
    #expect(index.bucketsToMove == 0)
    #expect(index.bytesReserved <= 4 * large + 8 * 4)
    for row in stride(from: 0, to: rows, by: 97) {
      let found = index.find(Hashing.mixed(Int(row))) { $0 == Slot(row) }
      if found != Slot(row) { Issue.record("row \(row) is not found") }
    }
    for row in stride(from: 0, to: rows, by: 8) { index.remove(Hashing.mixed(Int(row)), Slot(row)) }
    for row in 0..<2_000 as Range<UInt32> {
      let found = index.find(Hashing.mixed(Int(row))) { $0 == Slot(row) }
      if (found == Slot(row)) != (row % 8 != 0) { Issue.record("row \(row) is there, or is not, and should not") }
    }
  }

  @Test("a removal moves entries too, so growth ends when nothing is added any more")
  func removalsMove() {
    var table = Table(.mixed)
    var key = 0
    while !(table.index.isGrowing && key > 1_000) {
      table.insert(key)
      key += 1
    }
    var removed = 0
    while table.index.isGrowing, removed < key {
      table.remove(removed)
      removed += 1
      table.index.checkInvariants()
    }
    #expect(removed <= 2_048 / SlotIndex.bucketsMovedPerChange)
  }

  @Test("row 0 with a hash of 0 is an entry like any other")
  func zero() {
    var index = SlotIndex()
    #expect(index.find(0) { _ in true } == .none)
    index.insert(0, Slot(0))
    #expect(index.find(0) { $0 == Slot(0) } == Slot(0))
    #expect(index.find(0) { _ in false } == .none)
    index.remove(0, Slot(0))
    #expect(index.find(0) { _ in true } == .none)
  }

  @Test("removing a row that is not there traps, in every build")
  func absentRow() async {
    await #expect(processExitsWith: .failure) {
      var index = SlotIndex()
      index.insert(1, Slot(1))
      index.remove(1, Slot(2))
    }
  }
}
