import MusterModel

/// The sessions of a shard, as columns grouped by who touches them together.
struct SessionTable: ~Copyable {
  private(set) var slots: SlotAllocator
  var identity = Column<SessionIdentity>(repeating: SessionIdentity())
  var lease = Column<SessionLease>(repeating: SessionLease())
  var belongings = Column<SessionBelongings>(repeating: SessionBelongings())
  private var index = SlotIndex()

  init(rowsMax: Int) {
    slots = SlotAllocator(rowsMax: rowsMax)
  }

  /// Finds a session by its id.
  ///
  /// O(1).
  func find(_ id: SessionID) -> Slot {
    index.find(Self.hash(id)) { identity[$0].id == id }
  }

  /// Makes a row, or gives `nil` when the table is full.
  mutating func insert(_ id: SessionID) -> Slot? {
    guard let slot = slots.allocate() else { return nil }
    identity.grow(toHold: slots.rows)
    lease.grow(toHold: slots.rows)
    belongings.grow(toHold: slots.rows)
    identity[slot] = SessionIdentity()
    identity[slot].id = id
    lease[slot] = SessionLease()
    belongings[slot] = SessionBelongings()
    index.insert(Self.hash(id), slot)
    return slot
  }

  mutating func remove(_ slot: Slot) {
    index.remove(Self.hash(identity[slot].id), slot)
    slots.free(slot)
  }

  /// The id is random but for its placement bits, so half of it is hash enough.
  private static func hash(_ id: SessionID) -> UInt64 { id.low ^ id.high }
}

/// The users that a shard knows, and the rare things that few of them have.
struct UserTable: ~Copyable {
  private(set) var slots: SlotAllocator
  var rows = Column<UserRow>(repeating: UserRow())
  private var index = SlotIndex()
  private let key: StableHash.Key
  var overrides: [Slot: StatusOverride] = [:]
  var bans: [Slot: Ban] = [:]
  /// How many connections of each plane watch a user, by plane.
  var watchers: [Slot: [Int: Int]] = [:]

  init(rowsMax: Int, key: StableHash.Key) {
    slots = SlotAllocator(rowsMax: rowsMax)
    self.key = key
  }

  /// Finds a user by id.
  ///
  /// O(1).
  func find(_ user: UserID, in blobs: borrowing BlobStore) -> Slot {
    index.find(StableHash.hash(user.utf8, key: key)) { blobs.equals(rows[$0].id, user.utf8) }
  }

  /// Makes a row, or gives `nil` when the table is full.
  mutating func insert(_ user: UserID, _ kind: UserKind, in blobs: inout BlobStore) -> Slot? {
    guard let slot = slots.allocate() else { return nil }
    rows.grow(toHold: slots.rows)
    rows[slot] = UserRow()
    rows[slot].id = blobs.store(user.utf8)
    rows[slot].kind = kind
    index.insert(StableHash.hash(user.utf8, key: key), slot)
    return slot
  }

  mutating func remove(_ slot: Slot, in blobs: inout BlobStore) {
    index.remove(StableHash.hash(blobs.bytes(of: rows[slot].id), key: key), slot)
    blobs.free(rows[slot].id)
    blobs.free(rows[slot].shownText)
    slots.free(slot)
  }
}

/// Rows of one kind that others link to.
struct RowTable<Row>: ~Copyable {
  private(set) var slots: SlotAllocator
  private var rows: Column<Row>
  private let blank: Row

  init(repeating blank: Row, rowsMax: Int) {
    slots = SlotAllocator(rowsMax: rowsMax)
    rows = Column(repeating: blank)
    self.blank = blank
  }

  var count: Int { slots.count }

  subscript(_ slot: Slot) -> Row {
    get { rows[slot] }
    _modify { yield &rows[slot] }
  }

  mutating func insert(_ row: Row) -> Slot? {
    guard let slot = slots.allocate() else { return nil }
    rows.grow(toHold: slots.rows)
    rows[slot] = row
    return slot
  }

  /// Frees the row and lets go of what it held.
  mutating func remove(_ slot: Slot) {
    rows[slot] = blank
    slots.free(slot)
  }
}

/// Names of channels, each kept once however many users are in it.
struct ChannelNames: ~Copyable {
  // Not private: the compiler (6.3) fails on a private type inside a noncopyable generic one.
  struct Entry {
    var name: ChannelName?
    var references: UInt32 = 0
  }

  private var table = RowTable(repeating: Entry(), rowsMax: SessionState.membershipsMax)
  private var index = SlotIndex()
  private let key: StableHash.Key

  init(key: StableHash.Key) {
    self.key = key
  }

  var count: Int { table.count }

  func find(_ name: ChannelName) -> Slot {
    index.find(StableHash.hash(name.utf8, key: key)) { table[$0].name == name }
  }

  /// The name in a slot that is in use.
  subscript(_ slot: Slot) -> ChannelName {
    guard let name = table[slot].name else { preconditionFailure("a channel name was let go while it was in use") }
    return name
  }

  /// Finds or makes the entry and counts one reference more.
  mutating func retain(_ name: ChannelName) -> Slot? {
    var slot = find(name)
    if slot == .none {
      guard let fresh = table.insert(Entry(name: name)) else { return nil }
      index.insert(StableHash.hash(name.utf8, key: key), fresh)
      slot = fresh
    }
    table[slot].references += 1
    return slot
  }

  /// Counts one reference less; the last one frees the entry.
  mutating func release(_ slot: Slot) {
    table[slot].references -= 1
    guard table[slot].references == 0 else { return }
    index.remove(StableHash.hash(self[slot].utf8, key: key), slot)
    table.remove(slot)
  }
}
