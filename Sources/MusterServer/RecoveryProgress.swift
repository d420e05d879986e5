import Logging
import MusterEdge
import MusterEngine
import MusterStorage
import MusterThreads

/// Tells an operator how far a long recovery is.
///
/// ### Isolation
/// Callable from any thread.
final class RecoveryProgress: Sendable {
  /// A recovery shorter than this says nothing but its end.
  private static let interval = Duration.seconds(2)

  private let logger: Logger
  private let last = ContendedLock(ContinuousClock.now)

  init(_ logger: Logger) {
    self.logger = logger
  }

  func note(_ stage: RecoveryStage) {
    let isTime = last.withLock { last in
      guard last.duration(to: .now) >= Self.interval else { return false }
      last = .now
      return true
    }
    guard isTime else { return }
    switch stage {
    case .loading(let frames, let total):
      logger.notice("recovering: loading the snapshot", metadata: ["frames": "\(frames)", "of": "\(total)"])
    case .replaying(let records):
      logger.notice("recovering: replaying the log", metadata: ["records": "\(records)"])
    case .finishing:
      logger.notice("recovering: opening the log")
    }
  }
}

extension RecoveryReport {
  /// What an operator wants to see of it.
  var metadata: Logger.Metadata {
    [
      "snapshot": "\(manifest?.snapshot ?? "none")", "sessions": "\(snapshotSessions)",
      "segments": "\(log.segmentsFound)", "replayed": "\(counts.applied)", "known": "\(counts.known)",
      "cut": "\(log.cuts.count)", "load_ms": "\(loading.milliseconds)", "replay_ms": "\(replaying.milliseconds)",
      "finish_ms": "\(finishing.milliseconds)",
    ]
  }
}

extension CheckpointReport {
  /// What an operator wants to see of it.
  var metadata: Logger.Metadata {
    [
      "file": "\(manifest.snapshot)", "sessions": "\(summary.sessions)", "bytes": "\(summary.fileBytes)",
      "covered_lsn": "\(manifest.coveredThrough.rawValue)",
    ]
  }
}
