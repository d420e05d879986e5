package import MusterEngine

/// Which snapshot counts, and what it covers: the only thing that says so.
///
/// A text of four lines, so that an operator can read it:
///
///     muster manifest 1
///     snapshot 0000000000000007.snapshot 48211004
///     covers 118222 durable 118934
///     sum 5b02c41e
///
/// The first number behind the name is how long the file is. Through `covers` every record is in the snapshot; through `durable` the
/// log was durable when it was made. The sum is the CRC-32C of the lines above, with their ends.
package struct Manifest: Sendable, Hashable {
  package static let version = 1
  /// The longest manifest.
  static let bytesMax = 1_024

  package var snapshot: String
  package var snapshotBytes: Int
  package var coveredThrough: LSN
  package var durableThrough: LSN

  package init(snapshot: String, snapshotBytes: Int, coveredThrough: LSN, durableThrough: LSN) {
    self.snapshot = snapshot
    self.snapshotBytes = snapshotBytes
    self.coveredThrough = coveredThrough
    self.durableThrough = durableThrough
  }

  /// The text.
  package var text: String {
    let lines =
      "muster manifest \(Self.version)\nsnapshot \(snapshot) \(snapshotBytes)\n"
      + "covers \(coveredThrough.rawValue) durable \(durableThrough.rawValue)\n"
    return lines + "sum \(Self.hexadecimal(CRC32C.of(Array(lines.utf8))))\n"
  }

  /// Reads the text; nothing but exactly what ``text`` gives is taken.
  package init(_ bytes: [UInt8]) throws(SnapshotError) {
    let damaged = SnapshotError.damaged(SnapshotFileName.manifest, part: "the manifest", offset: 0)
    guard let text = String(validating: bytes, as: UTF8.self) else { throw damaged }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.split(separator: " ") }
    guard lines.count == 5, lines[0].count == 3, lines[0][0] == "muster", lines[0][1] == "manifest",
      let version = UInt32(lines[0][2])
    else { throw damaged }
    guard version == Self.version else { throw .unknownVersion(SnapshotFileName.manifest, version) }
    guard lines[1].count == 3, lines[2].count == 4, let size = Int(lines[1][2]), let covered = UInt64(lines[2][1]),
      let durable = UInt64(lines[2][3]), SnapshotFileName.sequence(of: String(lines[1][1])) != nil
    else { throw damaged }
    self.init(
      snapshot: String(lines[1][1]), snapshotBytes: size, coveredThrough: LSN(covered), durableThrough: LSN(durable))
    guard self.text == text else { throw damaged }
  }

  private static func hexadecimal(_ number: UInt32) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  // MARK: Files

  /// Reads the manifest of a directory; `nil` when there is none.
  package static func read(from disk: any Disk) throws(SnapshotError) -> Manifest? {
    let bytes: [UInt8]
    do throws(DiskError) {
      bytes = try disk.open(SnapshotFileName.manifest, .reading).read(bytesMax + 1, at: 0)
    } catch {
      if error.kind == .missing { return nil }
      throw .disk(error)
    }
    return try Manifest(bytes)
  }

  /// Makes this the manifest of a directory, in one step; durable on return.
  package func write(to disk: any Disk) throws(DiskError) {
    try disk.removeIfThere(SnapshotFileName.unfinishedManifest)
    let file = try disk.create(SnapshotFileName.unfinishedManifest)
    try file.write(Array(text.utf8).span.bytes, at: 0)
    try file.sync()
    try disk.rename(SnapshotFileName.unfinishedManifest, to: SnapshotFileName.manifest)
    try disk.syncDirectory()
  }
}

extension Disk {
  /// Removes a file if there is one.
  func removeIfThere(_ name: String) throws(DiskError) {
    do throws(DiskError) {
      try remove(name)
    } catch {
      if error.kind != .missing { throw error }
    }
  }
}
