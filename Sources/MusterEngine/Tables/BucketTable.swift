private import CMemory

/// A hash table of a fixed size: the two halves of a ``SlotIndex`` while it grows.
///
/// Open addressing with linear probing (Knuth, "The Art of Computer Programming", volume 3, 6.4, algorithms L and R). The home
/// of an entry is its hash as a fraction of the table. So a larger table has every entry at about the same fraction of its
/// length, and moving from one to the other walks forward through both.
///
/// Capacities are powers of two and one and a half times those: 64, 96, 128, 192 and so on. With powers of two alone a table
/// would be not half full after each growth.
///
/// The table is cut into pages that are allocated when the first entry comes into them, and can be freed one by one: neither
/// making nor ending a table of any size takes long. Those of large tables are ``LargePages``.
///
/// - Invariant: I1. An entry lies at its home or behind it, and no bucket between is empty, except buckets already emptied by
///   moving (see ``SlotIndex``).
struct BucketTable: ~Copyable {
  /// One place of the table: empty, or a slot with 32 bits of its hash.
  struct Bucket: Equatable {
    let rawValue: UInt64

    /// No entry.
    static let empty = Bucket(rawValue: 0)

    init(rawValue: UInt64) {
      self.rawValue = rawValue
    }

    /// An entry.
    ///
    /// The slot is kept one higher, so that row 0 with hash 0 is not ``empty``.
    init(_ hash: UInt32, _ slot: Slot) {
      rawValue = UInt64(hash) << 32 | UInt64(slot.rawValue &+ 1)
    }

    var isEmpty: Bool { rawValue == 0 }
    var hash: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
    var slot: Slot { Slot(UInt32(truncatingIfNeeded: rawValue) &- 1) }
  }

  /// Pages have 2^12 buckets, and in tables of this size or more 2^18, which are 2 MiB.
  static let capacityLarge = 1 << 20
  /// The smallest table; its page is smaller too.
  static let capacityMin = 64
  /// As many as 32 bits of hash can tell apart.
  static let capacityMax = 1 << 32
  /// How much of a table may be full: with linear probing a search for what is there then looks at 3 buckets on average, of which
  /// eight share a cache line, and one for what is not there at 15.
  static let fullest = (buckets: 13, of: 16)

  // SAFETY: only a name; see `pages`.
  private typealias Page = UnsafeMutablePointer<Bucket>

  /// How many buckets; 0 for no table at all.
  let capacity: Int
  /// How many buckets a page has, but for the smallest tables, which have fewer in all.
  var pageBuckets: Int { 1 << pageBits }
  private let pageBits: Int
  /// How many pages have memory.
  private(set) var pagesAllocated = 0
  private let pagesCount: Int
  // SAFETY: the directory and its pages are owned by this value alone and freed in `deinit`.
  private let pages: UnsafeMutablePointer<Page?>

  /// A table of empty buckets.
  ///
  /// - Parameter capacity: 0, or 2^n or 3 · 2^n, from ``capacityMin`` to ``capacityMax``.
  /// - Complexity: O(capacity / 4,096), or O(capacity / 2^18) for large ones: a directory without pages.
  init(capacity: Int) {
    let odd = capacity == 0 ? 0 : capacity >> capacity.trailingZeroBitCount
    precondition(
      capacity == 0 || (Self.capacityMin...Self.capacityMax).contains(capacity) && (odd == 1 || odd == 3),
      "a table has 2^n or 3 * 2^n buckets, 2^6 to 2^32, not \(capacity)")
    self.capacity = capacity
    pageBits = capacity < Self.capacityLarge ? 12 : 18
    pagesCount = (capacity + 1 << pageBits - 1) >> pageBits
    pages = .allocate(capacity: pagesCount)
    pages.initialize(repeating: nil, count: pagesCount)
    // The table after this one takes its first page in the middle of somebody's turn.
    if capacity >= Self.capacityLarge / 2 { LargePages.shared.warm() }
  }

  deinit {
    // SAFETY: every page in the directory was allocated by `page(at:)` and is freed only here or in `freePage(at:)`, which
    // leaves nil. Buckets are trivial.
    for page in 0..<pagesCount { freePage(number: page) }
    pages.deallocate()
  }

  /// The capacity of the next larger table.
  var nextCapacity: Int { Self.nextCapacity(of: capacity) }

  /// The capacity that follows one that is allowed.
  static func nextCapacity(of capacity: Int) -> Int {
    capacity & (capacity - 1) == 0 ? capacity / 2 * 3 : capacity / 3 * 4
  }

  /// How many entries the table may have.
  var entriesMax: Int { Self.entriesMax(of: capacity) }

  /// How many entries a table of so many buckets may have.
  static func entriesMax(of capacity: Int) -> Int { capacity / fullest.of * fullest.buckets }

  /// The position so many buckets, at most ``capacity``, behind another one.
  @inline(__always)
  func position(_ start: Int, plus distance: Int) -> Int {
    let sum = start &+ distance
    return sum < capacity ? sum : sum &- capacity
  }

  /// How many buckets one walks forward from one position to another.
  @inline(__always)
  func distance(from start: Int, to end: Int) -> Int {
    end < start ? end &- start &+ capacity : end &- start
  }

  /// The memory of the table, in bytes.
  var bytesReserved: Int {
    pagesAllocated * bytesOfPage + pagesCount * MemoryLayout<Page?>.stride
  }

  /// Where the search for a hash begins.
  @inline(__always)
  func home(of hash: UInt32) -> Int {
    Int(truncatingIfNeeded: (UInt64(hash) &* UInt64(truncatingIfNeeded: capacity)) &>> 32)
  }

  /// Reads one bucket.
  @inline(__always)
  subscript(position: Int) -> Bucket {
    assert((0..<capacity).contains(position), "bucket \(position) is outside of a table of \(capacity)")
    // SAFETY: `position` is below the capacity (asserted above, every caller's duty), so its page is in the directory; a page
    // that exists is initialised in full.
    guard let page = pages[position &>> pageBits] else { return .empty }
    return page[position & (pageBuckets &- 1)]
  }

  /// Asks for the line of the cache that a bucket is in, without waiting for it.
  @inline(__always)
  func prefetch(_ position: Int) {
    // SAFETY: nothing is read; a page that is in the directory holds the bucket.
    guard let page = pages[position &>> pageBits] else { return }
    muster_prefetch(page + position & (pageBuckets &- 1))
  }

  /// Writes one bucket, which may bring its page to life.
  ///
  /// - Complexity: O(1): at most one page is allocated and zeroed.
  @inline(__always)
  mutating func write(_ bucket: Bucket, at position: Int) {
    assert((0..<capacity).contains(position), "bucket \(position) is outside of a table of \(capacity)")
    // SAFETY: as for reading; `page(at:)` gives an initialised page.
    let page = pages[position &>> pageBits] ?? makePage(at: position)
    page[position & (pageBuckets &- 1)] = bucket
  }

  private var isLarge: Bool { capacity >= Self.capacityLarge }
  private var bytesOfPage: Int { min(capacity, pageBuckets) * MemoryLayout<Bucket>.stride }

  // SAFETY: the page is initialised in full before it comes into the directory, which owns it: a large page is zero, and so is an
  // empty bucket.
  @inline(never)
  private mutating func makePage(at position: Int) -> UnsafeMutablePointer<Bucket> {
    let page: Page
    if isLarge {
      page = LargePages.shared.take().bindMemory(to: Bucket.self, capacity: pageBuckets)
    } else {
      let buckets = min(capacity, pageBuckets)
      page = Page.allocate(capacity: buckets)
      page.initialize(repeating: .empty, count: buckets)
    }
    pages[position >> pageBits] = page
    pagesAllocated += 1
    return page
  }

  /// Frees the page of this position, whose buckets are all empty; it reads as empty from now on.
  mutating func freePage(at position: Int) {
    guard pages[position >> pageBits] != nil else { return }
    freePage(number: position >> pageBits)
    pagesAllocated -= 1
  }

  private func freePage(number: Int) {
    // SAFETY: the page is owned by the directory alone, and the directory forgets it.
    guard let page = pages[number] else { return }
    if isLarge {
      LargePages.shared.give(page)
    } else {
      page.deallocate()
    }
    pages[number] = nil
  }

  /// The position of the next empty bucket for a hash.
  ///
  /// - Precondition: There is one.
  @inline(__always)
  func room(for hash: UInt32) -> Int {
    var position = home(of: hash)
    while !self[position].isEmpty { position = self.position(position, plus: 1) }
    return position
  }

  /// Searches for a row from a position on, up to the first empty bucket.
  @inline(__always)
  func find(_ hash: UInt32, from start: Int, where matches: (Slot) -> Bool) -> Slot {
    var position = start
    while true {
      let bucket = self[position]
      if bucket.isEmpty { return .none }
      if bucket.hash == hash, matches(bucket.slot) { return bucket.slot }
      position = self.position(position, plus: 1)
    }
  }

  /// Searches from a position on for a row whose hash agrees, without a look at the row.
  @inline(__always)
  func candidate(_ hash: UInt32, from start: Int) -> Slot {
    find(hash, from: start) { _ in true }
  }

  /// Searches for the bucket that holds exactly this entry.
  func position(of wanted: Bucket, from start: Int) -> Int? {
    var position = start
    while true {
      let bucket = self[position]
      if bucket.isEmpty { return nil }
      if bucket == wanted { return position }
      position = self.position(position, plus: 1)
    }
  }

  /// Empties one bucket and moves later entries back over the gap, so that no search ends too early and no grave is left.
  ///
  /// - Complexity: O(length of the run of full buckets behind the gap).
  mutating func close(_ position: Int) {
    var gap = position
    var candidate = self.position(gap, plus: 1)
    while true {
      let bucket = self[candidate]
      if bucket.isEmpty { break }
      // An entry may move back to the gap when the gap is not before its home.
      let fromHome = distance(from: home(of: bucket.hash), to: candidate)
      let fromGap = distance(from: gap, to: candidate)
      if fromHome >= fromGap {
        write(bucket, at: gap)
        gap = candidate
      }
      candidate = self.position(candidate, plus: 1)
    }
    write(.empty, at: gap)
  }
}
