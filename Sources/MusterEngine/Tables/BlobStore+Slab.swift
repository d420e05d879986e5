extension BlobStore {
  /// One piece of memory, cut into cells of one size.
  ///
  /// A row of the store's table, 32 bytes. Cell by byte:
  /// - live: length (2 bytes; 4 in a slab without a class), then the bytes;
  /// - free: length 0 (2 bytes), number of the next free cell (2 bytes).
  struct Slab {
    static let headerBytesSmall = 2
    static let headerBytesLarge = 4
    /// The end of the list of free cells: no slab has so many.
    static let noCell = UInt16.max

    // SAFETY: owned by the store, which frees it when the last cell is free, or in its `deinit`.
    private(set) var base: UnsafeMutableRawPointer?
    /// Neighbours in the class's list of slabs with room.
    var next = Slot.none
    var previous = Slot.none
    private let cellBytes: UInt32
    private let cells: UInt16
    private(set) var live: UInt16 = 0
    /// How many cells were ever taken; behind them nothing was ever written.
    private(set) var touched: UInt16 = 0
    private(set) var firstFree = Slab.noCell
    private let sizeClassIndex: UInt8

    /// A row without memory.
    init() {
      base = nil
      cellBytes = 0
      cells = 0
      sizeClassIndex = .max
    }

    init(cellBytes: Int, cells: Int, sizeClass: BlobSizeClass?) {
      base = .allocate(byteCount: cellBytes * cells, alignment: 8)
      self.cellBytes = UInt32(cellBytes)
      self.cells = UInt16(cells)
      sizeClassIndex = sizeClass.map { UInt8($0.index) } ?? .max
    }

    /// `nil` for the slab of a single long byte string.
    var sizeClass: BlobSizeClass? { sizeClassIndex == .max ? nil : BlobSizeClass(index: Int(sizeClassIndex)) }
    var bytes: Int { Int(cellBytes) * Int(cells) }
    var hasRoom: Bool { firstFree != Self.noCell || touched < cells }
    @inline(__always)
    var headerBytes: Int { sizeClassIndex == .max ? Self.headerBytesLarge : Self.headerBytesSmall }

    // SAFETY: cells are numbered below `cells`, so the address is inside of the slab.
    @inline(__always)
    func address(of cell: UInt32) -> UnsafeMutableRawPointer {
      guard let base else { preconditionFailure("a reference to a byte string names a slab that is gone") }
      return base + Int(cell) * Int(cellBytes)
    }

    /// The length in a cell's header; 0 when the cell is free.
    // SAFETY: cells are multiples of 8 bytes and aligned to 8, and touched cells have a header.
    @inline(__always)
    func length(at address: UnsafeMutableRawPointer) -> Int {
      sizeClassIndex == .max ? Int(address.load(as: UInt32.self)) : Int(address.load(as: UInt16.self))
    }

    /// Writes a header; how many bytes it takes.
    // SAFETY: as for `length(at:)`.
    func writeLength(_ length: Int, at address: UnsafeMutableRawPointer) -> Int {
      if sizeClassIndex == .max {
        address.storeBytes(of: UInt32(length), as: UInt32.self)
      } else {
        address.storeBytes(of: UInt16(length), as: UInt16.self)
      }
      return headerBytes
    }

    /// Takes a cell: the last one freed, or the first untouched one.
    mutating func take() -> UInt32 {
      assert(hasRoom, "a cell is taken from a full slab")
      live += 1
      if firstFree != Self.noCell {
        let cell = UInt32(firstFree)
        firstFree = nextFree(after: firstFree)
        return cell
      }
      touched += 1
      return UInt32(touched - 1)
    }

    /// Marks a cell as free and links it.
    mutating func giveBack(_ cell: UInt32) {
      let address = address(of: cell)
      // SAFETY: the cell has at least 8 bytes and its owner has given it up.
      if sizeClassIndex == .max {
        address.storeBytes(of: 0, as: UInt32.self)
      } else {
        address.storeBytes(of: 0, as: UInt16.self)
        address.storeBytes(of: firstFree, toByteOffset: 2, as: UInt16.self)
        firstFree = UInt16(cell)
      }
      live -= 1
    }

    /// The cell that follows a free one in the list.
    func nextFree(after cell: UInt16) -> UInt16 {
      // SAFETY: a free cell holds the link that `giveBack` wrote.
      address(of: UInt32(cell)).load(fromByteOffset: 2, as: UInt16.self)
    }
  }
}
