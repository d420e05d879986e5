/// Whether a user has an account.
package enum UserKind: UInt8, Sendable, CaseIterable {
  /// An account, named by whoever issued the credentials.
  case member = 0
  /// An anonymous visitor, named by the engine.
  case guest = 1
}

/// The class of device a session runs on.
package enum Device: UInt8, Sendable, CaseIterable {
  case web = 0
  case ios = 1
  case android = 2
  case desktop = 3
  case bot = 4
  case other = 5
}

/// A set of device classes in one byte.
@frozen
package struct DeviceSet: OptionSet, Sendable, Hashable {
  package let rawValue: UInt8

  @inlinable
  package init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// The empty set; an empty literal goes through generic code, which costs a hundred times as much.
  @inlinable
  package init() {
    self.init(rawValue: 0)
  }

  package init(_ device: Device) {
    rawValue = 1 << device.rawValue
  }

  /// The devices in the set, in the order of their declaration.
  package var devices: [Device] { Device.allCases.filter { contains(DeviceSet($0)) } }
}

/// How available a session or a user is.
///
/// A session sets any but `offline`; others see any but `invisible`.
package enum Status: UInt8, Sendable, CaseIterable {
  case offline = 0
  case online = 1
  case away = 2
  case dnd = 3
  /// Shown to nobody but the user's own sessions: others see `offline`.
  case invisible = 4
}

/// Why a user left a channel, or why a session ended; the same words everywhere.
package enum LeaveReason: UInt8, Sendable, CaseIterable {
  case left = 0
  case timeout = 1
  case expired = 2
  case kicked = 3
  case banned = 4
  case replaced = 5
  case tokenExpired = 6
  case recoveryTimeout = 7
  case shutdown = 8
}

/// A JSON object as its bytes, checked once at the edge and passed on untouched.
package struct Payload: Sendable, Hashable {
  /// The object, from `{` to `}`.
  package let json: [UInt8]

  /// Takes bytes that a parser has found to be one JSON object.
  package init(validated json: [UInt8]) {
    self.json = json
  }

  /// The object without members.
  package static let empty = Payload(validated: [UInt8(ascii: "{"), UInt8(ascii: "}")])

  package var isEmpty: Bool { self == Payload.empty }
}

/// Milliseconds since 1970; only on disk and on the wire.
package struct WallTime: Sendable, Hashable, Comparable {
  package var milliseconds: Int64

  package init(milliseconds: Int64) {
    self.milliseconds = milliseconds
  }

  package static func < (left: WallTime, right: WallTime) -> Bool { left.milliseconds < right.milliseconds }
}

/// A user as the others in one channel see them.
package struct Member: Sendable, Hashable {
  package var user: UserID
  package var kind: UserKind
  /// Never `offline` and never `invisible`.
  package var status: Status
  /// At most 140 bytes of UTF-8; empty when none was set.
  package var text: [UInt8]
  /// The `meta` of the user's visible sessions in this channel, merged oldest first.
  package var meta: Payload
  package var devices: DeviceSet
  /// When the user became present in this channel.
  package var since: WallTime

  package init(
    user: UserID, kind: UserKind, status: Status, text: [UInt8], meta: Payload, devices: DeviceSet, since: WallTime
  ) {
    self.user = user
    self.kind = kind
    self.status = status
    self.text = text
    self.meta = meta
    self.devices = devices
    self.since = since
  }
}

/// A user as others see them, wherever they are.
package struct UserPresence: Sendable, Hashable {
  package var user: UserID
  package var kind: UserKind
  /// `offline` when no session is visible; never `invisible`, but for the user's own sessions and servers that ask.
  package var status: Status
  package var text: [UInt8]
  package var devices: DeviceSet
  /// Quantised to 60 s; `nil` when the user was never seen or is present now.
  package var lastSeen: WallTime?

  package init(
    user: UserID, kind: UserKind, status: Status, text: [UInt8] = [], devices: DeviceSet = [], lastSeen: WallTime? = nil
  ) {
    self.user = user
    self.kind = kind
    self.status = status
    self.text = text
    self.devices = devices
    self.lastSeen = lastSeen
  }
}

/// The counts of a channel.
package struct Occupancy: Sendable, Hashable {
  /// Members with an account.
  package var users: Int
  package var guests: Int
  /// Visible sessions of both.
  package var sessions: Int

  package init(users: Int = 0, guests: Int = 0, sessions: Int = 0) {
    self.users = users
    self.guests = guests
    self.sessions = sessions
  }

  /// How many are present, of either kind: what the mode of a channel depends on.
  package var present: Int { users + guests }
}

/// How a channel tells its events, by occupancy.
package enum ChannelMode: UInt8, Sendable, CaseIterable {
  /// Every change, coalesced over one short window.
  case announce = 0
  /// The net change of each interval.
  case interval = 1
  /// The occupancy only; lists on demand.
  case count = 2
}
