import MusterStorage
import MusterTestKit
import Testing

/// A simulation that is kinder than a disk proves nothing.
@Suite("The simulated disk is treacherous")
struct SimulatedDiskTests {
  @Test("what was synced survives every loss of power")
  func syncedSurvives() throws {
    for seed in 0..<200 as Range<UInt64> {
      let disk = SimulatedDisk(seed: seed)
      let file = try disk.create("a")
      try file.write([UInt8](repeating: 7, count: 100).span.bytes, at: 0)
      try file.sync()
      try disk.syncDirectory()
      try file.write([UInt8](repeating: 8, count: 100).span.bytes, at: 100)
      disk.crash(.power)
      try #require(disk.bytes(of: "a")?.prefix(100).allSatisfy { $0 == 7 } == true, "seed \(seed)")
    }
  }

  @Test("what was not synced is kept, lost, torn within a sector, and survives what came before it")
  func unsyncedIsAnything() throws {
    var seen = Set<String>()
    for seed in 0..<400 as Range<UInt64> {
      let disk = SimulatedDisk(seed: seed)
      let file = try disk.create("a")
      try file.preallocate(through: 2_048)
      try file.sync()
      try disk.syncDirectory()
      try file.write([UInt8](repeating: 1, count: 1_000).span.bytes, at: 0)
      try file.write([UInt8](repeating: 2, count: 1_000).span.bytes, at: 1_000)
      disk.crash(.power)
      let bytes = try #require(disk.bytes(of: "a"))
      let (first, second) = (bytes.count { $0 == 1 }, bytes.count { $0 == 2 })
      switch (first, second) {
      case (1_000, 1_000): seen.insert("kept")
      case (0, 0): seen.insert("lost")
      case (0, 1_000): seen.insert("reordered")
      default: seen.insert((first + second) % 8 == 0 ? "torn" : "torn within a sector")
      }
    }
    #expect(seen == ["kept", "lost", "reordered", "torn", "torn within a sector"])
  }

  @Test("names that were not synced may be lost, on either side of a rename")
  func names() throws {
    var seen = Set<[String]>()
    for seed in 0..<200 as Range<UInt64> {
      let disk = SimulatedDisk(seed: seed)
      try disk.create("a").sync()
      try disk.syncDirectory()
      _ = try disk.create("b")
      try disk.rename("a", to: "c")
      disk.crash(.power)
      seen.insert(try disk.list())
    }
    #expect(seen == [["a"], ["a", "b"], ["c"], ["b", "c"]])
  }

  @Test("a process that ends loses nothing but its locks and what it had open")
  func processEnds() throws {
    let disk = SimulatedDisk(seed: 1)
    let lock = try disk.lock("lock")
    let file = try disk.create("a")
    try file.write(([1] as [UInt8]).span.bytes, at: 0)
    disk.crash(.process)
    #expect(disk.bytes(of: "a") == [1])
    #expect(throws: DiskError.self) { try file.write(([2] as [UInt8]).span.bytes, at: 0) }
    let second = try disk.lock("lock")
    withExtendedLifetime((lock, second)) {}
  }

  @Test("a sync that failed forgets what it should have written, and the next one does not say so")
  func failedSyncForgets() throws {
    let disk = SimulatedDisk(seed: 1)
    let file = try disk.create("a")
    try disk.syncDirectory()
    try file.write(([1, 2, 3] as [UInt8]).span.bytes, at: 0)
    disk.fail(.sync, .io)
    #expect(throws: DiskError.self) { try file.sync() }
    try file.sync()
    disk.crash(.power)
    #expect(disk.bytes(of: "a") == [])
  }

  @Test("a full disk writes what fits, and preallocated room is not taken twice")
  func fullDisk() throws {
    let disk = SimulatedDisk(seed: 1)
    disk.limit(room: 100)
    let file = try disk.create("a")
    try file.preallocate(through: 60)
    #expect(#expect(throws: DiskError.self) { try disk.create("b").preallocate(through: 60) }?.kind == .noSpace)
    try file.write([UInt8](repeating: 1, count: 60).span.bytes, at: 0)
    #expect(
      #expect(throws: DiskError.self) { try file.write([UInt8](repeating: 2, count: 60).span.bytes, at: 60) }?.kind == .noSpace)
    #expect(disk.bytes(of: "a")?.count == 100)
    disk.limit(room: nil)
    try file.write([UInt8](repeating: 2, count: 60).span.bytes, at: 60)
  }
}
