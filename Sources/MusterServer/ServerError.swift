package import MusterStorage

/// Why a server does not run, or stopped running.
package enum ServerError: Error, CustomStringConvertible {
  case cannotListen(setting: String, address: ListenAddress, reason: String)
  /// The data directory cannot be used.
  case dataDirectory(path: String, DiskError)
  /// What is in the data directory is not sound.
  case unsoundData(path: String, reason: String)
  /// The disk has failed while the server ran, so that nothing could be acknowledged any more.
  case diskFailed(String)

  package var description: String {
    switch self {
    case .cannotListen(let setting, let address, let reason):
      "\(setting): cannot listen on \(address): \(reason)"
    case .dataDirectory(let path, let error) where error.kind == .inUse:
      "data_dir: another server holds \(path)"
    case .dataDirectory(let path, let error):
      "data_dir: \(path) cannot be used: \(error)"
    case .unsoundData(let path, let reason):
      "data_dir: \(path) is not sound: \(reason)"
    case .diskFailed(let reason):
      "the disk has failed: \(reason); everything acknowledged before is safe, everything since was refused"
    }
  }

  /// The exit code that says so (after `sysexits.h`): 65 unsound data, 69 something is in use, 74 the disk.
  package var exitCode: Int32 {
    switch self {
    case .cannotListen: 69
    case .dataDirectory(_, let error): error.kind == .inUse ? 69 : 74
    case .unsoundData: 65
    case .diskFailed: 74
    }
  }

  /// Why a data directory could not be recovered.
  init(_ error: StorageError, path: String) {
    switch error {
    case .disk(let error): self = .dataDirectory(path: path, error)
    case .log(.disk(let error)): self = .dataDirectory(path: path, error)
    case .snapshot(.disk(let error)): self = .dataDirectory(path: path, error)
    case .log, .snapshot, .engine: self = .unsoundData(path: path, reason: "\(error)")
    }
  }
}
