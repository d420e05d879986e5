/// How a client names a request, echoed in the reply with its JSON type.
package enum RequestID: Sendable, Hashable {
  /// The longest accepted string, in bytes.
  package static let bytesMax = 32

  /// Without an id there is no reply, except for errors.
  case none
  case integer(Int64)
  case string([UInt8])
}

/// What a client shows to be let in.
package enum Credentials: Sendable, Hashable {
  /// Nothing at all: a guest, where guests are allowed.
  case anonymous
  /// A bare user id, believed in development mode only.
  case user(UserID)
  /// A session token or a token of the application, as it was sent.
  case token([UInt8])
}

/// Where a client stood in a channel when it lost its connection.
package struct ResumePoint: Sendable, Hashable {
  package var channel: ChannelName
  package var epoch: Epoch
  package var seq: Seq

  package init(channel: ChannelName, epoch: Epoch, seq: Seq) {
    self.channel = channel
    self.epoch = epoch
    self.seq = seq
  }
}

/// The first request of a connection.
package struct Hello: Sendable, Hashable {
  package var credentials: Credentials
  package var device: Device
  /// Milliseconds; `nil` takes the configured value.
  ///
  /// So for the three that follow; all are clamped to configured bounds.
  package var heartbeatMilliseconds: Int?
  package var resumeWindowMilliseconds: Int?
  package var idleTTLMilliseconds: Int?
  package var lifetimeMilliseconds: Int?
  /// The status to appear with; `invisible` is never shown, not even for a moment.
  ///
  /// `nil` keeps what a resumed session had.
  package var status: Status?
  package var text: [UInt8]?
  /// Where to go on in the channels the client knew.
  ///
  /// At most as many as a session may have channels.
  package var resume: [ResumePoint]

  package init(
    credentials: Credentials, device: Device = .other, heartbeatMilliseconds: Int? = nil,
    resumeWindowMilliseconds: Int? = nil, idleTTLMilliseconds: Int? = nil, lifetimeMilliseconds: Int? = nil,
    status: Status? = nil, text: [UInt8]? = nil, resume: [ResumePoint] = []
  ) {
    self.credentials = credentials
    self.device = device
    self.heartbeatMilliseconds = heartbeatMilliseconds
    self.resumeWindowMilliseconds = resumeWindowMilliseconds
    self.idleTTLMilliseconds = idleTTLMilliseconds
    self.lifetimeMilliseconds = lifetimeMilliseconds
    self.status = status
    self.text = text
    self.resume = resume
  }
}

/// A change of status, of one session or of the whole user.
package struct StatusChange: Sendable, Hashable {
  /// What the status is set for.
  package enum Scope: Sendable, Hashable {
    case session
    /// A manual override that beats every session's own.
    case user
  }

  /// Never `offline`; `nil` leaves a session's status and lifts a user's override.
  package var status: Status?
  /// At most 140 bytes; `nil` leaves the text.
  package var text: [UInt8]?
  package var scope: Scope
  /// How long an override holds, in milliseconds; `nil` until it is lifted.
  package var forMilliseconds: Int?

  package init(status: Status?, text: [UInt8]? = nil, scope: Scope = .session, forMilliseconds: Int? = nil) {
    self.status = status
    self.text = text
    self.scope = scope
    self.forMilliseconds = forMilliseconds
  }
}

/// What a client asks for.
///
/// One case for each `op` of the protocol.
package enum Request: Sendable, Hashable {
  case hello(Hello)
  case beat
  /// `list` is how many members the reply should carry, 0 to 1,000.
  case join(ChannelName, meta: Payload, list: Int)
  case observe(ChannelName, list: Int)
  case unobserve(ChannelName)
  case leave(ChannelName)
  /// A JSON Merge Patch of the session's own `meta` in the channel.
  case update(ChannelName, patch: Payload)
  case status(StatusChange)
  case activity(idle: Bool)
  case list(ChannelName, limit: Int, cursor: Cursor?)
  case count(ChannelName)
  case users([UserID])
  case watch([UserID])
  case unwatch([UserID])
  case sync(ChannelName, epoch: Epoch, seq: Seq)
  case signal(SignalTarget, data: [UInt8])
  /// Without a patch this reads. A client's patch changes the public part.
  case data(patch: Payload?, ifVersion: UInt64?)
  /// `graceMilliseconds` is how long to stay visible; 0 leaves at once.
  case bye(logout: Bool, graceMilliseconds: Int)
}
