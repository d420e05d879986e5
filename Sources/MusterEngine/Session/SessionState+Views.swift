package import MusterModel

/// What operators and backends ask, and who watches whom.
extension SessionState {
  /// The channels of a session, in the order in which it joined them.
  package func channels(of session: Slot) -> [ChannelName] {
    var found: [ChannelName] = []
    var membership = sessions[session].firstMembership
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
    let row = sessions.rows[session]
    let parts = sessions[session]
    return SessionDetail(
      session: row.id, user: userID(ofSession: session), kind: userKind(ofSession: session), device: row.device,
      phase: row.phase, status: effectiveStatus(of: session, at: now.tick),
      text: blobs.bytes(of: parts.text), isIdle: row.isIdle, created: row.created,
      lastHeard: now.wall(at: row.lastHeard), expires: now.wall(at: row.expires),
      deadline: now.wall(at: deadline(of: session)),
      resumeWindowMilliseconds: Int(parts.resumeTicks) * Tick.milliseconds,
      idleTTLMilliseconds: Int(parts.idleTicks) * Tick.milliseconds, connections: connections(of: session),
      holdsHTTPLease: row.holdsHTTPLease, channels: channels(of: session), data: data(of: session))
  }

  /// Everything about one user; `nil` when nothing is known.
  package func detail(of user: UserID, at now: Moment) -> UserDetail? {
    guard known(user) != nil else { return nil }
    let slot = row(of: user)
    return UserDetail(
      presence: presence(of: user), ownStatus: ownPresence(of: user).status,
      sessions: sessionSlots(of: user).map { detail(of: $0, at: now) }, override: slot.flatMap { users.overrides[$0] },
      ban: slot.flatMap { users.bans[$0] })
  }

  // MARK: Watching

  /// Counts one watcher more on a plane for each user, known or not.
  ///
  /// A full table leaves the user unwatched, as if nothing ever happened to it.
  package mutating func watch(_ watched: [UserID], plane: Int, at now: Moment) {
    for user in watched {
      guard let slot = userRow(user, at: now) else { continue }
      users.watchers[slot, default: [:]][plane, default: 0] += 1
    }
  }

  /// Counts one watcher less for each user.
  package mutating func unwatch(_ watched: [UserID], plane: Int) {
    for user in watched {
      guard let slot = row(of: user), let count = users.watchers[slot]?[plane] else { continue }
      users.watchers[slot]?[plane] = count > 1 ? count - 1 : nil
      if users.watchers[slot]?.isEmpty == true { users.watchers[slot] = nil }
      removeUserIfUnused(slot)
    }
  }
}
