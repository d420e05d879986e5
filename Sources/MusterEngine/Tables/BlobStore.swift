/// Keeps small byte strings (names, texts, JSON) outside of Swift's heap, behind references of four bytes.
///
/// An array in a column costs 8 bytes for the pointer, 32 for its header, a malloc, and a retain wherever it is looked at. Here
/// a user id of 16 bytes takes a cell of 24 in a slab that it shares with others of its size, and is compared in place.
///
/// A slab is a piece of memory cut into cells of one size class. Cells that were freed are linked through their own first bytes;
/// a slab that has become empty is given back, unless it is the only one of its class with room. Byte strings above
/// 32 KiB have a slab each.
///
/// The length stands in front of the bytes in the cell; a cell whose length is 0 is free.
///
/// - Invariant: I1. A cell is exactly one of live, free (in its slab's list) or untouched (at or behind `touched`).
/// - Invariant: I2. A slab with a class is in the class's list exactly if it has room.
/// - Invariant: I3. ``count``, ``bytesUsed`` and ``bytesReserved`` are the sums over live cells and slabs.
///
/// ### Isolation
/// A plain value without a lock. `~Copyable`, since it owns its slabs.
package struct BlobStore: ~Copyable {
  /// The longest byte string.
  package static let bytesMax = 1 << 20

  /// How many byte strings are stored, not counting empty ones.
  package private(set) var count = 0
  /// The sum of their lengths.
  package private(set) var bytesUsed = 0
  /// The memory of all slabs.
  ///
  /// What was never touched of it is not resident.
  package private(set) var bytesReserved = 0

  var slabs = Column<Slab>(repeating: Slab())
  var slabRows = SlotAllocator(rowsMax: BlobRef.slabsMax)
  /// For each class the first slab that has room.
  // SAFETY: one initialised slot for each class, owned by this value alone and freed in `deinit`.
  let roomy: UnsafeMutablePointer<Slot>
  private let pinned = Pinned()

  /// A store without slabs.
  package init() {
    roomy = .allocate(capacity: BlobSizeClass.count)
    roomy.initialize(repeating: .none, count: BlobSizeClass.count)
  }

  deinit {
    roomy.deallocate()
    for row in 0..<slabRows.rows {
      // SAFETY: a slab's memory is owned by its row alone; a row that was given back has none.
      slabs[Slot(UInt32(row))].base?.deallocate()
    }
  }

  /// Whether any byte string can be stored: there are 524,287 slabs, at least 32 GiB of small ones.
  ///
  /// Whoever takes data from outside asks before it decides; ``store(_:)`` cannot refuse.
  package var hasRoom: Bool { slabRows.count < BlobRef.slabsMax }

  /// Copies bytes in.
  ///
  /// - Precondition: At most ``bytesMax`` bytes, and ``hasRoom``.
  /// - Complexity: O(bytes); O(1) allocations, most often none.
  /// - Returns: A reference that is good until it is given to ``free(_:)``; ``BlobRef/none`` for no bytes.
  package mutating func store(_ bytes: [UInt8]) -> BlobRef {
    // SAFETY: the bytes are copied before the array is given back.
    bytes.withUnsafeBytes { store($0) }
  }

  /// Copies raw bytes in, under the same rules.
  package mutating func store(_ bytes: UnsafeRawBufferPointer) -> BlobRef {
    // SAFETY: the caller's buffer is only read, `bytes.count` bytes of it.
    guard let source = bytes.baseAddress, bytes.count > 0 else { return .none }
    precondition(bytes.count <= Self.bytesMax, "a byte string of \(bytes.count) bytes is longer than 1 MiB")
    count += 1
    bytesUsed += bytes.count
    let slab = slabWithRoom(for: bytes.count)
    let cell = takeCell(of: slab)
    // SAFETY: the cell is inside of its slab, holds header and bytes (`slabWithRoom`), and nobody else refers to it (I1).
    let address = slabs[slab].address(of: cell)
    let header = slabs[slab].writeLength(bytes.count, at: address)
    (address + header).copyMemory(from: source, byteCount: bytes.count)
    return BlobRef(slab: slab, cell: cell)
  }

  /// Frees the bytes.
  ///
  /// The reference, and every copy of it, is void from now on.
  ///
  /// - Precondition: It is live or ``BlobRef/none``. A second free traps, as long as its cell has not been used again.
  /// - Complexity: O(1).
  package mutating func free(_ ref: BlobRef) {
    if ref == .none { return }
    let slab = ref.slab
    precondition(slabRows.isLive(slab) && ref.cell < slabs[slab].touched, "a byte string is freed that was never stored")
    let length = withBytes(of: ref) { $0.count }
    precondition(length > 0, "a byte string is freed twice")
    count -= 1
    bytesUsed -= length
    let hadRoom = slabs[slab].hasRoom
    slabs[slab].giveBack(ref.cell)
    guard let sizeClass = slabs[slab].sizeClass else { return release(slab) }
    if !hadRoom { link(slab, sizeClass) }
    let isOnlyRoomy = slabs[slab].next == .none && slabs[slab].previous == .none
    if slabs[slab].live == 0, !isOnlyRoomy {
      unlink(slab, sizeClass)
      release(slab)
    }
  }

  /// A copy of the bytes.
  package func bytes(of ref: BlobRef) -> [UInt8] {
    withBytes(of: ref) { [UInt8]($0) }
  }

  /// Lends the bytes where they lie.
  ///
  /// `body` must not let the buffer escape.
  ///
  /// - Precondition: The reference is live or ``BlobRef/none``.
  /// - Complexity: O(1) besides `body`.
  // SAFETY: a live reference names a cell below `touched` of a slab that exists, with a header that `store` has written. The
  // store is borrowed while `body` runs, so no free can come between.
  @inline(__always)
  package func withBytes<R>(of ref: BlobRef, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    if ref == .none { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
    assert(slabRows.isLive(ref.slab) && ref.cell < slabs[ref.slab].touched, "a reference to a byte string is stale")
    let slab = slabs[ref.slab]
    let address = slab.address(of: ref.cell)
    return try body(UnsafeRawBufferPointer(start: address + slab.headerBytes, count: slab.length(at: address)))
  }

  /// Whether the stored bytes are these.
  ///
  /// - Complexity: O(bytes), no allocation; O(1) when the lengths differ.
  package func equals(_ ref: BlobRef, _ bytes: [UInt8]) -> Bool {
    // SAFETY: both buffers are only read, and within these calls.
    withBytes(of: ref) { stored in bytes.withUnsafeBytes { Self.areEqual(stored, $0) } }
  }

  // SAFETY: the loads end at `words` and at `left.count`, and both buffers have that many bytes.
  private static func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    let words = left.count & ~7
    for offset in stride(from: 0, to: words, by: 8) {
      let difference =
        left.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      if difference != 0 { return false }
    }
    for offset in words..<left.count where left[offset] != right[offset] { return false }
    return true
  }

  /// A slab that has a cell for so many bytes and their header.
  private mutating func slabWithRoom(for length: Int) -> Slot {
    let needed = length + Slab.headerBytesSmall
    guard needed <= BlobSizeClass.cellBytesMax else {
      let cellBytes = (length + Slab.headerBytesLarge + 7) & ~7
      return addSlab(Slab(cellBytes: cellBytes, cells: 1, sizeClass: nil))
    }
    let sizeClass = BlobSizeClass(holding: needed)
    let first = roomy[sizeClass.index]
    if first != .none { return first }
    let slab = addSlab(Slab(cellBytes: sizeClass.cellBytes, cells: sizeClass.cells, sizeClass: sizeClass))
    link(slab, sizeClass)
    return slab
  }

  private mutating func addSlab(_ slab: Slab) -> Slot {
    guard let row = slabRows.allocate() else {
      preconditionFailure("a store of byte strings is full: \(BlobRef.slabsMax) slabs, \(bytesReserved) bytes")
    }
    slabs.grow(toHold: slabRows.rows)
    slabs[row] = slab
    bytesReserved += slab.bytes
    return row
  }

  private mutating func release(_ slab: Slot) {
    bytesReserved -= slabs[slab].bytes
    // SAFETY: no cell of the slab is live, so no reference into its memory is left; the row forgets it.
    slabs[slab].base?.deallocate()
    slabs[slab] = Slab()
    slabRows.free(slab)
  }

  private mutating func takeCell(of slab: Slot) -> UInt32 {
    let cell = slabs[slab].take()
    if !slabs[slab].hasRoom, let sizeClass = slabs[slab].sizeClass { unlink(slab, sizeClass) }
    return cell
  }

  private mutating func link(_ slab: Slot, _ sizeClass: BlobSizeClass) {
    let next = roomy[sizeClass.index]
    slabs[slab].next = next
    slabs[slab].previous = .none
    if next != .none { slabs[next].previous = slab }
    roomy[sizeClass.index] = slab
  }

  private mutating func unlink(_ slab: Slot, _ sizeClass: BlobSizeClass) {
    let (previous, next) = (slabs[slab].previous, slabs[slab].next)
    if previous == .none { roomy[sizeClass.index] = next } else { slabs[previous].next = next }
    if next != .none { slabs[next].previous = previous }
    slabs[slab].next = .none
    slabs[slab].previous = .none
  }
}
