package import MusterModel

/// What happened to the sessions and users of a shard: decided once, logged, applied, and replayed after a restart.
///
/// Times are wall times, since ticks mean nothing to the next life of the engine; when it happened stands beside the mutation
/// in the log. What a heartbeat, a connection or an observer changes is not here: it is rebuilt by the next heartbeat. Last
/// seen is not here either: it follows from the moment at which the last visible session went.
package enum Mutation: Sendable, Hashable {
  case granted(SessionGrant)
  /// The session lost its last connection and its grace is over, or it said goodbye.
  case dormant(SessionID, LeaveReason)
  /// A dormant session came back.
  case awake(SessionID)
  case ended(SessionID, LeaveReason)
  case joined(SessionID, ChannelName, meta: Payload)
  case left(SessionID, ChannelName)
  case metaSet(SessionID, ChannelName, meta: Payload)
  case statusSet(SessionID, Status, text: [UInt8])
  /// A manual override of the whole user; `nil` lifts it.
  case overridden(UserID, StatusOverride?)
  case dataSet(SessionID, SessionData)
  /// `nil` lifts the ban.
  case banned(UserID, Ban?)
}

/// A new session, with all that it is born with.
package struct SessionGrant: Sendable, Hashable {
  package var session: SessionID
  package var user: UserID
  package var kind: UserKind
  package var device: Device
  package var status: Status
  package var text: [UInt8]
  package var created: WallTime
  /// When the session ends, whatever it does.
  package var expires: WallTime
  package var idleTTL: Duration
  package var resumeWindow: Duration

  package init(
    session: SessionID, user: UserID, kind: UserKind, device: Device, status: Status, text: [UInt8], created: WallTime,
    expires: WallTime, idleTTL: Duration, resumeWindow: Duration
  ) {
    self.session = session
    self.user = user
    self.kind = kind
    self.device = device
    self.status = status
    self.text = text
    self.created = created
    self.expires = expires
    self.idleTTL = idleTTL
    self.resumeWindow = resumeWindow
  }
}

/// A status set for the whole user, by the user or by a server.
package struct StatusOverride: Sendable, Hashable {
  package var status: Status
  package var text: [UInt8]?
  /// `nil` until it is lifted.
  package var until: WallTime?

  package init(status: Status, text: [UInt8]?, until: WallTime?) {
    self.status = status
    self.text = text
    self.until = until
  }
}

/// The data of a session: two JSON objects and their common version.
package struct SessionData: Sendable, Hashable {
  /// Seen by the members of the session's channels through the server API, and by the session itself.
  package var `public`: Payload
  /// Seen by the server API only.
  package var `private`: Payload
  /// 0 before the first change; grows by one with each.
  package var version: UInt64

  package init(public: Payload, private: Payload, version: UInt64) {
    self.public = `public`
    self.private = `private`
    self.version = version
  }

  /// The data of a new session.
  package static let none = SessionData(public: .empty, private: .empty, version: 0)
}

/// A user who is not let in.
package struct Ban: Sendable, Hashable {
  /// `nil` until it is lifted.
  package var until: WallTime?
  /// Shown to the client; at most 123 bytes, the room that a close frame leaves.
  package var reason: [UInt8]

  package init(until: WallTime?, reason: [UInt8]) {
    self.until = until
    self.reason = reason
  }
}
