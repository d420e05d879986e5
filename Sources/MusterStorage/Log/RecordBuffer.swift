/// Memory for one group: room for its header, then the records, encoded in place.
///
/// ### Ownership
/// One owner, which hands it from the queue to the writer and back, so that in steady state two of them serve for ever and
/// nothing is allocated for a record.
// SAFETY: the memory is owned by this value from `init` to `deinit`; `count <= memory.count`, the bytes below `count` are
// initialised, and every write goes behind a reservation that makes room for it.
struct RecordBuffer: ~Copyable {
  private var memory: UnsafeMutableRawBufferPointer
  /// Bytes so far, the room for the header included.
  private(set) var count = LogFormat.groupHeaderBytes
  private(set) var records = 0

  init(capacity: Int) {
    memory = .allocate(byteCount: max(capacity, LogFormat.groupHeaderBytes), alignment: 16)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit {
    memory.deallocate()
  }

  var isEmpty: Bool { records == 0 }
  var capacity: Int { memory.count }

  mutating func removeAll() {
    count = LogFormat.groupHeaderBytes
    records = 0
  }

  /// Makes room for a record and says that it is one.
  ///
  /// - Complexity: O(1) amortised; allocates only when the buffer has never held so much.
  mutating func beginRecord(bytes: Int) {
    if memory.count - count < bytes { grow(to: count + bytes) }
    records += 1
  }

  private mutating func grow(to needed: Int) {
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(needed, memory.count * 2), alignment: 16)
    larger.initializeMemory(as: UInt8.self, repeating: 0)
    larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
    memory.deallocate()
    memory = larger
  }

  /// Appends a little-endian integer within the reservation.
  @inline(__always)
  mutating func put<Word: FixedWidthInteger & BitwiseCopyable>(_ word: Word) {
    precondition(memory.count - count >= MemoryLayout<Word>.size, "a record is longer than it said")
    memory.storeBytes(of: word.littleEndian, toByteOffset: count, as: Word.self)
    count += MemoryLayout<Word>.size
  }

  /// Appends bytes within the reservation.
  @inline(__always)
  mutating func put(_ bytes: [UInt8]) {
    precondition(memory.count - count >= bytes.count, "a record is longer than it said")
    bytes.withUnsafeBytes { bytes in
      UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + bytes.count]).copyMemory(from: bytes)
    }
    count += bytes.count
  }

  /// Fills the body up with zeros to where the next group may begin, and puts the header before it.
  ///
  /// Harmless when it is done again, with another header.
  ///
  /// - Returns: The header.
  mutating func seal(_ describe: (_ records: Int, _ bodyBytes: Int, _ bodySum: UInt32) -> GroupHeader) -> GroupHeader {
    let end = LogFormat.aligned(count)
    if memory.count < end { grow(to: end) }
    while count < end { put(UInt8(0)) }
    let body = UnsafeRawBufferPointer(rebasing: memory[LogFormat.groupHeaderBytes..<count])
    let header = describe(records, body.count, CRC32C.of(RawSpan(_unsafeBytes: body)))
    memory.copyBytes(from: header.bytes)
    return header
  }

  /// The group, once it is sealed.
  func withBytes<R, Failure: Error>(_ body: (RawSpan) throws(Failure) -> R) throws(Failure) -> R {
    try body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: memory[..<count])))
  }
}
