/// Hands back handles when their tick has come.
///
/// Four levels of 256 buckets each (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 7). A bucket of
/// level 0 holds the deadlines of one tick, one of level 1 those of 256 ticks, and so on; when the hand comes to a bucket of a
/// coarse level, its handles move down. With ticks of 100 ms the levels reach 25 s, 109 min, 19 days, 13 years.
///
/// A handle is the slot of a row, and buckets are lists linked through a column: arming allocates nothing. There is at most one
/// timer per handle. Renewals need not come here at all: the owner keeps the truth about a deadline and arms a handle that
/// fires too early again. Only a deadline that comes *nearer* must be told, and ``arm(_:at:)`` moves the handle then.
///
/// ``advance(to:limit:into:)`` does a bounded amount of work, counting handles that fire and handles that move down. What is left
/// stays in the bucket under the hand, and the hand stays there with it, so nothing but the wheel itself has to be kept between
/// calls. Lists are queues: who arms a handle at the hand again and again does not keep the others there waiting.
///
/// - Invariant: I1. An armed handle is in exactly one bucket; neighbours agree, and so do the ends of the list.
/// - Invariant: I2. In a bucket of level `l` all deadlines agree in `deadline >> 8l`, the bucket's block. The block is 0 to 255
///   ahead of the hand's, and its position in the level is its last 8 bits. Only deadlines that had already passed when they
///   were armed differ: they are in the bucket of level 0 under the hand.
/// - Invariant: I3. The bucket under the hand is empty on every level, except for what ``advance(to:limit:into:)`` has left and
///   what was armed at or before the hand since.
/// - Invariant: I4. A bit of `occupied` is set exactly if its bucket is not empty.
/// - Invariant: I5. ``count`` is the number of handles in all buckets.
///
/// ### Isolation
/// A plain value without a lock and without a clock. `~Copyable`, so that a second wheel cannot appear by assignment.
package struct TimingWheel: ~Copyable {
  /// How far an advance has come.
  package enum Advance: Sendable, Hashable {
    /// The hand is at the tick that was asked for; nothing up to it is left.
    case reachedNow
    /// The limit was used up before. Call again, with the same tick or a later one.
    case moreDue
  }

  static let levels = 4
  static let bucketsPerLevel = 256
  static let buckets = levels * bucketsPerLevel

  /// The tick of the hand: every deadline up to it has fired, or is about to (see ``Advance/moreDue``).
  package internal(set) var now: Tick
  /// Armed handles.
  package internal(set) var count = 0

  /// For each handle its place in a list.
  var links = Column<Link>(repeating: .unarmed)
  /// For each bucket the ends of its list.
  // SAFETY: 1,024 initialised pairs, owned by this wheel alone and freed in `deinit`.
  let ends: UnsafeMutablePointer<Ends>
  /// One bit for each bucket, four words for each level.
  // SAFETY: 16 initialised words, owned by this wheel alone and freed in `deinit`. Inside of the struct they would be copied
  // whenever a method looks at them.
  let occupied: UnsafeMutablePointer<UInt64>
  private let pinned = Pinned()

  /// A wheel without handles whose hand stands at `now`.
  package init(now: Tick) {
    self.now = now
    ends = .allocate(capacity: Self.buckets)
    for number in 0..<Self.buckets {
      let itself = Neighbour(Bucket(number: number))
      (ends + number).initialize(to: Ends(first: itself, last: itself))
    }
    occupied = .allocate(capacity: Self.buckets / 64)
    occupied.initialize(repeating: 0, count: Self.buckets / 64)
  }

  deinit {
    ends.deallocate()
    occupied.deallocate()
  }

  /// Arms a handle, or moves it when it is armed.
  ///
  /// A deadline at or before the hand fires on the next advance, never inside this call. ``Tick/never`` disarms.
  ///
  /// - Precondition: The handle is below 2^31.
  /// - Complexity: O(1). Allocates only when `handle` is the first of 4,096 that the wheel has seen.
  package mutating func arm(_ handle: Slot, at deadline: Tick) {
    if deadline == .never { return disarm(handle) }
    precondition(handle.rawValue < 1 << 31, "a wheel takes handles below 2^31, not \(handle.rawValue)")
    links.grow(toHold: Int(handle.rawValue) + 1)
    if links[handle].isArmed {
      unlink(handle)
    } else {
      count += 1
    }
    link(handle, at: deadline)
  }

  /// Takes a handle out; nothing happens when it is not armed.
  ///
  /// - Complexity: O(1).
  package mutating func disarm(_ handle: Slot) {
    guard isArmed(handle) else { return }
    unlink(handle)
    links[handle] = .unarmed
    count -= 1
  }

  /// Whether the handle is armed.
  ///
  /// Any slot may be asked for.
  package func isArmed(_ handle: Slot) -> Bool {
    Int(handle.rawValue) < links.rows && links[handle].isArmed
  }

  /// A tick before which nothing fires: what a loop may sleep to.
  ///
  /// It is exact for deadlines on level 0, within 25 s; for later ones it can be early by less than the width of their bucket.
  ///
  /// - Parameter limit: Deadlines behind this tick do not matter.
  /// - Complexity: O(1).
  /// - Returns: `nil` when nothing fires up to `limit`.
  package func nextDeadline(limit: Tick) -> Tick? {
    guard let next = nextOccupied(), next.start <= limit else { return nil }
    return max(next.start, now)
  }

  /// The memory of the wheel, in bytes.
  package var bytesReserved: Int {
    links.bytesReserved + Self.buckets * MemoryLayout<Ends>.stride + Self.buckets / 8
  }
}
