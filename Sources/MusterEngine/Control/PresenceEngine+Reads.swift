package import MusterModel

/// What operators and backends ask. Each shard answers with what is true in it at one moment; shards are asked one after
/// another, so numbers of a busy engine may be a moment apart.
extension PresenceEngine {
  /// All counters, added up.
  package func stats() async -> EngineStats {
    var sum = EngineStats()
    for plane in planes {
      sum.add(await plane.sessions.stats)
      sum.add(await plane.connections.stats)
      let counters = await plane.channels.counters
      sum.channels += counters.channels
      sum.events += counters.events
    }
    return sum
  }

  /// A user with all sessions; `nil` when nothing is known.
  ///
  /// With `includeInvisible`, `invisible` is told where that is so, instead of `offline`; without it, neither a session nor an
  /// override gives it away.
  package func user(_ user: UserID, includeInvisible: Bool) async -> UserDetail? {
    await planes[placement.plane(of: user)].sessions.detail(of: user, includeInvisible: includeInvisible)
  }

  /// The presence of many users, in the order asked; one that is not known is offline.
  package func users(_ users: [UserID], includeInvisible: Bool) async -> [UserPresence] {
    var found: [UserID: UserPresence] = [:]
    for (plane, part) in Dictionary(grouping: users, by: placement.plane(of:)) {
      for presence in await planes[plane].sessions.presences(of: part, includeInvisible: includeInvisible) {
        found[presence.user] = presence
      }
    }
    return users.compactMap { found[$0] }
  }

  /// One session; `nil` when it has ended or never was.
  package func session(_ session: SessionID) async -> SessionDetail? {
    await planes[placement.plane(of: session)].sessions.detail(of: session)
  }

  /// Why a user is, or is not, shown as present.
  package func explain(_ user: UserID) async -> UserExplanation {
    let detail = await planes[placement.plane(of: user)].sessions.detail(of: user)
    var connections: [ConnectionDetail] = []
    for connection in detail?.sessions.flatMap(\.connections) ?? [] {
      if let found = await planes[connection.shard].connections.detail(of: connection) { connections.append(found) }
    }
    return UserExplanation(user: user, detail: detail, connections: connections)
  }

  /// Channels in the order of their names' bytes, behind `after`, at most `limit`.
  ///
  /// - Complexity: O(channels of the engine), a few thousand of them per turn.
  package func channels(prefix: [UInt8], after: ChannelName?, limit: Int) async -> [ChannelDetail] {
    var names: [(name: ChannelName, plane: Int)] = []
    for plane in planes {
      var scan = ChannelScan(prefix: prefix, after: after, limit: limit)
      var isMoreDue = true
      while isMoreDue { (scan, isMoreDue) = await plane.channels.look(for: scan) }
      names += scan.names.map { ($0, plane.index) }
    }
    names.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    var found: [ChannelDetail] = []
    for (name, plane) in names.prefix(limit) {
      if let detail = await planes[plane].channels.detail(of: name) { found.append(detail) }
    }
    return found
  }

  /// One channel; `nil` when nobody is in it and nobody observes it.
  package func channel(_ channel: ChannelName) async -> ChannelDetail? {
    await planes[placement.plane(of: channel)].channels.detail(of: channel)
  }

  /// A page of the members of a channel; `nil` when there is no such channel.
  package func members(of channel: ChannelName, cursor: Cursor?, limit: Int) async -> MemberPage? {
    await planes[placement.plane(of: channel)].channels.page(of: channel, cursor: cursor, limit: limit)
  }
}

extension SessionShard {
  var stats: EngineStats { state.stats }

  func detail(of user: UserID) -> UserDetail? {
    state.detail(of: user, at: now)
  }

  func detail(of user: UserID, includeInvisible: Bool) -> UserDetail? {
    guard var detail = detail(of: user) else { return nil }
    if includeInvisible {
      detail.presence = state.ownPresence(of: user)
      return detail
    }
    detail.sessions.removeAll { $0.status == .invisible }
    if detail.override?.status == .invisible { detail.override = nil }
    detail.ownStatus = detail.presence.status
    // Somebody of whom only invisible sessions are known must not differ from somebody who was never here.
    let isKnown = detail.presence.lastSeen != nil || !detail.sessions.isEmpty || detail.override != nil || detail.ban != nil
    return isKnown ? detail : nil
  }

  func detail(of session: SessionID) -> SessionDetail? {
    state.find(session).map { state.detail(of: $0, at: now) }
  }

  func presences(of users: [UserID], includeInvisible: Bool) -> [UserPresence] {
    users.map { includeInvisible ? state.ownPresence(of: $0) : state.presence(of: $0) }
  }
}

extension ConnectionShard {
  var stats: EngineStats { state.stats }
}

extension EngineStats {
  /// Adds the counters of another shard.
  package mutating func add(_ other: EngineStats) {
    members += other.members
    guests += other.guests
    sessions += other.sessions
    attached += other.attached
    detached += other.detached
    dormant += other.dormant
    connections += other.connections
    for device in devices.indices { devices[device] += other.devices[device] }
    channels += other.channels
    memberships += other.memberships
    observers += other.observers
    watches += other.watches
    usersKnown += other.usersKnown
    sessionTimers += other.sessionTimers
    connectionTimers += other.connectionTimers
    heartbeats += other.heartbeats
    requests += other.requests
    refused += other.refused
    mutations += other.mutations
    sessionsGranted += other.sessionsGranted
    sessionsEnded += other.sessionsEnded
    events += other.events
    deliveries += other.deliveries
    conflated += other.conflated
    turns += other.turns
  }
}
