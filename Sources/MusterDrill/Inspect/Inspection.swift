import MusterEngine
package import MusterStorage

/// What a data directory holds, and whether a server would start on it.
///
/// Nothing is changed and no lock is taken: the server may be running. The judgement about the log is that of recovery itself,
/// which is asked on a disk that drops every change.
package struct Inspection: Sendable {
  /// A segment of the log.
  package struct Segment: Sendable, Hashable {
    package var name: String
    package var size: Int
    /// Up to the end of the last sound group.
    package var bytesUsed: Int
    package var groups: Int
    package var records: Int
    package var firstLSN: UInt64
    /// The one before the first for a segment without records.
    package var lastLSN: UInt64
    /// Whether recovery needs it.
    package var isNeeded: Bool
    /// Whether its groups were read; else only the header was.
    package var isRead: Bool
  }

  /// A snapshot.
  package struct Snapshot: Sendable, Hashable {
    package var name: String
    package var bytes: Int
    package var shards: Int
    package var frames: Int
    package var pages: Int
    package var sessions: Int
    package var coveredThrough: UInt64
    package var through: UInt64
    /// Whether the manifest names it.
    package var counts: Bool
    /// Whether everything in it was read, unpacked and taken apart.
    package var isVerified: Bool
  }

  package var path: String
  package var manifest: Manifest?
  package var snapshots: [Snapshot] = []
  package var segments: [Segment] = []
  /// What a recovery would do; `nil` when it could not be asked.
  package var recovery: LogRecoveryReport?
  /// Files that storage knows nothing of, or that somebody may want to look at.
  package var otherFiles: [String] = []
  /// What is worth knowing and no harm.
  package var remarks: [String] = []
  /// What keeps a server from starting, or would if something else were gone.
  package var problems: [String] = []

  package var isSound: Bool { problems.isEmpty }

  /// Whether there is a directory of that name.
  package static func isDirectory(_ path: String) -> Bool { FileTree.isDirectory(path) }

  /// How often a directory is looked at again when something in it seems unsound: a server at work changes it meanwhile.
  package static let attempts = 3

  /// Looks at a directory.
  ///
  /// - Parameters:
  ///   - path: A directory that exists.
  ///   - verifies: Whether to read everything: segments and snapshots that recovery does not need, too.
  ///   - attempts: How often to look before something is called unsound; once will do where no server is at work.
  /// - Returns: What was found; of something that seemed unsound, what the last look has shown.
  /// - Throws: When the directory cannot be read at all.
  package static func run(
    _ path: String, verifies: Bool, attempts: Int = Inspection.attempts
  ) throws(DiskError) -> Inspection {
    let disk = ReadOnlyDisk(try FileDisk(path: path))
    var inspection = try look(at: path, disk, verifies: verifies)
    for _ in 1..<attempts where !inspection.isSound { inspection = try look(at: path, disk, verifies: verifies) }
    return inspection
  }

  private static func look(at path: String, _ disk: ReadOnlyDisk, verifies: Bool) throws(DiskError) -> Inspection {
    var inspection = Inspection(path: path)
    let names = try disk.list().sorted()
    inspection.readManifest(disk)
    for name in names where SnapshotFileName.sequence(of: name) != nil {
      inspection.readSnapshot(name, disk, verifies: verifies)
    }
    if let manifest = inspection.manifest, !names.contains(manifest.snapshot) {
      inspection.problems.append("the manifest names \(manifest.snapshot), which is not there")
    }
    inspection.askRecovery(disk)
    inspection.readSegments(names, disk, verifies: verifies)
    inspection.noteOthers(names)
    return inspection
  }

  // MARK: Snapshots

  private mutating func readManifest(_ disk: ReadOnlyDisk) {
    do throws(SnapshotError) {
      manifest = try Manifest.read(from: disk)
    } catch {
      problems.append("\(error)")
    }
  }

  private mutating func readSnapshot(_ name: String, _ disk: ReadOnlyDisk, verifies: Bool) {
    do throws(SnapshotError) {
      let reader = try SnapshotReader(name, on: disk)
      let counts = manifest?.snapshot == name
      snapshots.append(
        Snapshot(
          name: name, bytes: reader.bytes, shards: reader.planes, frames: reader.frames.count, pages: reader.pages,
          sessions: reader.sessions, coveredThrough: reader.header.coveredThrough.rawValue, through: reader.through.rawValue,
          counts: counts, isVerified: false))
      if counts, let manifest {
        guard reader.bytes == manifest.snapshotBytes, reader.header.coveredThrough == manifest.coveredThrough,
          reader.through <= manifest.durableThrough
        else { throw .another(name) }
      }
      if verifies {
        try reader.verify()
        snapshots[snapshots.count - 1].isVerified = true
      }
    } catch {
      // A checkpoint of a server at work removes the one before the last.
      if case .disk(let disk) = error, disk.kind == .missing { return }
      problems.append("\(error)")
    }
  }

  // MARK: The log

  /// Where replay begins, by the manifest.
  var checkpoint: LogCheckpoint {
    manifest.map { LogCheckpoint(coveredThrough: $0.coveredThrough, durableThrough: $0.durableThrough) } ?? .none
  }

  private mutating func askRecovery(_ disk: ReadOnlyDisk) {
    do throws(LogRecoveryError) {
      var recovery = LogRecovery(on: disk, behind: checkpoint, mode: .salvage)
      let report = try recovery.run { _ in }
      problems += report.faults.map(\.description)
      for lost in report.lost { problems.append("records \(lost.lowerBound.rawValue) to \(lost.upperBound.rawValue) are gone") }
      for cut in report.cuts {
        remarks.append(
          "\(cut.file), byte \(cut.offset): an unfinished group of \(cut.bytes) bytes, which nobody was promised; a server that "
            + "runs is writing it, a start cuts it off")
      }
      self.recovery = report
    } catch {
      problems.append("\(error)")
    }
  }

  private mutating func readSegments(_ names: [String], _ disk: ReadOnlyDisk, verifies: Bool) {
    let files = SegmentFile.all(in: names)
    let next = checkpoint.coveredThrough.rawValue + 1
    let firstNeeded = files.lastIndex { $0.firstLSN.rawValue <= next } ?? 0
    for (index, file) in files.enumerated() {
      do throws(SegmentReaderError) {
        let segment = try Self.read(file, disk, isNeeded: index >= firstNeeded, isRead: verifies || index >= firstNeeded)
        segments.append(segment)
        // Recovery has judged those that it needs.
        if index < firstNeeded, segment.isRead, segment.lastLSN + 1 < files[index + 1].firstLSN.rawValue {
          problems.append(
            "\(file.name) is sound through record \(segment.lastLSN), and the next segment begins with "
              + "\(files[index + 1].firstLSN.rawValue); a start does not need it")
        }
      } catch {
        switch error {
        case .disk(let error) where error.kind == .missing: break
        case .disk(let error): problems.append("\(error)")
        case .header(.damaged): if index < firstNeeded { problems.append("\(file.name): the header is damaged") }
        case .header(.unknownVersion(let version)):
          if index < firstNeeded { problems.append("\(file.name): version \(version) is not known") }
        }
      }
    }
  }

  private static func read(
    _ file: SegmentFile, _ disk: ReadOnlyDisk, isNeeded: Bool, isRead: Bool
  ) throws(SegmentReaderError) -> Segment {
    var reader = try SegmentReader(file.name, on: disk)
    var segment = Segment(
      name: file.name, size: reader.size, bytesUsed: SegmentReader.firstGroup, groups: 0, records: 0,
      firstLSN: file.firstLSN.rawValue, lastLSN: file.firstLSN.rawValue - 1, isNeeded: isNeeded, isRead: isRead)
    while isRead {
      let reading: GroupReading
      do throws(DiskError) {
        reading = try reader.group(at: segment.bytesUsed)
      } catch {
        throw .disk(error)
      }
      guard case .good(let header, _, _) = reading, header.firstLSN.rawValue == segment.lastLSN + 1 else { break }
      segment.groups += 1
      segment.records += header.records
      segment.lastLSN += UInt64(header.records)
      segment.bytesUsed += header.bytesInAll
    }
    return segment
  }

  // MARK: The rest

  /// Whether a file is one of those that an inspection reads, so that damage to it would show.
  static func judges(_ name: String) -> Bool {
    if case .segment? = LogFileName(name) { return true }
    return name == SnapshotFileName.manifest || SnapshotFileName.sequence(of: name) != nil
  }

  private mutating func noteOthers(_ names: [String]) {
    for name in names {
      switch LogFileName(name) {
      case .segment?, .spare?: continue
      case .torn?:
        otherFiles.append(name)
        remarks.append("\(name) is what a start has cut off; nobody needs it")
        continue
      case nil: break
      }
      guard name != DataDirectory.lockName, name != SnapshotFileName.manifest, SnapshotFileName.sequence(of: name) == nil else {
        continue
      }
      if SnapshotFileName.isKnown(name) {
        remarks.append("\(name): a checkpoint is being made, or was interrupted; a start removes it")
      } else {
        otherFiles.append(name)
      }
    }
  }
}
