/// Looks whether pages can be taken apart, without an engine to put them into.
package struct PageChecker: ~Copyable {
  private var columns = PageColumns()

  package init() {}

  /// Takes the pages of a frame apart, one behind the other.
  ///
  /// - Returns: How many pages and sessions there are; `nil` when one of them is none, is of another shard, or is current through a
  ///   later record than it may be.
  package mutating func check(_ frame: [UInt8], shard: Int, through: LSN) -> (pages: Int, sessions: Int)? {
    // SAFETY: the bytes are only read, and within this call.
    frame.withUnsafeBytes { check($0, shard: shard, through: through) }
  }

  private mutating func check(
    _ frame: UnsafeRawBufferPointer, shard: Int, through: LSN
  ) -> (pages: Int, sessions: Int)? {
    var offset = 0
    var found = (pages: 0, sessions: 0)
    while offset < frame.count {
      guard let length = PageHeader.length(of: frame, at: offset) else { return nil }
      // SAFETY: the length was checked against what is left, and the page is read while the frame is there.
      let page = UnsafeRawBufferPointer(rebasing: frame[offset..<offset + length])
      guard let header = try? columns.unpack(page), header.shard == shard, header.through <= through else { return nil }
      found.pages += 1
      found.sessions += header.sessions
      offset += length
    }
    return found
  }
}

extension PageHeader {
  /// The length of the page at an offset; `nil` when it is not all there.
  static func length(of frame: UnsafeRawBufferPointer, at offset: Int) -> Int? {
    guard frame.count - offset >= PageFormat.headerBytes else { return nil }
    // SAFETY: at least four bytes are there; the length that they say is checked against what is left.
    let length = Int(UInt32(littleEndian: frame.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    return length >= PageFormat.headerBytes && length <= frame.count - offset ? length : nil
  }
}
