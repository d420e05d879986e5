import Glibc

/// Files and directories, as far as drills need them.
enum FileTree {
  /// A file of a data directory, and how much of it is not zero up to the end.
  struct Entry: Sendable, Hashable {
    var name: String
    var size: Int
    /// Behind the last byte that is not zero: the rest was only preallocated.
    var used: Int
  }

  /// All of a file.
  static func read(_ path: String) throws(DrillError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .call("open \(path)") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .call("stat \(path)") }
    let size = Int(status.st_size)
    var failure: DrillError?
    // SAFETY: read writes at most what is left of the buffer, and `filled` counts only what it has written.
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      while filled < size {
        let count = Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, size - filled)
        if count == 0 { return }
        if count > 0 {
          filled += count
        } else if errno != EINTR {
          failure = .call("read \(path)")
          return
        }
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Makes a file, or replaces it, as long as `size`: its bytes, and then a hole that reads as zeros.
  static func write(_ bytes: [UInt8], to path: String, size: Int? = nil) throws(DrillError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .call("open \(path)") }
    defer { close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      // SAFETY: the pointer is used inside the closure only.
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 || errno == EINTR else { throw .call("write \(path)") }
      rest = rest.dropFirst(max(0, count))
    }
    if let size, size > bytes.count, ftruncate(descriptor, off_t(size)) != 0 { throw .call("truncate \(path)") }
  }

  /// The names in a directory, sorted.
  static func names(in path: String) throws(DrillError) -> [String] {
    guard let stream = opendir(path) else { throw .call("list \(path)") }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      // SAFETY: d_name ends with a zero byte, and the entry is valid until the next call.
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The regular files of a directory, without what is in directories inside.
  static func files(in path: String) throws(DrillError) -> [Entry] {
    var entries: [Entry] = []
    for name in try names(in: path) {
      var status = stat()
      guard lstat("\(path)/\(name)", &status) == 0 else { throw .call("stat \(path)/\(name)") }
      guard status.st_mode & S_IFMT == S_IFREG else { continue }
      let bytes = try read("\(path)/\(name)")
      entries.append(Entry(name: name, size: bytes.count, used: (bytes.lastIndex { $0 != 0 } ?? -1) + 1))
    }
    return entries
  }

  /// Copies the files of a directory into a new one; what was preallocated becomes a hole.
  static func copy(_ source: String, to target: String) throws(DrillError) {
    try makeDirectory(target)
    for entry in try files(in: source) {
      let bytes = try read("\(source)/\(entry.name)")
      try write(Array(bytes[..<entry.used]), to: "\(target)/\(entry.name)", size: entry.size)
    }
  }

  /// Makes a directory for its owner only; its parent must exist.
  static func makeDirectory(_ path: String) throws(DrillError) {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .call("make the directory \(path)") }
  }

  /// Makes a directory that did not exist under another one.
  static func makeTemporaryDirectory(under parent: String) throws(DrillError) -> String {
    // SAFETY: the template is a copy of our own, with its zero byte, and mkdtemp changes it in place.
    var template = Array("\(parent)/muster-drill-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw .call("make a directory under \(parent)") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Removes a directory and all that is in it; what is not there is no failure.
  static func remove(_ path: String) throws(DrillError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      guard unlink(path) == 0 else { throw .call("remove \(path)") }
      return
    }
    for name in try names(in: path) { try remove("\(path)/\(name)") }
    guard rmdir(path) == 0 else { throw .call("remove \(path)") }
  }

  /// Whether there is a directory of that name.
  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether there is something of that name.
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
