extension TimingWheel {
  /// Moves the hand and collects what is due.
  ///
  /// Handles come in the order of their deadlines; those of one tick in the order in which they came to its bucket. Each is
  /// disarmed before it is returned.
  ///
  /// - Parameters:
  ///   - target: The tick to reach, not before ``now``.
  ///   - limit: How many handles may fire or move down, at least 1. A handle moves down at most three times before it fires.
  ///   - due: What fired is appended, at most `limit` handles.
  /// - Complexity: O(limit): ticks without deadlines are skipped, a million in a row as fast as one.
  /// - Returns: Whether the hand reached `target`, or the limit came before.
  package mutating func advance(to target: Tick, limit: Int, into due: inout [Slot]) -> Advance {
    precondition(limit > 0, "an advance that may do nothing never arrives")
    precondition(target >= now, "time goes back from tick \(now.rawValue) to \(target.rawValue)")
    var budget = limit
    while let next = nextOccupied(), next.start <= target {
      if budget == 0 { return .moreDue }
      now = next.start
      if next.bucket.level == 0 {
        collect(next.bucket, &budget, into: &due)
      } else {
        moveDown(next.bucket, &budget)
      }
    }
    now = target
    return .reachedNow
  }

  /// Fires handles of the bucket under the hand.
  private mutating func collect(_ bucket: Bucket, _ budget: inout Int, into due: inout [Slot]) {
    var next = self[bucket].first
    while !next.isBucket, budget > 0 {
      let handle = next.handle
      next = links[handle].next
      links[handle] = .unarmed
      due.append(handle)
      count -= 1
      budget -= 1
    }
    truncate(bucket, to: next)
  }

  /// Moves handles of the coarse bucket under the hand to finer levels.
  ///
  /// None can come back into the same bucket: the hand stands on the first tick of its block, so a finer level reaches all of it.
  private mutating func moveDown(_ bucket: Bucket, _ budget: inout Int) {
    var next = self[bucket].first
    while !next.isBucket, budget > 0 {
      let handle = next.handle
      next = links[handle].next
      link(handle, at: links[handle].deadline)
      budget -= 1
    }
    truncate(bucket, to: next)
  }
}
