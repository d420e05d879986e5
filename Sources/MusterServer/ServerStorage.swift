import Logging
import MusterEngine
import MusterHTTP
import MusterModel
import MusterStorage

/// The data directory of a running server: taken, recovered, written to, closed.
///
/// ### Lifetime
/// In this order: ``open(_:logger:)``, the engine with ``journal``, ``recover(into:)``, the engine's start, ``begin(behind:)``, and
/// ``close()`` while the engine still has turns.
struct ServerStorage: Sendable {
  private let storage: Storage
  private let path: String
  private let logger: Logger
  /// From which the key of the session tokens is made.
  let tokenSecret: [UInt8]

  /// Takes the directory, and reads or makes the secret in it.
  static func open(_ configuration: ServerConfiguration, logger: Logger) throws(ServerError) -> ServerStorage {
    let path = configuration.dataDirectory
    do {
      let directory = try DataDirectory(path: path)
      let names = try directory.disk.list()
      let isNew = !names.contains { SnapshotFileName.isKnown($0) || LogFileName($0) != nil }
      let secret = try configuration.tokenSecret.map { Array($0.utf8) } ?? TokenKeyFile.load(from: directory.disk, isNew: isNew)
      let foreign = try directory.foreignFiles { name in
        SnapshotFileName.isKnown(name) || TokenKeyFile.isKnown(name) || Self.residents.contains(name)
      }
      if !foreign.isEmpty {
        logger.warning(
          "the data directory holds files that are not ours; they are left alone",
          metadata: ["data_dir": "\(path)", "files": "\(foreign.prefix(10).joined(separator: ", "))"])
      }
      return ServerStorage(
        storage: Storage(directory, options: configuration.storage), path: path, logger: logger, tokenSecret: secret)
    } catch let error as DiskError {
      throw .dataDirectory(path: path, error)
    } catch {
      throw .unsoundData(path: path, reason: "\(error)")
    }
  }

  /// What stands in the default directory of a checkout.
  private static let residents: Set = ["README.md", "golden"]

  private init(storage: Storage, path: String, logger: Logger, tokenSecret: [UInt8]) {
    self.storage = storage
    self.path = path
    self.logger = logger
    self.tokenSecret = tokenSecret
  }

  /// The journal to make the engine with.
  var journal: any MutationJournal { storage.journal }

  /// Brings everything back into an engine that has not started.
  func recover(into engine: PresenceEngine) async throws(ServerError) -> RecoveryReport {
    let progress = RecoveryProgress(logger)
    let report: RecoveryReport
    do {
      report = try await storage.recover(into: engine) { progress.note($0) }
    } catch {
      throw ServerError(error, path: path)
    }
    logger.notice("recovered", metadata: report.metadata)
    for cut in report.log.cuts {
      logger.warning(
        "the last write before the end was unfinished, and is set aside; nobody was told that it had happened",
        metadata: ["file": "\(cut.file)", "offset": "\(cut.offset)", "bytes": "\(cut.bytes)", "copy": "\(cut.copy)"])
    }
    for fault in report.log.faults {
      logger.error("salvage goes on behind something that is not sound", metadata: ["what": "\(fault)"])
    }
    for lost in report.log.lost {
      logger.error(
        "records are lost", metadata: ["from": "\(lost.lowerBound.rawValue)", "through": "\(lost.upperBound.rawValue)"])
    }
    return report
  }

  /// Starts the log and the snapshots, once the engine runs.
  ///
  /// When `recovered` had to give something up, a snapshot is made at once, or the next start would find the same.
  func begin(behind recovered: RecoveryReport) async throws(ServerError) {
    do {
      try storage.begin { [logger] result in
        switch result {
        case .success(let report): logger.info("snapshot", metadata: report.metadata)
        case .failure(let error): logger.error("no snapshot could be made", metadata: ["error": "\(error)"])
        }
      }
    } catch {
      throw ServerError(error, path: path)
    }
    if !recovered.log.lost.isEmpty { _ = try? await storage.checkpoint() }
  }

  /// Makes a snapshot now.
  func snapshot() async throws(Refusal) -> SnapshotView {
    do {
      return SnapshotView(try await storage.checkpoint())
    } catch {
      throw Refusal(.unavailable, "No snapshot could be made: \(error).")
    }
  }

  /// How log and snapshots are, for operators.
  var view: StorageView {
    let last = storage.lastCheckpoint
    var view = StorageView(
      status: journal.status, durableThrough: journal.durableThrough, snapshot: nil, snapshotError: nil)
    switch last {
    case .success(let report): view.snapshot = SnapshotView(report)
    case .failure(let error): view.snapshotError = "\(error)"
    case nil: break
    }
    return view
  }

  /// Makes a last snapshot and syncs the log.
  ///
  /// - Throws: ``ServerError/diskFailed(_:)`` when something that was appended is not durable. Nobody was told that it is.
  func close() async throws(ServerError) {
    guard await storage.close() else { throw .diskFailed("the log could not be synced at the end") }
    logger.notice("log synced")
  }
}

extension SnapshotView {
  fileprivate init(_ report: CheckpointReport) {
    self.init(
      file: report.manifest.snapshot, sessions: report.summary.sessions, bytes: report.summary.fileBytes,
      coveredThrough: report.manifest.coveredThrough)
  }
}
