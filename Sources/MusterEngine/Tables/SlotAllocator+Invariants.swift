extension SlotAllocator {
  /// Checks the numbered invariants; traps on a violation.
  ///
  /// - Complexity: O(rows).
  package func checkInvariants() {
    precondition(rows <= rowsMax && states.rows >= rows, "I1: \(rows) rows of at most \(rowsMax), states for \(states.rows)")
    precondition(
      count + freeCount + retiredCount == rows,
      "I1: \(count) live, \(freeCount) free and \(retiredCount) retired do not make \(rows) rows")
    var isFree = [Bool](repeating: false, count: rows)
    for place in 0..<freeCount {
      let slot = freeRows[Slot(UInt32(place))]
      precondition(Int(slot.rawValue) < rows, "I1: row \(slot.rawValue) is free and was never handed out")
      precondition(!isFree[Int(slot.rawValue)], "I1: row \(slot.rawValue) is free twice")
      precondition(!states[slot].isLive, "I1: row \(slot.rawValue) is both live and free")
      isFree[Int(slot.rawValue)] = true
    }
    var live = 0
    for row in 0..<rows {
      let state = states[Slot(UInt32(row))]
      if state.isLive { live += 1 }
      precondition(state.generation <= generationMax, "I3: row \(row) has generation \(state.generation)")
      precondition(
        state.isLive || isFree[row] || state.generation == generationMax, "I3: row \(row) is retired before its last generation")
    }
    precondition(live == count, "I2: \(live) rows are live, \(count) are counted")
  }
}
