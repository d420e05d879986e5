import Glibc

/// A directory that is there as long as the value.
package struct TemporaryDirectory: ~Copyable {
  package let path: String

  /// Makes an empty one in a directory, for this user only.
  package init(in parent: String = "/tmp") throws(LoadError) {
    var template = Array("\(parent)/muster-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw .system("mkdtemp in \(parent)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.remove(path) }

  /// Writes a file into it.
  package func write(_ text: String, to name: String) throws(LoadError) {
    try OutputFile.write(text, to: "\(path)/\(name)")
  }

  private static func remove(_ path: String) {
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        // SAFETY: the name ends with a zero byte inside the entry, which is valid until the next call.
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name == "." || name == ".." { continue }
        // A link is removed, not followed.
        if entry.pointee.d_type == UInt8(DT_DIR) { remove("\(path)/\(name)") } else { unlink("\(path)/\(name)") }
      }
      closedir(directory)
    }
    rmdir(path)
  }
}

/// Files that a comparison writes.
package enum OutputFile {
  /// Writes a whole file, in place of one that is there.
  ///
  /// - Throws: ``LoadError/system(call:reason:)`` naming the file.
  package static func write(_ text: String, to path: String) throws(LoadError) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw .system("open \(path)") }
    defer { close(file) }
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      // SAFETY: the pointer is used inside the closure only.
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      guard count > 0 else { throw .system("write \(path)") }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Makes a directory and those above it, as far as they are not there.
  package static func makeDirectory(_ path: String) {
    var made = ""
    for part in path.split(separator: "/", omittingEmptySubsequences: false) {
      made += made.isEmpty && !path.hasPrefix("/") ? "\(part)" : "/\(part)"
      mkdir(made, 0o755)
    }
  }
}

/// A port of the loopback that nobody listens on.
package enum FreePort {
  /// Takes one that the kernel gives and lets it go again.
  ///
  /// For servers that cannot be told to take any: between here and their start somebody else may take it, which then shows as
  /// a server that does not start.
  package static func find() throws(LoadError) -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .system("socket") }
    defer { close(descriptor) }
    var address = loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    // SAFETY: an address of the Internet begins as `sockaddr` does, and the length says which it is; the pointer stays inside.
    let outcome = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
      }
    }
    guard outcome == 0 else { throw .system("bind") }
    return UInt16(bigEndian: address.sin_port)
  }

  /// Whether somebody listens on a port.
  package static func isTaken(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = loopback(port: port)
    // SAFETY: as above.
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  /// The loopback's address with a port.
  static func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = port.bigEndian
    return address
  }
}
