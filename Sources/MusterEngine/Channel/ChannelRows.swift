import MusterModel

/// Whether a channel is going to be looked at by a flush.
enum ChannelSchedule: Hashable {
  /// Nothing to tell.
  case idle
  /// In the wheel: its window ends later.
  case waiting
  /// In the queue of the next flush.
  case ready
}

/// How many observers of a channel one plane has.
struct PlaneGrants: Hashable {
  var plane: Int
  var count: Int
}

/// One channel.
struct ChannelRow {
  /// `nil` while the row is not in use.
  var name: ChannelName?
  /// Which of the shard's policies holds.
  var policy: UInt16 = 0
  var mode = ChannelMode.announce
  var schedule = ChannelSchedule.idle
  /// What observers know, plus the pending changes, is the roster.
  ///
  /// Ends when the channel becomes too large to tell members; begins again with the snapshot event that tells it has become
  /// smaller.
  var isTracking = true
  /// The occupancy must be told even if it is what was told last: observers do not know yet that this is all they get, or
  /// someone was shown another occupancy in between.
  var owesCount = false
  /// The number of the last event.
  var seq = Seq(0)
  var occupancy = Occupancy()
  /// The occupancy of the last count event; means something in ``ChannelMode/count`` only.
  var toldOccupancy = Occupancy()
  /// When the last event was told.
  var told = Tick.never
  var order = MemberOrder()
  /// The pending changes form a list, oldest first.
  var firstChange = Slot.none
  var lastChange = Slot.none
  var changes = 0
  /// How often unpublished members were shown to someone.
  ///
  /// A pending change remembers the value it began with, so a different one says that the change may have been seen.
  var exposures: UInt32 = 0
  /// Only planes with observers, so at most as many as there are planes.
  var grants: [PlaneGrants] = []
  var observers = 0
  var ring = DiffRing()

  init() {}
}

/// One user in one channel.
struct MemberRow {
  var channel = Slot.none
  /// The pending change of this member, if it has one.
  var change = Slot.none
  /// Visible sessions; 0 when the user has left and that is not told yet.
  var sessions = 0
  /// The place in the order of the channel, while present.
  var ordinal: UInt64 = 0

  var isPresent: Bool { sessions > 0 }
}

/// A member who is not as observers know it.
struct PendingChange {
  var member = Slot.none
  var previous = Slot.none
  var next = Slot.none
  /// What observers know: the member as it was last told, or `nil` when it was not there.
  var base: Member?
  /// ``ChannelRow/exposures`` when the change began.
  var born: UInt32 = 0
  /// Why the user left, if it did.
  var reason = LeaveReason.left
}

/// The channels of a shard by name.
struct ChannelTable: ~Copyable {
  private(set) var slots: SlotAllocator
  var rows = Column<ChannelRow>(repeating: ChannelRow())
  private var index = SlotIndex()
  private let key: StableHash.Key

  init(rowsMax: Int, key: StableHash.Key) {
    slots = SlotAllocator(rowsMax: rowsMax)
    self.key = key
  }

  /// Finds a channel by its name.
  ///
  /// O(1).
  func find(_ name: ChannelName) -> Slot {
    index.find(StableHash.hash(name.utf8, key: key)) { rows[$0].name == name }
  }

  /// The name of a live channel.
  func name(of slot: Slot) -> ChannelName {
    guard let name = rows[slot].name else { preconditionFailure("a channel is used after its end") }
    return name
  }

  /// Makes a row, or gives `nil` when the table is full.
  mutating func insert(_ name: ChannelName) -> Slot? {
    guard let slot = slots.allocate() else { return nil }
    rows.grow(toHold: slots.rows)
    rows[slot].name = name
    index.insert(StableHash.hash(name.utf8, key: key), slot)
    return slot
  }

  /// Frees the row and lets go of what it held.
  mutating func remove(_ slot: Slot) {
    index.remove(StableHash.hash(name(of: slot).utf8, key: key), slot)
    rows[slot] = ChannelRow()
    slots.free(slot)
  }
}

/// The members of all channels of a shard, by channel and user.
///
/// What others see of a member has a column of its own: it is large, and counting, paging and flushing mostly pass it by.
struct MemberTable: ~Copyable {
  private(set) var slots: SlotAllocator
  var rows = Column<MemberRow>(repeating: MemberRow())
  var views = Column<Member?>(repeating: nil)
  private var index = SlotIndex()
  private let key: StableHash.Key

  init(rowsMax: Int, key: StableHash.Key) {
    slots = SlotAllocator(rowsMax: rowsMax)
    self.key = key
  }

  /// Finds a user's row in a channel, present or leaving.
  ///
  /// O(1).
  func find(_ user: UserID, in channel: Slot) -> Slot {
    index.find(hash(user, in: channel)) { rows[$0].channel == channel && views[$0]?.user == user }
  }

  /// What others see of the member in a row that is in use.
  func view(of slot: Slot) -> Member {
    guard let view = views[slot] else { preconditionFailure("a member is used after its end") }
    return view
  }

  /// Makes a row, or gives `nil` when the table is full.
  mutating func insert(_ view: Member, in channel: Slot) -> Slot? {
    guard let slot = slots.allocate() else { return nil }
    rows.grow(toHold: slots.rows)
    views.grow(toHold: slots.rows)
    rows[slot] = MemberRow(channel: channel)
    views[slot] = view
    index.insert(hash(view.user, in: channel), slot)
    return slot
  }

  /// Frees the row and lets go of what it held.
  mutating func remove(_ slot: Slot) {
    index.remove(hash(view(of: slot).user, in: rows[slot].channel), slot)
    rows[slot] = MemberRow()
    views[slot] = nil
    slots.free(slot)
  }

  /// The keyed hash of the user, moved by a multiple of the channel's slot (the golden ratio in 64 bits, Knuth's
  /// multiplicative hashing): different channels differ in the low bits, and whoever does not know the key cannot choose
  /// users that collide.
  private func hash(_ user: UserID, in channel: Slot) -> UInt64 {
    StableHash.hash(user.utf8, key: key) ^ UInt64(channel.rawValue) &* 0x9e37_79b9_7f4a_7c15
  }
}

/// The pending changes of all channels of a shard.
struct ChangeTable: ~Copyable {
  private(set) var slots: SlotAllocator
  var rows = Column<PendingChange>(repeating: PendingChange())

  init(rowsMax: Int) {
    slots = SlotAllocator(rowsMax: rowsMax)
  }

  /// Makes a row.
  ///
  /// There is always room: each change has a member row of its own.
  mutating func insert(_ change: PendingChange) -> Slot {
    guard let slot = slots.allocate() else { preconditionFailure("there are more pending changes than members") }
    rows.grow(toHold: slots.rows)
    rows[slot] = change
    return slot
  }

  /// Frees the row and lets go of what it held.
  mutating func remove(_ slot: Slot) {
    rows[slot] = PendingChange()
    slots.free(slot)
  }
}
