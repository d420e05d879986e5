package import MusterModel

/// What operators and backends ask, and who watches whom.
extension SessionState {
  /// The channels of a session, in the order in which it joined them.
  package func channels(of session: Slot) -> [ChannelName] {
    var found: [ChannelName] = []
    var membership = sessions.belongings[session].firstMembership
    while membership != .none {
      found.append(channelNames[places[memberships[membership].place].channel])
      membership = memberships[membership].nextOfSession
    }
    return found.reversed()
  }

  /// Everything about one session.
  ///
  /// O(its channels and connections).
  package func detail(of session: Slot, at now: Moment) -> SessionDetail {
    let identity = sessions.identity[session]
    let lease = sessions.lease[session]
    return SessionDetail(
      session: identity.id, user: userID(of: identity.user), kind: users.rows[identity.user].kind, device: identity.device,
      phase: lease.phase, status: effectiveStatus(of: session, at: now.tick),
      text: blobs.bytes(of: sessions.belongings[session].text), isIdle: lease.isIdle, created: identity.created,
      lastHeard: now.wall(at: lease.lastHeard), expires: now.wall(at: lease.expires),
      deadline: now.wall(at: deadline(of: session)),
      resumeWindowMilliseconds: Int(lease.resumeTicks) * Tick.milliseconds,
      idleTTLMilliseconds: Int(lease.idleTicks) * Tick.milliseconds, connections: connections(of: session),
      holdsHTTPLease: lease.holdsHTTPLease, channels: channels(of: session), data: data(of: session))
  }

  /// Everything about one user; `nil` when nothing is known.
  package func detail(of user: UserID, at now: Moment) -> UserDetail? {
    guard let slot = find(user) else { return nil }
    return UserDetail(
      presence: presence(of: slot), ownStatus: ownPresence(of: slot).status,
      sessions: sessionSlots(of: slot).map { detail(of: $0, at: now) }, override: users.overrides[slot],
      ban: users.bans[slot])
  }

  // MARK: Watching

  /// Counts one watcher more on a plane for each user, known or not.
  ///
  /// A full table leaves the user unwatched, as if nothing ever happened to it.
  package mutating func watch(_ watched: [UserID], plane: Int) {
    for user in watched {
      guard let slot = userRow(user) else { continue }
      users.watchers[slot, default: [:]][plane, default: 0] += 1
    }
  }

  /// Counts one watcher less for each user.
  package mutating func unwatch(_ watched: [UserID], plane: Int) {
    for user in watched {
      guard let slot = find(user), let count = users.watchers[slot]?[plane] else { continue }
      users.watchers[slot]?[plane] = count > 1 ? count - 1 : nil
      if users.watchers[slot]?.isEmpty == true { users.watchers[slot] = nil }
      removeUserIfUnused(slot)
    }
  }
}
