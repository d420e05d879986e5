package import MusterModel

/// Silence, congestion, draining.
extension ConnectionState {
  /// Fires the timers that are due, at most `limit` of them.
  ///
  /// - Returns: Whether more is due.
  package mutating func advance(limit: Int, at now: Moment, into actions: inout [ConnectionAction]) -> Bool {
    due.removeAll(keepingCapacity: true)
    let advance = wheel.advance(to: now.tick, limit: limit, into: &due)
    for slot in due where slots.isLive(slot) { fire(slot, at: now.tick, into: &actions) }
    return advance == .moreDue
  }

  /// Looks at a connection whose timer has fired: most were heard in the meantime and are just set again.
  private mutating func fire(_ slot: Slot, at now: Tick, into actions: inout [ConnectionAction]) {
    let row = rows[slot]
    if row.phase == .open { return refuse(slot, .none, Refusal(.helloTimeout), into: &actions) }
    if row.isCongested {
      // Nothing is read from it, so its silence means nothing.
      guard now < slowDeadline(of: row) else { return refuse(slot, .none, Refusal(.slowConsumer), into: &actions) }
      return arm(slot, at: now)
    }
    let silence = now.ticks(since: row.lastHeard)
    if silence >= row.silenceTicks { return refuse(slot, .none, Refusal(.heartbeatTimeout), into: &actions) }
    if silence >= row.pingTicks, !row.isPinged {
      rows[slot].pingedAt = now
      actions.append(.ping(connection(in: slot)))
    }
    arm(slot, at: now)
  }

  private mutating func arm(_ slot: Slot, at now: Tick) {
    let row = rows[slot]
    wheel.arm(slot, at: row.isCongested ? slowDeadline(of: row) : silenceDeadline(of: row, at: now))
  }

  /// When to look at the silence of a connection again.
  private func silenceDeadline(of row: ConnectionRow, at now: Tick) -> Tick {
    guard row.isPinged else { return row.lastHeard.advanced(by: row.pingTicks) }
    let end = row.lastHeard.advanced(by: row.silenceTicks)
    // If the ping is answered at once and nothing else comes, the next one is due then: before the end, where the interval is
    // short and the timeout long.
    let next = row.pingedAt.advanced(by: row.pingTicks)
    return next > now ? min(next, end) : end
  }

  private func slowDeadline(of row: ConnectionRow) -> Tick {
    row.lastProgress.advanced(by: configuration.slowConsumerTimeout)
  }

  // MARK: Congestion

  /// The transport's queue is over its high-water mark: nothing more is read from it, and its events are conflated.
  package mutating func congested(_ connection: ConnectionID, at now: Tick, into actions: inout [ConnectionAction]) {
    guard let slot = slot(of: connection), !rows[slot].isCongested else { return }
    rows[slot].isCongested = true
    rows[slot].lastProgress = now
    // A connection that has not said hello keeps its hello timeout.
    if rows[slot].phase != .open { arm(slot, at: now) }
    actions.append(.setReading(connection, false))
  }

  /// The peer took something.
  ///
  /// That is a sign of life, and the only one there is while nothing is read.
  package mutating func progressed(_ connection: ConnectionID, at now: Tick) {
    guard let slot = slot(of: connection) else { return }
    rows[slot].lastProgress = now
    rows[slot].lastHeard = now
  }

  /// The transport's queue is below its low-water mark: go on reading, and make good what was missed.
  package mutating func drained(_ connection: ConnectionID, at now: Tick, into actions: inout [ConnectionAction]) {
    guard let slot = slot(of: connection), rows[slot].isCongested else { return }
    rows[slot].isCongested = false
    rows[slot].lastHeard = now
    if rows[slot].phase != .open { arm(slot, at: now) }
    actions.append(.setReading(connection, true))
    resync(slot, into: &actions)
  }

  // MARK: Ends from outside

  /// Ends one connection; its session goes on without it.
  package mutating func kick(_ connection: ConnectionID, message: String, into actions: inout [ConnectionAction]) -> Bool {
    guard let slot = slot(of: connection) else { return false }
    let refusal = Refusal(.kicked, message.isEmpty ? nil : message)
    if rows[slot].phase != .relay { actions.append(.push(.ended(.kicked, message: refusal.message), [connection])) }
    actions.append(.close(connection, refusal))
    forget(slot, .lost, into: &actions)
    return true
  }

  /// Lets nobody in any more and tells everybody when to come back: a random moment within `spread`.
  ///
  /// A relay is told by the refusal of its next batch.
  package mutating func beginDraining(
    reason: String, spread: Duration, random: any RandomSource, into actions: inout [ConnectionAction]
  ) {
    isDraining = true
    let range = UInt64(max(1, spread.milliseconds))
    for connection in connections where slot(of: connection).map({ rows[$0].phase != .relay }) ?? false {
      let delay = Int(random.next() % range)
      actions.append(.push(.reconnect(afterMilliseconds: delay, reason: reason), [connection]))
    }
  }

  /// Closes everybody who is still there.
  ///
  /// The sessions are told that the connections were lost, so they wait.
  package mutating func finishDraining(into actions: inout [ConnectionAction]) {
    for connection in connections {
      guard let slot = slot(of: connection) else { continue }
      actions.append(.close(connection, Refusal(.drain)))
      forget(slot, .lost, into: &actions)
    }
  }
}
