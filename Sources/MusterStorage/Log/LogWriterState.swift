package import MusterEngine

/// What the writer of the log knows and does, without a thread: groups into segments, syncs, the next segment.
///
/// It owns the open segment and calls the disk itself; when to do so is decided by ``LogWriter``, or by a simulation.
///
/// ### Errors
/// A disk without room makes it ``JournalStatus/full``: what it was given stays with the caller, who tries again. Anything else is
/// final: ``failure`` is set, and nothing is written or synced any more. A sync is never tried twice, since the system may have
/// forgotten what the first one should have written.
///
/// - Invariant: I1. `synced <= written`; both only grow.
/// - Invariant: I2. A segment is synced whole before the next one exists under its name.
/// - Invariant: I3. A segment has its name only when its header is durable.
/// - Invariant: I4. No header claims more than `synced`.
package struct LogWriterState: ~Copyable {
  private let disk: any Disk
  private let settings: LogSettings
  private let random: any RandomSource
  private var file: any DiskFile
  private var header: SegmentHeader
  /// Where the next group goes.
  private var offset = LogFormat.segmentHeaderBytes
  /// How long the open segment may become.
  private var limit: Int
  private var groups: UInt64 = 0
  /// The next segment, with room but without a name.
  private var spare: (any DiskFile)?
  /// The segments that exist, the open one last.
  private var segments: [SegmentFile]
  /// The last record that is in a segment.
  package private(set) var written: LSN
  /// The last record that is known to survive.
  package private(set) var synced: LSN
  /// The most that a header claims.
  private var claimed: LSN
  /// Whether a mark was written behind the last sync.
  private var isMarkUnsynced = false
  /// Whether there is no room for the next segment, or not even for what is queued.
  private var isFull = false
  /// What went wrong for good.
  package private(set) var failure: DiskError?

  /// Begins a new segment behind all that recovery has found.
  ///
  /// - Parameters:
  ///   - disk: The data directory.
  ///   - start: What recovery says about where to go on.
  ///   - settings: Without problems.
  ///   - random: Where the salt comes from.
  /// - Throws: When the first segment cannot be made.
  package init(
    on disk: any Disk, at start: LogStart, settings: LogSettings, random: any RandomSource
  ) throws(DiskError) {
    let last = LSN(start.nextLSN.rawValue - 1)
    let header = SegmentHeader(salt: random.next(), sequence: start.nextSequence, firstLSN: start.nextLSN, durable: last)
    let file = try Self.makeSpare(on: disk, bytes: settings.segmentBytes)
    let segment = try Self.name(file, header, on: disk)
    self.disk = disk
    self.settings = settings
    self.random = random
    self.file = file
    self.header = header
    limit = settings.segmentBytes
    segments = start.segments + [segment]
    written = last
    synced = last
    claimed = last
  }

  /// Whether it takes more.
  package var status: JournalStatus { failure != nil ? .failed : isFull ? .full : .accepting }

  /// The bytes of the open segment, what is preallocated not counted.
  package var bytesInSegment: Int { offset }

  /// How many segments there are.
  package var segmentCount: Int { segments.count }

  // MARK: Groups

  /// Writes groups in their order, and removes from `groups` what was written.
  ///
  /// What is left when there is no room is to be given again, and comes first then.
  ///
  /// - Returns: The groups that were written; their buffers are free.
  mutating func write(_ groups: inout [QueuedGroup]) -> [QueuedGroup] {
    var done = 0
    while done < groups.count, write(groups[done]) { done += 1 }
    let finished = Array(groups[..<done])
    groups.removeFirst(done)
    return finished
  }

  /// Whether the group was written whole.
  private mutating func write(_ group: QueuedGroup) -> Bool {
    guard failure == nil else { return false }
    precondition(group.firstLSN.rawValue == written.rawValue + 1, "groups are written in the order of their records")
    let bytes = LogFormat.aligned(group.buffer.count)
    // Room for a mark is left, so that the last word of a segment can always be said.
    if offset + bytes + LogFormat.groupHeaderBytes > limit, !beginSegment(withRoomFor: bytes) { return false }
    let header = group.buffer.seal { records, bodyBytes, bodySum in
      GroupHeader(
        salt: self.header.salt, number: self.groups, firstLSN: group.firstLSN, durable: synced, records: records,
        bodyBytes: bodyBytes, bodySum: bodySum)
    }
    do throws(DiskError) {
      try group.buffer.withBytes { bytes throws(DiskError) in try file.write(bytes, at: offset) }
    } catch {
      // Whatever part is there is not claimed by anybody, and written over when there is room.
      note(error)
      return false
    }
    offset += header.bytesInAll
    self.groups += 1
    written = group.lastLSN
    claimed = max(claimed, synced)
    return true
  }

  /// Makes durable what was written.
  package mutating func sync() {
    guard failure == nil, synced < written else { return }
    syncFile()
  }

  private mutating func syncFile() {
    do throws(DiskError) {
      try file.sync()
      synced = written
      isMarkUnsynced = false
    } catch {
      failure = error
    }
  }

  /// Says in the log that what is before it is durable, unless that was said.
  ///
  /// For when there is nothing else to do: it is not synced, costs one small write, and lets recovery tell damage of the last
  /// group from a torn one.
  package mutating func mark() {
    guard failure == nil, claimed < synced, offset + LogFormat.groupHeaderBytes <= limit else { return }
    let mark = GroupHeader(
      salt: header.salt, number: groups, firstLSN: LSN(written.rawValue + 1), durable: synced, records: 0, bodyBytes: 0,
      bodySum: 0)
    do throws(DiskError) {
      try file.write(mark.bytes.span.bytes, at: offset)
      offset += LogFormat.groupHeaderBytes
      groups += 1
      claimed = synced
      isMarkUnsynced = true
    } catch {
      note(error)
    }
  }

  // MARK: Segments

  /// Sees to it that there is room for the next segment before it is needed.
  ///
  /// This is where a full disk shows itself first: there is still ``LogSettings/reserveBytes`` of room in the open segment for
  /// what was appended until then. And it is where it is found that there is room again.
  package mutating func prepare() {
    guard failure == nil else { return }
    guard spare == nil, limit - offset < settings.reserveBytes else {
      isFull = false
      return
    }
    do throws(DiskError) {
      spare = try Self.makeSpare(on: disk, bytes: settings.segmentBytes)
      isFull = false
    } catch {
      note(error)
    }
  }

  /// Ends the open segment and begins the next, for a checkpoint: all that was written is durable then, in any mode.
  ///
  /// A segment without records is kept.
  ///
  /// - Returns: Whether everything written is durable and in ended segments; not when there is no room, or after a failure.
  package mutating func rotate() -> Bool {
    guard failure == nil else { return false }
    guard written.rawValue >= header.firstLSN.rawValue else { return true }
    return beginSegment(withRoomFor: 0)
  }

  private mutating func beginSegment(withRoomFor bytes: Int) -> Bool {
    do throws(DiskError) {
      let needed = max(settings.segmentBytes, LogFormat.segmentHeaderBytes + bytes + LogFormat.groupHeaderBytes)
      let next: any DiskFile
      if let spare { next = spare } else { next = try Self.makeSpare(on: disk, bytes: needed) }
      // If anything fails from here on, it is begun again with a new file: a sync is not tried twice.
      spare = nil
      // A group that is longer than a segment gets one of its own length.
      if needed > settings.segmentBytes { try next.preallocate(through: needed) }
      if synced < written || isMarkUnsynced { syncFile() }
      guard failure == nil else { return false }
      let header = SegmentHeader(
        salt: random.next(), sequence: header.sequence + 1, firstLSN: LSN(written.rawValue + 1), durable: written)
      let segment = try Self.name(next, header, on: disk)
      let ended = file
      let end = offset
      (file, self.header, offset, limit, groups) = (next, header, LogFormat.segmentHeaderBytes, needed, 0)
      claimed = written
      segments.append(segment)
      isFull = false
      // What was preallocated and not used goes back to the disk; if not, it is merely zero.
      try? ended.truncate(to: end)
      return true
    } catch {
      note(error)
      return false
    }
  }

  /// Removes the segments whose records all come at or before a position, the oldest first; never the open one.
  package mutating func removeSegments(through lsn: LSN) {
    guard failure == nil else { return }
    var removed = 0
    while removed + 1 < segments.count, segments[removed + 1].firstLSN.rawValue <= lsn.rawValue + 1 {
      // What is too much in the directory does no harm, and goes with a later checkpoint.
      guard (try? disk.remove(segments[removed].name)) != nil else { break }
      removed += 1
    }
    guard removed > 0 else { return }
    segments.removeFirst(removed)
    try? disk.syncDirectory()
  }

  /// Writes the last word: everything durable, and said to be.
  package mutating func close() {
    sync()
    mark()
    guard failure == nil else { return }
    do throws(DiskError) {
      try file.truncate(to: offset)
      try file.sync()
      if spare != nil { try disk.remove(LogFileName.spareName) }
      spare = nil
    } catch {
      // The records are safe; only the last word about them may be missing.
      note(error)
    }
  }

  private mutating func note(_ error: DiskError) {
    if error.kind == .noSpace {
      isFull = true
    } else {
      failure = error
    }
  }

  /// Takes room for a segment.
  ///
  /// What is there from an earlier life is of no use.
  private static func makeSpare(on disk: any Disk, bytes: Int) throws(DiskError) -> any DiskFile {
    do throws(DiskError) {
      try disk.remove(LogFileName.spareName)
    } catch {
      if error.kind != .missing { throw error }
    }
    let file = try disk.create(LogFileName.spareName)
    do throws(DiskError) {
      try file.preallocate(through: bytes)
      return file
    } catch {
      try? disk.remove(LogFileName.spareName)
      throw error
    }
  }

  /// Makes a segment of a spare: header, sync, name, sync of the directory, in this order.
  private static func name(_ file: any DiskFile, _ header: SegmentHeader, on disk: any Disk) throws(DiskError) -> SegmentFile {
    let segment = SegmentFile(sequence: header.sequence, firstLSN: header.firstLSN)
    try file.write(header.bytes.span.bytes, at: 0)
    try file.sync()
    try disk.rename(LogFileName.spareName, to: segment.name)
    try disk.syncDirectory()
    return segment
  }
}
