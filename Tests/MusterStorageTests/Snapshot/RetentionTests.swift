import MusterEngine
import MusterModel
import MusterTestKit
import Synchronization
import Testing

@testable import MusterStorage

/// The checkpoint before the last one and its log stay until the last one has been read back; and there is a new one in time.
@Suite("Retention")
struct RetentionTests {
  /// What was acknowledged meanwhile is in the log behind the checkpoint before.
  ///
  ///     checkpoint 1 ── alice, bob ── checkpoint 2, damaged on its way to the medium ── carol ── kill
  ///     recovery: checkpoint 1, then the log with alice, bob and carol
  @Test("a checkpoint that cannot be read back does not count: the one before it and its log stay, and are recovered from")
  func unreadable() async throws {
    let medium = SimulatedDisk(seed: 3)
    let disk = DamagingDisk(medium)
    let clock = ManualClock()
    let life = try await StorageLife(on: disk, clock: clock, planes: 2, seed: 1)
    life.begin()
    var sessions = [try await life.open("zoe")]
    let first = try await life.storage.checkpoint()
    for user in ["alice", "bob"] { sessions.append(try await life.open(user)) }
    let before = Set(try medium.list())
    disk.damage.store(true, ordering: .releasing)
    let failure = await #expect(throws: CheckpointError.self) { _ = try await life.storage.checkpoint() }
    guard case .unreadable? = failure else {
      Issue.record("it failed otherwise: \(String(describing: failure))")
      return
    }
    sessions.append(try await life.open("carol"))
    let now = Set(try medium.list())
    #expect(now.isSuperset(of: before), "nothing that recovery needs was removed: \(before.subtracting(now))")
    #expect(now.filter { $0.hasSuffix(".snapshot") } == [first.manifest.snapshot], "and what is of no use is gone")
    medium.die(after: 0)
    _ = await life.storage.close()
    life.stop()
    medium.crash(.power)

    let next = try await StorageLife(on: medium, clock: clock, planes: 1, seed: 2)
    #expect(next.report.manifest == first.manifest)
    #expect(next.report.log.recordsReplayed == 3)
    next.begin()
    for session in sessions { #expect(await next.engine.session(session) != nil) }
    // And the next one counts again.
    let second = try await next.storage.checkpoint()
    #expect(second.manifest.coveredThrough > first.manifest.coveredThrough)
    #expect(try medium.list().filter { $0.hasSuffix(".snapshot") } == [second.manifest.snapshot])
    #expect(await next.storage.close())
    next.stop()
  }

  @Test("the log is measured by what was written, within a segment and over several", arguments: [1 << 20, 1 << 16])
  func measured(segmentBytes: Int) async throws {
    let disk = SimulatedDisk(seed: 4)
    let writer = try LogWriter(on: disk, at: .beginning, settings: Self.settings(segmentBytes))
    writer.start {}
    defer { writer.close() }
    var written = 0
    for round in 1...40 {
      for number in 0..<5 {
        let mutation = Mutation.banned(
          .named("user\(number)"), Ban(until: nil, reason: Array(repeating: 120, count: 1_000 + round)))
        written += MutationCodec.recordBytes(of: mutation)
        _ = writer.append(mutation, at: WallTime(milliseconds: 1))
      }
      // A group may be as small as one record, and each has a header, padding and a mark behind it.
      let overhead = (round * 5 + 40) * 3 * LogFormat.groupHeaderBytes
      try await cut(writer)
      let measured = Storage.logBytes(behind: .zero, of: writer, on: disk)
      try #require(measured >= written && measured <= written + overhead, "\(measured) for \(written) in round \(round)")
      try #require(Storage.logBytes(behind: writer.appendedThrough, of: writer, on: disk) == LogFormat.segmentHeaderBytes)
    }
  }

  private static func settings(_ segmentBytes: Int) -> LogSettings {
    var settings = LogSettings()
    settings.segmentBytes = segmentBytes
    settings.queuedBytesMax = 1 << 14
    settings.reserveBytes = 1 << 15
    return settings
  }

  /// Waits until everything is written, and in ended segments.
  private func cut(_ writer: LogWriter) async throws {
    let cut = await withCheckedContinuation { continuation in writer.rotate { continuation.resume(returning: $0) } }
    try #require(cut == .made(through: writer.appendedThrough))
  }

  @Test("a checkpoint is made by itself once so much log was written, long before a segment is full")
  func triggered() async throws {
    let disk = SimulatedDisk(seed: 5)
    let life = try await StorageLife(
      on: disk, clock: ManualClock(), planes: 2, seed: 1,
      storage: {
        $0.log.segmentBytes = 16 << 20
        $0.checkpointLogBytes = 64 << 10
      })
    let (reports, made) = AsyncStream.makeStream(of: Result<CheckpointReport, CheckpointError>.self)
    life.begin { made.yield($0) }
    let session = try await life.open("alice")
    let text = String(repeating: "x", count: 4_000)
    for number in 0..<20 {
      let patch = Payload(validated: Array("{\"n\":\(number),\"text\":\"\(text)\"}".utf8))
      _ = try await life.engine.patchData(of: session, public: patch, private: nil, ifVersion: nil)
    }
    // Its clock stands still, so it is not for the time that has passed.
    var iterator = reports.makeAsyncIterator()
    let report = try #require(try await iterator.next()?.get())
    #expect(report.manifest.coveredThrough > .zero)
    #expect(Storage.logSegments(on: disk) <= 3)
    #expect(await life.storage.close())
    life.stop()
  }
}

/// A disk that damages the next snapshot on its way to the medium, when it is told to.
private final class DamagingDisk: Disk {
  let damage = Atomic<Bool>(false)
  private let disk: SimulatedDisk

  init(_ disk: SimulatedDisk) {
    self.disk = disk
  }

  func list() throws(DiskError) -> [String] { try disk.list() }

  func create(_ name: String) throws(DiskError) -> any DiskFile { try disk.create(name) }

  func open(_ name: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile { try disk.open(name, access) }

  func rename(_ name: String, to newName: String) throws(DiskError) {
    if name == SnapshotFileName.unfinished, damage.exchange(false, ordering: .acquiringAndReleasing) {
      disk.flip(name, byte: (disk.bytes(of: name)?.count ?? 0) / 2, bit: 4)
    }
    try disk.rename(name, to: newName)
  }

  func remove(_ name: String) throws(DiskError) { try disk.remove(name) }

  func syncDirectory() throws(DiskError) { try disk.syncDirectory() }

  func lock(_ name: String) throws(DiskError) -> any DiskLock { try disk.lock(name) }
}

extension Storage {
  /// How many segments there are.
  fileprivate static func logSegments(on disk: any Disk) -> Int {
    SegmentFile.all(in: (try? disk.list()) ?? []).count
  }
}
