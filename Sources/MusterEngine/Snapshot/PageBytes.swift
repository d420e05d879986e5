/// Bytes that grow and are used again: a page while it is put together, or one of its columns of byte strings.
///
/// ### Isolation
/// A plain value without a lock. `~Copyable`, since it owns its memory.
struct PageBytes: ~Copyable {
  private(set) var count = 0
  /// How many bytes were taken.
  private var taken = 0
  private var capacity = 16 << 10
  // SAFETY: owned by this value alone and freed in `deinit`; the first `count` bytes are initialised.
  private var start: UnsafeMutableRawPointer

  init() {
    start = .allocate(byteCount: capacity, alignment: 8)
  }

  deinit {
    start.deallocate()
  }

  /// Forgets the bytes and keeps the memory.
  mutating func removeAll() {
    count = 0
    taken = 0
  }

  @inline(__always)
  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    // SAFETY: the bytes are the caller's, and are only read.
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    // SAFETY: the target has room for as many bytes, and is nobody else's.
    reserve(bytes.count).copyMemory(from: source, byteCount: bytes.count)
  }

  mutating func append(_ bytes: [UInt8]) {
    // SAFETY: the bytes are copied before the array is given back.
    bytes.withUnsafeBytes { append($0) }
  }

  mutating func append(_ byte: UInt8) {
    // SAFETY: the target has room for one byte.
    reserve(1).storeBytes(of: byte, as: UInt8.self)
  }

  /// Adds 8 bytes, the least significant first.
  mutating func append(_ integer: Int64) {
    // SAFETY: the target has room for 8 bytes.
    reserve(8).storeBytes(of: integer.littleEndian, as: Int64.self)
  }

  /// Adds 4 bytes, the least significant first.
  mutating func append(_ integer: UInt32) {
    // SAFETY: the target has room for 4 bytes.
    reserve(4).storeBytes(of: integer.littleEndian, as: UInt32.self)
  }

  /// Adds all of another, behind its length in 4 bytes.
  mutating func append(counted other: borrowing PageBytes) {
    append(UInt32(other.count))
    // SAFETY: the other's bytes are only read, and before it can change.
    append(UnsafeRawBufferPointer(start: other.start, count: other.count))
  }

  /// Makes room for so many bytes behind what is there; the caller writes all of them at once.
  @inline(__always)
  mutating func reserve(_ bytes: Int) -> UnsafeMutableRawPointer {
    if count &+ bytes > capacity { grow(toHold: count + bytes) }
    // SAFETY: `count` and what is added are within the capacity.
    let target = start + count
    count &+= bytes
    return target
  }

  /// The next bytes behind those that were taken before, lent for as long as nothing is added.
  @inline(__always)
  mutating func take(_ length: Int) -> UnsafeRawBufferPointer {
    precondition(length >= 0 && taken &+ length <= count, "more bytes are taken than there are")
    // SAFETY: within the bytes, as was just checked.
    let bytes = UnsafeRawBufferPointer(start: start + taken, count: length)
    taken &+= length
    return bytes
  }

  /// Bytes anywhere among those that are there, lent for as long as nothing is added.
  @inline(__always)
  func bytes(at offset: Int, count length: Int) -> UnsafeRawBufferPointer {
    precondition(offset >= 0 && length >= 0 && offset &+ length <= count, "bytes are looked at that are not there")
    // SAFETY: within the bytes, as was just checked.
    return UnsafeRawBufferPointer(start: start + offset, count: length)
  }

  /// Writes 4 bytes over what is at an offset.
  mutating func overwrite(_ integer: UInt32, at offset: Int) {
    precondition(offset >= 0 && offset + 4 <= count, "an integer is written outside of its bytes")
    // SAFETY: the offset was just checked.
    start.storeBytes(of: integer.littleEndian, toByteOffset: offset, as: UInt32.self)
  }

  /// A copy that can be handed to another thread.
  func copy() -> [UInt8] {
    // SAFETY: the first `count` bytes are initialised.
    [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }

  @inline(never)
  private mutating func grow(toHold needed: Int) {
    let larger = max(needed, capacity * 2)
    // SAFETY: the new memory is larger than what is copied, and the old is let go once nothing refers to it.
    let roomier = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 8)
    roomier.copyMemory(from: start, byteCount: count)
    start.deallocate()
    start = roomier
    capacity = larger
  }
}

@available(*, unavailable)
extension PageBytes: Sendable {}

extension PageBytes {
  /// Reads the bytes of a page from front to back; whatever they are, it never reads outside of them.
  struct Reader {
    // SAFETY: lent by whoever makes the reader, who keeps it within the same closure.
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) {
      self.bytes = bytes
    }

    var left: Int { bytes.count - offset }

    mutating func byte() throws(PageDefect) -> UInt8 {
      try bytes(1)[0]
    }

    mutating func short() throws(PageDefect) -> UInt16 {
      // SAFETY: `bytes(_:)` gives exactly two bytes.
      UInt16(littleEndian: try bytes(2).loadUnaligned(as: UInt16.self))
    }

    mutating func word() throws(PageDefect) -> UInt32 {
      // SAFETY: `bytes(_:)` gives exactly four bytes.
      UInt32(littleEndian: try bytes(4).loadUnaligned(as: UInt32.self))
    }

    mutating func integer() throws(PageDefect) -> Int64 {
      // SAFETY: `bytes(_:)` gives exactly eight bytes.
      Int64(littleEndian: try bytes(8).loadUnaligned(as: Int64.self))
    }

    // SAFETY: the count is checked against what is left.
    mutating func bytes(_ count: Int) throws(PageDefect) -> UnsafeRawBufferPointer {
      guard count >= 0, count <= left else { throw .cutShort }
      defer { offset += count }
      return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }
  }
}
