/// The names of the files that snapshots need, beside those of the log.
package enum SnapshotFileName {
  /// What is being written.
  package static let unfinished = "next.snapshot"
  package static let manifest = "manifest"
  package static let unfinishedManifest = "next.manifest"
  private static let ending = ".snapshot"

  /// The name of a snapshot: its sequence in 16 hexadecimal digits.
  package static func name(sequence: UInt64) -> String {
    let digits = String(sequence, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits + ending
  }

  /// The sequence that a name tells; `nil` when it is not that of a snapshot.
  package static func sequence(of name: String) -> UInt64? {
    guard name.utf8.count == 16 + ending.utf8.count, name.hasSuffix(ending),
      let sequence = UInt64(name.dropLast(ending.count), radix: 16), self.name(sequence: sequence) == name
    else { return nil }
    return sequence
  }

  /// Whether a file is one of these.
  package static func isKnown(_ name: String) -> Bool {
    [unfinished, manifest, unfinishedManifest].contains(name) || sequence(of: name) != nil
  }
}
