import MusterEngine

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What is found where a group is expected.
package enum GroupReading: Sendable {
  /// A sound group: its header, and its body within some bytes.
  case good(GroupHeader, bytes: [UInt8], body: Range<Int>)
  /// Zeros, or the end of the file.
  case absent
  /// Something that is no sound group.
  case bad
}

/// Reads the groups of one segment, and changes nothing.
///
/// ### Limits
/// Holds one window of ``windowBytes``, or one group where that is longer, however long the segment is.
package struct SegmentReader {
  /// How much is read at once.
  package static let windowBytes = 256 << 10

  package let name: String
  package let header: SegmentHeader
  package let size: Int
  private let file: any DiskFile
  private var window: [UInt8] = []
  private var windowStart = 0

  /// Opens a segment and reads its header.
  package init(_ name: String, on disk: any Disk) throws(SegmentReaderError) {
    let (file, size, window) = try Self.begin(name, on: disk)
    self.name = name
    self.file = file
    self.size = size
    self.window = window
    do throws(SegmentHeaderError) {
      header = try SegmentHeader(window.span.bytes)
    } catch {
      throw .header(error)
    }
  }

  private static func begin(
    _ name: String, on disk: any Disk
  ) throws(SegmentReaderError) -> (any DiskFile, Int, [UInt8]) {
    do throws(DiskError) {
      let file = try disk.open(name, .reading)
      let size = try file.size()
      return (file, size, try file.read(min(size, windowBytes), at: 0))
    } catch {
      throw .disk(error)
    }
  }

  /// Where the first group begins.
  package static let firstGroup = LogFormat.segmentHeaderBytes

  /// Reads the group at an offset.
  package mutating func group(at offset: Int) throws(DiskError) -> GroupReading {
    let start = try fill(offset, LogFormat.groupHeaderBytes)
    let available = min(LogFormat.groupHeaderBytes, window.count - start)
    guard available == LogFormat.groupHeaderBytes,
      let header = GroupHeader(window.span.bytes.extracting(start..<start + available), salt: header.salt)
    else { return window[start..<start + available].allSatisfy { $0 == 0 } ? .absent : .bad }
    guard size - offset >= header.bytesInAll else { return .bad }
    let whole = try fill(offset, header.bytesInAll)
    let body = whole + LogFormat.groupHeaderBytes..<whole + header.bytesInAll
    guard body.upperBound <= window.count, CRC32C.of(window.span.bytes.extracting(body)) == header.bodySum else { return .bad }
    return .good(header, bytes: window, body: body)
  }

  /// Makes the window hold bytes from an offset, as far as the file has them.
  ///
  /// - Returns: Where in the window the offset is.
  private mutating func fill(_ offset: Int, _ count: Int) throws(DiskError) -> Int {
    let end = min(offset + count, size)
    if offset < windowStart || end > windowStart + window.count {
      window = try file.read(max(0, min(size - offset, max(count, Self.windowBytes))), at: offset)
      windowStart = offset
    }
    return min(offset - windowStart, window.count)
  }

  /// Looks through all that is behind an offset for sound headers, whatever stands between them.
  ///
  /// - Parameters:
  ///   - offset: Where to begin; a multiple of ``LogFormat/alignment``.
  ///   - visit: Takes each header and its offset; says whether to go on.
  /// - Throws: What the disk does.
  /// - Returns: The end of the last bytes that are not zero, `offset` when there are none; meaningless when it did not go on.
  @discardableResult
  package func scan(from offset: Int, _ visit: (Int, GroupHeader) -> Bool) throws(DiskError) -> Int {
    var end = offset
    var position = offset
    while position < size {
      // A header that begins in this piece is in it whole.
      let piece = try file.read(min(Self.windowBytes + LogFormat.groupHeaderBytes, size - position), at: position)
      guard !piece.isEmpty else { break }
      if !isZero(piece) {
        if let last = piece.lastIndex(where: { $0 != 0 }) { end = max(end, position + last + 1) }
        var start = 0
        while start < min(piece.count, Self.windowBytes) {
          if piece[start] == 0x4d, piece.count - start >= LogFormat.groupHeaderBytes,
            let found = GroupHeader(
              piece.span.bytes.extracting(start..<start + LogFormat.groupHeaderBytes), salt: header.salt),
            !visit(position + start, found)
          {
            return end
          }
          start += LogFormat.alignment
        }
      }
      position += Self.windowBytes
    }
    return end
  }

  // SAFETY: both addresses are inside of the array for `count - 1` bytes, and are only read.
  private func isZero(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress, bytes[0] == 0 else { return bytes.isEmpty }
      return memcmp(base, base + 1, bytes.count - 1) == 0
    }
  }
}

/// Why a segment cannot be read at all.
package enum SegmentReaderError: Error, Sendable, Hashable {
  case disk(DiskError)
  case header(SegmentHeaderError)
}
