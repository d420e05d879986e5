package import MusterEngine

/// Reads one snapshot file.
///
/// Opening it reads header, footer and index, and holds them against each other; bodies are read and checked frame by frame, by any
/// number of threads at once.
///
/// ### Limits
/// Holds the index; each thread that reads holds one frame, stored and unpacked.
package final class SnapshotReader: SnapshotSource {
  package let name: String
  package let header: SnapshotHeader
  /// The frames, those of each shard together.
  package let frames: [SnapshotFrame]
  package let through: LSN
  package let pages: Int
  package let sessions: Int
  /// How long the file is.
  package let bytes: Int
  private let file: any DiskFile
  private let ranges: [Range<Int>]

  /// Opens a snapshot.
  package init(_ name: String, on disk: any Disk) throws(SnapshotError) {
    let (file, size) = try Self.io { () throws(DiskError) in
      let file = try disk.open(name, .reading)
      return (file, try file.size())
    }
    self.name = name
    self.file = file
    bytes = size
    let (header, footer, index) = try Self.readEnds(of: file, size: size, name)
    self.header = header
    let found = try Self.readFrames(index, footer, name)
    guard found.allSatisfy({ $0.shard < header.planes }), found.reduce(0, { $0 + $1.pages }) == footer.pages,
      found.reduce(0, { $0 + $1.sessions }) == footer.sessions
    else { throw .damaged(name, part: "the index", offset: footer.indexOffset) }
    // Stable, so frames of a shard keep their order.
    frames = found.sorted { ($0.shard, $0.offset) < ($1.shard, $1.offset) }
    through = footer.through
    pages = footer.pages
    sessions = footer.sessions
    var ranges: [Range<Int>] = []
    var first = 0
    for shard in 0..<header.planes {
      let end = frames[first...].firstIndex { $0.shard != shard } ?? frames.count
      ranges.append(first..<end)
      first = end
    }
    self.ranges = ranges
  }

  private static func readEnds(
    of file: any DiskFile, size: Int, _ name: String
  ) throws(SnapshotError) -> (SnapshotHeader, SnapshotFooter, [UInt8]) {
    let footerOffset = size - SnapshotFormat.footerBytes
    guard footerOffset >= SnapshotFormat.headerBytes else {
      throw .damaged(name, part: "the file, which ends early,", offset: size)
    }
    let headerBytes = try io { () throws(DiskError) in try file.read(SnapshotFormat.headerBytes, at: 0) }
    let footerBytes = try io { () throws(DiskError) in try file.read(SnapshotFormat.footerBytes, at: footerOffset) }
    let header = try SnapshotHeader(headerBytes, of: name)
    let footer = try SnapshotFooter(footerBytes, at: footerOffset, of: name)
    guard footer.headerSum == CRC32C.of(headerBytes) else { throw .damaged(name, part: "the footer", offset: footerOffset) }
    let indexBytes = footerOffset - footer.indexOffset
    guard footer.indexOffset >= SnapshotFormat.headerBytes, indexBytes >= 0, indexBytes % SnapshotFormat.indexEntryBytes == 0,
      indexBytes / SnapshotFormat.indexEntryBytes == footer.frames
    else { throw .damaged(name, part: "the index", offset: footer.indexOffset) }
    let index = try io { () throws(DiskError) in try file.read(indexBytes, at: footer.indexOffset) }
    guard index.count == indexBytes, CRC32C.of(index) == footer.indexSum else {
      throw .damaged(name, part: "the index", offset: footer.indexOffset)
    }
    return (header, footer, index)
  }

  /// The frames of the index, which lie behind one another without a gap.
  private static func readFrames(
    _ index: [UInt8], _ footer: SnapshotFooter, _ name: String
  ) throws(SnapshotError) -> [SnapshotFrame] {
    var reader = SnapshotBytes.Reader(index)
    var frames: [SnapshotFrame] = []
    var offset = SnapshotFormat.headerBytes
    for _ in 0..<footer.frames {
      let said = Int(clamping: reader.long())
      let frame = try SnapshotFrame(reader.take(SnapshotFormat.frameHeaderBytes), at: said, of: name)
      guard said == offset else { throw .damaged(name, part: "the index", offset: footer.indexOffset) }
      offset = frame.end
      frames.append(frame)
    }
    guard offset == footer.indexOffset else { throw .damaged(name, part: "the index", offset: footer.indexOffset) }
    return frames
  }

  // MARK: Frames

  package var planes: Int { header.planes }

  package func frames(of shard: Int) -> Range<Int> { ranges[shard] }

  package func sessions(of shard: Int) -> Int { frames[ranges[shard]].reduce(0) { $0 + $1.sessions } }

  package func frame(_ index: Int) throws -> [UInt8] {
    try body(of: frames[index])
  }

  private func body(of frame: SnapshotFrame) throws(SnapshotError) -> [UInt8] {
    let stored = try Self.io { [file] () throws(DiskError) in
      try file.read(frame.end - frame.offset, at: frame.offset)
    }
    guard stored.count == frame.end - frame.offset,
      try SnapshotFrame(Array(stored[..<SnapshotFormat.frameHeaderBytes]), at: frame.offset, of: name) == frame
    else { throw .damaged(name, part: "the header of a frame", offset: frame.offset) }
    let packed = stored[SnapshotFormat.frameHeaderBytes...]
    guard CRC32C.of(packed.span.bytes) == frame.sum,
      let plain = FrameDecompressor.decompress(packed, plainBytes: frame.plainBytes)
    else { throw .damaged(name, part: "a frame", offset: frame.offset + SnapshotFormat.frameHeaderBytes) }
    return plain
  }

  /// Reads and unpacks everything, and takes every page apart, without keeping any of it.
  ///
  /// - Complexity: O(bytes); one frame at a time.
  package func verify() throws(SnapshotError) {
    var checker = PageChecker()
    for frame in frames {
      let plain = try body(of: frame)
      let found = checker.check(plain, shard: frame.shard, through: through)
      guard let found, found == (frame.pages, frame.sessions) else {
        throw .damaged(name, part: "a page", offset: frame.offset)
      }
    }
  }

  private static func io<R>(_ body: () throws(DiskError) -> R) throws(SnapshotError) -> R {
    do throws(DiskError) {
      return try body()
    } catch {
      throw .disk(error)
    }
  }
}
