/// Finds a row by the hash of its key: 8 bytes per bucket, keys stay in their columns.
///
/// A bucket holds 32 bits of hash and the slot. A search compares hashes and asks the caller about a slot only when they agree,
/// so a miss costs no look at any row in nearly all cases.
///
/// Growth is incremental. At 13 sixteenths full a table is begun that is larger by a half or a third, in turns, and both are
/// searched while each change moves ``bucketsMovedPerChange`` buckets across. What has its home behind the moved part goes to the
/// previous table until moving comes to it, so the new table is filled from one end to the other: its memory comes a page at a time,
/// each made ready while the one before it fills, and the previous table's goes at the same pace. So no call touches more than a
/// bounded number of entries, or memory that the system has yet to give, whatever the size. The table never shrinks: presence comes
/// back tomorrow at the same hour.
///
/// The hash decides about speed only, never about truth. It should be keyed (`StableHash`) where the keys come from outside: who
/// can choose collisions turns every search into a scan.
///
/// - Invariant: I1. Every entry is in exactly one of the two tables, where a search for its hash finds it.
/// - Invariant: I2. ``count`` is the number of entries of both tables, at most 13 sixteenths of the current one.
/// - Invariant: I3. The previous table loses its entries in the order of positions from `start`, once around. What is new goes there
///   only behind what has been moved, and never to `start`, which is empty.
///
/// ### Isolation
/// A plain value without a lock. `~Copyable`, since it owns its tables.
package struct SlotIndex: ~Copyable {
  /// How many buckets one change moves while the index grows.
  ///
  /// Four would be enough to be done before the next growth. With sixteen the previous table, which takes new entries until moving
  /// comes to them, gets one sixteenth fuller at most: 14 of 16, where a search for what is not there looks at 32 buckets.
  package static let bucketsMovedPerChange = 16
  /// The number of entries.
  package private(set) var count = 0

  private(set) var current = BucketTable(capacity: BucketTable.capacityMin)
  /// The table that entries are moved out of; of capacity 0 when the index does not grow.
  private(set) var previous = BucketTable(capacity: 0)
  /// The bucket of `previous` where moving began.
  ///
  /// It was empty and stays so: every search in `previous` ends there at last.
  private(set) var start = 0
  /// How many buckets of `previous` have been moved, from `start` on.
  private(set) var moved = 0
  private let pinned = Pinned()

  /// An index without entries; its first page comes with the first entry.
  package init() {}

  /// Makes an empty index large enough for so many entries, so that it need not grow while they come.
  ///
  /// - Precondition: It is empty, and does not grow.
  /// - Complexity: O(entries / 4,096): a directory without pages.
  package mutating func reserve(_ entries: Int) {
    precondition(count == 0 && !isGrowing, "room is reserved in an index that is in use")
    var capacity = current.capacity
    while BucketTable.entriesMax(of: capacity) < entries, capacity < BucketTable.capacityMax {
      capacity = BucketTable.nextCapacity(of: capacity)
    }
    if capacity > current.capacity { current = BucketTable(capacity: capacity) }
  }

  /// Whether entries are being moved to a larger table.
  package var isGrowing: Bool { previous.capacity > 0 }

  /// How many buckets are still to be moved.
  package var bucketsToMove: Int { previous.capacity - moved }

  /// The memory of all tables, in bytes.
  package var bytesReserved: Int { current.bytesReserved + previous.bytesReserved }

  /// Finds the row with this hash for which `matches` holds.
  ///
  /// - Parameters:
  ///   - hash: All 64 bits count.
  ///   - matches: Whether the row has the key that is searched for. Called for rows whose hashes agree in 32 bits.
  /// - Complexity: O(1) expected: one cache miss for the bucket, one for the row.
  /// - Returns: ``Slot/none`` when there is no such row.
  @inline(__always)
  package func find(_ hash: UInt64, where matches: (Slot) -> Bool) -> Slot {
    let hash = Self.fold(hash)
    let slot = current.find(hash, from: current.home(of: hash), where: matches)
    if slot != .none || !isGrowing { return slot }
    // Inlined like the first search: an uninlined call would need a closure in memory, and a copy of all that it captures.
    return previous.find(hash, from: searchStart(of: hash), where: matches)
  }

  /// Asks for the buckets where the search for a hash begins, without waiting for them.
  ///
  /// - Parameter hash: The 32 bits that are kept, see ``fold(_:)``.
  @inline(__always)
  func prefetch(_ hash: UInt32) {
    current.prefetch(current.home(of: hash))
    if isGrowing { previous.prefetch(searchStart(of: hash)) }
  }

  /// A row whose hash agrees in the 32 bits that are kept, without a look at the row.
  ///
  /// Most often it is the row that ``find(_:where:)`` finds. When two keys have the same 32 bits it may not be, and only
  /// ``find(_:where:)`` can tell.
  @inline(__always)
  func candidate(_ hash: UInt32) -> Slot {
    let slot = current.candidate(hash, from: current.home(of: hash))
    if slot != .none || !isGrowing { return slot }
    return previous.candidate(hash, from: searchStart(of: hash))
  }

  /// Adds a row.
  ///
  /// - Precondition: The row is not in the index, and no other row with the same key is.
  /// - Complexity: O(1) expected; moves at most ``bucketsMovedPerChange`` buckets and allocates at most four pages.
  package mutating func insert(_ hash: UInt64, _ slot: Slot) {
    precondition(slot != .none, "no row cannot be indexed")
    let hash = Self.fold(hash)
    if count == current.entriesMax { beginGrowing(at: current.room(for: hash)) }
    moveSome()
    if isGrowing {
      insertWhileGrowing(BucketTable.Bucket(hash, slot))
    } else {
      current.write(BucketTable.Bucket(hash, slot), at: current.room(for: hash))
    }
    count += 1
  }

  @inline(never)
  private mutating func insertWhileGrowing(_ bucket: BucketTable.Bucket) {
    if previous.distance(from: start, to: previous.home(of: bucket.hash)) >= moved {
      let position = previous.room(for: bucket.hash)
      // Searches in `previous` end at the bucket where moving began.
      if position != start { return previous.write(bucket, at: position) }
    }
    current.write(bucket, at: current.room(for: bucket.hash))
  }

  /// Removes a row; `hash` is the one it was inserted with.
  ///
  /// - Precondition: It is in the index. An absent one means that index and table have drifted apart, so it traps in every build.
  /// - Complexity: O(1) expected; moves at most ``bucketsMovedPerChange`` buckets.
  package mutating func remove(_ hash: UInt64, _ slot: Slot) {
    let bucket = BucketTable.Bucket(Self.fold(hash), slot)
    if let position = current.position(of: bucket, from: current.home(of: bucket.hash)) {
      current.close(position)
    } else if isGrowing, let position = previous.position(of: bucket, from: searchStart(of: bucket.hash)) {
      previous.close(position)
    } else {
      preconditionFailure("row \(slot.rawValue) is removed from an index that does not hold it")
    }
    count -= 1
    moveSome()
  }

  /// The 32 bits of a hash that are kept: a multiplication carries every lower bit into them, so a poor hash does no worse here
  /// than a good one (Knuth's multiplicative hashing, 6.4).
  @inline(__always)
  static func fold(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: (hash &* 0x9e37_79b9_7f4a_7c15) >> 32)
  }

  /// Where to search in `previous`: at the home of the hash, or where moving has come to, when that is further.
  ///
  /// An entry whose home has been moved may still lie behind it, in the run of full buckets that moving stands in.
  @inline(__always)
  func searchStart(of hash: UInt32) -> Int {
    let fromStart = previous.distance(from: start, to: previous.home(of: hash))
    return previous.position(start, plus: max(fromStart, moved))
  }

  /// Begins a table of the next size.
  ///
  /// - Parameter start: Any empty bucket of the current table.
  @inline(never)
  private mutating func beginGrowing(at start: Int) {
    // A table of n grows at 13/16 n entries to 4/3 n at least, so the next growth is n/4 changes away, and moving takes n/16.
    precondition(!isGrowing, "an index grows again before it has finished growing")
    previous = exchange(&current, with: BucketTable(capacity: current.nextCapacity))
    self.start = start
    moved = 0
  }

  @inline(__always)
  private mutating func moveSome() {
    if isGrowing { moveBuckets() }
  }

  @inline(never)
  private mutating func moveBuckets() {
    let end = min(moved + Self.bucketsMovedPerChange, previous.capacity)
    while moved < end {
      let position = previous.position(start, plus: moved)
      let bucket = previous[position]
      if !bucket.isEmpty {
        current.write(bucket, at: current.room(for: bucket.hash))
        previous.write(.empty, at: position)
      }
      moved += 1
      freePassedPage(at: position)
    }
    if moved == previous.capacity {
      previous = BucketTable(capacity: 0)
      moved = 0
    }
  }

  /// Frees a page of `previous` when its last bucket has been moved.
  ///
  /// The page where moving began waits for the very end.
  private mutating func freePassedPage(at position: Int) {
    let lastOfPage = previous.pageBuckets - 1
    guard position & lastOfPage == lastOfPage || position == previous.capacity - 1,
      position / previous.pageBuckets != start / previous.pageBuckets
    else { return }
    previous.freePage(at: position)
  }
}
