import MusterModel

/// Keeping in one row what is nothing but logged in.
///
/// Most sessions are at rest: the only one of their user, in no channel, without data. Such a session and its user are folded into
/// one row of 40 bytes. Folding and unfolding are neither logged nor told to anybody.
extension SessionState {
  // MARK: Judging

  /// Whether a user's last seen cannot be due to be forgotten while a dormant session of the user lasts.
  ///
  /// A folded session has no timer for it. Last seen is cut to whole minutes, hence the minute.
  private var lastSeenOutlastsSessions: Bool {
    // Inlined, as what uses it: a call that borrows the state would copy it.
    @inline(__always) get {
      configuration.lastSeenRetention >= configuration.sessionIdleTTL + .seconds(60)
    }
  }

  /// Whether a new session of a user who is not known can be a row and nothing else.
  @inline(__always)
  func canBeFolded(_ grant: SessionGrant) -> Bool {
    grant.text.isEmpty && canBeFolded(grant.status, idleTicks: grant.idleTTL.ticks, resumeTicks: grant.resumeWindow.ticks)
  }

  /// Whether a session with these properties, and nothing else, can be a row.
  @inline(__always)
  func canBeFolded(_ status: Status, idleTicks: UInt32, resumeTicks: UInt32) -> Bool {
    lastSeenOutlastsSessions && Self.isPlain(status) && idleTicks == sessions.partsOfFolded.idleTicks
      && resumeTicks == sessions.partsOfFolded.resumeTicks
  }

  /// An invisible session keeps what its user was before, which takes a row of the user's own.
  private static func isPlain(_ status: Status) -> Bool { status != .invisible && status != .offline }

  @inline(__always)
  private func canBeFolded(_ session: Slot) -> Bool {
    let row = sessions.rows[session]
    let parts = sessions[session]
    guard !row.isIdle, !row.isShown, canBeFolded(row.status, idleTicks: parts.idleTicks, resumeTicks: parts.resumeTicks),
      parts.firstAttachment == .none, parts.firstMembership == .none, parts.text == .none, parts.publicData == .none,
      parts.privateData == .none, parts.dataVersion == 0
    else { return false }
    let user = users.rows[parts.user]
    return user.sessions == 1 && user.firstPlace == .none && users.bans[parts.user] == nil
      && users.overrides[parts.user] == nil && users.watchers[parts.user] == nil
  }

  // MARK: Changing

  /// Adds a session that is folded, of a user who is not known.
  mutating func insertFolded(_ row: SessionRow, _ user: UserID, _ kind: UserKind, lastSeenMinutes: UInt32 = 0) -> Slot {
    var row = row
    row.fold(blobs.store(user.utf8), kind, lastSeenMinutes: lastSeenMinutes)
    guard let session = sessions.insert(row) else { preconditionFailure("a session was granted although the table is full") }
    users.insert(user, folded: session)
    refreshFolded(session)
    return session
  }

  /// The same for a user who is loaded, by the bytes of the id and their hash.
  // SAFETY: the bytes are copied into the store at once.
  mutating func insertFolded(
    _ row: SessionRow, _ user: UnsafeRawBufferPointer, hash: UInt64, _ kind: UserKind, lastSeenMinutes: UInt32
  ) -> Slot {
    var row = row
    row.fold(blobs.store(user), kind, lastSeenMinutes: lastSeenMinutes)
    guard let session = sessions.insert(row) else { preconditionFailure("a session was loaded although the table is full") }
    users.insert(hash: hash, folded: session)
    refreshFolded(session)
    return session
  }

  /// Gives a session its parts and its user a row, if they are folded.
  ///
  /// Whatever changes more than leases does this first.
  package mutating func unfold(_ session: Slot, at now: Moment) {
    let row = sessions.rows[session]
    guard row.isFolded else { return }
    let user = users.unfold(session, row.userID, row.userKind, in: blobs)
    users.rows[user].firstSession = session
    users.rows[user].lastSession = session
    users.rows[user].sessions = 1
    users.rows[user].lastSeenMinutes = row.lastSeenMinutes
    if row.isShown {
      users.rows[user].shownSessions = 1
      users.rows[user].shownStatus = row.status
      users.rows[user].shownDevices = DeviceSet(row.device)
    }
    var parts = sessions.partsOfFolded
    parts.user = user
    parts.graceReason = graceReason(of: session)
    sessions.unfold(session, parts)
    if row.lastSeenMinutes != 0 { armUser(user, at: now) }
  }

  /// Folds a session that has just become dormant, if there is nothing that a row has no room for.
  ///
  /// Not while a capture is going on, which would miss users who come to where it has been: see ``PageCapture``. They are noted
  /// and folded when it is over.
  mutating func foldIfPossible(_ session: Slot) {
    guard !sessions.rows[session].isFolded, canBeFolded(session) else { return }
    guard !postponesFolding else { return postponedFolds.append(session) }
    let slot = sessions[session].user
    let user = users.rows[slot]
    blobs.free(user.shownText)
    users.rows[slot].shownText = .none
    userWheel.disarm(slot)
    users.fold(slot, into: session, in: blobs)
    sessions.fold(session, user.id, user.kind, lastSeenMinutes: user.lastSeenMinutes)
  }

  /// Folds some of those sessions that could not be folded while a capture was going on.
  ///
  /// - Parameter limit: How many to look at.
  /// - Returns: Whether there are more.
  mutating func foldPostponed(limit: Int) -> Bool {
    for _ in 0..<limit {
      guard let session = postponedFolds.popLast() else { break }
      // It may have ended, or woken, since; the slot may even be another session's, which is judged like any other.
      if sessions.slots.isLive(session) { foldIfPossible(session) }
    }
    // There may have been millions: their room is given back.
    if postponedFolds.isEmpty { postponedFolds = [] }
    return isFoldingDue
  }

  /// Whether sessions wait for ``foldPostponed(limit:)``.
  var isFoldingDue: Bool { !postponedFolds.isEmpty }

  /// Ends a session that is folded; its user is remembered in a row as long as there is a last seen.
  mutating func endFolded(_ session: Slot, at now: Moment) {
    let row = sessions.rows[session]
    if row.isShown { countFolded(session, shown: -1) }
    let lastSeenMinutes = row.isShown ? now.wall.minutes : row.lastSeenMinutes
    if lastSeenMinutes != 0 {
      let user = users.unfold(session, row.userID, row.userKind, in: blobs)
      users.rows[user].lastSeenMinutes = lastSeenMinutes
      armUser(user, at: now)
    } else {
      users.remove(folded: session, id: blobs.bytes(of: row.userID))
      blobs.free(row.userID)
    }
    sessionWheel.disarm(session)
    sessions.remove(session)
  }

  // MARK: Being seen

  /// Brings what is shown of a session's user up to date.
  mutating func refresh(
    ofUserOf session: Slot, at now: Moment, reason: LeaveReason, into changes: inout [SessionChange]
  ) {
    if let user = row(ofUserOf: session) {
      refresh(user, at: now, reason: reason, into: &changes)
    } else {
      refreshFolded(session)
    }
  }

  /// The same for a folded session: it is in no channel and nobody watches its user, so there is nobody to tell.
  private mutating func refreshFolded(_ session: Slot) {
    let isVisible = sessions.rows[session].phase != .dormant
    guard sessions.rows[session].isShown != isVisible else { return }
    sessions.rows[session].isShown = isVisible
    countFolded(session, shown: isVisible ? 1 : -1)
  }

  private mutating func countFolded(_ session: Slot, shown change: Int) {
    let row = sessions.rows[session]
    counters.shownDevices[Int(row.device.rawValue)] += change
    counters.shownUsers[Int(row.userKind.rawValue)] += change
  }

  /// The row of a session's user; `nil` when they are folded.
  @inline(__always)
  func row(ofUserOf session: Slot) -> Slot? {
    sessions.rows[session].isFolded ? nil : sessions[session].user
  }

  /// The user of a folded session as others see it.
  func presence(ofFolded session: Slot) -> UserPresence {
    let row = sessions.rows[session]
    return UserPresence(
      user: userID(ofSession: session), kind: row.userKind, status: row.isShown ? row.status : .offline,
      devices: row.isShown ? DeviceSet(row.device) : [], lastSeen: row.isShown ? nil : Self.lastSeen(row.lastSeenMinutes))
  }

  static func lastSeen(_ minutes: UInt32) -> WallTime? {
    minutes == 0 ? nil : WallTime(milliseconds: Int64(minutes) * 60_000)
  }
}

extension WallTime {
  /// Whole minutes since 1970: what last seen is quantised to.
  var minutes: UInt32 { UInt32(clamping: milliseconds / 60_000) }
}
