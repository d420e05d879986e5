package import MusterEngine

/// A data directory that this process has for itself.
///
/// ### Lifetime
/// The lock is held until the last reference goes; it must outlive every writer.
package final class DataDirectory: Sendable {
  /// The file that carries the lock.
  package static let lockName = "muster.lock"

  package let disk: any Disk
  private let lock: any DiskLock

  /// Takes a directory.
  ///
  /// - Throws: `inUse` when another process has it.
  package init(_ disk: any Disk) throws(DiskError) {
    self.disk = disk
    lock = try disk.lock(Self.lockName)
  }

  /// Opens a directory of the machine, makes it when there is none, and takes it.
  package convenience init(path: String) throws(DiskError) {
    try self.init(FileDisk(path: path))
  }

  /// Files that storage knows nothing of; they are left alone, and somebody should know.
  ///
  /// Files whose names begin with a period are the business of tools, and not among them.
  ///
  /// `isKnown` says of a name that is none of the log whether it is known otherwise.
  package func foreignFiles(isKnown: (String) -> Bool = { _ in false }) throws(DiskError) -> [String] {
    try disk.list().filter { name in
      name != Self.lockName && !name.hasPrefix(".") && LogFileName(name) == nil && !isKnown(name)
    }.sorted()
  }

  /// Recovers the log behind a checkpoint, see ``LogRecovery/run(now:into:)``.
  package func recoverLog(
    behind checkpoint: LogCheckpoint = .none, mode: RecoveryMode = .strict, now: () -> Duration = { .zero },
    into consume: (RecoveredPart) -> Void
  ) throws(LogRecoveryError) -> LogRecoveryReport {
    var recovery = LogRecovery(on: disk, behind: checkpoint, mode: mode)
    return try recovery.run(now: now, into: consume)
  }

  /// Begins to write behind what was recovered; ``LogWriter/start(whenDurable:)`` comes next.
  package func makeWriter(
    at start: LogStart, settings: LogSettings = LogSettings(), random: any RandomSource = SystemRandom()
  ) throws(DiskError) -> LogWriter {
    try LogWriter(on: disk, at: start, settings: settings, random: random)
  }
}
