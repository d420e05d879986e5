/// What a session learns when it is let in.
package struct Welcome: Sendable, Hashable {
  package var user: UserID
  package var kind: UserKind
  package var session: SessionID
  package var connection: ConnectionID
  package var resumed: Bool
  package var epoch: Epoch
  package var node: String
  package var heartbeatIntervalMilliseconds: Int
  package var heartbeatTimeoutMilliseconds: Int
  package var resumeWindowMilliseconds: Int
  /// When the session ends at the latest, as wall time.
  package var sessionExpires: WallTime
  package var serverTime: WallTime

  package init(
    user: UserID, kind: UserKind, session: SessionID, connection: ConnectionID, resumed: Bool, epoch: Epoch, node: String,
    heartbeatIntervalMilliseconds: Int, heartbeatTimeoutMilliseconds: Int, resumeWindowMilliseconds: Int,
    sessionExpires: WallTime, serverTime: WallTime
  ) {
    self.user = user
    self.kind = kind
    self.session = session
    self.connection = connection
    self.resumed = resumed
    self.epoch = epoch
    self.node = node
    self.heartbeatIntervalMilliseconds = heartbeatIntervalMilliseconds
    self.heartbeatTimeoutMilliseconds = heartbeatTimeoutMilliseconds
    self.resumeWindowMilliseconds = resumeWindowMilliseconds
    self.sessionExpires = sessionExpires
    self.serverTime = serverTime
  }
}

/// A page of a channel's members.
package struct MemberPage: Sendable, Hashable {
  package var members: [Member]
  /// The sequence number at which this page was true.
  package var seq: Seq
  package var next: Cursor?

  package init(members: [Member], seq: Seq, next: Cursor?) {
    self.members = members
    self.seq = seq
    self.next = next
  }
}

/// Why a request was not carried out.
package struct Refusal: Error, Sendable, Hashable {
  package var code: ErrorCode
  /// One sentence for the developer of the client; says what is wrong and what is allowed.
  package var message: String
  /// When trying again makes sense, in milliseconds.
  package var retryAfterMilliseconds: Int?
  /// The current version and data, when `code` is ``ErrorCode/conflict``.
  package var current: SessionDataView?

  package init(
    _ code: ErrorCode, _ message: String? = nil, retryAfterMilliseconds: Int? = nil, current: SessionDataView? = nil
  ) {
    self.code = code
    self.message = message ?? code.sentence
    self.retryAfterMilliseconds = retryAfterMilliseconds
    self.current = current
  }
}

/// A session's data as one reader may see it.
package struct SessionDataView: Sendable, Hashable {
  package var version: UInt64
  package var data: Payload

  package init(version: UInt64, data: Payload) {
    self.version = version
    self.data = data
  }
}

/// The answer to a ``Request``.
package enum Reply: Sendable, Hashable {
  case hello(Welcome)
  case beat(serverTime: WallTime)
  /// To `join` and `observe`.
  case channel(ChannelSnapshot)
  case left(changed: Bool)
  /// The change is part of the first diff with a greater `seq`.
  case updated(seq: Seq)
  case presence(UserPresence)
  case empty
  case members(MemberPage)
  case occupancy(Occupancy)
  /// To `users` and `watch`.
  case users([UserPresence])
  case diffs([Diff])
  case snapshot(ChannelSnapshot)
  /// How many connections the signal was handed to.
  case delivered(Int)
  case data(SessionDataView)
  case refused(Refusal)
}
