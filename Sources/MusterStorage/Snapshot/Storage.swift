package import MusterEngine
import MusterModel
import MusterThreads

/// How storage behaves.
package struct StorageOptions: Sendable {
  package var log = LogSettings()
  package var mode = RecoveryMode.strict
  /// So much log makes a checkpoint due.
  package var checkpointLogBytes = 256 << 20
  /// So long after a checkpoint the next is due, if anything has changed.
  package var checkpointInterval: Duration = .seconds(300)
  /// Pages that wait to be compressed.
  package var pagesQueuedBytesMax = 8 << 20
  /// How hard snapshots are compressed, as zstd counts.
  package var level: Int32 = 1
  /// How long a turn may go on with a snapshot before it begins no further page.
  package var captureBudget: Duration = .microseconds(200)

  package init() {}

  /// What cannot be, in words; empty when all is well.
  package func problems() -> [String] {
    var problems = log.problems()
    if checkpointLogBytes < 1 << 20 { problems.append("checkpoint_log_bytes must be at least 1 MiB") }
    if checkpointInterval < .seconds(1) { problems.append("checkpoint_interval must be at least 1 s") }
    if !(1 << 20...32 << 20).contains(pagesQueuedBytesMax) { problems.append("pages_queued_bytes_max must be 1 to 32 MiB") }
    if !(-20...19).contains(level) { problems.append("snapshot_level must be -20 to 19") }
    if captureBudget > .milliseconds(10) { problems.append("capture_budget must be at most 10 ms") }
    return problems
  }
}

/// Why storage cannot be recovered.
package enum StorageError: Error, Sendable, Hashable, CustomStringConvertible {
  case disk(DiskError)
  case log(LogRecoveryError)
  case snapshot(SnapshotError)
  /// A page or a record does not make sense.
  case engine(RecoveryError)

  package var description: String {
    switch self {
    case .disk(let error): error.description
    case .log(let error): error.description
    case .snapshot(let error):
      "\(error); `muster inspect --verify` shows what is sound"
    case .engine(.page(let defect)): "a page of the snapshot makes no sense: \(defect)"
    case .engine(.unknownSession(let lsn, let session)):
      "record \(lsn.rawValue) is about session \(session.text), which nothing has granted"
    case .engine(.unfitting(let lsn, let reason)): "record \(lsn.rawValue) does not fit: \(reason)"
    case .engine(.noRoom(let limit)): "there is more to load than \(limit) allows; raise it"
    }
  }
}

/// How far a recovery is.
package enum RecoveryStage: Sendable, Hashable {
  case loading(frames: Int, of: Int)
  case replaying(records: Int)
  case finishing
}

/// What a recovery found and did.
package struct RecoveryReport: Sendable {
  /// The checkpoint that counted; `nil` for none.
  package var manifest: Manifest?
  package var snapshotSessions = 0
  package var counts = RecoveryCounts()
  package var log: LogRecoveryReport
  /// Files of interrupted checkpoints that were removed.
  package var removed: [String] = []
  package var loading: Duration = .zero
  package var replaying: Duration = .zero
  package var finishing: Duration = .zero
}

/// Log and snapshots of one engine, in one directory.
///
/// In this order: ``init(_:options:)``, the engine with ``journal``, ``recover(into:progress:)``, the start of the engine, ``begin(report:)``,
/// and at the end, while the engine still has turns, ``close()``.
///
/// ### Isolation
/// Callable from any thread. Whatever blocks does so on threads of storage's own, or on the planes' before the engine starts.
package final class Storage: Sendable {
  package let directory: DataDirectory
  /// The journal to make the engine with; takes nothing until ``recover(into:progress:)`` has returned.
  package let journal = StorageJournal()
  private let options: StorageOptions

  private struct Parts {
    var engine: PresenceEngine?
    var writer: LogWriter?
    var checkpointer: Checkpointer?
    var covered = LSN.zero
  }

  private let parts = ContendedLock(Parts())

  /// Takes a directory.
  package init(_ directory: DataDirectory, options: StorageOptions) {
    self.directory = directory
    self.options = options
  }

  // MARK: Recovery

  /// Loads the snapshot, replays the log behind it, and opens the log for what is to come.
  ///
  /// - Parameters:
  ///   - engine: Empty, and not started.
  ///   - progress: Called from several threads.
  /// - Throws: When anything that was acknowledged may be missing. The engine is of no use then.
  /// - Returns: What was found and done.
  package func recover(
    into engine: PresenceEngine, progress: @escaping @Sendable (RecoveryStage) -> Void = { _ in }
  ) async throws(StorageError) -> RecoveryReport {
    let clock = ContinuousClock()
    let begin = clock.now
    let manifest = try await readManifest()
    var counts = RecoveryCounts()
    var checkpoint = LogCheckpoint.none
    var through = LSN.zero
    var sessions = 0
    if let manifest {
      let reader = try await open(manifest)
      let loader = ProgressCounter(total: reader.frames.count, progress)
      do {
        counts.add(try await engine.load(reader) { loader.add($0) })
      } catch { throw Self.typed(error) }
      checkpoint = LogCheckpoint(coveredThrough: manifest.coveredThrough, durableThrough: manifest.durableThrough)
      through = reader.through
      sessions = reader.sessions
    }
    let loaded = clock.now
    let (log, replayed) = try await replay(behind: checkpoint, fuzzyThrough: through, into: engine, progress)
    counts.add(replayed)
    let done = clock.now
    progress(.finishing)
    let last = max(LSN(log.start.nextLSN.rawValue - 1), through)
    await engine.finishRecovery(through: last)
    let removed = try await open(log, engine, keeping: manifest)
    return RecoveryReport(
      manifest: manifest, snapshotSessions: sessions, counts: counts, log: log, removed: removed, loading: loaded - begin,
      replaying: done - loaded, finishing: clock.now - done)
  }

  private func readManifest() async throws(StorageError) -> Manifest? {
    let result = await onOwnThread { [disk = directory.disk] in
      Result { () throws(SnapshotError) in try Manifest.read(from: disk) }
    }
    do throws(SnapshotError) { return try result.get() } catch { throw .snapshot(error) }
  }

  private func open(_ manifest: Manifest) async throws(StorageError) -> SnapshotReader {
    let result = await onOwnThread { [disk = directory.disk] in
      Result { () throws(SnapshotError) in
        let reader = try SnapshotReader(manifest.snapshot, on: disk)
        guard reader.bytes == manifest.snapshotBytes, reader.header.coveredThrough == manifest.coveredThrough,
          reader.through <= manifest.durableThrough
        else { throw .another(manifest.snapshot) }
        return reader
      }
    }
    do throws(SnapshotError) { return try result.get() } catch { throw .snapshot(error) }
  }

  private func replay(
    behind checkpoint: LogCheckpoint, fuzzyThrough: LSN, into engine: PresenceEngine,
    _ progress: @escaping @Sendable (RecoveryStage) -> Void
  ) async throws(StorageError) -> (LogRecoveryReport, RecoveryCounts) {
    typealias Replay = Result<(LogRecoveryReport, RecoveryCounts), StorageError>
    let result = await onOwnThread { [directory, mode = options.mode] () -> Replay in
      let clock = ContinuousClock()
      let begin = clock.now
      var feed = ReplayFeed(engine: engine, fuzzyThrough: fuzzyThrough, progress: progress)
      do throws(LogRecoveryError) {
        let report = try directory.recoverLog(behind: checkpoint, mode: mode, now: { clock.now - begin }) { feed.take($0) }
        return feed.finish().map { (report, $0) }
      } catch {
        _ = feed.finish()
        return .failure(.log(error))
      }
    }
    return try result.get()
  }

  /// Opens the log, and removes what interrupted checkpoints have left.
  private func open(
    _ log: LogRecoveryReport, _ engine: PresenceEngine, keeping manifest: Manifest?
  ) async throws(StorageError) -> [String] {
    let result = await onOwnThread { [directory, options, parts, journal] in
      Result { () throws(DiskError) in
        let names = try directory.disk.list()
        let left = names.filter { name in
          SnapshotFileName.isKnown(name) && name != SnapshotFileName.manifest && name != manifest?.snapshot
        }
        for name in left { try directory.disk.remove(name) }
        let writer = try directory.makeWriter(at: log.start, settings: options.log)
        parts.withLock { parts in
          parts.engine = engine
          parts.writer = writer
          parts.covered = manifest?.coveredThrough ?? .zero
        }
        journal.open(writer)
        return left
      }
    }
    do throws(DiskError) { return try result.get() } catch { throw .disk(error) }
  }

  private static func typed(_ error: any Error) -> StorageError {
    if let error = error as? SnapshotError { return .snapshot(error) }
    if let error = error as? RecoveryError { return .engine(error) }
    preconditionFailure("loading a snapshot threw what it cannot: \(error)")
  }

  // MARK: Life

  /// Starts the threads, of the log and of checkpoints; once, behind recovery.
  ///
  /// - Parameter report: Called behind each attempt at a checkpoint, on its thread.
  /// - Throws: What the system does when it cannot give what threads need.
  package func begin(
    report: @escaping @Sendable (Result<CheckpointReport, CheckpointError>) -> Void = { _ in }
  ) throws(StorageError) {
    let (engine, writer, covered) = parts.withLock { ($0.engine, $0.writer, $0.covered) }
    guard let engine, let writer else { preconditionFailure("storage is begun before it has recovered") }
    writer.start { engine.requestTurns() }
    let checkpoint = Checkpoint(
      on: directory.disk, log: writer, engine: CapturedPresence(engine: engine, budget: options.captureBudget),
      queueBytesMax: options.pagesQueuedBytesMax, level: options.level)
    var schedule = CheckpointSchedule(from: covered, at: .milliseconds(Int64(engine.clock.now.rawValue) * 100))
    schedule.logBytes = options.checkpointLogBytes
    schedule.interval = options.checkpointInterval
    do throws(DiskError) {
      let checkpointer = try Checkpointer(checkpoint, clock: engine.clock, measure: measure(writer), report: report)
      parts.withLock { $0.checkpointer = checkpointer }
      checkpointer.start(schedule, covered: covered)
    } catch { throw .disk(error) }
  }

  private func measure(_ writer: LogWriter) -> @Sendable (LSN) -> (appended: LSN, bytes: Int) {
    { [disk = directory.disk] covered in (writer.appendedThrough, Self.logBytes(behind: covered, of: writer, on: disk)) }
  }

  /// How much log there is behind a record with which a segment ends.
  ///
  /// Ended segments are as long as what was written to them; but for one that a life which was killed has left, with its room.
  ///
  /// - Complexity: O(files).
  static func logBytes(behind covered: LSN, of writer: LogWriter, on disk: any Disk) -> Int {
    let segments = SegmentFile.all(in: (try? disk.list()) ?? []).filter { $0.firstLSN > covered }
    return segments.dropLast().reduce(writer.bytesInOpenSegment) { sum, segment in
      sum + ((try? disk.open(segment.name, .reading).size()) ?? 0)
    }
  }

  /// Makes a checkpoint now.
  package func checkpoint() async throws(CheckpointError) -> CheckpointReport {
    guard let checkpointer = parts.withLock({ $0.checkpointer }) else { throw .abandoned }
    return try await checkpointer.make()
  }

  /// What came of the last checkpoint.
  package var lastCheckpoint: Result<CheckpointReport, CheckpointError>? {
    parts.withLock { $0.checkpointer }?.last
  }

  /// Makes a last checkpoint, syncs the log and ends both threads.
  ///
  /// Comes behind the engine's draining and before its end: the checkpoint needs turns.
  ///
  /// - Returns: Whether everything that was appended is durable, with or without the checkpoint.
  package func close() async -> Bool {
    let (checkpointer, writer) = parts.withLock { parts in
      defer { parts = Parts() }
      return (parts.checkpointer, parts.writer)
    }
    if let checkpointer {
      // Without it the log is longer, and that is all.
      _ = try? await checkpointer.make()
      await onOwnThread { checkpointer.stop() }
    }
    guard let writer else { return true }
    return await onOwnThread { writer.close() }
  }
}
