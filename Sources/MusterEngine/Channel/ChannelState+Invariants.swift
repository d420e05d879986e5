import MusterModel

extension ChannelState {
  /// Checks the numbered invariants; traps on a violation.
  ///
  /// - Complexity: O(everything).
  package func checkInvariants() {
    let violations = invariantViolations()
    precondition(violations.isEmpty, violations.joined(separator: "\n"))
  }

  /// The violated invariants by number; empty when all hold.
  ///
  /// For tests that want to say which seed led here before they fail.
  ///
  /// - Complexity: O(everything).
  package func invariantViolations() -> [String] {
    var check = InvariantCheck()
    var census = Census()
    for slot in liveSlots(channels.slots) { checkChannel(slot, &census, &check) }
    for slot in liveSlots(members.slots) { checkMember(slot, &census, &check) }
    for slot in liveSlots(changes.slots) {
      let member = changes.rows[slot].member
      check("I4", members.slots.isLive(member) && members.rows[member].change == slot, "a change belongs to nobody")
    }
    var queued: Set<Slot> = []
    for offset in 0..<ready.count {
      check("I6", queued.insert(ready[offset]).inserted, "a channel is in the queue twice")
      check("I6", channels.rows[ready[offset]].schedule == .ready, "a channel in the queue is not ready")
    }
    check("I6", queued.count == census.ready, "\(census.ready) channels are ready, \(queued.count) are in the queue")
    check("I6", windowWheel.count == census.waiting, "\(census.waiting) wait, \(windowWheel.count) are in the wheel")
    check("I7", ringWheel.count == census.rings, "\(census.rings) rings, \(ringWheel.count) timers")
    check("I4", changes.slots.count == census.changes, "\(census.changes) changes in lists, \(changes.slots.count) rows")
    check("I9", counters.channels == census.channels, "\(census.channels) channels, counted \(counters.channels)")
    check("I9", counters.members == census.present, "\(census.present) members, counted \(counters.members)")
    check("I9", counters.observers == census.observers, "\(census.observers) grants, counted \(counters.observers)")
    return check.violations
  }

  private func checkChannel(_ slot: Slot, _ census: inout Census, _ check: inout InvariantCheck) {
    guard let name = channels.rows[slot].name else { return check("I1", false, "a channel has no name") }
    check("I1", channels.find(name) == slot, "\(name.text) is not found by its name")
    census.count(channels.rows[slot])
    checkRoster(slot, &check)
    checkChanges(slot, &check)
    let row = channels.rows[slot]
    check("I6", !hasNews(slot) || row.schedule != .idle, "\(name.text) has something to tell and no time for it")
    check("I8", row.order.count > 0 || row.observers > 0 || row.schedule != .idle, "\(name.text) lives for nothing")
    check("I9", row.observers == row.grants.reduce(0) { $0 + $1.count }, "\(name.text) counts its observers wrongly")
    check("I9", row.grants.allSatisfy { $0.count > 0 }, "\(name.text) keeps a plane without observers")
    check("I9", Set(row.grants.map(\.plane)).count == row.grants.count, "\(name.text) lists a plane twice")
    check("I7", row.isTracking || row.ring.isEmpty, "\(name.text) remembers diffs that lead nowhere")
    check("I7", row.ring.isEmpty || row.ring[row.ring.count - 1].seq == row.seq, "the ring of \(name.text) is behind")
    check("I7", row.ring.changes <= policy(of: slot).ringChangesMax, "the ring of \(name.text) is over its limit")
    var changes = 0
    for offset in 0..<row.ring.count {
      changes += row.ring[offset].changes
      check("I7", row.ring[offset].seq == row.ring[offset].prev.next, "a diff of \(name.text) skips a number")
      check("I7", offset == 0 || row.ring[offset].prev == row.ring[offset - 1].seq, "the ring of \(name.text) has a gap")
    }
    check("I7", changes == row.ring.changes, "the ring of \(name.text) holds \(changes), counted \(row.ring.changes)")
  }

  private func checkRoster(_ slot: Slot, _ check: inout InvariantCheck) {
    let row = channels.rows[slot]
    var occupancy = Occupancy()
    var before: UInt64?
    var listed = 0
    for (place, block) in row.order.blocks.enumerated() {
      check("I2", !block.isEmpty && block.count <= MemberOrder.blockEntriesMax, "a block holds \(block.count)")
      let neighbours = place == 0 ? .max : row.order.blocks[place - 1].count + block.count
      check("I2", neighbours > MemberOrder.mergeBelow, "two small blocks are neighbours")
      for entry in block {
        listed += 1
        let member = members.rows[entry.slot]
        let isMine = members.slots.isLive(entry.slot) && member.channel == slot
        check("I2", isMine && member.isPresent && member.ordinal == entry.ordinal, "the order lists a stranger")
        check("I2", before.map { $0 < entry.ordinal } ?? true, "the order does not ascend")
        before = entry.ordinal
        occupancy.sessions += member.sessions
        if members.view(of: entry.slot).kind == .guest { occupancy.guests += 1 } else { occupancy.users += 1 }
      }
    }
    check("I2", (before ?? 0) < max(1, row.order.nextOrdinal), "an ordinal will be given twice")
    check("I2", listed == row.order.count, "the order lists \(listed), counted \(row.order.count)")
    check("I3", occupancy == row.occupancy, "\(occupancy) are present, counted \(row.occupancy)")
  }

  private func checkChanges(_ slot: Slot, _ check: inout InvariantCheck) {
    let row = channels.rows[slot]
    var before = Slot.none
    var change = row.firstChange
    var listed = 0
    while change != .none, listed <= row.changes {
      let pending = changes.rows[change]
      check("I4", pending.previous == before, "the list of changes is broken")
      check("I4", members.rows[pending.member].channel == slot, "a change is in the list of another channel")
      check("I5", isExposed(change, in: slot) || !isAsKnown(pending.member), "a change changes nothing")
      before = change
      change = pending.next
      listed += 1
    }
    check("I4", listed == row.changes && row.lastChange == before, "\(listed) changes listed, counted \(row.changes)")
  }

  private func checkMember(_ slot: Slot, _ census: inout Census, _ check: inout InvariantCheck) {
    let row = members.rows[slot]
    guard let view = members.views[slot] else { return check("I1", false, "a member row has no view") }
    check("I1", members.find(view.user, in: row.channel) == slot, "\(view.user.text) is not found")
    check("I1", channels.slots.isLive(row.channel), "\(view.user.text) is in a channel that is gone")
    check("I4", row.isPresent || row.change != .none, "\(view.user.text) has left and nobody will be told")
    if row.isPresent { census.present += 1 }
  }

  private func liveSlots(_ slots: borrowing SlotAllocator) -> [Slot] {
    var live: [Slot] = []
    for row in 0..<slots.rows where slots.isLive(Slot(UInt32(row))) { live.append(Slot(UInt32(row))) }
    return live
  }
}

/// What a scan of all channels and members finds.
private struct Census {
  var channels = 0
  var present = 0
  var observers = 0
  var changes = 0
  var ready = 0
  var waiting = 0
  var rings = 0

  mutating func count(_ row: ChannelRow) {
    channels += 1
    observers += row.observers
    changes += row.changes
    if row.schedule == .ready { ready += 1 }
    if row.schedule == .waiting { waiting += 1 }
    if !row.ring.isEmpty { rings += 1 }
  }
}

/// Collects what does not hold.
///
/// The messages are made only then.
private struct InvariantCheck {
  var violations: [String] = []

  mutating func callAsFunction(_ number: String, _ holds: Bool, _ message: @autoclosure () -> String) {
    if !holds { violations.append("\(number): \(message())") }
  }
}
