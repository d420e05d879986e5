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
    case .dataSet(let id, let data): applyData(known(id), data)
    case .banned(let user, let ban): applyBan(user, ban, at: now)
    }
  }

  private func known(_ id: SessionID) -> Slot {
    let slot = sessions.find(id)
    precondition(slot != .none, "a mutation names session \(id.text), which this shard does not hold")
    return slot
  }

  // MARK: Sessions

  private mutating func applyGrant(_ grant: SessionGrant, at now: Moment, into changes: inout [SessionChange]) {
    var user = users.find(grant.user, in: blobs)
    if user == .none, let fresh = users.insert(grant.user, grant.kind, in: &blobs) { user = fresh }
    guard user != .none, let session = sessions.insert(grant.session) else {
      preconditionFailure("a session was granted although the table is full")
    }
    let last = users.rows[user].lastSession
    sessions.identity[session].user = user
    sessions.identity[session].previousOfUser = last
    sessions.identity[session].created = grant.created
    sessions.identity[session].device = grant.device
    sessions.lease[session] = SessionLease(
      phase: .detached, status: grant.status, lastHeard: now.tick,
      graceEnds: now.tick.advanced(by: grant.resumeWindow), expires: now.tick(at: grant.expires),
      idleTicks: grant.idleTTL.ticks, resumeTicks: grant.resumeWindow.ticks)
    sessions.belongings[session].text = blobs.store(grant.text)
    if last == .none {
      users.rows[user].firstSession = session
    } else {
      sessions.identity[last].nextOfUser = session
    }
    users.rows[user].lastSession = session
    users.rows[user].sessions += 1
    counters.phases[Int(SessionPhase.detached.rawValue)] += 1
    counters.granted += 1
    armSession(session)
    refresh(user, at: now, reason: .left, into: &changes)
  }

  private mutating func applyDormant(
    _ session: Slot, _ reason: LeaveReason, at now: Moment, into changes: inout [SessionChange]
  ) {
    sessions.lease[session].holdsHTTPLease = false
    setPhase(.dormant, of: session)
    armSession(session)
    refresh(sessions.identity[session].user, at: now, reason: reason, into: &changes)
  }

  private mutating func applyAwake(_ session: Slot, at now: Moment, into changes: inout [SessionChange]) {
    sessions.lease[session].lastHeard = now.tick
    sessions.lease[session].graceReason = .timeout
    sessions.lease[session].graceEnds = now.tick.advanced(by: sessions.lease[session].resumeTicks)
    setPhase(.detached, of: session)
    armSession(session)
    refresh(sessions.identity[session].user, at: now, reason: .left, into: &changes)
  }

  private mutating func applyEnd(
    _ session: Slot, _ reason: LeaveReason, at now: Moment, into changes: inout [SessionChange]
  ) {
    let user = sessions.identity[session].user
    var attachment = sessions.belongings[session].firstAttachment
    while attachment != .none {
      let row = attachments[attachment]
      changes.append(.end(row.connection, reason))
      attachments.remove(attachment)
      attachment = row.next
    }
    if sessions.lease[session].isShown {
      sessions.lease[session].isShown = false
      count(shown: -1, sessions.identity[session].device, of: user)
    }
    while sessions.belongings[session].firstMembership != .none {
      removeMembership(sessions.belongings[session].firstMembership, at: now, reason: reason, into: &changes)
    }
    unlink(session, from: user)
    counters.phases[Int(sessions.lease[session].phase.rawValue)] -= 1
    counters.ended += 1
    let belongings = sessions.belongings[session]
    for blob in [belongings.text, belongings.publicData, belongings.privateData] { blobs.free(blob) }
    sessionWheel.disarm(session)
    sessions.remove(session)
    refresh(user, at: now, reason: reason, into: &changes)
    removeUserIfUnused(user)
  }

  private mutating func unlink(_ session: Slot, from user: Slot) {
    let previous = sessions.identity[session].previousOfUser
    let next = sessions.identity[session].nextOfUser
    if previous == .none {
      users.rows[user].firstSession = next
    } else {
      sessions.identity[previous].nextOfUser = next
    }
    if next == .none {
      users.rows[user].lastSession = previous
    } else {
      sessions.identity[next].previousOfUser = previous
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

  /// Moves a session between the phases, and their counters with it.
  mutating func setPhase(_ phase: SessionPhase, of session: Slot) {
    counters.phases[Int(sessions.lease[session].phase.rawValue)] -= 1
    counters.phases[Int(phase.rawValue)] += 1
    sessions.lease[session].phase = phase
  }

  // MARK: Channels

  private mutating func applyJoin(
    _ session: Slot, _ channel: ChannelName, _ meta: Payload, at now: Moment, into changes: inout [SessionChange]
  ) {
    let user = sessions.identity[session].user
    let place = place(of: user, in: channel)
    guard let membership = memberships.insert(MembershipRow(session: session, place: place)) else {
      preconditionFailure("the table of memberships is full: \(memberships.count) rows")
    }
    memberships[membership].meta = meta.isEmpty ? .none : blobs.store(meta.json)
    memberships[membership].nextOfSession = sessions.belongings[session].firstMembership
    sessions.belongings[session].firstMembership = membership
    sessions.belongings[session].memberships += 1
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
    sessions.belongings[row.session].memberships -= 1
    if sessions.belongings[row.session].firstMembership == membership {
      sessions.belongings[row.session].firstMembership = row.nextOfSession
    } else {
      var before = sessions.belongings[row.session].firstMembership
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
    sessions.lease[session].status = status
    blobs.free(sessions.belongings[session].text)
    sessions.belongings[session].text = blobs.store(text)
    refresh(sessions.identity[session].user, at: now, reason: .left, into: &changes)
  }

  private mutating func applyOverride(
    _ user: UserID, _ override: StatusOverride?, at now: Moment, into changes: inout [SessionChange]
  ) {
    guard let slot = userRow(user) else { return }
    users.overrides[slot] = override
    armUser(slot, at: now)
    refresh(slot, at: now, reason: .left, into: &changes)
    removeUserIfUnused(slot)
  }

  private mutating func applyData(_ session: Slot, _ data: SessionData) {
    blobs.free(sessions.belongings[session].publicData)
    blobs.free(sessions.belongings[session].privateData)
    sessions.belongings[session].publicData = data.public.isEmpty ? .none : blobs.store(data.public.json)
    sessions.belongings[session].privateData = data.private.isEmpty ? .none : blobs.store(data.private.json)
    sessions.belongings[session].dataVersion = data.version
  }

  private mutating func applyBan(_ user: UserID, _ ban: Ban?, at now: Moment) {
    guard let slot = userRow(user) else { return }
    users.bans[slot] = ban
    armUser(slot, at: now)
    removeUserIfUnused(slot)
  }

  /// Finds or makes the row of a user who may have no session.
  mutating func userRow(_ user: UserID) -> Slot? {
    let slot = users.find(user, in: blobs)
    return slot == .none ? users.insert(user, UserKind(of: user), in: &blobs) : slot
  }
}
