/// A data directory as it stood at one moment, in memory, to be damaged in many ways.
struct Pristine: Sendable {
  struct File: Sendable {
    var name: String
    /// Up to the last byte that is not zero.
    var bytes: [UInt8]
    var size: Int
  }

  var files: [File]

  /// Reads the files of a directory that nobody writes to.
  init(of directory: String) throws(DrillError) {
    files = []
    for entry in try FileTree.files(in: directory) {
      let bytes = try FileTree.read("\(directory)/\(entry.name)")
      files.append(File(name: entry.name, bytes: Array(bytes[..<entry.used]), size: entry.size))
    }
  }

  /// Makes a directory of it, in place of one that may be there.
  func write(to directory: String) throws(DrillError) {
    try FileTree.remove(directory)
    try FileTree.makeDirectory(directory)
    for file in files { try FileTree.write(file.bytes, to: "\(directory)/\(file.name)", size: file.size) }
  }

  /// Where the last segment of the log is: names of segments sort in their order.
  var lastSegment: Int? { files.indices.filter { files[$0].name.hasSuffix(".wal") }.max { files[$0].name < files[$1].name } }
}
