package import MusterModel

/// What a turn of a session shard has to tell others.
package enum SessionChange: Sendable {
  /// A user's view in a channel appeared, changed or went.
  case channel(ChannelMessage)
  /// What can be seen of a user changed, and these planes watch the user.
  case presence(WatchedChange, planes: [Int])
  /// A connection whose session is over.
  case end(ConnectionID, LeaveReason)
}

/// Everything one session shard knows, as a value: users, sessions, leases, memberships.
///
/// Holds no clock, no lock and no reference to I/O, so a test, a replay and a simulation drive the same code as production.
/// What happened is decided by the `decide…` methods, which change nothing, and carried out by ``apply(_:at:into:)``, which
/// cannot fail. Connections and heartbeats are soft: they change leases directly and are not logged.
///
/// A session that is nothing but logged in, and its user with it, is kept as one row: it is *folded*, see ``SessionRow``. Whatever
/// needs more unfolds it, and a session that falls dormant is folded again when it can be. Nothing but memory depends on it.
///
/// - Invariant: I1. Each session is in the index, is folded or in the list of its user, and has exactly one timer.
/// - Invariant: I2. `isShown` of a session equals ``isVisible(_:at:)``, and each counter equals a scan.
/// - Invariant: I3. A place exists if and only if it has a membership; it is told if and only if one of them is shown.
/// - Invariant: I4. A user row exists if and only if it has a session that is not folded, a last seen, a ban, an override or a
///   watcher. A user whose session is folded has no row and no other session.
/// - Invariant: I5. A session is `attached` if and only if it has a connection or holds an HTTP lease, never both.
///
/// ### Isolation
/// A plain value, `~Copyable` so that a second authority cannot appear by assignment.
package struct SessionState: ~Copyable {
  /// How many users a shard knows at most: far more than have sessions, since they are remembered, banned and watched.
  static let usersMax = 1 << 30
  /// How many memberships a shard holds at most, and so also places and names of channels.
  static let membershipsMax = 1 << 30

  let shard: Int
  let configuration: EngineConfiguration
  var users: UserTable
  var sessions: SessionTable
  var attachments: RowTable<AttachmentRow>
  var memberships: RowTable<MembershipRow>
  var places: RowTable<PlaceRow>
  var channelNames: ChannelNames
  var blobs = BlobStore()
  /// One timer for each session: the next thing that time does to it.
  var sessionWheel: TimingWheel
  /// Timers of users with an override, a ban or a last seen.
  var userWheel: TimingWheel
  /// Handles that fired and are looked at; kept to be used again.
  var due: [Slot] = []
  var counters = SessionCounters()
  /// A capture is going on, so nothing is folded: see ``foldIfPossible(_:)``.
  var postponesFolding = false
  /// Sessions that became dormant meanwhile.
  var postponedFolds: [Slot] = []

  /// Makes the empty state of one shard.
  ///
  /// `hashKey` is random; it keeps chosen user ids from colliding in the index.
  package init(shard: Int, configuration: EngineConfiguration, now: Tick, hashKey: StableHash.Key) {
    self.shard = shard
    self.configuration = configuration
    users = UserTable(rowsMax: Self.usersMax, key: hashKey)
    sessions = SessionTable(
      rowsMax: configuration.sessionsPerShardMax,
      partsOfFolded: SessionParts(
        idleTicks: configuration.sessionIdleTTL.ticks, resumeTicks: configuration.resumeWindow.ticks))
    // One for each connection of the engine at most, and those are limited where they are opened.
    attachments = RowTable(repeating: AttachmentRow(), rowsMax: SlotAllocator.rowsMax)
    memberships = RowTable(repeating: MembershipRow(), rowsMax: Self.membershipsMax)
    places = RowTable(repeating: PlaceRow(), rowsMax: Self.membershipsMax)
    channelNames = ChannelNames(key: hashKey)
    sessionWheel = TimingWheel(now: now)
    userWheel = TimingWheel(now: now)
  }

  /// The counters that belong to this shard; engine-wide numbers are their sums.
  package var stats: EngineStats {
    var stats = EngineStats()
    stats.members = counters.shownUsers[Int(UserKind.member.rawValue)]
    stats.guests = counters.shownUsers[Int(UserKind.guest.rawValue)]
    stats.sessions = sessions.slots.count
    stats.attached = counters.phases[Int(SessionPhase.attached.rawValue)]
    stats.detached = counters.phases[Int(SessionPhase.detached.rawValue)]
    stats.dormant = counters.phases[Int(SessionPhase.dormant.rawValue)]
    stats.devices = counters.shownDevices
    stats.memberships = memberships.count
    stats.usersKnown = users.count
    stats.sessionTimers = sessionWheel.count
    stats.mutations = counters.mutations
    stats.sessionsGranted = counters.granted
    stats.sessionsEnded = counters.ended
    return stats
  }
}

extension SessionState {
  /// How many sessions are kept in one row, with their users.
  package var foldedCount: Int { sessions.foldedCount }

  /// The memory of all tables, in bytes, used or not.
  ///
  /// Not counted are the few overrides, bans and watchers, and the names of channels.
  package var bytesReserved: Int {
    users.bytesReserved + sessions.bytesReserved + attachments.bytesReserved + memberships.bytesReserved
      + places.bytesReserved + blobs.bytesReserved + sessionWheel.bytesReserved + userWheel.bytesReserved
  }
}

/// Counted with the change itself.
struct SessionCounters: Hashable {
  /// Visible users, by `UserKind.rawValue`.
  var shownUsers = [Int](repeating: 0, count: UserKind.allCases.count)
  /// Sessions, by `SessionPhase.rawValue`.
  var phases = [Int](repeating: 0, count: SessionPhase.allCases.count)
  /// Visible sessions, by `Device.rawValue`.
  var shownDevices = [Int](repeating: 0, count: Device.allCases.count)
  var mutations: UInt64 = 0
  var granted: UInt64 = 0
  var ended: UInt64 = 0
}

// MARK: Looking up

extension SessionState {
  /// The slot of a session that may be stale.
  func slot(of ref: SessionRef) -> Slot? {
    ref.shard == shard && sessions.slots.isLive(ref.slot, generation: ref.generation) ? ref.slot : nil
  }

  /// How others name a session of this shard.
  package func ref(of slot: Slot) -> SessionRef {
    SessionRef(shard: shard, slot: slot, generation: sessions.slots.generation(of: slot))
  }

  /// Finds a session by its id.
  @inline(__always)
  package func find(_ session: SessionID) -> Slot? {
    let slot = sessions.find(session)
    return slot == .none ? nil : slot
  }

  /// Finds a user by id.
  @inline(__always)
  func known(_ user: UserID) -> KnownUser? {
    users.find(user, among: sessions, in: blobs)
  }

  /// Finds a user's row by id; `nil` also when all there is of the user is a folded session.
  func row(of user: UserID) -> Slot? {
    if case .row(let slot) = known(user) { slot } else { nil }
  }

  /// The id of the user in a row.
  func userID(of user: Slot) -> UserID {
    UserID(unchecked: blobs.bytes(of: users.rows[user].id))
  }

  /// The id of a session's user.
  func userID(ofSession session: Slot) -> UserID {
    let row = sessions.rows[session]
    return row.isFolded ? UserID(unchecked: blobs.bytes(of: row.userID)) : userID(of: sessions[session].user)
  }

  /// The kind of a session's user.
  func userKind(ofSession session: Slot) -> UserKind {
    let row = sessions.rows[session]
    return row.isFolded ? row.userKind : users.rows[sessions[session].user].kind
  }

  /// The sessions of a user, oldest first.
  func sessionSlots(of user: UserID) -> [Slot] {
    switch known(user) {
    case nil: []
    case .row(let slot): sessionSlots(of: slot)
    case .folded(let session): [session]
    }
  }

  /// The membership of a session in a channel, if there is one.
  ///
  /// O(channels of the session).
  func membership(of session: Slot, in channel: ChannelName) -> Slot? {
    let name = channelNames.find(channel)
    guard name != .none else { return nil }
    var membership = sessions[session].firstMembership
    while membership != .none {
      let row = memberships[membership]
      if places[row.place].channel == name { return membership }
      membership = row.nextOfSession
    }
    return nil
  }

  /// Calls `body` for each session of a user, oldest first.
  func forEachSession(of user: Slot, _ body: (Slot) -> Void) {
    var session = users.rows[user].firstSession
    while session != .none {
      let next = sessions[session].nextOfUser
      body(session)
      session = next
    }
  }

  /// The sessions of a user, oldest first.
  func sessionSlots(of user: Slot) -> [Slot] {
    var slots: [Slot] = []
    forEachSession(of: user) { slots.append($0) }
    return slots
  }

  /// The connections of a session.
  package func connections(of session: Slot) -> [ConnectionID] {
    var found: [ConnectionID] = []
    var attachment = sessions[session].firstAttachment
    while attachment != .none {
      found.append(attachments[attachment].connection)
      attachment = attachments[attachment].next
    }
    return found
  }

  /// The data of a session.
  func data(of session: Slot) -> SessionData {
    let belongings = sessions[session]
    return SessionData(
      public: payload(belongings.publicData), private: payload(belongings.privateData), version: belongings.dataVersion)
  }

  /// A stored object; nothing stored is the empty object.
  func payload(_ ref: BlobRef) -> Payload {
    ref == .none ? .empty : Payload(validated: blobs.bytes(of: ref))
  }
}
