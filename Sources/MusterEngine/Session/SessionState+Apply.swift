import MusterModel

extension SessionState {
  /// Carries out what was decided and logged.
  ///
  /// Total: a mutation that does not fit, or for which there is no room, is evidence of a defect and traps; whoever decided it
  /// has looked.
  ///
  /// `now` is the moment at which it happened; on replay that of the record.
  package mutating func apply(_ mutation: Mutation, at now: Moment, into changes: inout [SessionChange]) {
    counters.mutations += 1
    switch mutation {
    case .granted(let grant): applyGrant(grant, at: now, into: &changes)
    case .dormant(let id, let reason): applyDormant(known(id), reason, at: now, into: &changes)
    case .awake(let id): applyAwake(known(id), at: now, into: &changes)
    case .ended(let id, let reason): applyEnd(known(id), reason, at: now, into: &changes)
    case .joined(let id, let channel, let meta): applyJoin(known(id), channel, meta, at: now, into: &changes)
    case .left(let id, let channel): applyLeave(known(id), channel, at: now, into: &changes)
    case .metaSet(let id, let channel, let meta): applyMeta(known(id), channel, meta, at: now, into: &changes)
    case .statusSet(let id, let status, let text): applyStatus(known(id), status, text, at: now, into: &changes)
    case .overridden(let user, let override): applyOverride(user, override, at: now, into: &changes)
    case .dataSet(let id, let data): applyData(known(id), data, at: now)
    case .banned(let user, let ban): applyBan(user, ban, at: now)
    }
  }

  @inline(__always)
  private func known(_ id: SessionID) -> Slot {
    let slot = sessions.find(id)
    precondition(slot != .none, "a mutation names session \(id.text), which this shard does not hold")
    return slot
  }

  // MARK: Sessions

  private mutating func applyGrant(_ grant: SessionGrant, at now: Moment, into changes: inout [SessionChange]) {
    var row = SessionRow(grant.session, grant.device, created: grant.created)
    row.status = grant.status
    row.lastHeard = now.tick
    row.expires = now.tick(at: grant.expires)
    row.detach(graceEnds: now.tick.advanced(by: grant.resumeWindow))
    counters.phases[Int(SessionPhase.detached.rawValue)] += 1
    counters.granted += 1
    let known = known(grant.user)
    if known == nil, canBeFolded(grant) {
      armSession(insertFolded(row, grant.user, grant.kind))
      return
    }
    guard let user = userRow(grant.user, at: now), let session = sessions.insert(row) else {
      preconditionFailure("a session was granted although the table is full")
    }
    let last = users.rows[user].lastSession
    sessions.unfold(
      session,
      SessionParts(
        user: user, previousOfUser: last, idleTicks: grant.idleTTL.ticks, resumeTicks: grant.resumeWindow.ticks,
        text: blobs.store(grant.text)))
    if last == .none {
      users.rows[user].firstSession = session
    } else {
      sessions[last].nextOfUser = session
    }
    users.rows[user].lastSession = session
    users.rows[user].sessions += 1
    armSession(session)
    refresh(user, at: now, reason: .left, into: &changes)
  }

  private mutating func applyDormant(
    _ session: Slot, _ reason: LeaveReason, at now: Moment, into changes: inout [SessionChange]
  ) {
    count(.dormant, insteadOf: sessions.rows[session].phase)
    sessions.rows[session].becomeDormant(lastSeenMinutes: now.wall.minutes)
    armSession(session)
    refresh(ofUserOf: session, at: now, reason: reason, into: &changes)
    foldIfPossible(session)
  }

  private mutating func applyAwake(_ session: Slot, at now: Moment, into changes: inout [SessionChange]) {
    sessions.rows[session].lastHeard = now.tick
    if !sessions.rows[session].isFolded { sessions[session].graceReason = .timeout }
    setDetached(session, graceEnds: now.tick.advanced(by: sessions[session].resumeTicks))
    refresh(ofUserOf: session, at: now, reason: .left, into: &changes)
  }

  private mutating func applyEnd(
    _ session: Slot, _ reason: LeaveReason, at now: Moment, into changes: inout [SessionChange]
  ) {
    counters.phases[Int(sessions.rows[session].phase.rawValue)] -= 1
    counters.ended += 1
    if sessions.rows[session].isFolded { return endFolded(session, at: now) }
    let user = sessions[session].user
    var attachment = sessions[session].firstAttachment
    while attachment != .none {
      let row = attachments[attachment]
      changes.append(.end(row.connection, reason))
      attachments.remove(attachment)
      attachment = row.next
    }
    if sessions.rows[session].isShown {
      sessions.rows[session].isShown = false
      count(shown: -1, sessions.rows[session].device, of: user)
    }
    while sessions[session].firstMembership != .none {
      removeMembership(sessions[session].firstMembership, at: now, reason: reason, into: &changes)
    }
    unlink(session, from: user)
    let parts = sessions[session]
    blobs.free(parts.text)
    blobs.free(parts.publicData)
    blobs.free(parts.privateData)
    sessionWheel.disarm(session)
    sessions.remove(session)
    refresh(user, at: now, reason: reason, into: &changes)
    removeUserIfUnused(user)
  }

  private mutating func unlink(_ session: Slot, from user: Slot) {
    let previous = sessions[session].previousOfUser
    let next = sessions[session].nextOfUser
    if previous == .none {
      users.rows[user].firstSession = next
    } else {
      sessions[previous].nextOfUser = next
    }
    if next == .none {
      users.rows[user].lastSession = previous
    } else {
      sessions[next].previousOfUser = previous
    }
    users.rows[user].sessions -= 1
  }

  func isUnused(_ user: Slot) -> Bool {
    let row = users.rows[user]
    return row.sessions == 0 && row.lastSeenMinutes == 0 && users.bans[user] == nil && users.overrides[user] == nil
      && users.watchers[user] == nil
  }

  mutating func removeUserIfUnused(_ user: Slot) {
    guard isUnused(user) else { return }
    userWheel.disarm(user)
    users.remove(user, in: &blobs)
  }

  /// Counts a session that goes from one phase to another.
  mutating func count(_ phase: SessionPhase, insteadOf before: SessionPhase) {
    counters.phases[Int(before.rawValue)] -= 1
    counters.phases[Int(phase.rawValue)] += 1
  }

  // MARK: Channels

  private mutating func applyJoin(
    _ session: Slot, _ channel: ChannelName, _ meta: Payload, at now: Moment, into changes: inout [SessionChange]
  ) {
    unfold(session, at: now)
    let user = sessions[session].user
    let place = place(of: user, in: channel)
    guard let membership = memberships.insert(MembershipRow(session: session, place: place)) else {
      preconditionFailure("the table of memberships is full: \(memberships.count) rows")
    }
    memberships[membership].meta = meta.isEmpty ? .none : blobs.store(meta.json)
    memberships[membership].nextOfSession = sessions[session].firstMembership
    sessions[session].firstMembership = membership
    sessions[session].memberships += 1
    var last = places[place].firstMembership
    while last != .none, memberships[last].nextOfPlace != .none { last = memberships[last].nextOfPlace }
    if last == .none {
      places[place].firstMembership = membership
    } else {
      memberships[last].nextOfPlace = membership
    }
    tell(place, at: now, reason: .left, into: &changes)
  }

  /// Finds or makes the row of a user in a channel.
  private mutating func place(of user: Slot, in channel: ChannelName) -> Slot {
    guard let name = channelNames.retain(channel) else {
      preconditionFailure("the table of channel names is full: \(channelNames.count) rows")
    }
    var place = users.rows[user].firstPlace
    while place != .none, places[place].channel != name { place = places[place].nextOfUser }
    if place != .none {
      channelNames.release(name)
      return place
    }
    let row = PlaceRow(user: user, channel: name, nextOfUser: users.rows[user].firstPlace)
    guard let fresh = places.insert(row) else { preconditionFailure("the table of places is full: \(places.count) rows") }
    users.rows[user].firstPlace = fresh
    return fresh
  }

  private mutating func applyLeave(
    _ session: Slot, _ channel: ChannelName, at now: Moment, into changes: inout [SessionChange]
  ) {
    guard let membership = membership(of: session, in: channel) else {
      preconditionFailure("a session leaves \(channel.text), in which it is not")
    }
    removeMembership(membership, at: now, reason: .left, into: &changes)
  }

  private mutating func removeMembership(
    _ membership: Slot, at now: Moment, reason: LeaveReason, into changes: inout [SessionChange]
  ) {
    let row = memberships[membership]
    sessions[row.session].memberships -= 1
    if sessions[row.session].firstMembership == membership {
      sessions[row.session].firstMembership = row.nextOfSession
    } else {
      var before = sessions[row.session].firstMembership
      while memberships[before].nextOfSession != membership { before = memberships[before].nextOfSession }
      memberships[before].nextOfSession = row.nextOfSession
    }
    if places[row.place].firstMembership == membership {
      places[row.place].firstMembership = row.nextOfPlace
    } else {
      var before = places[row.place].firstMembership
      while memberships[before].nextOfPlace != membership { before = memberships[before].nextOfPlace }
      memberships[before].nextOfPlace = row.nextOfPlace
    }
    blobs.free(row.meta)
    memberships.remove(membership)
    tell(row.place, at: now, reason: reason, into: &changes)
    if places[row.place].firstMembership == .none { removePlace(row.place) }
  }

  private mutating func removePlace(_ place: Slot) {
    let row = places[place]
    if users.rows[row.user].firstPlace == place {
      users.rows[row.user].firstPlace = row.nextOfUser
    } else {
      var before = users.rows[row.user].firstPlace
      while places[before].nextOfUser != place { before = places[before].nextOfUser }
      places[before].nextOfUser = row.nextOfUser
    }
    channelNames.release(row.channel)
    places.remove(place)
  }

  private mutating func applyMeta(
    _ session: Slot, _ channel: ChannelName, _ meta: Payload, at now: Moment, into changes: inout [SessionChange]
  ) {
    guard let membership = membership(of: session, in: channel) else {
      preconditionFailure("the meta of a session in \(channel.text) is set, in which it is not")
    }
    blobs.free(memberships[membership].meta)
    memberships[membership].meta = meta.isEmpty ? .none : blobs.store(meta.json)
    tell(memberships[membership].place, at: now, reason: .left, into: &changes)
  }

  // MARK: Status, data, bans

  private mutating func applyStatus(
    _ session: Slot, _ status: Status, _ text: [UInt8], at now: Moment, into changes: inout [SessionChange]
  ) {
    unfold(session, at: now)
    sessions.rows[session].status = status
    blobs.free(sessions[session].text)
    sessions[session].text = blobs.store(text)
    refresh(ofUserOf: session, at: now, reason: .left, into: &changes)
  }

  private mutating func applyOverride(
    _ user: UserID, _ override: StatusOverride?, at now: Moment, into changes: inout [SessionChange]
  ) {
    guard let slot = userRow(user, at: now) else { return }
    users.overrides[slot] = override
    armUser(slot, at: now)
    refresh(slot, at: now, reason: .left, into: &changes)
    removeUserIfUnused(slot)
  }

  private mutating func applyData(_ session: Slot, _ data: SessionData, at now: Moment) {
    unfold(session, at: now)
    blobs.free(sessions[session].publicData)
    blobs.free(sessions[session].privateData)
    sessions[session].publicData = data.public.isEmpty ? .none : blobs.store(data.public.json)
    sessions[session].privateData = data.private.isEmpty ? .none : blobs.store(data.private.json)
    sessions[session].dataVersion = data.version
  }

  private mutating func applyBan(_ user: UserID, _ ban: Ban?, at now: Moment) {
    guard let slot = userRow(user, at: now) else { return }
    users.bans[slot] = ban
    armUser(slot, at: now)
    removeUserIfUnused(slot)
  }

  /// Finds or makes the row of a user who may have no session, or only a folded one.
  mutating func userRow(_ user: UserID, at now: Moment) -> Slot? {
    switch known(user) {
    case nil: return users.insert(user, UserKind(of: user), in: &blobs)
    case .row(let slot): return slot
    case .folded(let session):
      unfold(session, at: now)
      return sessions[session].user
    }
  }
}
