import MusterEngine

/// Reads the log behind a checkpoint, decides by ``RecoveryTable``, and leaves it so that a writer can go on.
///
/// Segments that a checkpoint has made unnecessary are not read. From the first one that is needed everything is looked at, group
/// by group. Where something is absent or bad, what was written later is searched for claims: that is the only time when more
/// than once is read.
///
/// Recovery may itself be interrupted anywhere; the next one finds the same.
///
/// ### Limits
/// Holds one window of a segment and one batch of records, however long the log is.
package struct LogRecovery {
  /// How many records are handed over at once.
  package static let batchRecordsMax = 1_024

  let disk: any Disk
  let checkpoint: LogCheckpoint
  let mode: RecoveryMode
  var report = LogRecoveryReport()
  /// The record that comes next.
  private var expected = LSN(1)
  private var batch: [LoggedMutation] = []
  /// From where in the last segment nothing says that it is durable, and where its groups end.
  private var unclaimed = 0..<0

  /// Prepares a recovery; nothing is read yet.
  package init(on disk: any Disk, behind checkpoint: LogCheckpoint = .none, mode: RecoveryMode = .strict) {
    self.disk = disk
    self.checkpoint = checkpoint
    self.mode = mode
  }

  /// Recovers.
  ///
  /// On return all that was handed over is durable. A writer must begin at ``LogRecoveryReport/start``.
  ///
  /// - Parameters:
  ///   - now: Reads a clock that only goes forward.
  ///   - consume: Takes what is found, in the order of the log. When this throws afterwards, it is worthless.
  /// - Returns: What was found and done, and where the log goes on.
  /// - Throws: What strict recovery refuses, or what the disk does.
  package mutating func run(
    now: () -> Duration = { .zero }, into consume: (RecoveredPart) -> Void
  ) throws(LogRecoveryError) -> LogRecoveryReport {
    let began = now()
    let files = SegmentFile.all(in: try io { () throws(DiskError) in try disk.list() })
    report.segmentsFound = files.count
    let needed = try select(files, into: consume)
    let segments = try open(needed)
    for index in segments.indices { try walk(segments, index, into: consume) }
    if needed.isEmpty { try conclude(into: consume) }
    flush(into: consume)
    if let last = segments.last { try settle(last) }
    report.start = LogStart(
      nextLSN: expected, nextSequence: (files.last?.sequence ?? 0) + 1, segments: files)
    report.duration = now() - began
    return report
  }

  // MARK: Segments

  /// Picks the segments that hold what the checkpoint does not: from the last one that begins at or before it.
  private mutating func select(
    _ files: [SegmentFile], into consume: (RecoveredPart) -> Void
  ) throws(LogRecoveryError) -> ArraySlice<SegmentFile> {
    expected = LSN(checkpoint.coveredThrough.rawValue + 1)
    if let first = files.lastIndex(where: { $0.firstLSN <= expected }) {
      report.segmentsSkipped = first
      expected = files[first].firstLSN
      return files[first...]
    }
    guard let first = files.first else { return [] }
    try refuse(
      LogRefusal(
        .missing, file: first.name, offset: 0, expected: expected, found: first.firstLSN,
        claimedThrough: LSN(first.firstLSN.rawValue - 1), detail: "the segment before it is gone"))
    lose(through: LSN(first.firstLSN.rawValue - 1), into: consume)
    return files[...]
  }

  private mutating func open(_ files: ArraySlice<SegmentFile>) throws(LogRecoveryError) -> [SegmentReader] {
    var readers: [SegmentReader] = []
    for file in files {
      do throws(SegmentReaderError) {
        let reader = try SegmentReader(file.name, on: disk)
        guard reader.header.sequence == file.sequence, reader.header.firstLSN == file.firstLSN else { throw .header(.damaged) }
        readers.append(reader)
      } catch {
        try refuse(error, file)
      }
    }
    return readers
  }

  private mutating func refuse(_ error: SegmentReaderError, _ file: SegmentFile) throws(LogRecoveryError) {
    let fault: LogFault
    let detail: String
    switch error {
    case .disk(let error): throw .disk(error)
    case .header(.damaged): (fault, detail) = (.corrupt, "the header of the segment")
    case .header(.unknownVersion(let version)): (fault, detail) = (.unknownVersion, "version \(version)")
    }
    let refusal = LogRefusal(
      fault, file: file.name, offset: 0, expected: file.firstLSN, claimedThrough: file.firstLSN, detail: detail)
    // What a newer version wrote is sound; only not to us.
    if fault == .unknownVersion { throw .refused(refusal) }
    try refuse(refusal)
  }

  /// Nothing is there: that is a new log, or one whose segments are gone.
  private mutating func conclude(into consume: (RecoveredPart) -> Void) throws(LogRecoveryError) {
    guard checkpoint.durableThrough > .zero else { return }
    try refuse(
      LogRefusal(
        .missing, file: "*.wal", offset: 0, expected: expected, claimedThrough: checkpoint.durableThrough,
        detail: "there is a checkpoint but no log"))
    lose(through: checkpoint.durableThrough, into: consume)
  }

  // MARK: Groups

  /// Goes through one segment, and decides about each group and about its end.
  private mutating func walk(
    _ segments: [SegmentReader], _ index: Int, into consume: (RecoveredPart) -> Void
  ) throws(LogRecoveryError) {
    var reader = segments[index]
    var offset = SegmentReader.firstGroup
    var number: UInt64 = 0
    try begin(reader, into: consume)
    unclaimed = offset..<offset
    var recordsEnd = offset
    while true {
      let reading = try io { () throws(DiskError) in try reader.group(at: offset) }
      switch reading {
      case .good(let header, let bytes, let body):
        let position = position(of: header, number: number)
        // Claims are about records: a mark behind the last of them need not have been synced with it.
        let isAllClaimed = header.durable.rawValue + 1 >= expected.rawValue
        unclaimed = (isAllClaimed ? recordsEnd : unclaimed.lowerBound)..<offset + header.bytesInAll
        if header.records > 0 { recordsEnd = unclaimed.upperBound }
        try decide(GroupFacts(.good, position, isClaimed: false), header, bytes, body, at: offset, in: reader, into: consume)
        offset += header.bytesInAll
        number = header.number + 1
        report.bytesRead += header.bytesInAll
      case .absent, .bad:
        guard let next = try end(segments, index, at: offset, reading, into: consume) else { return }
        (offset, number) = next
      }
    }
  }

  /// A segment begins where the one before it ended; that one has already been judged for what it lacked.
  private mutating func begin(
    _ reader: SegmentReader, into consume: (RecoveredPart) -> Void
  ) throws(LogRecoveryError) {
    let first = reader.header.firstLSN
    guard first != expected else { return }
    try refuse(
      LogRefusal(
        first > expected ? .gap : .repeated, file: reader.name, offset: 0, expected: expected, found: first,
        claimedThrough: reader.header.durable))
    if first > expected { lose(through: LSN(first.rawValue - 1), into: consume) }
  }

  private func position(of header: GroupHeader, number: UInt64) -> GroupFacts.Position {
    if header.firstLSN != expected { return header.firstLSN > expected ? .beyond : .behind }
    if header.number != number { return header.number > number ? .beyond : .behind }
    return header.records > 0 && header.endLSN.rawValue <= checkpoint.coveredThrough.rawValue + 1 ? .covered : .next
  }

  private mutating func decide(
    _ facts: GroupFacts, _ header: GroupHeader, _ bytes: [UInt8], _ body: Range<Int>, at offset: Int, in reader: SegmentReader,
    into consume: (RecoveredPart) -> Void
  ) throws(LogRecoveryError) {
    switch RecoveryTable.decide(facts) {
    case .replay: try replay(header, bytes, body, at: offset, in: reader, into: consume)
    case .skip:
      report.recordsSkipped += header.records
      expected = header.endLSN
    case .refuse(let fault):
      try refuse(
        LogRefusal(
          fault, file: reader.name, offset: offset, expected: expected, found: header.firstLSN, claimedThrough: header.durable))
      guard fault == .gap else { return }
      lose(through: LSN(header.firstLSN.rawValue - 1), into: consume)
      try replay(header, bytes, body, at: offset, in: reader, into: consume)
    case .endOfSegment, .cutTorn: preconditionFailure("the recovery table ends a segment at a sound group")
    }
  }

  private mutating func replay(
    _ header: GroupHeader, _ bytes: [UInt8], _ body: Range<Int>, at offset: Int, in reader: SegmentReader,
    into consume: (RecoveredPart) -> Void
  ) throws(LogRecoveryError) {
    var records = RecordReader(bytes, body: body, records: header.records, firstLSN: header.firstLSN)
    do throws(CodecError) {
      while let record = try records.next() {
        expected = LSN(record.lsn.rawValue + 1)
        guard record.lsn > checkpoint.coveredThrough else {
          report.recordsSkipped += 1
          continue
        }
        batch.append(record)
        report.recordsReplayed += 1
        if batch.count == Self.batchRecordsMax { flush(into: consume) }
      }
      report.groupsReplayed += 1
    } catch {
      try refuse(
        LogRefusal(
          .unreadable, file: reader.name, offset: offset, expected: expected, claimedThrough: header.durable, detail: "\(error)"))
      lose(through: LSN(header.endLSN.rawValue - 1), into: consume)
    }
  }

  // MARK: Ends

  /// Decides about the place where no sound group is.
  ///
  /// - Returns: Where in this segment to go on, in salvage; `nil` at its end.
  private mutating func end(
    _ segments: [SegmentReader], _ index: Int, at offset: Int, _ reading: GroupReading,
    into consume: (RecoveredPart) -> Void
  ) throws(LogRecoveryError) -> (offset: Int, number: UInt64)? {
    let reader = segments[index]
    // What comes behind this segment is claimed of the others.
    let next: SegmentReader? = index + 1 < segments.count ? segments[index + 1] : nil
    var claim = next?.header.durable ?? checkpoint.durableThrough
    let dataEnd = try io { () throws(DiskError) in
      try reader.scan(from: offset) { _, header in
        claim = max(claim, header.durable)
        return true
      }
    }
    // Zeros with something behind them are no end: something was written there in another order.
    let isAbsent = if case .absent = reading { dataEnd == offset } else { false }
    let facts = GroupFacts(isAbsent ? .absent : .bad, .next, isClaimed: expected <= claim)
    switch RecoveryTable.decide(facts) {
    case .endOfSegment:
      if index == segments.count - 1, reader.size > offset { try shorten(reader.name, to: offset) }
      return nil
    case .cutTorn:
      try cut(reader, at: offset, through: dataEnd)
      return nil
    case .refuse(let fault):
      try refuse(LogRefusal(fault, file: reader.name, offset: offset, expected: expected, claimedThrough: claim))
      return try salvage(segments, index, behind: offset, claim: claim, into: consume)
    case .replay, .skip: preconditionFailure("the recovery table replays what is not sound")
    }
  }

  /// Looks for the next sound group behind something that is not, and gives up what lies between.
  private mutating func salvage(
    _ segments: [SegmentReader], _ index: Int, behind offset: Int, claim: LSN, into consume: (RecoveredPart) -> Void
  ) throws(LogRecoveryError) -> (offset: Int, number: UInt64)? {
    var reader = segments[index]
    var candidates: [(Int, GroupHeader)] = []
    let from = expected
    _ = try io { () throws(DiskError) in
      try reader.scan(from: offset + LogFormat.alignment) { offset, header in
        if header.firstLSN >= from { candidates.append((offset, header)) }
        return true
      }
    }
    for (offset, header) in candidates {
      guard case .good = try io({ () throws(DiskError) in try reader.group(at: offset) }) else { continue }
      if header.firstLSN > expected { lose(through: LSN(header.firstLSN.rawValue - 1), into: consume) }
      return (offset, header.number)
    }
    // What the next segment begins with is known; behind the last one everything that was claimed is gone.
    let next = index + 1 < segments.count ? LSN(segments[index + 1].header.firstLSN.rawValue - 1) : claim
    if next >= expected { lose(through: next, into: consume) }
    return nil
  }

  /// Makes durable what was found in the last segment.
  ///
  /// What nothing claims is written again where it is, with the same bytes. A sync alone would not do: after one that failed the
  /// system may keep bytes in memory, show them to whoever reads, take them for written, and never write them.
  private mutating func settle(_ reader: SegmentReader) throws(LogRecoveryError) {
    let range = unclaimed
    report.bytesRewritten = range.count
    try io { () throws(DiskError) in
      let file = try disk.open(reader.name, .writing)
      var offset = range.lowerBound
      while offset < range.upperBound {
        let piece = try file.read(min(SegmentReader.windowBytes, range.upperBound - offset), at: offset)
        guard !piece.isEmpty else { break }
        try file.write(piece.span.bytes, at: offset)
        offset += piece.count
      }
      try file.sync()
    }
  }

  /// Takes the preallocated rest off the last segment, so that the next recovery need not look through it.
  private func shorten(_ name: String, to size: Int) throws(LogRecoveryError) {
    try io { () throws(DiskError) in
      let file = try disk.open(name, .writing)
      try file.truncate(to: size)
      try file.sync()
    }
  }

  private mutating func cut(_ reader: SegmentReader, at offset: Int, through end: Int) throws(LogRecoveryError) {
    let cut = LogRecoveryReport.Cut(
      file: reader.name, offset: offset, bytes: end - offset, copy: LogFileName.tornName(of: reader.name, offset: offset),
      expected: expected)
    try io { () throws(DiskError) in try TornTail.keepAside(cut, on: disk) }
    try shorten(reader.name, to: offset)
    report.cuts.append(cut)
  }

  // MARK: Steps

  private mutating func refuse(_ refusal: LogRefusal) throws(LogRecoveryError) {
    if mode == .strict { throw .refused(refusal) }
    report.faults.append(refusal)
  }

  private mutating func lose(through last: LSN, into consume: (RecoveredPart) -> Void) {
    flush(into: consume)
    guard last >= expected else { return }
    let first = max(expected, LSN(checkpoint.coveredThrough.rawValue + 1))
    expected = LSN(last.rawValue + 1)
    guard first <= last else { return }
    report.lost.append(first...last)
    consume(.lost(first...last))
  }

  private mutating func flush(into consume: (RecoveredPart) -> Void) {
    guard !batch.isEmpty else { return }
    consume(.records(batch))
    batch.removeAll(keepingCapacity: true)
  }

  private func io<R>(_ body: () throws(DiskError) -> R) throws(LogRecoveryError) -> R {
    do throws(DiskError) {
      return try body()
    } catch {
      throw .disk(error)
    }
  }
}

/// Keeps what is cut off, for whoever wants to look at it.
enum TornTail {
  private static let pieceBytes = 1 << 20

  /// Copies the tail, and makes the copy durable before anything is taken away.
  static func keepAside(_ cut: LogRecoveryReport.Cut, on disk: any Disk) throws(DiskError) {
    let source = try disk.open(cut.file, .reading)
    do throws(DiskError) {
      // From a recovery that was interrupted here.
      try disk.remove(cut.copy)
    } catch {
      if error.kind != .missing { throw error }
    }
    let copy = try disk.create(cut.copy)
    var done = 0
    while done < cut.bytes {
      let piece = try source.read(min(pieceBytes, cut.bytes - done), at: cut.offset + done)
      guard !piece.isEmpty else { break }
      try copy.write(piece.span.bytes, at: done)
      done += piece.count
    }
    try copy.sync()
    try disk.syncDirectory()
  }
}
