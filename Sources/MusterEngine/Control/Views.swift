package import MusterModel

/// Where a session stands in its life.
package enum SessionPhase: UInt8, Sendable, CaseIterable {
  /// It has at least one connection, or an HTTP lease.
  case attached = 0
  /// It lost its last connection and is inside its grace: still shown as present.
  case detached = 1
  /// Past its grace: not shown, but valid and resumable.
  case dormant = 2

  /// The phase as it goes over the wire.
  package var name: String {
    switch self {
    case .attached: "attached"
    case .detached: "detached"
    case .dormant: "dormant"
    }
  }
}

/// The counters of one engine.
///
/// All of them are kept with the change itself, never counted by a scan.
package struct EngineStats: Sendable, Hashable {
  /// Users with an account who are visible now.
  package var members = 0
  /// Guests who are visible now.
  package var guests = 0
  package var sessions = 0
  package var attached = 0
  package var detached = 0
  package var dormant = 0
  package var connections = 0
  /// Visible sessions per device class, by `Device.rawValue`.
  package var devices = [Int](repeating: 0, count: Device.allCases.count)
  package var channels = 0
  package var memberships = 0
  package var observers = 0
  package var watches = 0
  /// Users known, present or not (for last seen, bans and overrides).
  package var usersKnown = 0
  package var sessionTimers = 0
  package var connectionTimers = 0

  // Totals since the start.
  package var heartbeats: UInt64 = 0
  package var requests: UInt64 = 0
  package var refused: UInt64 = 0
  package var mutations: UInt64 = 0
  package var sessionsGranted: UInt64 = 0
  package var sessionsEnded: UInt64 = 0
  package var events: UInt64 = 0
  package var deliveries: UInt64 = 0
  package var conflated: UInt64 = 0
  package var turns: UInt64 = 0

  package init() {}
}

/// One session, for operators and backends.
package struct SessionDetail: Sendable, Hashable {
  package var session: SessionID
  package var user: UserID
  package var kind: UserKind
  package var device: Device
  package var phase: SessionPhase
  package var status: Status
  package var text: [UInt8]
  package var isIdle: Bool
  package var created: WallTime
  /// The last heartbeat that the session shard knows of.
  ///
  /// For an attached session its connection knows better.
  package var lastHeard: WallTime
  package var expires: WallTime
  /// When the phase ends by itself: grace, idle TTL or lifetime, whichever is first.
  package var deadline: WallTime
  package var resumeWindowMilliseconds: Int
  package var idleTTLMilliseconds: Int
  package var connections: [ConnectionID]
  package var holdsHTTPLease: Bool
  package var channels: [ChannelName]
  package var data: SessionData

  package init(
    session: SessionID, user: UserID, kind: UserKind, device: Device, phase: SessionPhase, status: Status, text: [UInt8],
    isIdle: Bool, created: WallTime, lastHeard: WallTime, expires: WallTime, deadline: WallTime,
    resumeWindowMilliseconds: Int, idleTTLMilliseconds: Int, connections: [ConnectionID], holdsHTTPLease: Bool,
    channels: [ChannelName], data: SessionData
  ) {
    self.session = session
    self.user = user
    self.kind = kind
    self.device = device
    self.phase = phase
    self.status = status
    self.text = text
    self.isIdle = isIdle
    self.created = created
    self.lastHeard = lastHeard
    self.expires = expires
    self.deadline = deadline
    self.resumeWindowMilliseconds = resumeWindowMilliseconds
    self.idleTTLMilliseconds = idleTTLMilliseconds
    self.connections = connections
    self.holdsHTTPLease = holdsHTTPLease
    self.channels = channels
    self.data = data
  }
}

/// A user with all sessions, for operators and backends.
package struct UserDetail: Sendable, Hashable {
  /// As others see the user.
  package var presence: UserPresence
  /// What the user's own sessions see: like `presence`, but `invisible` where that is so.
  package var ownStatus: Status
  package var sessions: [SessionDetail]
  package var override: StatusOverride?
  package var ban: Ban?

  package init(
    presence: UserPresence, ownStatus: Status, sessions: [SessionDetail], override: StatusOverride?, ban: Ban?
  ) {
    self.presence = presence
    self.ownStatus = ownStatus
    self.sessions = sessions
    self.override = override
    self.ban = ban
  }
}

/// One connection, for operators.
package struct ConnectionDetail: Sendable, Hashable {
  package var connection: ConnectionID
  /// The address of the peer, as text.
  package var remote: String
  package var lastHeard: WallTime
  /// When silence ends the connection.
  package var deadline: WallTime
  package var isCongested: Bool
  package var channelsObserved: Int
  package var usersWatched: Int

  package init(
    connection: ConnectionID, remote: String, lastHeard: WallTime, deadline: WallTime, isCongested: Bool,
    channelsObserved: Int, usersWatched: Int
  ) {
    self.connection = connection
    self.remote = remote
    self.lastHeard = lastHeard
    self.deadline = deadline
    self.isCongested = isCongested
    self.channelsObserved = channelsObserved
    self.usersWatched = usersWatched
  }
}

/// Why a user is, or is not, shown as present.
package struct UserExplanation: Sendable, Hashable {
  package var user: UserID
  /// `nil` when the user is not known at all.
  package var detail: UserDetail?
  /// Details of the connections of the user's sessions.
  package var connections: [ConnectionDetail]
  /// The answer in sentences, one for each session and one for the user.
  package var sentences: [String]

  package init(user: UserID, detail: UserDetail?, connections: [ConnectionDetail], sentences: [String]) {
    self.user = user
    self.detail = detail
    self.connections = connections
    self.sentences = sentences
  }
}

/// One channel, for operators and backends.
package struct ChannelDetail: Sendable, Hashable {
  package var channel: ChannelName
  package var mode: ChannelMode
  package var epoch: Epoch
  package var seq: Seq
  package var occupancy: Occupancy
  package var observers: Int

  package init(channel: ChannelName, mode: ChannelMode, epoch: Epoch, seq: Seq, occupancy: Occupancy, observers: Int) {
    self.channel = channel
    self.mode = mode
    self.epoch = epoch
    self.seq = seq
    self.occupancy = occupancy
    self.observers = observers
  }
}
