/// A reference to a byte string in a ``BlobStore``: four bytes, no retain, no release.
///
/// It means something only to the store that gave it out, and only until it is freed there.
package struct BlobRef: Hashable, Sendable {
  let rawValue: UInt32

  /// The bits that number a cell within its slab.
  static let cellBits: UInt32 = 13
  /// How many slabs can be told apart.
  ///
  /// The last number is left out, so that ``none`` refers to nothing.
  static let slabsMax = 1 << (32 - cellBits) - 1

  /// The empty byte string, which takes no room and needs no free.
  package static let none = BlobRef(rawValue: .max)

  init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  init(slab: Slot, cell: UInt32) {
    rawValue = slab.rawValue << Self.cellBits | cell
  }

  var slab: Slot { Slot(rawValue >> Self.cellBits) }
  var cell: UInt32 { rawValue & (1 << Self.cellBits - 1) }
}

/// The size of a cell: multiples of 8 up to 64 bytes, then four steps for each doubling up to 32 KiB, as jemalloc has them.
///
/// So at most a fifth of a cell above 64 bytes is waste.
struct BlobSizeClass: Hashable {
  /// 0 to 43.
  let index: Int

  /// How many classes there are.
  static let count = 44
  /// The largest cell; what is longer gets a slab of its own.
  static let cellBytesMax = 32 << 10

  /// The smallest class whose cells hold so many bytes, 1 to ``cellBytesMax``.
  init(holding bytes: Int) {
    assert((1...Self.cellBytesMax).contains(bytes), "no size class holds \(bytes) bytes")
    if bytes <= 64 {
      index = (bytes - 1) >> 3
    } else {
      let doubling = Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount
      index = (doubling - 6) * 4 + 8 + (bytes - 1 - 1 << doubling) >> (doubling - 2)
    }
  }

  init(index: Int) {
    self.index = index
  }

  /// The bytes of a cell of this class.
  var cellBytes: Int {
    if index < 8 { return (index + 1) * 8 }
    let doubling = (index - 8) / 4 + 6
    return 1 << doubling + ((index - 8) % 4 + 1) << (doubling - 2)
  }

  /// How many cells share a slab: 64 KiB of them, but at least 8.
  var cells: Int { max(8, (64 << 10) / cellBytes) }
}
