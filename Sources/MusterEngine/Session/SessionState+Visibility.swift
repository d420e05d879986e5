import MusterJSON
package import MusterModel

extension SessionState {
  /// The status that holds for a session, by this table, read from the top.
  ///
  /// | there is | it is |
  /// | --- | --- |
  /// | an override of the user | the override |
  /// | `online`, and idleness for `away_after` | `away` |
  /// | anything else | what the session has set |
  // Inlined: a call that borrows the state would copy it.
  @inline(__always)
  func effectiveStatus(of session: Slot, at now: Tick) -> Status {
    let row = sessions.rows[session]
    if row.isFolded { return row.status }
    let parts = sessions[session]
    if let override = users.overrides[parts.user] { return override.status }
    if row.status == .online, row.isIdle, parts.awayAt <= now { return .away }
    return row.status
  }

  /// Whether a session makes its user visible.
  @inline(__always)
  func isVisible(_ session: Slot, at now: Tick) -> Bool {
    sessions.rows[session].phase != .dormant && effectiveStatus(of: session, at: now) != .invisible
  }

  /// Brings what is shown of a user up to date after any change, and says what others have to be told.
  ///
  /// The user's status, by this table, from the top: an override; `dnd` if any visible session is; `online` if any is;
  /// `away` if any is; else `offline`.
  ///
  /// - Complexity: O(sessions of the user), and O(its places) when the aggregate changed.
  mutating func refresh(_ user: Slot, at now: Moment, reason: LeaveReason, into changes: inout [SessionChange]) {
    var aggregate = SessionAggregate()
    var changed: [Slot] = []
    var session = users.rows[user].firstSession
    while session != .none {
      let isVisible = isVisible(session, at: now.tick)
      if isVisible {
        aggregate.add(
          effectiveStatus(of: session, at: now.tick), sessions.rows[session].device,
          text: sessions[session].text)
      }
      if isVisible != sessions.rows[session].isShown {
        sessions.rows[session].isShown = isVisible
        count(shown: isVisible ? 1 : -1, sessions.rows[session].device, of: user)
        changed.append(session)
      }
      session = sessions[session].nextOfUser
    }
    let text = shownText(of: user, aggregate)
    let before = users.rows[user]
    let isNewText = !blobs.equals(before.shownText, text)
    if before.shownStatus == aggregate.status, before.shownDevices == aggregate.devices, !isNewText {
      for session in changed { tellPlaces(of: session, at: now, reason: reason, into: &changes) }
      // While others see nothing, the user's own sessions may.
      if aggregate.status == .offline { tellWatchers(of: user, isShown: false, into: &changes) }
      return
    }
    users.rows[user].shownStatus = aggregate.status
    users.rows[user].shownDevices = aggregate.devices
    if isNewText {
      blobs.free(before.shownText)
      users.rows[user].shownText = blobs.store(text)
    }
    if before.shownStatus != .offline, aggregate.status == .offline { markSeen(user, at: now) }
    if before.shownStatus != aggregate.status || isNewText {
      tellAllPlaces(of: user, at: now, reason: reason, into: &changes)
    } else {
      for session in changed { tellPlaces(of: session, at: now, reason: reason, into: &changes) }
    }
    tellWatchers(of: user, isShown: true, into: &changes)
  }

  /// Tells the planes that watch a user; with `isShown` for all who do, else for the user's own sessions.
  func tellWatchers(of user: Slot, isShown: Bool, into changes: inout [SessionChange]) {
    guard let watchers = users.watchers[user] else { return }
    let change = WatchedChange(shown: isShown ? presence(of: user) : nil, own: ownPresence(of: user))
    changes.append(.presence(change, planes: watchers.keys.sorted()))
  }

  /// The override's text, or that of the newest visible session that has one.
  private func shownText(of user: Slot, _ aggregate: SessionAggregate) -> [UInt8] {
    if aggregate.status == .offline { return [] }
    return users.overrides[user]?.text ?? blobs.bytes(of: aggregate.text)
  }

  /// Counts a session that became visible or stopped being so.
  mutating func count(shown change: Int, _ device: Device, of user: Slot) {
    counters.shownDevices[Int(device.rawValue)] += change
    let before = users.rows[user].shownSessions
    let after = UInt32(Int(before) + change)
    users.rows[user].shownSessions = after
    if before == 0 || after == 0 { counters.shownUsers[Int(users.rows[user].kind.rawValue)] += change }
  }

  private mutating func markSeen(_ user: Slot, at now: Moment) {
    users.rows[user].lastSeenMinutes = now.wall.minutes
    armUser(user, at: now)
  }

  // MARK: Telling channels

  /// Tells every channel that a session is in.
  mutating func tellPlaces(
    of session: Slot, at now: Moment, reason: LeaveReason, into changes: inout [SessionChange]
  ) {
    var membership = sessions[session].firstMembership
    while membership != .none {
      tell(memberships[membership].place, at: now, reason: reason, into: &changes)
      membership = memberships[membership].nextOfSession
    }
  }

  private mutating func tellAllPlaces(
    of user: Slot, at now: Moment, reason: LeaveReason, into changes: inout [SessionChange]
  ) {
    var place = users.rows[user].firstPlace
    while place != .none {
      tell(place, at: now, reason: reason, into: &changes)
      place = places[place].nextOfUser
    }
  }

  /// Tells one channel how the user now looks in it.
  ///
  /// Telling the same twice is harmless: the channel shard compares.
  mutating func tell(_ place: Slot, at now: Moment, reason: LeaveReason, into changes: inout [SessionChange]) {
    let wasTold = places[place].isTold
    let isShown = isShown(place)
    places[place].isTold = isShown
    if isShown, !wasTold { places[place].since = now.wall }
    if let put = put(of: place) {
      changes.append(.channel(put))
    } else if wasTold {
      changes.append(.channel(.drop(channelNames[places[place].channel], userID(of: places[place].user), reason)))
    }
  }

  /// Whether a session of the user is visible in the channel.
  private func isShown(_ place: Slot) -> Bool {
    var membership = places[place].firstMembership
    while membership != .none {
      if sessions.rows[memberships[membership].session].isShown { return true }
      membership = memberships[membership].nextOfPlace
    }
    return false
  }

  /// How the user now looks in the channel; `nil` when nobody was told that it is there.
  func put(of place: Slot) -> ChannelMessage? {
    let row = places[place]
    guard row.isTold else { return nil }
    var shown = 0
    var devices = DeviceSet()
    var meta = Payload.empty
    var membership = row.firstMembership
    while membership != .none {
      let row = memberships[membership]
      if sessions.rows[row.session].isShown {
        shown += 1
        devices.insert(DeviceSet(sessions.rows[row.session].device))
        if row.meta != .none { meta = merged(meta, with: payload(row.meta)) }
      }
      membership = row.nextOfPlace
    }
    let user = users.rows[row.user]
    let member = Member(
      user: userID(of: row.user), kind: user.kind, status: user.shownStatus, text: blobs.bytes(of: user.shownText),
      meta: meta, devices: devices, since: row.since)
    return .put(channelNames[row.channel], member, sessions: shown)
  }

  /// Later members win; nothing is ever removed, for a stored `meta` holds no nulls.
  private func merged(_ older: Payload, with newer: Payload) -> Payload {
    if older.isEmpty { return newer }
    let bytesMax = configuration.metaBytesMax * configuration.sessionsPerUserMax
    let merged = try? MergePatch.apply(patch: newer.json, to: older.json, bytesMax: bytesMax)
    return merged.map(Payload.init(validated:)) ?? newer
  }

  // MARK: Views

  /// A user as others see them.
  package func presence(of user: Slot) -> UserPresence {
    let row = users.rows[user]
    return UserPresence(
      user: userID(of: user), kind: row.kind, status: row.shownStatus, text: blobs.bytes(of: row.shownText),
      devices: row.shownDevices, lastSeen: row.shownStatus == .offline ? Self.lastSeen(row.lastSeenMinutes) : nil)
  }

  /// A user as others see them, by id; one that is not known is offline.
  package func presence(of user: UserID) -> UserPresence {
    switch known(user) {
    case nil: UserPresence(user: user, kind: UserKind(of: user), status: .offline)
    case .row(let slot): presence(of: slot)
    case .folded(let session): presence(ofFolded: session)
    }
  }

  /// A user as the user's own sessions, or a server that asks for it, see them: `invisible` is told.
  package func ownPresence(of user: UserID) -> UserPresence {
    row(of: user).map { ownPresence(of: $0) } ?? presence(of: user)
  }

  /// A session's user as the session itself sees it.
  func ownPresence(ofUserOf session: Slot) -> UserPresence {
    row(ofUserOf: session).map { ownPresence(of: $0) } ?? presence(ofFolded: session)
  }

  func ownPresence(of user: Slot) -> UserPresence {
    var presence = presence(of: user)
    guard presence.status == .offline else { return presence }
    forEachSession(of: user) { session in
      guard sessions.rows[session].phase != .dormant else { return }
      presence.status = .invisible
      presence.devices.insert(DeviceSet(sessions.rows[session].device))
      presence.lastSeen = nil
      let text = sessions[session].text
      if text != .none { presence.text = blobs.bytes(of: text) }
    }
    if presence.status == .invisible, let text = users.overrides[user]?.text { presence.text = text }
    return presence
  }
}

/// What a user's visible sessions add up to.
struct SessionAggregate {
  var status = Status.offline
  var devices = DeviceSet()
  var text = BlobRef.none

  mutating func add(_ status: Status, _ device: Device, text: BlobRef) {
    devices.insert(DeviceSet(device))
    if text != .none { self.text = text }
    if Self.rank(status) > Self.rank(self.status) { self.status = status }
  }

  private static func rank(_ status: Status) -> Int {
    switch status {
    case .offline, .invisible: 0
    case .away: 1
    case .online: 2
    case .dnd: 3
    }
  }
}
