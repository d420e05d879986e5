package import MusterModel

/// What became of a record.
package enum Replayed: Sendable, Hashable {
  case applied
  /// The page that its user was loaded from has it already.
  case known
  /// Its session had ended before the pages were written.
  case ended
}

/// Applying the log behind the snapshot, and the end of recovery.
extension SessionState {
  /// Applies a record, unless what was loaded has it already.
  ///
  /// | the record is about | it is |
  /// | --- | --- |
  /// | a user or a session whose page goes at least as far | known |
  /// | a user or a session whose page ends before it, or a user who is in no page | applied |
  /// | a session that is in no page, while pages were written | of a session that ended meanwhile |
  /// | a session that is in no page, behind that | evidence of a defect |
  ///
  /// Unlike ``apply(_:at:into:)`` it does not trust the record to fit.
  mutating func replay(
    _ record: LoggedMutation, ledger: inout RecoveryLedger, at now: Moment, into changes: inout [SessionChange]
  ) throws(RecoveryError) -> Replayed {
    let then = Moment(tick: now.pastTick(at: record.wall), wall: record.wall)
    let mutation = record.mutation
    guard let id = mutation.session else {
      guard let userID = mutation.user else { preconditionFailure("a mutation is about neither a session nor a user") }
      return replay(record, of: userID, known(userID), ledger: &ledger, at: then, into: &changes)
    }
    if case .granted(let grant) = mutation {
      let user = known(grant.user)
      if let user, record.lsn <= ledger.current(of: user) { return .known }
      guard find(id) == nil else { throw .unfitting(record.lsn, "session \(id.text) is granted twice") }
      guard id.placement == grant.user.placement else {
        throw .unfitting(record.lsn, "session \(id.text) is not a session of \(grant.user.text)")
      }
      guard sessions.slots.count < configuration.sessionsPerShardMax else { throw .noRoom("sessions_per_shard_max") }
      return replay(record, of: grant.user, user, ledger: &ledger, at: then, into: &changes)
    }
    guard let session = find(id) else {
      guard record.lsn <= ledger.fuzzyThrough else { throw .unknownSession(record.lsn, id) }
      return .ended
    }
    guard record.lsn > ledger.current(of: known(ofSession: session)) else { return .known }
    try check(mutation, of: session, record.lsn)
    carryOut(mutation, of: session, &ledger, at: then, into: &changes)
    return .applied
  }

  /// A record about a user rather than a session, or the first of a session.
  private mutating func replay(
    _ record: LoggedMutation, of id: UserID, _ user: KnownUser?, ledger: inout RecoveryLedger, at then: Moment,
    into changes: inout [SessionChange]
  ) -> Replayed {
    let page = user.map { ledger.page(of: $0) } ?? .none
    guard user == nil || record.lsn > ledger.current(page) else { return .known }
    apply(record.mutation, at: then, into: &changes)
    if let after = known(id) { ledger.note(after, page) }
    return .applied
  }

  /// Applies a record about a session; wherever its user is kept afterwards, it is of the same page.
  private mutating func carryOut(
    _ mutation: Mutation, of session: Slot, _ ledger: inout RecoveryLedger, at then: Moment, into changes: inout [SessionChange]
  ) {
    let page = ledger.page(of: known(ofSession: session))
    if case .ended = mutation {
      let user = userID(ofSession: session)
      apply(mutation, at: then, into: &changes)
      if let after = known(user) { ledger.note(after, page) }
      return
    }
    apply(mutation, at: then, into: &changes)
    ledger.note(known(ofSession: session), page)
    // Heartbeats are not logged, so when it was last heard is not known; it was there until shortly before.
    if case .dormant = mutation { sessions.rows[session].lastHeard = max(then.tick, sessions.rows[session].lastHeard) }
  }

  /// Where the user of a session is kept.
  private func known(ofSession session: Slot) -> KnownUser {
    row(ofUserOf: session).map { .row($0) } ?? .folded(session: session)
  }

  /// Holds a record against what is known, where applying it would trap or make nonsense.
  private func check(_ mutation: Mutation, of session: Slot, _ lsn: LSN) throws(RecoveryError) {
    switch mutation {
    case .joined(let id, let channel, _):
      guard membership(of: session, in: channel) == nil else {
        throw .unfitting(lsn, "session \(id.text) joins \(channel.text), in which it is")
      }
    case .left(let id, let channel), .metaSet(let id, let channel, _):
      guard membership(of: session, in: channel) != nil else {
        throw .unfitting(lsn, "session \(id.text) is not in \(channel.text)")
      }
    case .granted, .dormant, .awake, .ended, .statusSet, .overridden, .dataSet, .banned: break
    }
  }

  /// Begins this life of the engine with what was loaded and replayed.
  ///
  /// Whoever was present comes back detached, with a fresh grace, and counts as heard just now. A dormant session keeps its own
  /// deadlines, in wall time; a clock that was set back cannot make it live longer than its idle TTL from now. What is past due
  /// expires with the first turns.
  ///
  /// - Parameters:
  ///   - now: The moment at which it begins.
  ///   - random: Spreads the ends of the graces over a tenth more, so that those who do not come back do not leave all at once.
  /// - Complexity: O(sessions).
  mutating func finishRecovery(at now: Moment, random: any RandomSource) {
    let window = configuration.recoveryWindow.ticks
    var spread = Spread(seed: random.next(), bound: window / 10 + 1)
    for row in 0..<UInt32(sessions.slots.rows) where sessions.slots.isLive(Slot(row)) {
      let session = Slot(row)
      if sessions.rows[session].phase == .dormant {
        sessions.rows[session].lastHeard = min(now.tick, sessions.rows[session].lastHeard)
      } else {
        sessions.rows[session].lastHeard = now.tick
        sessions.rows[session].detach(graceEnds: now.tick.advanced(by: window).advanced(by: spread.next()), isRecovered: true)
        if !sessions.rows[session].isFolded { sessions[session].graceReason = .recoveryTimeout }
      }
      armSession(session)
    }
    // They count what happened since the start.
    counters.mutations = 0
    counters.granted = 0
    counters.ended = 0
  }

  /// Says again what channels have to know, for some of the users.
  ///
  /// - Parameters:
  ///   - user: The row to begin with.
  ///   - limit: How many puts to add at most; the last user may exceed it.
  ///   - puts: They are added here.
  /// - Complexity: O(rows passed and puts added).
  /// - Returns: The row to go on with; `nil` when all have been told.
  func tellAgain(from user: Slot, limit: Int, into puts: inout [ChannelMessage]) -> Slot? {
    var row = user.rawValue
    while row < UInt32(users.slots.rows), puts.count < limit {
      let user = Slot(row)
      row += 1
      guard users.slots.isLive(user) else { continue }
      var place = users.rows[user].firstPlace
      while place != .none {
        if let put = put(of: place) { puts.append(put) }
        place = places[place].nextOfUser
      }
    }
    return row < UInt32(users.slots.rows) ? Slot(row) : nil
  }
}

/// Small random numbers, cheap enough for each of ten million sessions (SplitMix64, Steele, Lea and Flood, 2014).
private struct Spread {
  private var state: UInt64
  private let bound: UInt32

  init(seed: UInt64, bound: UInt32) {
    state = seed
    self.bound = bound
  }

  /// A number below the bound.
  mutating func next() -> UInt32 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return UInt32(truncatingIfNeeded: (z ^ z >> 31) >> 32) % bound
  }
}

extension Mutation {
  /// The session it is about; `nil` when it is about a user.
  package var session: SessionID? {
    switch self {
    case .granted(let grant): grant.session
    case .dormant(let id, _), .awake(let id), .ended(let id, _), .joined(let id, _, _), .left(let id, _), .metaSet(let id, _, _),
      .statusSet(let id, _, _), .dataSet(let id, _):
      id
    case .overridden, .banned: nil
    }
  }

  /// The user it is about, where it says so.
  package var user: UserID? {
    switch self {
    case .granted(let grant): grant.user
    case .overridden(let user, _), .banned(let user, _): user
    case .dormant, .awake, .ended, .joined, .left, .metaSet, .statusSet, .dataSet: nil
    }
  }

  /// The bits that name its shard.
  package var placement: UInt16 {
    // One of the two is there, and both agree where both are.
    session?.placement ?? user?.placement ?? 0
  }
}

extension Placement {
  /// The plane whose session shard a mutation is for.
  package func plane(of mutation: Mutation) -> Int { Int(mutation.placement) % planes }
}
