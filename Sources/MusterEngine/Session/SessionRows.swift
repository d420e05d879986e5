import MusterModel

/// Who a session is: set when it is granted, never changed, but for the links to its neighbours.
struct SessionIdentity {
  var id = SessionID(high: 0, low: 0)
  var user = Slot.none
  /// The user's sessions form a list, oldest first.
  var nextOfUser = Slot.none
  var previousOfUser = Slot.none
  var created = WallTime(milliseconds: 0)
  var device = Device.other
}

/// Until when a session is valid, and until when it is shown.
struct SessionLease {
  var phase = SessionPhase.detached
  /// What the session has set; see ``SessionState/effectiveStatus(of:at:)`` for what holds.
  var status = Status.online
  /// Why the session will leave when its grace is over.
  var graceReason = LeaveReason.timeout
  /// The client said that nobody is there.
  var isIdle = false
  /// Present by HTTP heartbeats rather than by a connection.
  var holdsHTTPLease = false
  /// Counted as visible: the published truth, which ``SessionState/refresh(_:at:reason:into:)`` brings up to date.
  var isShown = false
  var lastHeard = Tick(0)
  /// The end of the grace; only in ``SessionPhase/detached``.
  var graceEnds = Tick.never
  /// When idleness turns into `away`.
  var awayAt = Tick.never
  /// The end of the lifetime.
  var expires = Tick.never
  var idleTicks: UInt32 = 0
  var resumeTicks: UInt32 = 0
}

/// Where the lists of a session begin, and what it carries.
struct SessionBelongings {
  var firstAttachment = Slot.none
  var firstMembership = Slot.none
  var attachments: UInt32 = 0
  var memberships: UInt32 = 0
  var text = BlobRef.none
  var publicData = BlobRef.none
  var privateData = BlobRef.none
  var dataVersion: UInt64 = 0
}

/// One user, with or without sessions.
struct UserRow {
  var id = BlobRef.none
  var kind = UserKind.member
  /// What others are told: the last published aggregate.
  var shownStatus = Status.offline
  var shownDevices: DeviceSet = []
  var shownText = BlobRef.none
  var firstSession = Slot.none
  var lastSession = Slot.none
  var sessions: UInt32 = 0
  /// Sessions that are counted as visible.
  var shownSessions: UInt32 = 0
  var firstPlace = Slot.none
  /// Minutes since 1970, since last seen is quantised to 60 s; 0 when never seen.
  var lastSeenMinutes: UInt32 = 0
}

/// One connection of one session.
struct AttachmentRow {
  var connection = ConnectionID(rawValue: 0)
  var next = Slot.none
}

/// One session in one channel.
struct MembershipRow {
  var session = Slot.none
  var place = Slot.none
  var nextOfSession = Slot.none
  /// The memberships of one place, oldest first.
  var nextOfPlace = Slot.none
  var meta = BlobRef.none
}

/// One user in one channel, through at least one session.
struct PlaceRow {
  var user = Slot.none
  /// The interned name.
  var channel = Slot.none
  var nextOfUser = Slot.none
  var firstMembership = Slot.none
  /// When the user became present here.
  var since = WallTime(milliseconds: 0)
  /// The channel shard has been told that the user is present.
  var isTold = false
}
