package import MusterEngine
package import MusterModel

/// The bytes of a snapshot file.
///
/// Integers are little-endian, sums are CRC-32C. A file is header, frames, index, footer, without gaps, and each byte of it is
/// under a sum. A file that ends early has no footer.
///
/// Header, 64 bytes:
///
/// | offset | bytes | what |
/// | --- | --- | --- |
/// | 0 | 8 | `mstrsnap` |
/// | 8 | 4 | version, 1 |
/// | 12 | 4 | planes of the engine that wrote it |
/// | 16 | 8 | sequence: grows with each snapshot of a directory |
/// | 24 | 8 | LSN through which every page is current at least |
/// | 32 | 8 | wall time at which it was begun, in milliseconds since 1970 |
/// | 40 | 20 | zero |
/// | 60 | 4 | sum of the first 60 bytes |
///
/// Frame, 32 bytes and its body: pages of one shard behind one another (see `PageFormat`), compressed with zstd, with its content checksum:
///
/// | offset | bytes | what |
/// | --- | --- | --- |
/// | 0 | 4 | `fram` |
/// | 4 | 4 | shard |
/// | 8 | 4 | bytes of the body |
/// | 12 | 4 | bytes of the body before compression |
/// | 16 | 4 | pages |
/// | 20 | 4 | sessions |
/// | 24 | 4 | sum of the body |
/// | 28 | 4 | sum of the first 28 bytes |
///
/// Index: for each frame, in their order, its offset in 8 bytes and its header in 32.
///
/// Footer, 64 bytes, at the very end:
///
/// | offset | bytes | what |
/// | --- | --- | --- |
/// | 0 | 8 | `mstrfoot` |
/// | 8 | 8 | frames |
/// | 16 | 8 | offset of the index |
/// | 24 | 8 | LSN through which some page is current at the latest |
/// | 32 | 8 | pages |
/// | 40 | 8 | sessions |
/// | 48 | 4 | sum of the index |
/// | 52 | 4 | sum of the header of the file, again: a footer belongs to one header |
/// | 56 | 4 | zero |
/// | 60 | 4 | sum of the first 60 bytes |
package enum SnapshotFormat {
  package static let version: UInt32 = 1
  package static let headerBytes = 64
  package static let frameHeaderBytes = 32
  package static let indexEntryBytes = 40
  package static let footerBytes = 64
  /// The largest body, before and after compression: what a reader allocates for a frame at most.
  package static let bodyBytesMax = 1 << 30

  static let headerMagic = Array("mstrsnap".utf8)
  static let frameMagic = Array("fram".utf8)
  static let footerMagic = Array("mstrfoot".utf8)
}

/// What is wrong with a snapshot file.
package enum SnapshotError: Error, Sendable, Hashable, CustomStringConvertible {
  /// A part that every snapshot has is not there, or is not what its sum says.
  case damaged(String, part: String, offset: Int)
  case unknownVersion(String, UInt32)
  /// It is not the one that the manifest names.
  case another(String)
  case disk(DiskError)

  package var description: String {
    switch self {
    case .damaged(let file, let part, let offset): "\(file), byte \(offset): \(part) is not what was written"
    case .unknownVersion(let file, let version):
      "\(file): version \(version) is not known to this program; start the version that wrote it"
    case .another(let file): "\(file) is not the snapshot that the manifest names"
    case .disk(let error): error.description
    }
  }
}

/// The beginning of a snapshot file.
package struct SnapshotHeader: Sendable, Hashable {
  package var planes: Int
  package var sequence: UInt64
  package var coveredThrough: LSN
  package var begun: WallTime

  package init(planes: Int, sequence: UInt64, coveredThrough: LSN, begun: WallTime) {
    self.planes = planes
    self.sequence = sequence
    self.coveredThrough = coveredThrough
    self.begun = begun
  }

  var bytes: [UInt8] {
    var out = SnapshotBytes()
    out.append(SnapshotFormat.headerMagic)
    out.append(SnapshotFormat.version)
    out.append(UInt32(planes))
    out.append(sequence)
    out.append(coveredThrough.rawValue)
    out.append(UInt64(bitPattern: begun.milliseconds))
    out.fill(to: SnapshotFormat.headerBytes - 4)
    return out.summed
  }

  init(_ bytes: [UInt8], of file: String) throws(SnapshotError) {
    var part = SnapshotBytes.Reader(bytes)
    guard bytes.count == SnapshotFormat.headerBytes, part.take(8) == SnapshotFormat.headerMagic, part.hasSum else {
      throw .damaged(file, part: "the header", offset: 0)
    }
    let version = part.word()
    guard version == SnapshotFormat.version else { throw .unknownVersion(file, version) }
    planes = Int(part.word())
    sequence = part.long()
    coveredThrough = LSN(part.long())
    begun = WallTime(milliseconds: Int64(bitPattern: part.long()))
    guard (1...1022).contains(planes) else { throw .damaged(file, part: "the header", offset: 12) }
  }
}

/// The beginning of a frame, and its place.
package struct SnapshotFrame: Sendable, Hashable {
  package var offset: Int
  package var shard: Int
  package var storedBytes: Int
  package var plainBytes: Int
  package var pages: Int
  package var sessions: Int
  package var sum: UInt32

  /// Where the next frame begins.
  package var end: Int { offset + SnapshotFormat.frameHeaderBytes + storedBytes }

  init(offset: Int, shard: Int, storedBytes: Int, plainBytes: Int, pages: Int, sessions: Int, sum: UInt32) {
    self.offset = offset
    self.shard = shard
    self.storedBytes = storedBytes
    self.plainBytes = plainBytes
    self.pages = pages
    self.sessions = sessions
    self.sum = sum
  }

  var bytes: [UInt8] {
    var out = SnapshotBytes()
    out.append(SnapshotFormat.frameMagic)
    for number in [shard, storedBytes, plainBytes, pages, sessions] { out.append(UInt32(number)) }
    out.append(sum)
    return out.summed
  }

  init(_ bytes: [UInt8], at offset: Int, of file: String) throws(SnapshotError) {
    var part = SnapshotBytes.Reader(bytes)
    guard bytes.count == SnapshotFormat.frameHeaderBytes, part.take(4) == SnapshotFormat.frameMagic, part.hasSum else {
      throw .damaged(file, part: "the header of a frame", offset: offset)
    }
    self.offset = offset
    shard = Int(part.word())
    storedBytes = Int(part.word())
    plainBytes = Int(part.word())
    pages = Int(part.word())
    sessions = Int(part.word())
    sum = part.word()
    guard storedBytes <= SnapshotFormat.bodyBytesMax, plainBytes <= SnapshotFormat.bodyBytesMax else {
      throw .damaged(file, part: "the header of a frame", offset: offset)
    }
  }
}

/// The end of a snapshot file.
struct SnapshotFooter: Sendable, Hashable {
  var frames: Int
  var indexOffset: Int
  var through: LSN
  var pages: Int
  var sessions: Int
  var indexSum: UInt32
  var headerSum: UInt32

  var bytes: [UInt8] {
    var out = SnapshotBytes()
    out.append(SnapshotFormat.footerMagic)
    out.append(UInt64(frames))
    out.append(UInt64(indexOffset))
    out.append(through.rawValue)
    out.append(UInt64(pages))
    out.append(UInt64(sessions))
    out.append(indexSum)
    out.append(headerSum)
    out.fill(to: SnapshotFormat.footerBytes - 4)
    return out.summed
  }

  init(frames: Int, indexOffset: Int, through: LSN, pages: Int, sessions: Int, indexSum: UInt32, headerSum: UInt32) {
    self.frames = frames
    self.indexOffset = indexOffset
    self.through = through
    self.pages = pages
    self.sessions = sessions
    self.indexSum = indexSum
    self.headerSum = headerSum
  }

  init(_ bytes: [UInt8], at offset: Int, of file: String) throws(SnapshotError) {
    var part = SnapshotBytes.Reader(bytes)
    guard bytes.count == SnapshotFormat.footerBytes, part.take(8) == SnapshotFormat.footerMagic, part.hasSum else {
      throw .damaged(file, part: "the footer", offset: offset)
    }
    frames = Int(clamping: part.long())
    indexOffset = Int(clamping: part.long())
    through = LSN(part.long())
    pages = Int(clamping: part.long())
    sessions = Int(clamping: part.long())
    indexSum = part.word()
    headerSum = part.word()
  }
}
