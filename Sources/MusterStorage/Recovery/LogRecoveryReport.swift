package import MusterEngine

/// What a snapshot says about the log behind it.
package struct LogCheckpoint: Sendable, Hashable {
  /// Every record through this one is in the snapshot, so replay begins behind it.
  package var coveredThrough: LSN
  /// Through here the log was durable when the checkpoint was made: what is missing before it was lost, not torn.
  package var durableThrough: LSN

  package init(coveredThrough: LSN, durableThrough: LSN) {
    self.coveredThrough = coveredThrough
    self.durableThrough = max(coveredThrough, durableThrough)
  }

  /// There is no snapshot: the log begins with the first record.
  package static let none = LogCheckpoint(coveredThrough: .zero, durableThrough: .zero)
}

/// What recovery does with what it must refuse.
package enum RecoveryMode: Sendable, Hashable {
  /// Stop, and say what is wrong.
  case strict
  /// Go on with what is sound, and report what was lost.
  case salvage
}

/// What the writer must know to go on behind what recovery has found.
package struct LogStart: Sendable, Hashable {
  package var nextLSN: LSN
  package var nextSequence: UInt64
  /// The segments that exist, oldest first.
  package var segments: [SegmentFile]

  package init(nextLSN: LSN, nextSequence: UInt64, segments: [SegmentFile]) {
    self.nextLSN = nextLSN
    self.nextSequence = nextSequence
    self.segments = segments
  }

  /// The beginning of a new log.
  package static let beginning = LogStart(nextLSN: LSN(1), nextSequence: 1, segments: [])
}

/// What recovery hands over, in the order of the log.
package enum RecoveredPart: Sendable, Hashable {
  /// At most ``LogRecovery/batchRecordsMax`` records that are not covered by the snapshot, without gaps.
  case records([LoggedMutation])
  /// Records that are gone, in salvage only: what follows may name sessions that nobody has heard of.
  case lost(ClosedRange<LSN>)
}

/// What recovery found and did.
package struct LogRecoveryReport: Sendable, Hashable {
  /// What was cut off a segment because nobody was ever told that it is durable.
  package struct Cut: Sendable, Hashable {
    package var file: String
    package var offset: Int
    package var bytes: Int
    /// The file that keeps a copy.
    package var copy: String
    /// The record that would have come there.
    package var expected: LSN
  }

  package var segmentsFound = 0
  /// Segments that are older than what had to be replayed.
  package var segmentsSkipped = 0
  package var groupsReplayed = 0
  package var recordsReplayed = 0
  /// Records that the snapshot covers.
  package var recordsSkipped = 0
  package var bytesRead = 0
  /// Bytes that were written again, since nothing said that they were durable.
  package var bytesRewritten = 0
  package var cuts: [Cut] = []
  /// What strict recovery would have refused; empty but in salvage.
  package var faults: [LogRefusal] = []
  /// Records that are gone; empty but in salvage.
  ///
  /// A checkpoint must follow at once, or the next start finds the same.
  package var lost: [ClosedRange<LSN>] = []
  /// Where the log goes on.
  package var start = LogStart.beginning
  /// How long it took, by the clock that was given.
  package var duration = Duration.zero

  package init() {}

  /// The last record of the log; everything through it is durable now.
  package var lastLSN: LSN { LSN(start.nextLSN.rawValue - 1) }
}

/// Why recovery does not go on, and where to look.
package struct LogRefusal: Error, Sendable, Hashable, CustomStringConvertible {
  package var fault: LogFault
  package var file: String
  package var offset: Int
  /// The record that was to come next.
  package var expected: LSN
  /// The record that was found instead, where there was one.
  package var found: LSN?
  /// Through where the log is known to have been durable.
  package var claimedThrough: LSN
  /// More about it, where there is more: the version, the field.
  package var detail: String

  package init(
    _ fault: LogFault, file: String, offset: Int, expected: LSN, found: LSN? = nil, claimedThrough: LSN, detail: String = ""
  ) {
    self.fault = fault
    self.file = file
    self.offset = offset
    self.expected = expected
    self.found = found
    self.claimedThrough = claimedThrough
    self.detail = detail
  }

  package var description: String {
    let what =
      switch fault {
      case .gap: "record \(found?.rawValue ?? 0) follows where record \(expected.rawValue) should"
      case .repeated: "record \(found?.rawValue ?? 0) comes again where record \(expected.rawValue) should"
      case .missing: "record \(expected.rawValue) is not there"
      case .corrupt: "the bytes at record \(expected.rawValue) are not what was written"
      case .unreadable: "record \(expected.rawValue) is sound but cannot be read by this version"
      case .unknownVersion: "the segment is of a version that this program does not know"
      }
    let claim = claimedThrough >= expected ? "; the log was durable through record \(claimedThrough.rawValue)" : ""
    let advice =
      fault == .unknownVersion
      ? "start the version that wrote it"
      : "`muster inspect --verify` shows what is sound; `--recover=salvage` goes on with it and reports what was lost"
    return "\(file), byte \(offset): \(what)\(detail.isEmpty ? "" : " (\(detail))")\(claim); \(advice)"
  }
}

/// Why the log could not be recovered.
package enum LogRecoveryError: Error, Sendable, Hashable, CustomStringConvertible {
  case refused(LogRefusal)
  case disk(DiskError)

  package var description: String {
    switch self {
    case .refused(let refusal): refusal.description
    case .disk(let error): error.description
    }
  }
}
