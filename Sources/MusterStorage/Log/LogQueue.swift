import MusterEngine
import MusterModel

/// A group on its way to the disk.
final class QueuedGroup {
  var buffer: RecordBuffer
  var firstLSN = LSN.zero

  init(capacity: Int) {
    buffer = RecordBuffer(capacity: capacity)
  }

  /// The last record's LSN.
  var lastLSN: LSN { LSN(firstLSN.rawValue + UInt64(buffer.records) - 1) }
}

/// The front half of the log: gives out positions and encodes records into memory, in one order.
///
/// In steady state two buffers change places between here and the writer, and nothing is allocated.
///
/// - Invariant: I1. Positions are given out without gaps, in the order of the records in the buffers.
/// - Invariant: I2. A buffer holds at most ``groupBytesMax``, or one record that is longer.
/// - Invariant: I3. `queuedBytes` is what the records take that were appended and not yet written.
/// ### Isolation
/// A plain value; its owner has a lock around it.
struct LogQueue: ~Copyable {
  /// How long a group may become before another is begun.
  static let groupBytesMax = 2 << 20
  private static let initialBytes = 64 << 10
  /// Buffers that are kept for later use.
  private static let freeMax = 3

  private(set) var nextLSN: LSN
  private(set) var queuedBytes = 0
  private var current: QueuedGroup
  private var behind: [QueuedGroup] = []
  private var free: [QueuedGroup] = []
  /// Once the log has failed, positions are counted and nothing is kept.
  private var isDiscarding = false

  init(nextLSN: LSN) {
    self.nextLSN = nextLSN
    current = QueuedGroup(capacity: Self.initialBytes)
  }

  var isEmpty: Bool { current.buffer.isEmpty }
  /// The last position given out.
  var appendedThrough: LSN { LSN(nextLSN.rawValue - 1) }

  /// Encodes a record behind all others.
  ///
  /// - Complexity: O(bytes of the record), no allocation in steady state.
  mutating func append(_ mutation: Mutation, at wall: WallTime) -> LSN {
    let lsn = nextLSN
    nextLSN.rawValue += 1
    guard !isDiscarding else { return lsn }
    let bytes = MutationCodec.recordBytes(of: mutation)
    if current.buffer.count + bytes > Self.groupBytesMax, !current.buffer.isEmpty { beginAnother() }
    if current.buffer.isEmpty { current.firstLSN = lsn }
    MutationCodec.append(mutation, at: wall, recordBytes: bytes, to: &current.buffer)
    queuedBytes += bytes
    return lsn
  }

  private mutating func beginAnother() {
    behind.append(current)
    current = free.popLast() ?? QueuedGroup(capacity: Self.initialBytes)
  }

  /// Moves all groups behind those in `groups`.
  mutating func take(into groups: inout [QueuedGroup]) {
    guard !current.buffer.isEmpty else { return }
    beginAnother()
    groups.append(contentsOf: behind)
    behind.removeAll(keepingCapacity: true)
  }

  /// Takes buffers back whose records were written.
  mutating func recycle(_ groups: [QueuedGroup]) {
    for group in groups {
      queuedBytes -= group.recordBytes
      group.buffer.removeAll()
      // One that had to hold something huge is not kept.
      if free.count < Self.freeMax, group.buffer.capacity <= 2 * Self.groupBytesMax { free.append(group) }
    }
  }

  /// Forgets what was not written and keeps nothing from now on.
  mutating func discard() {
    isDiscarding = true
    current.buffer.removeAll()
    behind = []
    free = []
    queuedBytes = 0
  }
}

extension QueuedGroup {
  /// Bytes of all records, without header and padding.
  var recordBytes: Int { buffer.recordBytes }
}
