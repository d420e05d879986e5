package import MusterModel

/// What time does to a session.
package enum SessionFiring: Sendable, Hashable {
  /// Nothing yet: its timer was set again.
  case rearmed
  /// What is shown of its user changed, with nothing to log.
  case refreshed
  /// Its grace is over.
  case becomesDormant(SessionID, LeaveReason)
  /// Its idle TTL or its lifetime is over.
  case expires(SessionID)
}

/// What time does to a user.
package enum UserFiring: Sendable, Hashable {
  case rearmed
  case overrideEnds(UserID)
  case banEnds(UserID)
  /// What was remembered of the user is forgotten; there is nothing to log.
  case forgotten
}

/// Connections and heartbeats: soft state, which one heartbeat rebuilds, so none of it is logged.
extension SessionState {
  // MARK: Connections

  /// Gives a session one connection more; it is attached from now on.
  ///
  /// A dormant session must have been woken before. An HTTP lease ends: what holds the session is its connection, and when that
  /// is lost the grace begins.
  package mutating func attach(_ session: Slot, _ connection: ConnectionID, at now: Moment) {
    precondition(sessions.rows[session].phase != .dormant, "a connection was attached to a dormant session")
    unfold(session, at: now)
    let row = AttachmentRow(connection: connection, next: sessions[session].firstAttachment)
    guard let attachment = attachments.insert(row) else {
      preconditionFailure("the table of attachments is full: \(attachments.count) rows")
    }
    sessions[session].firstAttachment = attachment
    sessions[session].attachments += 1
    count(.attached, insteadOf: sessions.rows[session].phase)
    sessions.rows[session].attach()
    sessions.rows[session].holdsHTTPLease = false
    sessions.rows[session].lastHeard = now.tick
    armSession(session)
  }

  /// Takes one connection from a session.
  ///
  /// The last one starts the grace; a grace of zero is for the next firing to end.
  ///
  /// `lastHeard` is when the connection was last heard, which it alone knows; `grace` is how long to stay visible, in ticks, and
  /// `nil` takes the session's resume window.
  ///
  /// - Returns: Whether the session has no connection left and is now detached.
  package mutating func detach(
    _ session: Slot, _ connection: ConnectionID, lastHeard: Tick, grace: UInt32?, reason: LeaveReason, at now: Moment
  ) -> Bool {
    var before = Slot.none
    var attachment = sessions[session].firstAttachment
    while attachment != .none, attachments[attachment].connection != connection {
      before = attachment
      attachment = attachments[attachment].next
    }
    guard attachment != .none else { return false }
    let next = attachments[attachment].next
    if before == .none {
      sessions[session].firstAttachment = next
    } else {
      attachments[before].next = next
    }
    attachments.remove(attachment)
    sessions[session].attachments -= 1
    sessions.rows[session].lastHeard = max(sessions.rows[session].lastHeard, lastHeard)
    guard sessions[session].attachments == 0 else { return false }
    beginGrace(session, ticks: grace ?? sessions[session].resumeTicks, reason: reason, at: now)
    return true
  }

  /// Makes a session detached: shown as present until its grace is over.
  package mutating func beginGrace(_ session: Slot, ticks: UInt32, reason: LeaveReason, at now: Moment) {
    unfold(session, at: now)
    sessions[session].graceReason = reason
    setDetached(session, graceEnds: now.tick.advanced(by: ticks))
  }

  /// Why a session will leave when its grace is over.
  @inline(__always)
  func graceReason(of session: Slot) -> LeaveReason {
    let row = sessions.rows[session]
    return row.isFolded && row.isRecovered ? .recoveryTimeout : sessions[session].graceReason
  }

  /// Renews a session that is present by HTTP heartbeats.
  ///
  /// A dormant session must have been woken before. O(1).
  package mutating func renew(_ session: Slot, at now: Moment) {
    precondition(sessions.rows[session].phase != .dormant, "a dormant session was renewed")
    sessions.rows[session].lastHeard = now.tick
    // The timer stays where it is when it would only be set later: it is set again when it fires.
    guard !sessions.rows[session].holdsHTTPLease, sessions[session].attachments == 0 else { return }
    count(.attached, insteadOf: sessions.rows[session].phase)
    sessions.rows[session].attach()
    sessions.rows[session].holdsHTTPLease = true
    armSession(session)
  }

  /// Renews many sessions by their ids, as ``renew(_:at:)`` renews one.
  ///
  /// What is not as simple as that is left to the caller: ids that are not known, and dormant sessions, which have to be woken.
  ///
  /// - Parameters:
  ///   - ids: Any number. Batches of 64 or more cost a fraction of single renewals, which wait for main memory one by one.
  ///   - now: The moment of the turn.
  ///   - left: The positions in `ids` that are left are appended, in their order.
  /// - Complexity: O(ids); no allocation, but for what is appended.
  package mutating func renew(_ ids: Span<SessionID>, at now: Moment, left: inout [Int]) {
    var start = 0
    while start < ids.count {
      let batch = ids.extracting(start..<min(start + SessionTable.batchMax, ids.count))
      renewBatch(batch, start, at: now, &left)
      start += SessionTable.batchMax
    }
  }

  private mutating func renewBatch(_ ids: Span<SessionID>, _ start: Int, at now: Moment, _ left: inout [Int]) {
    let leftBefore = left.count
    sessions.forEach(ids) { sessions, place, slot in
      // Nearly all are attached: these are written at once.
      guard slot != .none, sessions.rows[slot].phase == .attached else { return left.append(start + place) }
      sessions.rows[slot].lastHeard = now.tick
    }
    guard left.count > leftBefore else { return }
    // A session that is inside of its grace, or just granted; or one that has been seen to in this loop, if it is named twice.
    var kept = leftBefore
    for place in left[leftBefore...] {
      if let session = find(ids[place - start]), sessions.rows[session].phase != .dormant {
        renew(session, at: now)
      } else {
        left[kept] = place
        kept += 1
      }
    }
    left.removeLast(left.count - kept)
  }

  /// Notes that a session was heard, which moves its idle TTL and an HTTP lease, if it has one.
  ///
  /// O(1), no allocation: the timer is set again when it fires.
  package mutating func heard(_ session: Slot, at now: Tick) {
    sessions.rows[session].lastHeard = now
  }

  /// Starts or ends the idleness that turns into `away`.
  package mutating func setIdle(_ session: Slot, _ isIdle: Bool, at now: Moment, into changes: inout [SessionChange]) {
    guard sessions.rows[session].isIdle != isIdle else { return }
    unfold(session, at: now)
    sessions.rows[session].isIdle = isIdle
    sessions[session].awayAt = isIdle ? now.tick.advanced(by: configuration.awayAfter) : .never
    armSession(session)
    refresh(sessions[session].user, at: now, reason: .left, into: &changes)
  }

  // MARK: Timers

  /// The next tick at which time changes something about a session.
  ///
  /// Inlined: a call that borrows the state would copy it, all 1.2 KB.
  @inline(__always)
  package func deadline(of session: Slot) -> Tick {
    let row = sessions.rows[session]
    switch row.phase {
    case .attached:
      return row.holdsHTTPLease ? min(row.expires, row.lastHeard.advanced(by: configuration.httpLease)) : row.expires
    case .detached:
      return min(row.expires, row.graceEnds)
    case .dormant:
      return min(row.expires, row.lastHeard.advanced(by: sessions[session].idleTicks))
    }
  }

  /// Starts the grace of a session, with its timer.
  mutating func setDetached(_ session: Slot, graceEnds: Tick) {
    count(.detached, insteadOf: sessions.rows[session].phase)
    sessions.rows[session].detach(graceEnds: graceEnds)
    armSession(session)
  }

  mutating func armSession(_ session: Slot) {
    let row = sessions.rows[session]
    var deadline = deadline(of: session)
    if row.isIdle, row.phase != .dormant {
      // Going away happens once; afterwards `awayAt` is past and only the phase's own deadline is left.
      let awayAt = sessions[session].awayAt
      if awayAt > sessionWheel.now { deadline = min(deadline, awayAt) }
    }
    sessionWheel.arm(session, at: deadline)
  }

  /// Moves the wheels; at most `limit` handles come due.
  ///
  /// - Returns: The sessions and users to look at with ``fire(session:at:into:)`` and ``fire(user:at:into:)``, and whether
  ///   more is due.
  package mutating func advance(to now: Tick, limit: Int) -> (sessions: [Slot], users: [Slot], isMoreDue: Bool) {
    due.removeAll(keepingCapacity: true)
    let sessionAdvance = sessionWheel.advance(to: now, limit: limit, into: &due)
    let firedSessions = due
    sessions.prefetch(firedSessions)
    due.removeAll(keepingCapacity: true)
    let userAdvance = userWheel.advance(to: now, limit: limit, into: &due)
    return (firedSessions, due, sessionAdvance == .moreDue || userAdvance == .moreDue)
  }

  /// Looks at a session whose timer has fired.
  ///
  /// What is to be logged is returned and not done yet: the caller appends it, applies it, and the timer is armed by that.
  package mutating func fire(session: Slot, at now: Moment, into changes: inout [SessionChange]) -> SessionFiring {
    guard sessions.slots.isLive(session) else { return .rearmed }
    let row = sessions.rows[session]
    let id = row.id
    if now.tick >= row.expires { return .expires(id) }
    if now.tick >= deadline(of: session) {
      switch row.phase {
      case .attached: return .becomesDormant(id, .timeout)
      case .detached: return .becomesDormant(id, graceReason(of: session))
      case .dormant: return .expires(id)
      }
    }
    armSession(session)
    guard row.isIdle, sessions[session].awayAt <= now.tick else { return .rearmed }
    refresh(sessions[session].user, at: now, reason: .left, into: &changes)
    return .refreshed
  }

  /// How long timers wait that would have to be logged while the log takes nothing.
  private static var postponement: Duration { .seconds(1) }

  /// Looks at a session again a little later: what is due cannot be logged now.
  mutating func postpone(session: Slot, at now: Tick) {
    sessionWheel.arm(session, at: now.advanced(by: Self.postponement))
  }

  /// Looks at a user again a little later.
  mutating func postpone(user: Slot, at now: Tick) {
    userWheel.arm(user, at: now.advanced(by: Self.postponement))
  }

  mutating func armUser(_ user: Slot, at now: Moment) {
    let row = users.rows[user]
    var deadline = Tick.never
    if row.lastSeenMinutes != 0 { deadline = min(deadline, forgetTick(of: row, at: now)) }
    if let until = users.overrides[user]?.until { deadline = min(deadline, now.tick(at: until)) }
    if let until = users.bans[user]?.until { deadline = min(deadline, now.tick(at: until)) }
    userWheel.arm(user, at: deadline)
  }

  private func forgetTick(of row: UserRow, at now: Moment) -> Tick {
    let seen = WallTime(milliseconds: Int64(row.lastSeenMinutes) * 60_000)
    return now.tick(at: WallTime(milliseconds: seen.milliseconds + configuration.lastSeenRetention.milliseconds))
  }

  /// Looks at a user whose timer has fired.
  package mutating func fire(user: Slot, at now: Moment, into changes: inout [SessionChange]) -> UserFiring {
    guard users.slots.isLive(user) else { return .rearmed }
    let row = users.rows[user]
    if let until = users.overrides[user]?.until, now.wall >= until { return .overrideEnds(userID(of: user)) }
    if let until = users.bans[user]?.until, now.wall >= until { return .banEnds(userID(of: user)) }
    if row.lastSeenMinutes != 0, row.shownStatus == .offline, forgetTick(of: row, at: now) <= now.tick {
      users.rows[user].lastSeenMinutes = 0
      armUser(user, at: now)
      tellWatchers(of: user, isShown: true, into: &changes)
      removeUserIfUnused(user)
      return .forgotten
    }
    if row.shownStatus != .offline { users.rows[user].lastSeenMinutes = 0 }
    armUser(user, at: now)
    return .rearmed
  }
}
