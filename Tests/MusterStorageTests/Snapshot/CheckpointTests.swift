import MusterEngine
import MusterModel
import MusterStorage
import MusterTestKit
import MusterThreads
import Testing

/// A checkpoint may end anywhere: there is always one that counts, and the log behind it is still there.
@Suite("Checkpoints")
struct CheckpointTests {
  @Test("a crash at any call of the disk leaves the old checkpoint or the new one, and the log that it needs", arguments: [0, 1])
  func crash(kind: Int) async throws {
    let stage = try await SnapshotStage(planes: 2)
    var calls = 0
    var seen: Set<UInt64> = []
    while true {
      let disk = SimulatedDisk(seed: UInt64(calls + 1))
      let log = RecordedLog()
      log.appended(through: 100)
      _ = try make(on: disk, log, stage)
      log.appended(through: 200)
      disk.die(after: calls)
      let isWhole = (try? make(on: disk, log, stage)) != nil
      disk.crash(kind == 0 ? .process : .power)
      let manifest = try #require(try Manifest.read(from: disk), "after \(calls) calls")
      let reader = try SnapshotReader(manifest.snapshot, on: disk)
      try reader.verify()
      try #require(reader.header.coveredThrough == manifest.coveredThrough && reader.bytes == manifest.snapshotBytes)
      try #require(log.removedThrough <= manifest.coveredThrough, "after \(calls) calls: the log is needed")
      seen.insert(manifest.coveredThrough.rawValue)
      if isWhole {
        #expect(manifest.coveredThrough == LSN(200))
        break
      }
      calls += 1
      try #require(calls < 1_000)
    }
    #expect(seen == [100, 200], "some crashes leave the old one, some the new one")
  }

  @Test("a checkpoint does not count before the log is durable as far as its pages go")
  func aheadOfLog() async throws {
    let stage = try await SnapshotStage(planes: 2)
    let disk = SimulatedDisk(seed: 1)
    let log = RecordedLog()
    log.appended(through: 1)
    #expect(throws: CheckpointError.log(.full)) { try make(on: disk, log, stage) }
    #expect(try Manifest.read(from: disk) == nil)
    log.appended(through: 100)
    let report = try make(on: disk, log, stage)
    #expect(report.manifest.durableThrough >= report.summary.through)
    #expect(try disk.list().sorted() == ["manifest", report.manifest.snapshot].sorted(), "nothing else is left")
  }

  @Test("without room there is no new checkpoint, and the old one still counts")
  func noRoom() async throws {
    let stage = try await SnapshotStage(planes: 2)
    let disk = SimulatedDisk(seed: 1)
    let log = RecordedLog()
    log.appended(through: 100)
    let first = try make(on: disk, log, stage)
    disk.limit(room: disk.used + 100)
    #expect(throws: CheckpointError.self) { try make(on: disk, log, stage) }
    #expect(try Manifest.read(from: disk) == first.manifest)
    disk.limit(room: nil)
    log.appended(through: 300)
    #expect(try make(on: disk, log, stage).manifest.coveredThrough == LSN(300))
  }

  @Test("a checkpoint is due when there is much log, or after a while if anything has changed, and not at once after a failure")
  func schedule() {
    var schedule = CheckpointSchedule(from: LSN(10), at: .seconds(100))
    #expect(!schedule.isDue(appended: LSN(10), bytes: 1 << 40, at: .seconds(10_000)), "nothing has changed")
    #expect(!schedule.isDue(appended: LSN(11), bytes: 0, at: .seconds(399)))
    #expect(schedule.isDue(appended: LSN(11), bytes: 0, at: .seconds(400)))
    #expect(schedule.isDue(appended: LSN(11), bytes: 256 << 20, at: .seconds(101)))
    schedule.noteFailed(at: .seconds(101))
    #expect(!schedule.isDue(appended: LSN(11), bytes: 256 << 20, at: .seconds(110)))
    #expect(schedule.isDue(appended: LSN(11), bytes: 256 << 20, at: .seconds(111)))
    schedule.noteMade(through: LSN(11), at: .seconds(111))
    #expect(!schedule.isDue(appended: LSN(11), bytes: 256 << 20, at: .seconds(1_000)))
  }

  private func make(
    on disk: SimulatedDisk, _ log: RecordedLog, _ stage: borrowing SnapshotStage
  ) throws(CheckpointError) -> CheckpointReport {
    let engine = RecordedEngine(shards: 2, pages: stage.pages, finished: stage.finished)
    return try Checkpoint(on: disk, log: log, engine: engine).make(at: WallTime(milliseconds: 0))
  }
}

/// A log that is durable as far as the test says.
private final class RecordedLog: CheckpointedLog {
  private let state = ContendedLock((durable: LSN.zero, removed: LSN.zero))

  func appended(through: UInt64) {
    state.withLock { $0.durable = LSN(through) }
  }

  var removedThrough: LSN { state.withLock { $0.removed } }

  func cut() -> LogCut { .made(through: state.withLock { $0.durable }) }

  func removeSegments(through lsn: LSN) {
    state.withLock { $0.removed = lsn }
  }
}

/// An engine whose pages are known beforehand.
private struct RecordedEngine: CapturedEngine {
  let shards: Int
  let pages: [CapturedPage]
  let finished: [Int: LSN]

  func beginCapture(into queue: PageQueue, from start: LSN) -> Bool {
    for page in pages { _ = queue.offer(page) }
    for (shard, through) in finished { queue.finish(shard: shard, through: through) }
    return true
  }

  func wake() {}
}
