package import MusterModel

/// The numbers that stand for words in the log and in snapshots; frozen, and listed in both directions.
///
/// They happen to be those of the enums now. When an enum changes, these do not.
extension MutationCodec {
  package static func code(of kind: UserKind) -> UInt8 {
    switch kind {
    case .member: 0
    case .guest: 1
    }
  }

  package static func kind(of code: UInt8) -> UserKind? {
    switch code {
    case 0: .member
    case 1: .guest
    default: nil
    }
  }

  package static func code(of device: Device) -> UInt8 {
    switch device {
    case .web: 0
    case .ios: 1
    case .android: 2
    case .desktop: 3
    case .bot: 4
    case .other: 5
    }
  }

  package static func device(of code: UInt8) -> Device? {
    switch code {
    case 0: .web
    case 1: .ios
    case 2: .android
    case 3: .desktop
    case 4: .bot
    case 5: .other
    default: nil
    }
  }

  package static func code(of status: Status) -> UInt8 {
    switch status {
    case .offline: 0
    case .online: 1
    case .away: 2
    case .dnd: 3
    case .invisible: 4
    }
  }

  package static func status(of code: UInt8) -> Status? {
    switch code {
    case 0: .offline
    case 1: .online
    case 2: .away
    case 3: .dnd
    case 4: .invisible
    default: nil
    }
  }

  package static func code(of reason: LeaveReason) -> UInt8 {
    switch reason {
    case .left: 0
    case .timeout: 1
    case .expired: 2
    case .kicked: 3
    case .banned: 4
    case .replaced: 5
    case .tokenExpired: 6
    case .recoveryTimeout: 7
    case .shutdown: 8
    }
  }

  package static func reason(of code: UInt8) -> LeaveReason? {
    switch code {
    case 0: .left
    case 1: .timeout
    case 2: .expired
    case 3: .kicked
    case 4: .banned
    case 5: .replaced
    case 6: .tokenExpired
    case 7: .recoveryTimeout
    case 8: .shutdown
    default: nil
    }
  }
}
