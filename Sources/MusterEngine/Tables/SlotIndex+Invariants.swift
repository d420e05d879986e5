extension SlotIndex {
  /// Checks the numbered invariants; traps on a violation.
  ///
  /// - Complexity: O(capacity) times the length of a run.
  package func checkInvariants() {
    var seen: Set<Slot> = []
    for position in 0..<current.capacity where !current[position].isEmpty {
      let bucket = current[position]
      precondition(seen.insert(bucket.slot).inserted, "I1: row \(bucket.slot.rawValue) is in the index twice")
      precondition(
        current.position(of: bucket, from: current.home(of: bucket.hash)) == position,
        "I1: row \(bucket.slot.rawValue) at \(position) cannot be found from its home")
    }
    for position in 0..<previous.capacity where !previous[position].isEmpty {
      let bucket = previous[position]
      precondition(seen.insert(bucket.slot).inserted, "I1: row \(bucket.slot.rawValue) is in the index twice")
      precondition(
        previous.position(of: bucket, from: searchStart(of: bucket.hash)) == position,
        "I1: row \(bucket.slot.rawValue) at \(position) of the previous table cannot be found")
      precondition(
        previous.distance(from: start, to: position) >= moved,
        "I3: bucket \(position) of the previous table was moved and is full")
    }
    precondition(seen.count == count, "I2: \(seen.count) rows are in the index, \(count) are counted")
    precondition(count <= current.entriesMax, "I2: \(count) entries in \(current.capacity) buckets")
    if isGrowing {
      precondition(previous[start].isEmpty, "I3: moving began at bucket \(start), which is full")
      precondition(previous.nextCapacity == current.capacity, "I3: from \(previous.capacity) to \(current.capacity) buckets")
    }
  }
}
