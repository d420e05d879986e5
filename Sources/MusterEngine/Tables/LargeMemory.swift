private import CMemory
private import MusterThreads

/// Memory for tables of millions of rows, in pages of 2 MiB where the system has them.
///
/// Whoever visits rows in no order misses the translation of addresses as well as the cache: ten million sessions are 130,000 pages
/// of 4 KiB, and a processor remembers some 2,000. With pages of 2 MiB they are 260. The price is 2 MiB at a time for what was a
/// fault of 4 KiB, so small tables do without.
///
/// The system clears a large page when it is touched first, which took 16 ms and more where the system is a guest whose host gives
/// memory only then. No turn should wait for that, so tables have the next page touched ahead, with ``prepare(_:bytes:)``.
///
/// On Linux it depends on `/sys/kernel/mm/transparent_hugepage/enabled`, which is `madvise` or `always` on most machines; where it
/// is `never`, this is memory like any other.
enum LargeMemory {
  /// The bytes of one page.
  static let pageBytes = 2 << 20

  /// Maps so many bytes, rounded up to whole pages: zeroed, and resident only where it is touched.
  ///
  /// Traps when the system has no memory left, as every allocation in Swift does.
  // SAFETY: the memory is the caller's alone until it is given to `free`.
  static func allocate(bytes: Int) -> UnsafeMutableRawPointer {
    guard let address = muster_map_large(UInt(rounded(bytes))) else {
      preconditionFailure("the system has no \(bytes) bytes of memory left")
    }
    return address
  }

  /// Has memory touched soon, by a thread that may wait for the system, so that whoever needs it then need not.
  ///
  /// A wish, too: what has not been touched is still there, and is touched by whoever comes first. Memory that is freed in the meantime
  /// is not mapped, and nothing happens; or it is somebody else's by then, to whom nothing happens but that it is resident.
  // SAFETY: no byte of the memory is read or written.
  static func prepare(_ address: UnsafeMutableRawPointer, bytes: Int) {
    let address = UInt(bitPattern: address)
    errands.run { muster_populate(UnsafeMutableRawPointer(bitPattern: address), UInt(bytes)) }
  }

  private static let errands = ErrandThread()

  /// Gives memory back that was allocated with the same number of bytes.
  // SAFETY: the caller owns the memory and forgets it.
  static func free(_ address: UnsafeMutableRawPointer, bytes: Int) {
    muster_unmap_large(address, UInt(rounded(bytes)))
  }

  private static func rounded(_ bytes: Int) -> Int { (bytes + pageBytes - 1) / pageBytes * pageBytes }
}
