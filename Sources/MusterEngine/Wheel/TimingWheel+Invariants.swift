extension TimingWheel {
  /// Checks the numbered invariants; traps on a violation.
  ///
  /// - Complexity: O(handles + buckets).
  package func checkInvariants() {
    var armed = 0
    for number in 0..<Self.buckets {
      let bucket = Bucket(number: number)
      // SAFETY: the number is below 1,024, so its word is one of the 16.
      let isOccupied = occupied[number >> 6] & 1 << UInt64(number & 63) != 0
      precondition(isOccupied == !self[bucket].first.isBucket, "I4: the bit of bucket \(number) is wrong")
      armed += check(bucket)
    }
    precondition(armed == count, "I5: \(armed) handles are in buckets, \(count) are counted")
    // With I5: since no handle is in two buckets and the sums agree, none is armed outside of them.
    var linked = 0
    for row in 0..<links.rows where links[Slot(UInt32(row))].isArmed { linked += 1 }
    precondition(linked == count, "I1: \(linked) links are armed, \(count) handles are counted")
  }

  private func check(_ bucket: Bucket) -> Int {
    var handles = 0
    var before = Neighbour(bucket)
    var next = self[bucket].first
    while !next.isBucket {
      let link = links[next.handle]
      precondition(link.before == before, "I1: handle \(next.handle.rawValue) does not know what stands before it")
      checkPlace(of: next.handle, deadline: link.deadline, in: bucket)
      handles += 1
      precondition(handles <= count, "I1: bucket \(bucket.number) goes in circles, or I5")
      before = next
      next = link.next
    }
    precondition(next == Neighbour(bucket), "I1: the list of bucket \(bucket.number) ends in another")
    precondition(self[bucket].last == before, "I1: bucket \(bucket.number) does not know its last handle")
    return handles
  }

  private func checkPlace(of handle: Slot, deadline: Tick, in bucket: Bucket) {
    let shift = UInt32(8 * bucket.level)
    let hand = now.rawValue >> shift
    let block = max(deadline.rawValue, bucket.level == 0 ? now.rawValue : 0) >> shift
    precondition(
      block & 0xff == bucket.position,
      "I2: handle \(handle.rawValue), due at \(deadline.rawValue), is in bucket \(bucket.number)")
    precondition(
      block >= hand && block - hand < 256,
      "I2: handle \(handle.rawValue), due at \(deadline.rawValue), on level \(bucket.level) while the hand is at \(now.rawValue)")
    if bucket.level > 0, block == hand {
      precondition(now.rawValue == block << shift, "I3: the hand has gone on from bucket \(bucket.number) and left handles")
    }
  }
}
