import MusterModel

/// What a recovery has done so far, over all planes.
package struct RecoveryCounts: Sendable, Hashable {
  package var pages = 0
  package var sessions = 0
  /// Records that were applied.
  package var applied = 0
  /// Records that the snapshot had already.
  package var known = 0
  /// Records of sessions that had ended while the snapshot was written.
  package var ended = 0
  /// Records that did not fit, behind a gap in the log.
  package var unfitting = 0

  package init() {}

  mutating func add(_ shard: ShardRecovery) {
    unfitting += shard.unfitting
    pages += shard.pages
    sessions += shard.sessions
    applied += shard.applied
    known += shard.known
    ended += shard.ended
  }
}

/// Snapshots and recovery, for whoever owns the files.
///
/// Recovery comes before ``start()``, in this order: ``load(_:progress:)`` if there is a snapshot, ``replay(_:fuzzyThrough:hasGaps:)`` for the
/// log behind it, ``finishRecovery(through:)``. After an error the engine is of no use.
extension PresenceEngine {
  // MARK: Snapshots

  /// Begins to write down everything that must survive, while everything goes on.
  ///
  /// - Parameters:
  ///   - sink: Gets the pages of all shards, and is told when each has finished.
  ///   - start: A record that was appended before this call, as were all before it.
  ///   - pace: How much of a turn it may take.
  /// - Returns: Whether it began; not while another capture is going on.
  package func beginCapture(into sink: any SnapshotSink, from start: LSN, pace: CapturePace) async -> Bool {
    var begun: [SessionShard] = []
    for plane in planes {
      guard await plane.sessions.beginCapture(into: sink, from: start, pace: pace) else {
        for shard in begun { await shard.abandonCapture() }
        return false
      }
      begun.append(plane.sessions)
    }
    requestTurns()
    return true
  }

  /// Forgets a capture that is going on.
  package func abandonCapture() async {
    for plane in planes { await plane.sessions.abandonCapture() }
  }

  // MARK: Recovery

  /// Loads a snapshot into the empty engine, on the threads of all planes.
  ///
  /// When the engine has as many planes as the one that wrote it, each plane reads its own frames. Otherwise each reads all of
  /// them and takes what is its own.
  ///
  /// - Parameters:
  ///   - source: The snapshot.
  ///   - progress: Called from time to time with how many frames more a plane has loaded.
  /// - Throws: What the source throws, or ``RecoveryError``.
  /// - Returns: What was loaded.
  package func load(
    _ source: any SnapshotSource, progress: @escaping @Sendable (_ frames: Int) -> Void = { _ in }
  ) async throws -> RecoveryCounts {
    try await withThrowingTaskGroup(of: RecoveryCounts.self) { group in
      for plane in planes {
        let frames =
          source.planes == planes.count
          ? [source.frames(of: plane.index)] : (0..<source.planes).map { source.frames(of: $0) }
        let sessions =
          source.planes == planes.count
          ? source.sessions(of: plane.index) : (0..<source.planes).reduce(0) { $0 + source.sessions(of: $1) } / planes.count
        group.addTask { [clock] in
          var counts = RecoveryCounts()
          await plane.sessions.reserve(sessions: sessions)
          for frames in frames {
            for first in stride(from: frames.lowerBound, to: frames.upperBound, by: Self.framesAtOnce) {
              let some = first..<min(first + Self.framesAtOnce, frames.upperBound)
              let moment = Moment(tick: clock.now, wall: clock.wall)
              counts.add(try await plane.sessions.load(some, of: source, moment: moment))
              progress(some.count)
            }
          }
          return counts
        }
      }
      return try await group.reduce(into: RecoveryCounts()) { sum, counts in sum.add(counts) }
    }
  }

  /// Replays records of the log, in their order.
  ///
  /// Records that a page has already are passed over, so the log may begin before the snapshot.
  ///
  /// - Parameters:
  ///   - records: Any part of the log behind what was replayed before.
  ///   - fuzzyThrough: The snapshot's ``SnapshotSource/through``; zero when there is none.
  ///   - hasGaps: Records are missing before these, and it was decided to go on: what does not fit is passed over and counted.
  /// - Throws: ``RecoveryError``.
  /// - Returns: What became of the records.
  package func replay(
    _ records: [LoggedMutation], fuzzyThrough: LSN, hasGaps: Bool = false
  ) async throws -> RecoveryCounts {
    var parts = planes.map { _ in [LoggedMutation]() }
    for record in records { parts[placement.plane(of: record.mutation)].append(record) }
    return try await withThrowingTaskGroup(of: ShardRecovery.self) { group in
      for (plane, part) in zip(planes, parts) where !part.isEmpty {
        group.addTask { [clock] in
          let moment = Moment(tick: clock.now, wall: clock.wall)
          return try await plane.sessions.replay(
            part, fuzzyThrough: fuzzyThrough, hasGaps: hasGaps, moment: moment)
        }
      }
      return try await group.reduce(into: RecoveryCounts()) { sum, part in sum.add(part) }
    }
  }

  /// Begins this life with what was recovered: graces, timers, and the rosters of channels.
  ///
  /// - Parameter through: The last record of the log.
  package func finishRecovery(through: LSN) async {
    let moment = Moment(tick: clock.now, wall: clock.wall)
    await withTaskGroup(of: Void.self) { group in
      for plane in planes {
        group.addTask { [planes, placement] in
          await plane.sessions.finishRecovery(through: through, moment: moment)
          var next: Slot? = Slot(0)
          while let row = next {
            let told = await plane.sessions.tellAgain(from: row, limit: Self.putsAtOnce)
            next = told.next
            var parts = planes.map { _ in [ChannelMessage]() }
            for put in told.puts { parts[placement.plane(of: put.channel)].append(put) }
            for (target, part) in zip(planes, parts) where !part.isEmpty {
              await target.channels.restore(part, moment: moment)
            }
          }
        }
      }
    }
  }

  /// How many frames a plane loads before it says how far it has come.
  private static var framesAtOnce: Int { 8 }
  /// How many places are told to channels at once.
  private static var putsAtOnce: Int { 4_096 }
}

extension RecoveryCounts {
  /// Adds what was done elsewhere.
  package mutating func add(_ other: RecoveryCounts) {
    pages += other.pages
    sessions += other.sessions
    applied += other.applied
    known += other.known
    ended += other.ended
    unfitting += other.unfitting
  }
}
