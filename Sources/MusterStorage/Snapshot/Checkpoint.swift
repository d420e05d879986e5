package import MusterEngine
package import MusterModel

/// What a checkpoint needs of the log.
package protocol CheckpointedLog: Sendable {
  /// Ends the open segment, and waits for it.
  ///
  /// - Returns: See ``LogCut``.
  func cut() -> LogCut

  /// Removes segments that hold nothing behind a position.
  func removeSegments(through lsn: LSN)
}

/// What a checkpoint needs of the engine.
package protocol CapturedEngine: Sendable {
  /// How many shards write pages.
  var shards: Int { get }

  /// Begins to offer pages to a queue, and returns at once.
  ///
  /// - Returns: Whether it began.
  func beginCapture(into queue: PageQueue, from start: LSN) -> Bool

  /// Wakes shards that found the queue full.
  func wake()
}

/// Why there is no new checkpoint; the one before it still counts.
package enum CheckpointError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The log cannot be made durable so far.
  case log(LogCut)
  /// Another capture is going on, or this one was abandoned.
  case abandoned
  case disk(DiskError)
  /// What was written cannot be read back.
  case unreadable(SnapshotError)

  package var description: String {
    switch self {
    case .log(.failed(let error)): "the log has failed: \(error)"
    case .log: "the log cannot be made durable: there is no room"
    case .abandoned: "the engine gave no pages"
    case .disk(let error): error.description
    case .unreadable(let error): "a snapshot cannot be read back: \(error)"
    }
  }
}

/// What a checkpoint came to.
package struct CheckpointReport: Sendable, Hashable {
  package var manifest: Manifest
  package var summary: SnapshotSummary

  package init(manifest: Manifest, summary: SnapshotSummary) {
    self.manifest = manifest
    self.summary = summary
  }
}

/// Makes one checkpoint, from the first cut of the log to the last removal.
///
/// | step | what a crash behind it leaves |
/// | --- | --- |
/// | end the segment at C | a segment more |
/// | capture into `next.snapshot`, sync | a file that recovery removes |
/// | end the segment again, at or behind all that the pages hold | the same |
/// | give the snapshot its name, sync the directory | a snapshot that no manifest names: recovery removes it |
/// | read it back | the same |
/// | write the manifest, sync, rename, sync the directory | the new checkpoint, and what it does not need |
/// | remove the old snapshot, and the log through C | the new checkpoint |
///
/// The second cut is not for tidiness. Pages hold what was applied, and that may be ahead of what is durable. If the snapshot counted
/// and the log ended before it, the next life would give the same positions to other records, which recovery would then take
/// for known.
///
/// ### Isolation
/// One thread, which it blocks.
package struct Checkpoint {
  let disk: any Disk
  let log: any CheckpointedLog
  let engine: any CapturedEngine
  let queueBytesMax: Int
  let level: Int32

  /// Prepares a checkpoint; nothing is done yet.
  package init(
    on disk: any Disk, log: any CheckpointedLog, engine: any CapturedEngine, queueBytesMax: Int = 8 << 20, level: Int32 = 1
  ) {
    self.disk = disk
    self.log = log
    self.engine = engine
    self.queueBytesMax = queueBytesMax
    self.level = level
  }

  /// Makes the checkpoint.
  ///
  /// - Parameter wall: When it begins; for whoever looks at the file.
  /// - Throws: When there is no new checkpoint; the one before it still counts.
  /// - Returns: What counts now.
  package func make(at wall: WallTime) throws(CheckpointError) -> CheckpointReport {
    guard case .made(let start) = try cut() else { throw .abandoned }
    let (sequence, before) = try io { () throws(DiskError) in try next() }
    let header = SnapshotHeader(planes: engine.shards, sequence: sequence, coveredThrough: start, begun: wall)
    let summary = try write(header)
    guard case .made(let durable) = try cut(), durable >= summary.through else { throw .log(.full) }
    let name = SnapshotFileName.name(sequence: sequence)
    try io { () throws(DiskError) in
      try disk.rename(SnapshotFileName.unfinished, to: name)
      try disk.syncDirectory()
    }
    try verify(name, header, summary)
    let manifest = Manifest(
      snapshot: name, snapshotBytes: summary.fileBytes, coveredThrough: start, durableThrough: durable)
    try io { () throws(DiskError) in
      try manifest.write(to: disk)
      for name in before { try disk.remove(name) }
    }
    log.removeSegments(through: start)
    return CheckpointReport(manifest: manifest, summary: summary)
  }

  private func cut() throws(CheckpointError) -> LogCut {
    let cut = log.cut()
    guard case .made = cut else { throw .log(cut) }
    return cut
  }

  /// The sequence of the new snapshot, and the snapshots that it makes unnecessary.
  private func next() throws(DiskError) -> (UInt64, [String]) {
    let snapshots = try disk.list().filter { SnapshotFileName.sequence(of: $0) != nil }
    return ((snapshots.compactMap(SnapshotFileName.sequence(of:)).max() ?? 0) + 1, snapshots)
  }

  private func write(_ header: SnapshotHeader) throws(CheckpointError) -> SnapshotSummary {
    let queue = PageQueue(shards: engine.shards, bytesMax: queueBytesMax) { [engine] in engine.wake() }
    guard engine.beginCapture(into: queue, from: header.coveredThrough) else { throw .abandoned }
    do throws(DiskError) {
      try disk.removeIfThere(SnapshotFileName.unfinished)
      let file = try disk.create(SnapshotFileName.unfinished)
      var writer = try SnapshotWriter(file, header, level: level)
      if let summary = try writer.run(queue) { return summary }
    } catch {
      queue.abandon()
      // It may be the room that it takes which is missing.
      try? disk.removeIfThere(SnapshotFileName.unfinished)
      throw .disk(error)
    }
    throw .abandoned
  }

  private func verify(
    _ name: String, _ header: SnapshotHeader, _ summary: SnapshotSummary
  ) throws(CheckpointError) {
    do throws(SnapshotError) {
      let reader = try SnapshotReader(name, on: disk)
      guard reader.header == header, reader.pages == summary.pages, reader.bytes == summary.fileBytes else {
        throw .another(name)
      }
      try reader.verify()
    } catch {
      try? disk.removeIfThere(name)
      throw .unreadable(error)
    }
  }

  private func io<R>(_ body: () throws(DiskError) -> R) throws(CheckpointError) -> R {
    do throws(DiskError) {
      return try body()
    } catch {
      throw .disk(error)
    }
  }
}
