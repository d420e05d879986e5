import MusterStorage

/// A disk that shows what another one has, and keeps every change to itself.
///
/// So recovery can be asked what it would do, on the directory of a server that runs.
final class ReadOnlyDisk: Disk {
  private let disk: any Disk

  init(_ disk: any Disk) {
    self.disk = disk
  }

  func list() throws(DiskError) -> [String] { try disk.list() }

  func create(_ name: String) throws(DiskError) -> any DiskFile { ForgetfulFile(name: name) }

  func open(_ name: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile {
    UnchangedFile(try disk.open(name, .reading))
  }

  func rename(_ name: String, to newName: String) throws(DiskError) {}

  func remove(_ name: String) throws(DiskError) {}

  func syncDirectory() throws(DiskError) {}

  func lock(_ name: String) throws(DiskError) -> any DiskLock { NoLock() }

  private final class NoLock: DiskLock {}
}

/// A file of which every change is dropped.
private final class UnchangedFile: DiskFile {
  private let file: any DiskFile

  init(_ file: any DiskFile) {
    self.file = file
  }

  var name: String { file.name }

  func size() throws(DiskError) -> Int { try file.size() }

  func read(_ count: Int, at offset: Int) throws(DiskError) -> [UInt8] { try file.read(count, at: offset) }

  func write(_ bytes: RawSpan, at offset: Int) throws(DiskError) {}

  func preallocate(through size: Int) throws(DiskError) {}

  func truncate(to size: Int) throws(DiskError) {}

  func sync() throws(DiskError) {}
}

/// A new file that is written and never read: a copy of what recovery would cut off.
private final class ForgetfulFile: DiskFile {
  let name: String

  init(name: String) {
    self.name = name
  }

  func size() throws(DiskError) -> Int { 0 }

  func read(_ count: Int, at offset: Int) throws(DiskError) -> [UInt8] { [] }

  func write(_ bytes: RawSpan, at offset: Int) throws(DiskError) {}

  func preallocate(through size: Int) throws(DiskError) {}

  func truncate(to size: Int) throws(DiskError) {}

  func sync() throws(DiskError) {}
}
