package import MusterEngine

/// What a snapshot came to.
package struct SnapshotSummary: Sendable, Hashable {
  package var frames = 0
  package var pages = 0
  package var sessions = 0
  package var plainBytes = 0
  package var fileBytes = 0
  /// The records of pages go no further than this; until the log is durable so far, the snapshot must not count.
  package var through = LSN.zero
}

/// Writes one snapshot file: gathers pages to frames, compresses, writes.
///
/// The file is complete, and durable but for its name, when ``run(_:)`` has returned.
///
/// ### Limits
/// Holds one frame for each shard, compressed memory for one, and the index: 40 bytes for each frame. Frames are made smaller when
/// there are many shards, so that all of them stay within 16 MiB.
///
/// ### Isolation
/// One thread, which it blocks.
package struct SnapshotWriter: ~Copyable {
  /// The size of a frame before compression; the last page may exceed it.
  package static let frameBytes = 1 << 20
  private static let gatheredBytesMax = 16 << 20

  private let file: any DiskFile
  private let header: SnapshotHeader
  private let frameBytes: Int
  private var compressor: FrameCompressor
  private var gathered: [Gathered]
  private var frames: [SnapshotFrame] = []
  private var summary = SnapshotSummary()
  private var offset = SnapshotFormat.headerBytes

  private struct Gathered {
    var bytes: [UInt8] = []
    var pages = 0
    var sessions = 0
  }

  /// Begins a snapshot in a new file.
  ///
  /// - Parameters:
  ///   - file: Empty.
  ///   - header: What the file begins with.
  ///   - level: As zstd counts.
  /// - Throws: What the disk does.
  package init(_ file: any DiskFile, _ header: SnapshotHeader, level: Int32) throws(DiskError) {
    self.file = file
    self.header = header
    frameBytes = min(Self.frameBytes, Self.gatheredBytesMax / header.planes)
    compressor = FrameCompressor(level: level)
    gathered = Array(repeating: Gathered(), count: header.planes)
    try file.write(header.bytes.span.bytes, at: 0)
  }

  /// Takes pages until all shards have finished, and ends the file.
  ///
  /// - Throws: What the disk does; the file is of no use then.
  /// - Returns: `nil` when the queue was abandoned.
  package mutating func run(_ queue: PageQueue) throws(DiskError) -> SnapshotSummary? {
    while true {
      switch queue.next() {
      case .pages(let pages): for page in pages { try add(page) }
      case .abandoned: return nil
      case .end(let through):
        try finish(through: through)
        return summary
      }
    }
  }

  private mutating func add(_ page: CapturedPage) throws(DiskError) {
    gathered[page.shard].bytes += page.bytes
    gathered[page.shard].pages += 1
    gathered[page.shard].sessions += page.sessions
    if gathered[page.shard].bytes.count >= frameBytes { try writeFrame(of: page.shard) }
  }

  private mutating func writeFrame(of shard: Int) throws(DiskError) {
    let body = compressor.compress(gathered[shard].bytes)
    let frame = SnapshotFrame(
      offset: offset, shard: shard, storedBytes: body.count, plainBytes: gathered[shard].bytes.count,
      pages: gathered[shard].pages, sessions: gathered[shard].sessions, sum: CRC32C.of(body.span.bytes))
    try file.write(frame.bytes.span.bytes, at: offset)
    try file.write(body.span.bytes, at: offset + SnapshotFormat.frameHeaderBytes)
    offset = frame.end
    frames.append(frame)
    summary.pages += frame.pages
    summary.sessions += frame.sessions
    summary.plainBytes += frame.plainBytes
    gathered[shard].bytes.removeAll(keepingCapacity: true)
    gathered[shard].pages = 0
    gathered[shard].sessions = 0
  }

  private mutating func finish(through: LSN) throws(DiskError) {
    for shard in gathered.indices where !gathered[shard].bytes.isEmpty { try writeFrame(of: shard) }
    var index = SnapshotBytes()
    for frame in frames {
      index.append(UInt64(frame.offset))
      index.append(frame.bytes)
    }
    let footer = SnapshotFooter(
      frames: frames.count, indexOffset: offset, through: through, pages: summary.pages, sessions: summary.sessions,
      indexSum: CRC32C.of(index.bytes), headerSum: CRC32C.of(header.bytes))
    try file.write(index.bytes.span.bytes, at: offset)
    try file.write(footer.bytes.span.bytes, at: offset + index.bytes.count)
    try file.sync()
    summary.frames = frames.count
    summary.through = through
    summary.fileBytes = offset + index.bytes.count + SnapshotFormat.footerBytes
  }
}
