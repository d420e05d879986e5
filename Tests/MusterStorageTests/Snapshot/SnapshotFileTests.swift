import Foundation
import MusterEngine
import MusterModel
import MusterStorage
import MusterTestKit
import Testing

/// A snapshot file gives back what was put in, or says by name that it cannot.
@Suite("Snapshot files")
struct SnapshotFileTests {
  private let name = SnapshotFileName.name(sequence: 1)

  @Test("what was written is read back, whatever the number of planes", arguments: [1, 2, 3])
  func roundTrip(planes: Int) async throws {
    let stage = try await SnapshotStage(planes: 2)
    let disk = SimulatedDisk(seed: 1)
    let summary = try stage.write(name, on: disk)
    let reader = try SnapshotReader(name, on: disk)
    try reader.verify()
    #expect(reader.sessions == 4 && summary.sessions == 4)
    #expect(reader.through == stage.finished.values.max())
    let second = try await stage.load(reader, planes: planes)
    #expect(SnapshotStage.details(of: second) == stage.details)
    #expect(second.roster(of: "room:1") == stage.harness.roster(of: "room:1"))
    #expect(second.violations() == [])
  }

  @Test("one flipped bit anywhere is noticed, and so is any other length")
  func damaged() async throws {
    let stage = try await SnapshotStage(planes: 2)
    let disk = SimulatedDisk(seed: 1)
    _ = try stage.write(name, on: disk)
    let bytes = try #require(disk.bytes(of: name))
    func isSound() -> Bool {
      do {
        try SnapshotReader(name, on: disk).verify()
        return true
      } catch { return false }
    }
    try #require(isSound())
    for byte in bytes.indices {
      disk.flip(name, byte: byte, bit: byte % 8)
      try #require(!isSound(), "byte \(byte) of \(bytes.count)")
      disk.flip(name, byte: byte, bit: byte % 8)
    }
    for length in bytes.indices {
      disk.plant(name, Array(bytes[..<length]))
      try #require(!isSound(), "cut to \(length) of \(bytes.count)")
    }
    disk.plant(name, bytes + [0])
    #expect(!isSound())
    // Whole frames that change places are noticed as well.
    disk.plant(name, bytes)
    #expect(isSound())
  }

  @Test("a snapshot of an engine with nothing in it is a snapshot")
  func empty() async throws {
    let disk = SimulatedDisk(seed: 1)
    let queue = PageQueue(shards: 1, bytesMax: 1_024) {}
    queue.finish(shard: 0, through: LSN(9))
    let header = SnapshotHeader(planes: 1, sequence: 1, coveredThrough: LSN(9), begun: WallTime(milliseconds: 0))
    var writer = try SnapshotWriter(try disk.create(name), header, level: 1)
    let summary = try #require(try writer.run(queue))
    #expect(summary.frames == 0)
    try SnapshotReader(name, on: disk).verify()
  }

  @Test("a queue takes one page too many and no more, wakes who found it full, and turns away when abandoned")
  func queue() async throws {
    let stage = try await SnapshotStage(planes: 1)
    let page = try #require(stage.pages.first)
    let queue = PageQueue(shards: 1, bytesMax: page.bytes.count) {}
    #expect(queue.offer(page) == .taken)
    #expect(queue.offer(page) == .full)
    queue.abandon()
    #expect(queue.offer(page) == .abandoned)
  }

  @Test("a manifest is read as it was written, and refused with any bit flipped or any byte missing")
  func manifest() throws {
    let manifest = Manifest(
      snapshot: name, snapshotBytes: 48_211_004, coveredThrough: LSN(118_222), durableThrough: LSN(118_934))
    let bytes = Array(manifest.text.utf8)
    #expect(try Manifest(bytes) == manifest)
    for byte in bytes.indices {
      for bit in 0..<8 {
        var flipped = bytes
        flipped[byte] ^= 1 << bit
        #expect(throws: SnapshotError.self) { try Manifest(flipped) }
      }
      #expect(throws: SnapshotError.self) { try Manifest(Array(bytes[..<byte])) }
    }
  }

  /// Files of versions that were released, never made again: what was written once can be read for ever.
  @Test("the snapshot of version 1 that was kept is read as it was on that day")
  func golden() async throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let file = root.appending(path: "snapshots/golden/snapshot-v1/\(name)")
    let stage = try await SnapshotStage(planes: 2)
    let disk = SimulatedDisk(seed: 1)
    // Only to make the file of a new version, under a new name.
    if ProcessInfo.processInfo.environment["MUSTER_MAKE_GOLDEN"] == "1" {
      _ = try stage.write(name, on: disk)
      let bytes = try #require(disk.bytes(of: name))
      try Data(bytes).write(to: file, options: .withoutOverwriting)
    }
    disk.plant(name, Array(try Data(contentsOf: file)))
    let reader = try SnapshotReader(name, on: disk)
    try reader.verify()
    #expect(reader.header.begun == WallTime(milliseconds: 1_800_000_000_000))
    let second = try await stage.load(reader, planes: 3)
    // The ids of sessions come from a seed, and everything else from the stage.
    #expect(SnapshotStage.details(of: second) == stage.details)
    #expect(second.violations() == [])
  }
}
