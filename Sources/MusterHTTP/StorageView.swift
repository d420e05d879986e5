package import MusterEngine
import MusterJSON

/// How log and snapshots are, for operators.
package struct StorageView: Sendable {
  /// Whether the log takes changes.
  package var status: JournalStatus
  /// The last position that survives a crash.
  package var durableThrough: LSN
  /// The last snapshot, if there was one since the start.
  package var snapshot: SnapshotView?
  /// Why the last attempt at a snapshot came to nothing; `nil` when it did not.
  package var snapshotError: String?

  package init(status: JournalStatus, durableThrough: LSN, snapshot: SnapshotView?, snapshotError: String?) {
    self.status = status
    self.durableThrough = durableThrough
    self.snapshot = snapshot
    self.snapshotError = snapshotError
  }
}

/// A snapshot, for operators.
package struct SnapshotView: Sendable {
  package var file: String
  package var sessions: Int
  /// The size of the file.
  package var bytes: Int
  /// Through this position the log is not needed any more.
  package var coveredThrough: LSN

  package init(file: String, sessions: Int, bytes: Int, coveredThrough: LSN) {
    self.file = file
    self.sessions = sessions
    self.bytes = bytes
    self.coveredThrough = coveredThrough
  }
}

extension JSONWriter {
  /// Writes how log and snapshots are.
  mutating func value(_ storage: StorageView) {
    beginObject()
    pair("status", string: storage.status.name)
    pair("durable_lsn", integer: Int64(clamping: storage.durableThrough.rawValue))
    if let snapshot = storage.snapshot {
      key("snapshot")
      beginObject()
      members(of: snapshot)
      endObject()
    }
    if let error = storage.snapshotError { pair("snapshot_error", string: error) }
    endObject()
  }

  /// Writes a snapshot.
  mutating func members(of snapshot: SnapshotView) {
    pair("file", string: snapshot.file)
    pair("sessions", integer: snapshot.sessions)
    pair("bytes", integer: snapshot.bytes)
    pair("covered_lsn", integer: Int64(clamping: snapshot.coveredThrough.rawValue))
  }
}

extension JournalStatus {
  fileprivate var name: String {
    switch self {
    case .accepting: "accepting"
    case .full: "full"
    case .failed: "failed"
    }
  }
}
