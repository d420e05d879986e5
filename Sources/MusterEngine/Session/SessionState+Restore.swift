import MusterModel

/// Loading pages: straight into the tables, without a log, without telling anybody.
///
/// Timers of sessions and what channels are told wait for ``finishRecovery(at:random:)``.
extension SessionState {
  /// Loads the users of a page that belong to this shard.
  ///
  /// A user who moved to another row while the pages were written can be in two of them; the later page counts.
  ///
  /// - Complexity: O(bytes).
  /// - Returns: How many sessions were loaded.
  mutating func restore(
    _ page: UnsafeRawBufferPointer, placement: Placement, ledger: inout RecoveryLedger, at now: Moment
  ) throws(RecoveryError) -> Int {
    let header: PageHeader
    do throws(PageDefect) {
      header = try ledger.columns.unpack(page)
    } catch { throw .page(error) }
    ledger.beginPage(through: header.through)
    askAhead(header, &ledger)
    var cursor = PageCursor()
    var loaded = 0
    for row in 0..<header.users {
      do throws(PageDefect) {
        let user = try cursor.user(in: &ledger.columns)
        let hashes = ledger.hashes[row]
        if placement.plane(ofBits: hashes.placement) == shard,
          try makeRoom(for: user, hash: hashes.index, newerThan: header.through, ledger)
        {
          loaded += user.sessions
          try restore(user, hashes, &cursor, header, &ledger, at: now)
        } else {
          cursor.skip(user, in: &ledger.columns)
        }
      } catch { throw .page(error) }
      if sessions.slots.count > configuration.sessionsPerShardMax { throw .noRoom("sessions_per_shard_max") }
    }
    return loaded
  }

  /// Makes room for so many sessions, and as many users, in a state that has none.
  mutating func reserve(sessions count: Int) {
    sessions.reserve(count)
    users.reserve(count)
  }

  /// Hashes the ids of a page, and asks for the places in the indexes where they belong.
  ///
  /// Users and sessions come in no order that memory likes. One after another each would wait for it four times; all of a page
  /// together share the waits.
  private func askAhead(_ header: PageHeader, _ ledger: inout RecoveryLedger) {
    ledger.hashes.removeAll(keepingCapacity: true)
    var offset = 0
    for row in 0..<header.users {
      let length = Int(ledger.columns[.userIDBytes][row])
      // SAFETY: the lengths add up to the bytes there are (I1 of the columns), and nothing is added meanwhile.
      let id = ledger.columns[.userIDs].bytes(at: offset, count: length)
      offset += length
      let hash = StableHash.hash(id, key: users.key)
      ledger.hashes.append((hash, UserID.placement(of: id)))
      users.index.prefetch(SlotIndex.fold(hash))
    }
    for row in 0..<header.sessions {
      let id = SessionID(
        high: UInt64(bitPattern: ledger.columns[.sessionHigh][row]), low: UInt64(bitPattern: ledger.columns[.sessionLow][row]))
      sessions.index.prefetch(SlotIndex.fold(SessionTable.hash(id)))
    }
  }

  /// Lets go of what an older page said of a user; `false` when what is known is as new.
  @inline(__always)
  private mutating func makeRoom(
    for user: PageCursor.User, hash: UInt64, newerThan through: LSN, _ ledger: borrowing RecoveryLedger
  ) throws(PageDefect) -> Bool {
    // SAFETY: the bytes of the id are only compared.
    guard let known = users.find(user.idBytes, hash: hash, among: sessions, in: blobs) else { return true }
    let page = ledger.page(of: known)
    guard page != ledger.lastPage else { throw .contradiction("user \(user.id.text) is in the same page twice") }
    guard ledger.current(page) < through else { return false }
    discard(user.id)
    return true
  }

  /// Forgets a user as if it had never been, with everything it has.
  private mutating func discard(_ user: UserID) {
    var ignored: [SessionChange] = []
    let before = Moment(tick: Tick(0), wall: WallTime(milliseconds: 0))
    if let row = row(of: user) {
      users.overrides[row] = nil
      users.bans[row] = nil
    }
    for session in sessionSlots(of: user) { apply(.ended(sessions.rows[session].id, .shutdown), at: before, into: &ignored) }
    // The last session takes the row with it, unless the user was seen; one that was folded leaves a row for that.
    guard let row = row(of: user) else { return }
    users.rows[row].lastSeenMinutes = 0
    removeUserIfUnused(row)
  }

  private mutating func restore(
    _ user: PageCursor.User, _ hashes: (index: UInt64, placement: UInt16), _ cursor: inout PageCursor, _ header: PageHeader,
    _ ledger: inout RecoveryLedger, at now: Moment
  ) throws(PageDefect) {
    if canBeFolded(user, cursor, ledger.columns) {
      let row = try sessionRow(placement: hashes.placement, cursor, header, ledger.columns, at: now)
      cursor.sessions += 1
      // While it is shown nobody is told when its user was last seen.
      // SAFETY: the bytes of the id are copied at once.
      let session = insertFolded(
        row, user.idBytes, hash: hashes.index, user.kind, lastSeenMinutes: row.phase == .dormant ? user.lastSeen : 0)
      return ledger.note(.folded(session: session), ledger.lastPage)
    }
    // SAFETY: likewise.
    guard let slot = users.insert(blobs.store(user.idBytes), hash: hashes.index, user.kind) else {
      throw .contradiction("the table of users is full")
    }
    ledger.note(.row(slot), ledger.lastPage)
    users.rows[slot].lastSeenMinutes = user.lastSeen
    if let override = cursor.override(of: user, in: &ledger.columns) { users.overrides[slot] = override }
    if let ban = cursor.ban(of: user, in: &ledger.columns) { users.bans[slot] = ban }
    ledger.sessions.removeAll(keepingCapacity: true)
    var last = Slot.none
    for _ in 0..<user.sessions {
      let session = try restoreSession(
        of: slot, placement: hashes.placement, behind: last, &cursor, header, &ledger.columns, at: now)
      ledger.sessions.append(session)
      last = session
    }
    users.rows[slot].lastSession = last
    users.rows[slot].sessions = UInt32(user.sessions)
    restoreShown(slot)
    if user.places > 0 { try restorePlaces(of: slot, user, &cursor, &ledger) }
    // Nothing else of a user has a deadline.
    if user.lastSeen != 0 || user.flags & (PageFormat.flagOverride | PageFormat.flagBan) != 0 { armUser(slot, at: now) }
  }

  /// Whether the next user of a page is nothing but logged in, as ``foldIfPossible(_:)`` asks of one that is here.
  @inline(__always)
  private func canBeFolded(_ user: PageCursor.User, _ cursor: borrowing PageCursor, _ columns: borrowing PageColumns) -> Bool {
    let row = cursor.sessions
    guard user.sessions == 1, user.places == 0, user.flags & (PageFormat.flagOverride | PageFormat.flagBan) == 0,
      let status = PageCode.status(columns[.sessionStatus][row]), columns[.sessionVersion][row] == 0,
      columns[PageColumns.Text.sessionTexts.lengths][row] == 0, columns[PageColumns.Text.publicData.lengths][row] == 0,
      columns[PageColumns.Text.privateData.lengths][row] == 0
    else { return false }
    return canBeFolded(
      status, idleTicks: UInt32(columns[.sessionIdle][row]), resumeTicks: UInt32(columns[.sessionResume][row]))
  }

  /// The row of the next session of a page.
  @inline(__always)
  private mutating func sessionRow(
    placement: UInt16, _ cursor: borrowing PageCursor, _ header: PageHeader, _ columns: borrowing PageColumns, at now: Moment
  ) throws(PageDefect) -> SessionRow {
    let row = cursor.sessions
    let id = SessionID(
      high: UInt64(bitPattern: columns[.sessionHigh][row]), low: UInt64(bitPattern: columns[.sessionLow][row]))
    guard id.placement == placement, !sessions.has(id) else {
      throw .contradiction("session \(id.text) is there twice, or is not a session of its user")
    }
    guard let device = PageCode.device(columns[.sessionDevice][row]), let status = PageCode.status(columns[.sessionStatus][row])
    else { throw .contradiction("session \(id.text) has no device or no status") }
    guard sessions.slots.count < configuration.sessionsPerShardMax else { throw .contradiction("the table of sessions is full") }
    let created = WallTime(milliseconds: columns[.sessionCreated][row])
    let heard = header.wall.milliseconds - columns[.sessionAge][row] * Int64(Tick.milliseconds)
    var session = SessionRow(id, device, created: created)
    session.status = status
    session.lastHeard = now.pastTick(at: WallTime(milliseconds: heard))
    session.expires = now.tick(at: WallTime(milliseconds: created.milliseconds + columns[.sessionLifetime][row]))
    if columns[.sessionIsDormant][row] == 1 { session.becomeDormant(lastSeenMinutes: 0) }
    counters.phases[Int(session.phase.rawValue)] += 1
    return session
  }

  private mutating func restoreSession(
    of user: Slot, placement: UInt16, behind last: Slot, _ cursor: inout PageCursor, _ header: PageHeader,
    _ columns: inout PageColumns, at now: Moment
  ) throws(PageDefect) -> Slot {
    let row = cursor.sessions
    guard let session = sessions.insert(try sessionRow(placement: placement, cursor, header, columns, at: now)) else {
      throw .contradiction("the table of sessions is full")
    }
    var parts = SessionParts(
      user: user, previousOfUser: last, idleTicks: UInt32(columns[.sessionIdle][row]),
      resumeTicks: UInt32(columns[.sessionResume][row]))
    parts.dataVersion = UInt64(bitPattern: columns[.sessionVersion][row])
    // SAFETY: the bytes are copied into the store at once.
    parts.text = blobs.store(cursor.take(.sessionTexts, row, in: &columns))
    parts.publicData = blobs.store(cursor.take(.publicData, row, in: &columns))
    parts.privateData = blobs.store(cursor.take(.privateData, row, in: &columns))
    sessions.unfold(session, parts)
    if last == .none {
      users.rows[user].firstSession = session
    } else {
      sessions[last].nextOfUser = session
    }
    cursor.sessions += 1
    return session
  }

  /// Works out what is shown of a user from its sessions: what ``refresh(_:at:reason:into:)`` does, but for the telling.
  private mutating func restoreShown(_ user: Slot) {
    var aggregate = SessionAggregate()
    var session = users.rows[user].firstSession
    while session != .none {
      if isVisible(session, at: Tick(0)) {
        sessions.rows[session].isShown = true
        count(shown: 1, sessions.rows[session].device, of: user)
        aggregate.add(
          effectiveStatus(of: session, at: Tick(0)), sessions.rows[session].device,
          text: sessions[session].text)
      }
      session = sessions[session].nextOfUser
    }
    users.rows[user].shownStatus = aggregate.status
    users.rows[user].shownDevices = aggregate.devices
    guard aggregate.status != .offline else { return }
    if let text = users.overrides[user]?.text {
      users.rows[user].shownText = blobs.store(text)
    } else if aggregate.text != .none {
      users.rows[user].shownText = blobs.store(blobs.bytes(of: aggregate.text))
    }
  }

  // MARK: Channels

  private mutating func restorePlaces(
    of user: Slot, _ loaded: PageCursor.User, _ cursor: inout PageCursor, _ ledger: inout RecoveryLedger
  ) throws(PageDefect) {
    ledger.links.removeAll(keepingCapacity: true)
    var lastPlace = Slot.none
    for _ in 0..<loaded.places {
      let row = cursor.places
      let bytes = [UInt8](cursor.take(.placeNames, row, in: &ledger.columns))
      guard let name = ChannelName(utf8: bytes) else { throw .contradiction("a channel has a name that is none") }
      guard let channel = channelNames.retain(name),
        let place = places.insert(PlaceRow(user: user, channel: channel))
      else { throw .contradiction("the table of places is full") }
      if lastPlace == .none { users.rows[user].firstPlace = place } else { places[lastPlace].nextOfUser = place }
      lastPlace = place
      try restoreMemberships(of: place, Int(ledger.columns[.placeMemberships][row]), &cursor, &ledger)
      // A place is told exactly if one of its sessions is shown, which may have changed with the code that reads this.
      let since = ledger.columns[.placeSince][row]
      if places[place].isTold { places[place].since = WallTime(milliseconds: since) }
      cursor.places += 1
    }
    try linkMemberships(&ledger)
  }

  private mutating func restoreMemberships(
    of place: Slot, _ count: Int, _ cursor: inout PageCursor, _ ledger: inout RecoveryLedger
  ) throws(PageDefect) {
    var last = Slot.none
    for _ in 0..<count {
      let row = cursor.memberships
      let ordinal = Int(ledger.columns[.membershipSession][row])
      guard ordinal < ledger.sessions.count else { throw .contradiction("a membership is of a session that is not there") }
      let session = ledger.sessions[ordinal]
      guard let membership = memberships.insert(MembershipRow(session: session, place: place)) else {
        throw .contradiction("the table of memberships is full")
      }
      memberships[membership].meta = blobs.store(cursor.take(.metas, row, in: &ledger.columns))
      if last == .none { places[place].firstMembership = membership } else { memberships[last].nextOfPlace = membership }
      last = membership
      if sessions.rows[session].isShown { places[place].isTold = true }
      let rank = UInt64(ledger.columns[.membershipRank][row])
      ledger.links.append(UInt64(ordinal) << 46 | rank << 32 | UInt64(membership.rawValue))
      cursor.memberships += 1
    }
  }

  /// Puts the memberships of each session into the order in which they were.
  private mutating func linkMemberships(_ ledger: inout RecoveryLedger) throws(PageDefect) {
    if ledger.links.count > 1 { ledger.links.sort() }
    var ordinal = UInt64.max
    var rank: UInt64 = 0
    var last = Slot.none
    for link in ledger.links {
      let membership = Slot(UInt32(truncatingIfNeeded: link))
      let session = memberships[membership].session
      if link >> 46 != ordinal {
        (ordinal, rank, last) = (link >> 46, 0, .none)
      }
      guard link >> 32 & 0x3fff == rank else { throw .contradiction("the memberships of a session are not numbered densely") }
      if last == .none {
        sessions[session].firstMembership = membership
      } else {
        memberships[last].nextOfSession = membership
      }
      sessions[session].memberships += 1
      rank += 1
      last = membership
    }
  }
}

extension Moment {
  /// The tick at which a wall time was, or will be, if the clock has gone evenly; the first tick for what lies before it.
  ///
  /// Unlike ``tick(at:)`` it looks back: an engine's ticks begin high enough for ages that matter.
  func pastTick(at wall: WallTime) -> Tick {
    let difference = (wall.milliseconds - self.wall.milliseconds) / Int64(Tick.milliseconds)
    return Tick(UInt32(clamping: min(Int64(tick.rawValue) + difference, Int64(Tick.never.rawValue) - 1)))
  }
}
