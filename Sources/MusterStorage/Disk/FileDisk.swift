import CLinux

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A directory of the machine.
///
/// Files are made with mode 0600, the directory with 0700. Every path is taken relative to the open directory, so renaming one of
/// its parents changes nothing.
package final class FileDisk: Disk {
  private let directory: Descriptor
  /// The path it was opened with, for messages.
  package let path: String

  /// Opens a directory, and makes it when there is none; its parent must exist.
  package init(path: String) throws(DiskError) {
    self.path = path
    if mkdir(path, 0o700) == 0 {
      try Self.syncParent(of: path)
    } else if errno != EEXIST {
      throw DiskError(errno: errno, "make the directory", path)
    }
    directory = try Descriptor("open the directory", path) { openPath(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
  }

  package func list() throws(DiskError) -> [String] {
    // The stream takes its descriptor over, and moves the position that all duplicates share.
    let copy = try Descriptor("list", path) { openat(directory.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard let stream = fdopendir(copy.number) else { throw DiskError(errno: errno, "list", path) }
    _ = copy.release()
    defer { closedir(stream) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(stream) {
      // SAFETY: d_name ends with a zero byte, and the entry is valid until the next call.
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw DiskError(errno: errno, "list", path) }
    return names
  }

  package func create(_ name: String) throws(DiskError) -> any DiskFile {
    try open(name, "create", O_RDWR | O_CREAT | O_EXCL)
  }

  package func open(_ name: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile {
    switch access {
    case .reading: try open(name, "open", O_RDONLY)
    case .writing: try open(name, "open", O_RDWR)
    }
  }

  package func rename(_ name: String, to newName: String) throws(DiskError) {
    try Self.check(name)
    try Self.check(newName)
    guard renameat(directory.number, name, directory.number, newName) == 0 else {
      throw DiskError(errno: errno, "rename", "\(path)/\(name)")
    }
  }

  package func remove(_ name: String) throws(DiskError) {
    try Self.check(name)
    guard unlinkat(directory.number, name, 0) == 0 else { throw DiskError(errno: errno, "remove", "\(path)/\(name)") }
  }

  package func syncDirectory() throws(DiskError) {
    guard fsync(directory.number) == 0 else { throw DiskError(errno: errno, "sync the directory", path) }
  }

  package func lock(_ name: String) throws(DiskError) -> any DiskLock {
    let file = try open(name, "open", O_RDWR | O_CREAT)
    return try FileLock(file)
  }

  private func open(_ name: String, _ operation: String, _ flags: Int32) throws(DiskError) -> OpenFile {
    try Self.check(name)
    // A link in place of a file could lead anywhere.
    let descriptor = try Descriptor(operation, "\(path)/\(name)") {
      openat(directory.number, name, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
    }
    return OpenFile(name: name, path: "\(path)/\(name)", descriptor)
  }

  /// A file lies in the directory itself.
  private static func check(_ name: String) throws(DiskError) {
    guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0) else {
      throw DiskError(.notPermitted, "name a file", name)
    }
  }

  /// A new directory is there for ever only when its parent says so.
  private static func syncParent(of path: String) throws(DiskError) {
    let trimmed = path.last == "/" ? String(path.dropLast()) : path
    let parent = trimmed.lastIndex(of: "/").map { $0 == trimmed.startIndex ? "/" : String(trimmed[..<$0]) } ?? "."
    let descriptor = try Descriptor("open the directory", parent) { openPath(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard fsync(descriptor.number) == 0 else { throw DiskError(errno: errno, "sync the directory", parent) }
  }
}

/// Sole owner of a descriptor: closed when it goes.
private struct Descriptor: ~Copyable {
  let number: Int32

  /// Takes what a call gives, and repeats it when a signal came in between.
  init(_ operation: String, _ path: String, _ open: () -> Int32) throws(DiskError) {
    var result: Int32
    repeat { result = open() } while result < 0 && errno == EINTR
    guard result >= 0 else { throw DiskError(errno: errno, operation, path) }
    number = result
  }

  /// Gives the descriptor away: somebody else closes it.
  consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  deinit {
    // A failing close says nothing that a sync has not said.
    close(number)
  }
}

/// An open file of the machine.
private final class OpenFile: DiskFile {
  let name: String
  let path: String
  private let descriptor: Descriptor

  init(name: String, path: String, _ descriptor: consuming Descriptor) {
    self.name = name
    self.path = path
    self.descriptor = descriptor
  }

  var number: Int32 { descriptor.number }

  func size() throws(DiskError) -> Int {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw DiskError(errno: errno, "look at", path) }
    return Int(status.st_size)
  }

  func read(_ count: Int, at offset: Int) throws(DiskError) -> [UInt8] {
    var failure: DiskError?
    // SAFETY: pread writes at most what is left of the buffer, and `filled` counts only what it has written.
    let bytes = [UInt8](unsafeUninitializedCapacity: max(count, 0)) { buffer, filled in
      while filled < count {
        let result = pread(number, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled))
        if result > 0 {
          filled += result
        } else if result == 0 {
          return
        } else if errno != EINTR {
          failure = DiskError(errno: errno, "read", path)
          return
        }
      }
    }
    if let failure { throw failure }
    return bytes
  }

  func write(_ bytes: RawSpan, at offset: Int) throws(DiskError) {
    // SAFETY: the bytes are only read, and the pointer does not leave the closure.
    let failure = bytes.withUnsafeBytes { bytes -> DiskError? in
      var written = 0
      while written < bytes.count {
        let result = pwrite(number, bytes.baseAddress.map { $0 + written }, bytes.count - written, off_t(offset + written))
        if result > 0 {
          written += result
        } else if result == 0 {
          return DiskError(.io, "write", path)
        } else if errno != EINTR {
          return DiskError(errno: errno, "write", path)
        }
      }
      return nil
    }
    if let failure { throw failure }
  }

  func preallocate(through size: Int) throws(DiskError) {
    var result: Int32
    repeat { result = muster_fallocate(number, 0, Int64(size)) } while result < 0 && errno == EINTR
    if result == 0 { return }
    guard errno == EOPNOTSUPP else { throw DiskError(errno: errno, "preallocate", path) }
    // Without room set aside, a full disk shows itself with the write.
    let present = try self.size()
    if present < size { try truncate(to: size) }
  }

  func truncate(to size: Int) throws(DiskError) {
    var result: Int32
    repeat { result = ftruncate(number, off_t(size)) } while result < 0 && errno == EINTR
    guard result == 0 else { throw DiskError(errno: errno, "truncate", path) }
  }

  func sync() throws(DiskError) {
    // Not repeated, not even for EINTR: see the port.
    guard fdatasync(number) == 0 else { throw DiskError(errno: errno, "sync", path) }
  }
}

/// A lock that the system lets go when the process ends, however it ends.
private final class FileLock: DiskLock {
  private let file: OpenFile

  init(_ file: OpenFile) throws(DiskError) {
    self.file = file
    var result: Int32
    repeat { result = flock(file.number, LOCK_EX | LOCK_NB) } while result < 0 && errno == EINTR
    guard result == 0 else { throw DiskError(errno: errno, "lock", file.path) }
  }
}

extension DiskError {
  /// Classifies what the system says.
  fileprivate init(errno: Int32, _ operation: String, _ file: String) {
    let kind: Kind =
      switch errno {
      case ENOSPC, EDQUOT, EFBIG: .noSpace
      case EROFS: .readOnly
      case EACCES, EPERM, ELOOP: .notPermitted
      case EEXIST, EBUSY, EWOULDBLOCK: .inUse
      case ENOENT, ENOTDIR: .missing
      default: .io
      }
    self.init(kind, operation, file, errno: errno)
  }
}

/// `open(2)`, which inside of ``FileDisk`` is hidden by its own method.
private func openPath(_ path: String, _ flags: Int32) -> Int32 {
  open(path, flags)
}
