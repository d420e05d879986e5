#if os(Linux)
  import MusterEdge
  import MusterEngine

  extension ReactorEdge {
    /// Rounds of telling and writing in one settlement; what is left then waits for the next round of the loop.
    private static let roundsMax = 4
    /// How many rows with pushes are written out before sockets are read again.
    static let sliceRows = 256
    /// How often deadlines are looked at.
    private static var sweepInterval: UInt64 { UInt64(Tick.milliseconds) * 1_000_000 }

    /// Tells the engine what was noted, writes out the answers and a slice of the pushes, and looks at the deadlines.
    func settle(now: UInt64, with shard: isolated ConnectionShard) {
      self.now = now
      for _ in 0..<Self.roundsMax {
        guard !noted.isEmpty || !urgent.isEmpty else { break }
        tellNoted(with: shard)
        flushUrgent()
      }
      flushSlice(Self.sliceRows)
      guard now &- lastSwept >= Self.sweepInterval else { return }
      lastSwept = now
      sweep()
    }

    // MARK: Writing

    /// Writes out one row, and looks at what that leads to.
    func flush(_ slot: Slot) {
      table.flush(slot)
      if table.rows[slot].unsentBytes > common.limits.outboundBytesHigh, !table.rows[slot].flags.contains(.congested) {
        note(slot)
      }
      if table.rows[slot].flags.contains(.finishing) { table.finishIfSent(slot) }
    }

    private func flushUrgent() {
      var index = 0
      while index < urgent.count {
        let slot = urgent[index]
        index += 1
        guard table.slots.isLive(slot) else { continue }
        table.rows[slot].flags.remove(.urgent)
        flush(slot)
      }
      urgent.removeAll(keepingCapacity: true)
    }

    /// Writes out rows of the bulk queue, at most so many.
    private func flushSlice(_ rowsMax: Int) {
      for _ in 0..<rowsMax {
        guard let slot = bulk.popFirst() else { return }
        // The row may be another by now, which then loses nothing.
        guard table.slots.isLive(slot) else { continue }
        table.rows[slot].flags.remove(.bulk)
        flush(slot)
      }
    }

    /// Writes out everything at once: the arena is full.
    func flushAll() {
      flushUrgent()
      flushSlice(.max)
      if current != .none { flush(current) }
    }

    // MARK: Congestion

    /// Has the engine told, after this round, that the queue of a row has become full or empty.
    func note(_ slot: Slot) {
      guard table.rows[slot].flags.insert(.noted).inserted else { return }
      noted.append(slot)
    }

    /// Sends more to a socket that takes something again.
    func drained(_ slot: Slot, with shard: isolated ConnectionShard) {
      let hasProgressed = table.drain(slot)
      let row = table.rows[slot]
      if row.flags.contains(.finishing) { table.finishIfSent(slot) }
      guard row.flags.contains(.congested) else { return }
      if row.unsentBytes <= common.limits.outboundBytesLow {
        note(slot)
      } else if hasProgressed, row.flags.contains(.connected) {
        shard.progressed(row.connection)
      }
    }

    private func tellNoted(with shard: isolated ConnectionShard) {
      // What is noted while the engine is told comes with the next round.
      let slots = noted
      noted.removeAll(keepingCapacity: true)
      for slot in slots where table.slots.isLive(slot) {
        table.rows[slot].flags.remove(.noted)
        tell(slot, with: shard)
      }
    }

    private func tell(_ slot: Slot, with shard: isolated ConnectionShard) {
      let row = table.rows[slot]
      guard row.flags.contains(.connected) else { return }
      if !row.flags.contains(.congested), row.unsentBytes > common.limits.outboundBytesHigh {
        table.rows[slot].flags.insert(.congested)
        shard.congested(row.connection)
      } else if row.flags.contains(.congested), row.unsentBytes <= common.limits.outboundBytesLow {
        table.rows[slot].flags.remove(.congested)
        shard.drained(row.connection)
      }
    }

    // MARK: Deadlines

    private func sweep() {
      while let tag = requestDeadlines.next(now: now) {
        if table.isLive(tag), table.rows[tag.slot].phase == .fresh { remove(tag.slot) }
      }
      // Only sockets that the engine has forgotten are armed here.
      while let tag = closeDeadlines.next(now: now) {
        if table.isLive(tag) { remove(tag.slot) }
      }
      resumeAccepting()
    }
  }

  /// Rows in the order in which they are to be written.
  struct RowQueue {
    private var slots: [Slot] = []
    private var first = 0

    var isEmpty: Bool { first == slots.count }

    mutating func append(_ slot: Slot) {
      slots.append(slot)
    }

    /// Takes the row that has waited longest.
    ///
    /// - Complexity: O(1) amortised.
    mutating func popFirst() -> Slot? {
      guard first < slots.count else {
        if first > 0 {
          slots.removeAll(keepingCapacity: true)
          first = 0
        }
        return nil
      }
      defer { first += 1 }
      return slots[first]
    }
  }
#endif
