import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@testable import MusterStorage

/// What the simulation meets by chance, once each on purpose.
@Suite("Recovery of the log")
struct LogRecoveryTests {
  private let disk = SimulatedDisk(seed: 8)

  /// A log of three segments with two groups of two records each.
  private func writeLog() throws {
    var settings = LogSettings()
    settings.segmentBytes = 4_096
    var state = try LogWriterState(on: disk, at: .beginning, settings: settings, random: SeededRandom(seed: 4))
    var queue = LogQueue(nextLSN: LSN(1))
    for group in 0..<6 {
      for _ in 0..<2 { _ = queue.append(.awake(SessionID(high: 7, low: 7)), at: WallTime(milliseconds: 5)) }
      var groups: [QueuedGroup] = []
      queue.take(into: &groups)
      queue.recycle(state.write(&groups))
      state.sync()
      if group == 1 || group == 3 { _ = state.rotate() }
    }
    state.close()
  }

  private func segment(_ sequence: UInt64) -> String {
    LogFileName.name(sequence: sequence, firstLSN: LSN((sequence - 1) * 4 + 1))
  }

  private func recover(
    behind checkpoint: LogCheckpoint = .none, _ mode: RecoveryMode = .strict
  ) throws(LogRecoveryError) -> (report: LogRecoveryReport, parts: [RecoveredPart]) {
    var parts: [RecoveredPart] = []
    var recovery = LogRecovery(on: disk, behind: checkpoint, mode: mode)
    let report = try recovery.run { parts.append($0) }
    return (report, parts)
  }

  private func refusal(behind checkpoint: LogCheckpoint = .none) -> LogRefusal? {
    do throws(LogRecoveryError) {
      _ = try recover(behind: checkpoint)
      return nil
    } catch {
      if case .refused(let refusal) = error { return refusal }
      return nil
    }
  }

  @Test("an empty directory is a new log; one with a checkpoint and no log is not")
  func empty() throws {
    #expect(try recover().report.start == .beginning)
    let checkpoint = LogCheckpoint(coveredThrough: LSN(5), durableThrough: LSN(6))
    #expect(refusal(behind: checkpoint)?.fault == .missing)
    let salvaged = try recover(behind: checkpoint, .salvage)
    #expect(salvaged.report.lost == [LSN(6)...LSN(6)])
    #expect(salvaged.report.start.nextLSN == LSN(7))
  }

  @Test("what a checkpoint covers is skipped, by segment, by group and by record")
  func covered() throws {
    try writeLog()
    let report = try recover(behind: LogCheckpoint(coveredThrough: LSN(7), durableThrough: LSN(9))).report
    #expect(report.segmentsSkipped == 1)
    #expect(report.recordsSkipped == 3)
    #expect(report.recordsReplayed == 5)
    #expect(report.lastLSN == LSN(12))
  }

  @Test("a segment that is gone is missed, wherever it was", arguments: [1, 2, 3] as [UInt64])
  func missingSegment(sequence: UInt64) throws {
    try writeLog()
    try disk.remove(segment(sequence))
    let checkpoint = sequence == 3 ? LogCheckpoint(coveredThrough: LSN(2), durableThrough: LSN(12)) : .none
    #expect(refusal(behind: checkpoint)?.fault == .missing)
    let salvaged = try recover(behind: checkpoint, .salvage)
    let first = LSN((sequence - 1) * 4 + 1)
    #expect(salvaged.report.lost == [first...LSN(first.rawValue + 3)])
    #expect(salvaged.report.start.nextLSN == LSN(13))
  }

  @Test("a checkpoint that claims more than the log has is believed")
  func checkpointBeyondLog() throws {
    try writeLog()
    let refusal = self.refusal(behind: LogCheckpoint(coveredThrough: LSN(3), durableThrough: LSN(13)))
    #expect(refusal?.fault == .missing)
    #expect(refusal?.expected == LSN(13))
  }

  @Test("a damaged group is refused with file, offset, records and advice; salvage loses it alone")
  func damagedGroup() throws {
    try writeLog()
    disk.flip(segment(2), byte: LogFormat.segmentHeaderBytes + LogFormat.groupHeaderBytes + 20, bit: 3)
    let refusal = try #require(self.refusal())
    #expect(refusal.fault == .corrupt)
    #expect(refusal.file == segment(2))
    #expect(refusal.offset == LogFormat.segmentHeaderBytes)
    #expect(refusal.expected == LSN(5))
    #expect(refusal.claimedThrough == LSN(8))
    #expect(refusal.description.contains("muster inspect") && refusal.description.contains("--recover=salvage"))
    let salvaged = try recover(.salvage)
    #expect(salvaged.report.lost == [LSN(5)...LSN(6)])
    #expect(salvaged.report.recordsReplayed == 10)
  }

  @Test("salvage gives no record twice, though a sound group repeats what came before it")
  func repeatedGroup() throws {
    try writeLog()
    let bytes = try #require(disk.bytes(of: segment(3)))
    let header = try SegmentHeader(bytes.span.bytes)
    let start = LogFormat.segmentHeaderBytes
    let first = GroupHeader(bytes.span.bytes.extracting(start..<bytes.count), salt: header.salt)
    var repeated = try #require(first)
    let body = bytes[start + LogFormat.groupHeaderBytes..<start + repeated.bytesInAll]
    repeated.number = 9
    disk.plant(segment(3), bytes + repeated.bytes + body)
    #expect(refusal()?.fault == .repeated)
    let salvaged = try recover(.salvage)
    #expect(salvaged.report.recordsReplayed == 12)
    #expect(salvaged.report.faults.map(\.fault) == [.repeated])
    #expect(salvaged.report.lost.isEmpty)
  }

  @Test("a damaged header of a segment is refused, and a version from the future by its number, even in salvage")
  func segmentHeaders() throws {
    try writeLog()
    let bytes = try #require(disk.bytes(of: segment(2)))
    disk.flip(segment(2), byte: 30, bit: 0)
    #expect(refusal()?.fault == .corrupt)
    #expect(try recover(.salvage).report.lost == [LSN(5)...LSN(8)])
    var newer = bytes
    newer[8] = 9
    let sum = CRC32C.of(Array(newer[..<60]))
    for index in 0..<4 { newer[60 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index)) }
    disk.plant(segment(2), newer)
    #expect(refusal()?.fault == .unknownVersion)
    #expect(refusal()?.detail == "version 9")
    #expect(throws: LogRecoveryError.self) { try recover(.salvage) }
  }

  @Test("a torn tail is kept aside, cut, and not found again")
  func tornTail() throws {
    try writeLog()
    let bytes = try #require(disk.bytes(of: segment(3)))
    let tail: [UInt8] = Array(repeating: 0xaa, count: 50)
    disk.plant(segment(3), bytes + tail)
    let report = try recover().report
    #expect(report.cuts.map(\.bytes) == [50])
    #expect(disk.bytes(of: segment(3)) == bytes)
    #expect(disk.bytes(of: LogFileName.tornName(of: segment(3), offset: bytes.count)) == tail)
    #expect(try recover().report.cuts.isEmpty)
  }

  @Test("one process has a directory at a time, and foreign files are left alone and told")
  func dataDirectory() throws {
    disk.plant("notes.txt", [1])
    disk.plant("manifest", [2])
    let directory = try DataDirectory(disk)
    let failure = #expect(throws: DiskError.self) { try DataDirectory(disk) }
    #expect(failure?.kind == .inUse)
    let report = try directory.recoverLog { _ in }
    try directory.makeWriter(at: report.start).close()
    #expect(try directory.foreignFiles { $0 == "manifest" } == ["notes.txt"])
    #expect(disk.bytes(of: "notes.txt") == [1])
  }

  @Test("names say what a file is, and nothing else passes for one of the log")
  func names() {
    let name = LogFileName.name(sequence: 3, firstLSN: LSN(12))
    #expect(name == "0000000003-00000000000000000012.wal")
    #expect(LogFileName(name) == .segment(sequence: 3, firstLSN: LSN(12)))
    #expect(LogFileName(LogFileName.tornName(of: name, offset: 64)) == .torn)
    #expect(LogFileName(LogFileName.spareName) == .spare)
    for other in [
      "3-12.wal", "0000000003-00000000000000000000.wal", name + "x", "a.wal", "", name + ".torn-", "+" + name.dropFirst(),
    ] {
      #expect(LogFileName(other) == nil, "\(other)")
    }
  }
}
