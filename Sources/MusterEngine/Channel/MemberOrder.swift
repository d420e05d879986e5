/// The members of one channel in the order of their joining.
///
/// Paging needs it: a place in a list is the ordinal of the first member not yet listed, ordinals only grow, so whoever
/// stays while a client pages is listed exactly once.
///
/// A sorted sequence in blocks, like the leaves of a B+ tree below a single node. A leave moves the entries of one block,
/// never those of the whole channel, and leaves no tombstone behind; so the largest channel costs a turn as little as any.
///
/// - Invariant: I1. Ordinals ascend strictly within a block and from block to block, all below `nextOrdinal`.
/// - Invariant: I2. No block is empty or larger than ``blockEntriesMax``; two neighbours together hold more than
///   ``mergeBelow`` entries.
/// - Invariant: I3. `count` is the sum of the blocks' counts.
struct MemberOrder {
  /// One member: when it came in relation to others, and its row.
  struct Entry: Hashable {
    var ordinal: UInt64
    var slot: Slot
  }

  /// 4 KiB of entries: moving half of that costs about as much as two cache misses.
  static let blockEntriesMax = 256
  /// Neighbours that hold no more than this together become one block, far enough from the maximum not to flutter.
  static let mergeBelow = 128

  private(set) var blocks: [[Entry]] = []
  private(set) var count = 0
  /// The ordinal of the next to join; never given twice.
  private(set) var nextOrdinal: UInt64 = 0

  /// The order of a channel without members.
  init() {}

  /// Adds a member at the end and gives it its ordinal.
  ///
  /// - Complexity: O(1), amortised.
  mutating func append(_ slot: Slot) -> UInt64 {
    let ordinal = nextOrdinal
    nextOrdinal += 1
    count += 1
    if let last = blocks.indices.last, blocks[last].count < Self.blockEntriesMax {
      blocks[last].append(Entry(ordinal: ordinal, slot: slot))
    } else {
      blocks.append([Entry(ordinal: ordinal, slot: slot)])
    }
    return ordinal
  }

  /// Removes the member with an ordinal.
  ///
  /// - Complexity: O(entries of a block + number of blocks / 8), the latter only when a block becomes empty or merges.
  mutating func remove(_ ordinal: UInt64) {
    let block = block(of: ordinal)
    let place = block < blocks.count ? place(of: ordinal, in: block) : 0
    precondition(
      block < blocks.count && place < blocks[block].count && blocks[block][place].ordinal == ordinal,
      "a member that leaves is in the order of its channel")
    blocks[block].remove(at: place)
    count -= 1
    if blocks[block].isEmpty {
      blocks.remove(at: block)
      // The former neighbours of the block are neighbours now.
      if block < blocks.count { mergeBlock(block) }
    } else {
      if block + 1 < blocks.count { mergeBlock(block + 1) }
      mergeBlock(block)
    }
  }

  /// The rows of the members from an ordinal on, and the ordinal of the first one behind them.
  ///
  /// - Complexity: O(log members + limit).
  func page(from ordinal: UInt64, limit: Int) -> (slots: [Slot], next: UInt64?) {
    var slots: [Slot] = []
    var block = block(of: ordinal)
    guard block < blocks.count else { return (slots, nil) }
    var place = place(of: ordinal, in: block)
    while block < blocks.count {
      while place < blocks[block].count {
        if slots.count >= limit { return (slots, blocks[block][place].ordinal) }
        slots.append(blocks[block][place].slot)
        place += 1
      }
      block += 1
      place = 0
    }
    return (slots, nil)
  }

  /// Appends a block to the one before it when both are small.
  private mutating func mergeBlock(_ block: Int) {
    guard block > 0, blocks[block - 1].count + blocks[block].count <= Self.mergeBelow else { return }
    blocks[block - 1] += blocks[block]
    blocks.remove(at: block)
  }

  /// The first block whose last ordinal is not below the given one.
  private func block(of ordinal: UInt64) -> Int {
    var low = 0
    var high = blocks.count
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle][blocks[middle].count - 1].ordinal < ordinal { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The first place in a block whose ordinal is not below the given one.
  private func place(of ordinal: UInt64, in block: Int) -> Int {
    var low = 0
    var high = blocks[block].count
    while low < high {
      let middle = (low + high) / 2
      if blocks[block][middle].ordinal < ordinal { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
