import Glibc

/// On what a directory lies: figures about a log mean nothing without it.
package struct FileSystemFacts: Sendable, Equatable {
  package var kind: String
  package var device: String

  package init(kind: String, device: String) {
    self.kind = kind
    self.device = device
  }

  /// Whether what is written there is gone with the machine's memory.
  package var isInMemory: Bool { ["tmpfs", "ramfs", "devtmpfs"].contains(kind) }

  /// As it stands in a report: `ext4 on /dev/vda`.
  package var text: String { "\(kind) on \(device)" }

  /// Finds out on what a path lies, which must exist; `unknown` where the system does not say.
  package static func of(_ path: String) -> FileSystemFacts {
    let unknown = FileSystemFacts(kind: "unknown", device: "unknown")
    guard let resolved = realpath(path, nil) else { return unknown }
    defer { free(resolved) }
    let mounts = ServerProcess.text(of: "/proc/self/mounts") ?? ""
    return of(String(cString: resolved), mounts: mounts) ?? unknown
  }

  /// Finds the mount of a path among lines like `/dev/vda / ext4 rw,relatime 0 0`: the one with the longest place above it.
  ///
  /// Of two in the same place the later one counts, since it hides the other.
  package static func of(_ path: String, mounts: String) -> FileSystemFacts? {
    var found: (length: Int, facts: FileSystemFacts)?
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count >= 3 else { continue }
      let place = String(fields[1])
      let isAbove = place == "/" || path == place || path.hasPrefix(place + "/")
      guard isAbove, place.utf8.count >= found?.length ?? 0 else { continue }
      found = (place.utf8.count, FileSystemFacts(kind: String(fields[2]), device: String(fields[0])))
    }
    return found?.facts
  }
}
