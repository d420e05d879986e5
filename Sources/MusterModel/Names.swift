extension LeaveReason {
  /// The reason as it goes over the wire.
  package var name: String {
    switch self {
    case .left: "left"
    case .timeout: "timeout"
    case .expired: "expired"
    case .kicked: "kicked"
    case .banned: "banned"
    case .replaced: "replaced"
    case .tokenExpired: "token_expired"
    case .recoveryTimeout: "recovery_timeout"
    case .shutdown: "shutdown"
    }
  }

  /// The code that closes a connection whose session ended for this reason.
  package var closeCode: ErrorCode {
    switch self {
    case .left: .loggedOut
    case .timeout, .expired, .recoveryTimeout: .sessionExpired
    case .kicked: .kicked
    case .banned: .banned
    case .replaced: .replaced
    case .tokenExpired: .tokenExpired
    case .shutdown: .drain
    }
  }
}

extension Status {
  /// The status as it goes over the wire.
  package var name: String {
    switch self {
    case .offline: "offline"
    case .online: "online"
    case .away: "away"
    case .dnd: "dnd"
    case .invisible: "invisible"
    }
  }
}

extension Device {
  /// The device class as it goes over the wire.
  package var name: String {
    switch self {
    case .web: "web"
    case .ios: "ios"
    case .android: "android"
    case .desktop: "desktop"
    case .bot: "bot"
    case .other: "other"
    }
  }
}

extension UserKind {
  /// The kind as it goes over the wire.
  package var name: String {
    switch self {
    case .member: "member"
    case .guest: "guest"
    }
  }
}

extension ChannelMode {
  /// The mode as it goes over the wire.
  package var name: String {
    switch self {
    case .announce: "announce"
    case .interval: "interval"
    case .count: "count"
    }
  }
}
