import MusterModel

/// What every session has, 40 bytes: who it is, until when it is valid and shown.
///
/// Everything that a heartbeat looks at is in the first ``bytesOfHeartbeat``, so that a heartbeat by id touches a bucket of the
/// index and, for five rows of eight, one line of the cache more.
///
/// A session whose user has no other, and which is nothing but logged in, is *folded*: this row is all there is of it, and of
/// its user as well. `link` is then the user's id. Otherwise `link` is the row of its ``SessionParts``, which know the user's row.
struct SessionRow {
  // Words of four bytes, so that rows are aligned to four and nothing is lost between them.
  private var idWords: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
  /// A ``BlobRef`` when folded, else a ``Slot``.
  private var link = Slot.none.rawValue
  var lastHeard = Tick(0)
  private(set) var phase = SessionPhase.detached
  private(set) var device = Device.other
  /// What the session has set; see ``SessionState/effectiveStatus(of:at:)`` for what holds.
  var status = Status.online
  private var flags = Flags()
  /// The end of the lifetime.
  var expires = Tick.never
  /// The end of the grace while detached; the user's last seen, in minutes, while folded and dormant.
  private var until = Tick.never.rawValue
  /// Seconds since 1970.
  private var createdSeconds: UInt32 = 0

  /// How many bytes of a row a heartbeat looks at, from the first on: up to the flags.
  static let bytesOfHeartbeat = 28

  private struct Flags: OptionSet {
    var rawValue: UInt8 = 0

    static let isShown = Flags(rawValue: 1)
    static let isIdle = Flags(rawValue: 2)
    static let holdsHTTPLease = Flags(rawValue: 4)
    static let isFolded = Flags(rawValue: 8)
    static let isGuest = Flags(rawValue: 16)
    static let isRecovered = Flags(rawValue: 32)
  }

  init() {}

  init(_ id: SessionID, _ device: Device, created: WallTime) {
    idWords = (
      UInt32(truncatingIfNeeded: id.high >> 32), UInt32(truncatingIfNeeded: id.high),
      UInt32(truncatingIfNeeded: id.low >> 32), UInt32(truncatingIfNeeded: id.low)
    )
    self.device = device
    createdSeconds = UInt32(clamping: created.milliseconds / 1_000)
  }

  var id: SessionID {
    @inline(__always) get {
      SessionID(high: UInt64(idWords.0) << 32 | UInt64(idWords.1), low: UInt64(idWords.2) << 32 | UInt64(idWords.3))
    }
  }

  @inline(__always)
  func has(_ id: SessionID) -> Bool {
    let high = UInt64(idWords.0) << 32 | UInt64(idWords.1)
    let low = UInt64(idWords.2) << 32 | UInt64(idWords.3)
    return high == id.high && low == id.low
  }

  /// When the session was granted, cut to whole seconds.
  var created: WallTime { WallTime(milliseconds: Int64(createdSeconds) * 1_000) }

  // MARK: Flags

  /// Counted as visible: the published truth, which ``SessionState/refresh(_:at:reason:into:)`` brings up to date.
  var isShown: Bool {
    get { flags.contains(.isShown) }
    set { set(.isShown, newValue) }
  }

  /// The client said that nobody is there.
  var isIdle: Bool {
    get { flags.contains(.isIdle) }
    set { set(.isIdle, newValue) }
  }

  /// Present by HTTP heartbeats, or by those of a relay, rather than by a connection.
  var holdsHTTPLease: Bool {
    @inline(__always) get { flags.contains(.holdsHTTPLease) }
    set { set(.holdsHTTPLease, newValue) }
  }

  private mutating func set(_ flag: Flags, _ isSet: Bool) {
    if isSet { flags.insert(flag) } else { flags.remove(flag) }
  }

  // MARK: Phase

  /// The end of the grace; only in ``SessionPhase/detached``.
  var graceEnds: Tick { phase == .detached ? Tick(until) : .never }

  /// Detached since the start: it was present before, and has not come back.
  ///
  /// Looked at only while folded, when there are no parts to tell why the session will leave.
  private(set) var isRecovered: Bool {
    get { flags.contains(.isRecovered) }
    set { set(.isRecovered, newValue) }
  }

  mutating func attach() {
    phase = .attached
    isRecovered = false
  }

  mutating func detach(graceEnds: Tick, isRecovered: Bool = false) {
    phase = .detached
    until = graceEnds.rawValue
    holdsHTTPLease = false
    self.isRecovered = isRecovered
  }

  /// Minutes since 1970, 0 for never seen; only for folded sessions, whose user is remembered here.
  mutating func becomeDormant(lastSeenMinutes: UInt32) {
    phase = .dormant
    until = lastSeenMinutes
    holdsHTTPLease = false
    isRecovered = false
  }

  // MARK: Folding

  @inline(__always)
  var isFolded: Bool { flags.contains(.isFolded) }
  /// The id of the user of a folded session.
  var userID: BlobRef { BlobRef(rawValue: link) }
  /// The kind of the user of a folded session.
  var userKind: UserKind { flags.contains(.isGuest) ? .guest : .member }
  /// When the user of a folded session was last seen; 0 while it is seen.
  var lastSeenMinutes: UInt32 { phase == .dormant ? until : 0 }
  /// Where the parts of a session are that is not folded.
  var parts: Slot {
    @inline(__always) get { Slot(link) }
  }

  mutating func fold(_ user: BlobRef, _ kind: UserKind, lastSeenMinutes: UInt32) {
    flags.insert(.isFolded)
    set(.isGuest, kind == .guest)
    link = user.rawValue
    if phase == .dormant { until = lastSeenMinutes }
  }

  mutating func unfold(_ parts: Slot) {
    flags.remove(.isFolded)
    link = parts.rawValue
  }
}

/// What a session has besides its row when it is not folded.
struct SessionParts {
  var user = Slot.none
  /// The user's sessions form a list, oldest first.
  var nextOfUser = Slot.none
  var previousOfUser = Slot.none
  var idleTicks: UInt32 = 0
  var resumeTicks: UInt32 = 0
  /// When idleness turns into `away`.
  var awayAt = Tick.never
  var firstAttachment = Slot.none
  var firstMembership = Slot.none
  var attachments: UInt32 = 0
  var memberships: UInt32 = 0
  var text = BlobRef.none
  var publicData = BlobRef.none
  var privateData = BlobRef.none
  /// Why the session will leave when its grace is over.
  var graceReason = LeaveReason.timeout
  var dataVersion: UInt64 = 0
}

/// One user, with or without sessions.
struct UserRow {
  var id = BlobRef.none
  var kind = UserKind.member
  /// What others are told: the last published aggregate.
  var shownStatus = Status.offline
  var shownDevices = DeviceSet()
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
