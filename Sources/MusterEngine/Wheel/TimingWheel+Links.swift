extension TimingWheel {
  /// One of the 1,024 lists of handles.
  struct Bucket: Hashable {
    /// The level in the upper bits, the position in its level in the lower 8.
    let number: Int

    init(number: Int) {
      self.number = number
    }

    init(level: Int, position: UInt32) {
      number = level << 8 | Int(position)
    }

    var level: Int { number >> 8 }
    var position: UInt32 { UInt32(number & 0xff) }
  }

  /// A handle's place in its list, 12 bytes: ten million timers take 120 MB.
  struct Link {
    var next: Neighbour
    var before: Neighbour
    var deadline: Tick

    static let unarmed = Link(next: .unarmed, before: .unarmed, deadline: .never)

    @inline(__always)
    var isArmed: Bool { before != .unarmed }
  }

  /// The first and the last handle of a bucket's list, or the bucket itself for both when it is empty.
  struct Ends {
    var first: Neighbour
    var last: Neighbour
  }

  /// What stands beside a handle: another handle, or, at either end of the list, the bucket.
  ///
  /// So a list is a ring through its bucket, and the bucket of a handle need not be kept for each: only for those who have to
  /// know it to leave.
  struct Neighbour: Hashable {
    private let rawValue: UInt32

    private static let bucketBit: UInt32 = 1 << 31
    static let unarmed = Neighbour(rawValue: .max)

    private init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    @inline(__always)
    init(_ bucket: Bucket) {
      rawValue = Self.bucketBit | UInt32(truncatingIfNeeded: bucket.number)
    }

    @inline(__always)
    init(_ handle: Slot) {
      rawValue = handle.rawValue
    }

    @inline(__always)
    var isBucket: Bool { rawValue & Self.bucketBit != 0 }
    @inline(__always)
    var bucket: Bucket { Bucket(number: Int(rawValue & ~Self.bucketBit)) }
    @inline(__always)
    var handle: Slot { Slot(rawValue) }
  }

  /// Where a deadline belongs while the hand is where it is: on the finest level that reaches it.
  ///
  /// Distances are counted in blocks, not in ticks: 255 blocks ahead at most, so no bucket ever holds two blocks (I2).
  @inline(__always)
  func bucket(for deadline: Tick) -> Bucket {
    let (hand, tick) = (now.rawValue, max(now.rawValue, deadline.rawValue))
    let level =
      if tick - hand < 256 { 0 } else if tick >> 8 - hand >> 8 < 256 { 1 } else if tick >> 16 - hand >> 16 < 256 { 2 } else { 3 }
    return Bucket(level: level, position: tick >> UInt32(8 * level) & 0xff)
  }

  /// Puts a handle that is in no list at the end of the list where its deadline belongs.
  @inline(__always)
  mutating func link(_ handle: Slot, at deadline: Tick) {
    let bucket = bucket(for: deadline)
    let last = self[bucket].last
    links[handle] = Link(next: Neighbour(bucket), before: last, deadline: deadline)
    if last.isBucket {
      self[bucket].first = Neighbour(handle)
      setOccupied(bucket)
    } else {
      links[last.handle].next = Neighbour(handle)
    }
    self[bucket].last = Neighbour(handle)
  }

  /// Takes an armed handle out of its list; what its own link says is up to the caller.
  @inline(__always)
  mutating func unlink(_ handle: Slot) {
    let (next, before) = (links[handle].next, links[handle].before)
    if before.isBucket {
      truncate(before.bucket, to: next)
    } else {
      links[before.handle].next = next
      if next.isBucket {
        self[next.bucket].last = before
      } else {
        links[next.handle].before = before
      }
    }
  }

  /// Lets a bucket's list begin with `next`, when all before it have been taken.
  @inline(__always)
  mutating func truncate(_ bucket: Bucket, to next: Neighbour) {
    self[bucket].first = next
    if next.isBucket {
      self[bucket].last = next
      clearOccupied(bucket)
    } else {
      links[next.handle].before = Neighbour(bucket)
    }
  }

  /// The ends of a bucket's list.
  subscript(bucket: Bucket) -> Ends {
    // SAFETY: a bucket's number is below 1,024 by construction (level below 4, position below 256), and `ends` has as many. The
    // memory lives as long as `self`, which the compiler holds while it uses the address.
    @inline(__always)
    unsafeAddress { UnsafePointer(ends + bucket.number) }
    @inline(__always)
    nonmutating unsafeMutableAddress { ends + bucket.number }
  }

  // SAFETY: a bucket's number is below 1,024, so its word is one of the 16.
  @inline(__always)
  private mutating func setOccupied(_ bucket: Bucket) {
    // By way of a local: under the thread sanitizer Swift 6.3 fails to compile `occupied[…] |= …` in a `~Copyable` struct.
    let word = occupied + bucket.number >> 6
    word.pointee |= 1 << UInt64(bucket.number & 63)
  }

  // SAFETY: a bucket's number is below 1,024, so its word is one of the 16.
  @inline(__always)
  private mutating func clearOccupied(_ bucket: Bucket) {
    let word = occupied + bucket.number >> 6
    word.pointee &= ~(1 << UInt64(bucket.number & 63))
  }

  /// The occupied bucket that the hand comes to first, and the first tick of its block.
  ///
  /// Of buckets that begin at the same tick the coarsest comes first, so that what it holds for that tick is not overtaken by
  /// what is armed meanwhile.
  ///
  /// - Complexity: O(1): at most 20 words.
  func nextOccupied() -> (bucket: Bucket, start: Tick)? {
    var found: (bucket: Bucket, start: Tick)?
    for level in stride(from: Self.levels - 1, through: 0, by: -1) {
      let shift = UInt32(8 * level)
      let block = now.rawValue >> shift
      guard let ahead = distance(on: level, from: Int(block & 0xff)) else { continue }
      // Cannot overflow: it is the block of deadlines that exist (I2).
      let start = Tick((block + ahead) << shift)
      if let found, found.start <= start { continue }
      found = (Bucket(level: level, position: (block + ahead) & 0xff), start)
    }
    return found
  }

  /// How many positions ahead the next occupied bucket of a level is, 0 for the one under the hand.
  // SAFETY: levels are below 4 and words within a level taken modulo 4, so every word is one of the 16.
  private func distance(on level: Int, from position: Int) -> UInt32? {
    let firstWord = level << 2
    let (word, bit) = (position >> 6, position & 63)
    let ahead = ~UInt64(0) << UInt64(bit)
    let own = occupied[firstWord + word]
    if own & ahead != 0 { return UInt32((own & ahead).trailingZeroBitCount - bit) }
    for further in 1...3 {
      let bits = occupied[firstWord + (word + further) & 3]
      if bits != 0 { return UInt32(further * 64 + bits.trailingZeroBitCount - bit) }
    }
    // Once around: what is left of the first word.
    if own != 0 { return UInt32(256 + own.trailingZeroBitCount - bit) }
    return nil
  }
}
