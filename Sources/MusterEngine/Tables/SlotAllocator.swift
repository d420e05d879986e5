/// Hands out the rows of a table and takes them back.
///
/// Rows are used again, the last one freed first, since it is the likeliest to be in a cache. A generation that grows at each
/// free tells one use from the next, so a handle kept too long is recognised as stale instead of reaching a newer row.
///
/// A row whose generations are used up is retired: at a million uses a second of one row, that takes 35 minutes with 31 bits and
/// costs one row. Handing it out again could let a very old handle reach it.
///
/// - Invariant: I1. A row below ``rows`` is exactly one of live, free or retired.
/// - Invariant: I2. ``count`` is the number of live rows.
/// - Invariant: I3. A pair of row and generation is live at most once, ever.
///
/// ### Isolation
/// A plain value without a lock, `~Copyable` so that two cannot hand out the same row.
package struct SlotAllocator: ~Copyable {
  /// The most rows that any table may have.
  ///
  /// The last bit of a slot is left to those who link slots to something else.
  package static let rowsMax = 1 << 31
  /// The bits of a generation when nobody asks for less.
  package static let generationBits = 31

  /// Live rows.
  package private(set) var count = 0
  /// Rows ever handed out, and so what columns must hold: grow them to it after ``allocate()``.
  package private(set) var rows = 0
  /// The most rows this table may have.
  package let rowsMax: Int

  let generationMax: UInt32
  /// For each row its generation, and whether it is live.
  var states = Column<RowState>(repeating: RowState(rawValue: 0))
  /// The free rows, as a stack: a live row costs nothing here.
  var freeRows = Column<Slot>(repeating: .none)
  private(set) var freeCount = 0
  private(set) var retiredCount = 0

  /// A row's generation in the upper 31 bits, and in the lowest whether it is live.
  struct RowState {
    var rawValue: UInt32

    var isLive: Bool { rawValue & 1 != 0 }
    var generation: UInt32 { rawValue >> 1 }
    /// The state of a live row of this generation: one compare answers ``SlotAllocator/isLive(_:generation:)``.
    static func live(_ generation: UInt32) -> UInt32 { generation << 1 | 1 }
  }

  /// An allocator of at most `rowsMax` rows.
  ///
  /// - Parameters:
  ///   - rowsMax: 1 to 2^31. Nothing is allocated for rows before they are used.
  ///   - generationBits: 1 to 31: how many bits of a generation the owner's handles can carry.
  package init(rowsMax: Int, generationBits: Int = SlotAllocator.generationBits) {
    precondition((1...Self.rowsMax).contains(rowsMax), "a table has 1 to 2^31 rows, not \(rowsMax)")
    precondition((1...31).contains(generationBits), "a generation has 1 to 31 bits, not \(generationBits)")
    self.rowsMax = rowsMax
    generationMax = UInt32(1) << UInt32(generationBits) - 1
  }

  /// Takes a row, the last freed one if there is any.
  ///
  /// What the row's last owner left in the columns is still there.
  ///
  /// - Complexity: O(1); adds a page of states once in 4,096 rows.
  /// - Returns: `nil` when all rows are live or retired.
  package mutating func allocate() -> Slot? {
    let slot: Slot
    if freeCount > 0 {
      freeCount -= 1
      slot = freeRows[Slot(UInt32(freeCount))]
    } else {
      guard rows < rowsMax else { return nil }
      slot = Slot(UInt32(rows))
      rows += 1
      states.grow(toHold: rows)
    }
    states[slot].rawValue |= 1
    count += 1
    return slot
  }

  /// Gives a row back; its generation is over.
  ///
  /// - Precondition: The row is live. A second free would give the row to two owners, so it traps in every build.
  /// - Complexity: O(1).
  package mutating func free(_ slot: Slot) {
    precondition(isLive(slot), "row \(slot.rawValue) is freed but not live")
    count -= 1
    let generation = states[slot].generation
    guard generation < generationMax else {
      states[slot].rawValue &= ~1
      retiredCount += 1
      return
    }
    states[slot].rawValue = (generation + 1) << 1
    freeRows.grow(toHold: freeCount + 1)
    freeRows[Slot(UInt32(freeCount))] = slot
    freeCount += 1
  }

  /// The generation of the row's present use, or of the next one when it is free.
  @inline(__always)
  package func generation(of slot: Slot) -> UInt32 {
    states[slot].generation
  }

  /// Whether the row is in use.
  ///
  /// Any slot may be asked for, also one that was never handed out.
  @inline(__always)
  package func isLive(_ slot: Slot) -> Bool {
    Int(slot.rawValue) < rows && states[slot].isLive
  }

  /// Whether the row is still in the use that the handle was made for.
  ///
  /// Safe for slots and generations from outside.
  @inline(__always)
  package func isLive(_ slot: Slot, generation: UInt32) -> Bool {
    Int(slot.rawValue) < rows && generation <= generationMax && states[slot].rawValue == RowState.live(generation)
  }

  /// The memory of the allocator's own columns, in bytes.
  package var bytesReserved: Int { states.bytesReserved + freeRows.bytesReserved }
}
