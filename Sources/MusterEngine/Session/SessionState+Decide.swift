import MusterJSON
package import MusterModel

/// What a command leads to: mutations to log and apply (none when nothing changes), or why not.
package enum Decision: Sendable, Hashable {
  case mutations([Mutation])
  case refused(Refusal)

  /// Nothing changes.
  package static let unchanged = Decision.mutations([])
}

/// The judges. None of them changes anything.
extension SessionState {
  /// A session enters a channel.
  ///
  /// Entering again with the same `meta` changes nothing; with another it sets that.
  package func decideJoin(_ session: Slot, _ channel: ChannelName, meta: Payload) -> Decision {
    // A merge patch of nothing drops the nulls, which mean "absent" in every `meta`.
    guard let meta = patched(.empty, meta, bytesMax: configuration.metaBytesMax) else {
      return .refused(tooLarge("meta", configuration.metaBytesMax))
    }
    let id = sessions.rows[session].id
    if let membership = membership(of: session, in: channel) {
      let isSame = payload(memberships[membership].meta) == meta
      return isSame || meta.isEmpty ? .unchanged : .mutations([.metaSet(id, channel, meta: meta)])
    }
    guard sessions[session].memberships < configuration.channelsPerSessionMax else {
      return .refused(
        Refusal(.channelLimit, "A session may be in \(configuration.channelsPerSessionMax) channels at once."))
    }
    guard memberships.count < Self.membershipsMax else {
      return .refused(Refusal(.overloaded, "The table of memberships is full."))
    }
    return .mutations([.joined(id, channel, meta: meta)])
  }

  /// A session leaves a channel.
  package func decideLeave(_ session: Slot, _ channel: ChannelName) -> Decision {
    guard membership(of: session, in: channel) != nil else { return .unchanged }
    return .mutations([.left(sessions.rows[session].id, channel)])
  }

  /// A session patches its own `meta`.
  package func decideUpdate(_ session: Slot, _ channel: ChannelName, patch: Payload) -> Decision {
    guard let membership = membership(of: session, in: channel) else { return .refused(Refusal(.notJoined)) }
    let current = payload(memberships[membership].meta)
    guard let patched = patched(current, patch, bytesMax: configuration.metaBytesMax) else {
      return .refused(tooLarge("meta", configuration.metaBytesMax))
    }
    return patched == current ? .unchanged : .mutations([.metaSet(sessions.rows[session].id, channel, meta: patched)])
  }

  /// A session sets its own status, or its user's override.
  package func decideStatus(_ session: Slot, _ change: StatusChange, at now: Moment) -> Decision {
    if let refusal = refusal(of: change) { return .refused(refusal) }
    switch change.scope {
    case .user:
      return decideOverride(userID(ofSession: session), change, at: now)
    case .session:
      let status = change.status ?? sessions.rows[session].status
      let text = change.text ?? blobs.bytes(of: sessions[session].text)
      let isSame =
        status == sessions.rows[session].status && blobs.equals(sessions[session].text, text)
      return isSame ? .unchanged : .mutations([.statusSet(sessions.rows[session].id, status, text: text)])
    }
  }

  /// A user, or a server for the user, sets or lifts the override.
  package func decideOverride(_ user: UserID, _ change: StatusChange, at now: Moment) -> Decision {
    if let refusal = refusal(of: change) { return .refused(refusal) }
    let current = row(of: user).flatMap { users.overrides[$0] }
    let until = change.forMilliseconds.map { WallTime(milliseconds: now.wall.milliseconds + Int64($0)) }
    let wanted = change.status.map { StatusOverride(status: $0, text: change.text, until: until) }
    if wanted == current { return .unchanged }
    if let refusal = refusalOfFullTable(for: user) { return .refused(refusal) }
    return .mutations([.overridden(user, wanted)])
  }

  /// The refusal when there is no room to know one user more.
  func refusalOfFullTable(for user: UserID) -> Refusal? {
    guard users.count >= Self.usersMax, known(user) == nil else { return nil }
    return Refusal(.overloaded, "The table of users is full.")
  }

  /// Why a status cannot be what is asked for.
  func refusal(of change: StatusChange) -> Refusal? {
    if change.status == .offline { return Refusal(.badRequest, "A status is online, away, dnd or invisible.") }
    if let text = change.text, text.count > configuration.statusTextBytesMax {
      return tooLarge("text", configuration.statusTextBytesMax)
    }
    if let milliseconds = change.forMilliseconds, milliseconds <= 0 || milliseconds > 366 * 86_400_000 {
      return Refusal(.badRequest, "for_ms is more than 0 and at most 366 days.")
    }
    return nil
  }

  /// Someone patches the data of a session; a client the public part, a server both.
  package func decideData(
    _ session: Slot, public publicPatch: Payload?, private privatePatch: Payload?, ifVersion: UInt64?, showsPrivate: Bool
  ) -> Decision {
    var data = data(of: session)
    if let ifVersion, ifVersion != data.version {
      let current = SessionDataView(version: data.version, data: showsPrivate ? wholeData(data) : data.public)
      return .refused(
        Refusal(.conflict, "The version is \(data.version), not \(ifVersion).", current: current))
    }
    let bytesMax = configuration.dataBytesMax
    guard let publicPart = patched(data.public, publicPatch, bytesMax: bytesMax),
      let privatePart = patched(data.private, privatePatch, bytesMax: bytesMax),
      publicPart.json.count + privatePart.json.count <= bytesMax + Payload.empty.json.count
    else { return .refused(tooLarge("data", bytesMax)) }
    if publicPart == data.public, privatePart == data.private { return .unchanged }
    data = SessionData(public: publicPart, private: privatePart, version: data.version + 1)
    return .mutations([.dataSet(sessions.rows[session].id, data)])
  }

  /// Both parts as one object, as a server sees them.
  package func wholeData(_ data: SessionData) -> Payload {
    Payload(validated: Array("{\"public\":".utf8) + data.public.json + Array(",\"private\":".utf8) + data.private.json + [0x7d])
  }

  /// The object after a merge patch; `nil` when it would be larger than allowed.
  private func patched(_ current: Payload, _ patch: Payload?, bytesMax: Int) -> Payload? {
    guard let patch else { return current }
    return (try? MergePatch.apply(patch: patch.json, to: current.json, bytesMax: bytesMax)).map(Payload.init(validated:))
  }

  /// A session is ended from outside.
  package func decideEnd(_ session: Slot, _ reason: LeaveReason) -> Decision {
    .mutations([.ended(sessions.rows[session].id, reason)])
  }

  /// All sessions of a user are ended, but for one.
  package func decideKick(_ user: UserID, except: SessionID?) -> Decision {
    let ids = sessionSlots(of: user).map { sessions.rows[$0].id }
    return .mutations(ids.filter { $0 != except }.map { .ended($0, .kicked) })
  }

  /// A user is banned; the ban comes before the ends, so that nobody gets back in between.
  package func decideBan(_ user: UserID, _ ban: Ban) -> Decision {
    guard ban.reason.count <= CloseText.bytesMax else { return .refused(tooLarge("reason", CloseText.bytesMax)) }
    if let refusal = refusalOfFullTable(for: user) { return .refused(refusal) }
    let ids = sessionSlots(of: user).map { sessions.rows[$0].id }
    return .mutations([.banned(user, ban)] + ids.map { .ended($0, .banned) })
  }

  /// A ban is lifted.
  package func decideUnban(_ user: UserID) -> Decision {
    guard let slot = row(of: user), users.bans[slot] != nil else { return .unchanged }
    return .mutations([.banned(user, nil)])
  }

  private func tooLarge(_ what: String, _ bytesMax: Int) -> Refusal {
    Refusal(.tooLarge, "\(what) may have \(bytesMax) bytes.")
  }
}

/// The room that a close frame leaves for its reason.
package enum CloseText {
  /// 125 bytes of a control frame less the code.
  package static let bytesMax = 123
}
