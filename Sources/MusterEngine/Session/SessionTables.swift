import MusterModel

/// The sessions of a shard: a row for each, and parts for those that are not folded.
struct SessionTable: ~Copyable {
  private(set) var slots: SlotAllocator
  var rows = Column<SessionRow>(repeating: SessionRow())
  private var parts = RowTable(repeating: SessionParts(), rowsMax: SlotAllocator.rowsMax)
  // Not private: loading has ways of its own, see `SessionTables+Loading.swift`.
  var index = SlotIndex()
  /// What reads as the parts of a session that has none.
  let partsOfFolded: SessionParts

  init(rowsMax: Int, partsOfFolded: SessionParts) {
    slots = SlotAllocator(rowsMax: rowsMax)
    self.partsOfFolded = partsOfFolded
  }

  /// How many sessions are a row and nothing else.
  var foldedCount: Int { slots.count - parts.count }

  /// The parts of a session; a folded one has the same as all others, and has to be unfolded before they are changed.
  subscript(session: Slot) -> SessionParts {
    @inline(__always) get { rows[session].isFolded ? partsOfFolded : parts[rows[session].parts] }
    @inline(__always) _modify {
      precondition(!rows[session].isFolded, "the parts of a folded session are changed")
      yield &parts[rows[session].parts]
    }
  }

  /// Finds a session by its id.
  ///
  /// O(1). Inlined: a call would copy the whole table, as calls that borrow a large noncopyable value do.
  @inline(__always)
  func find(_ id: SessionID) -> Slot {
    index.find(Self.hash(id)) { rows[$0].has(id) }
  }

  /// Finds up to ``batchMax`` sessions by their ids and calls `body` with the position of each id and the session, or
  /// ``Slot/none``.
  ///
  /// One search waits for main memory twice, for the bucket and for the row. Here all buckets are asked for, then all rows, and
  /// only then is anything compared: each wait is shared by the whole batch. (Group prefetching: Chen, Ailamaki, Gibbons and Mowry,
  /// "Improving Hash Join Performance through Prefetching", 2004.) It is asked for by instructions that wait for nothing, rather
  /// than by reading, since a read that is waited for keeps those behind it in the queue from being finished.
  ///
  /// `body` must not add or remove sessions.
  @inline(__always)
  mutating func forEach(_ ids: Span<SessionID>, _ body: (inout SessionTable, Int, Slot) -> Void) {
    precondition(ids.count <= Self.batchMax, "\(ids.count) ids in a batch of at most \(Self.batchMax)")
    // SAFETY: the buffer has room for as many as there are ids, each place is written before it is read, and it does not leave the
    // closure. Places run from 0 to below `ids.count`.
    withUnsafeTemporaryAllocation(of: (hash: UInt32, slot: Slot).self, capacity: Self.batchMax) { found in
      for place in 0..<ids.count {
        let hash = SlotIndex.fold(Self.hash(ids[unchecked: place]))
        found[place].hash = hash
        index.prefetch(hash)
      }
      for place in 0..<ids.count {
        let slot = index.candidate(found[place].hash)
        found[place].slot = slot
        rows.prefetch(slot, bytes: SessionRow.bytesOfHeartbeat)
      }
      for place in 0..<ids.count {
        var slot = found[place].slot
        if slot != .none, !rows[slot].has(ids[unchecked: place]) { slot = find(ids[unchecked: place]) }
        body(&self, place, slot)
      }
    }
  }

  /// Asks for what whoever ends these sessions or sets their timers again will look at: their rows, and their buckets.
  ///
  /// The slots are those of rows. Inlined like ``find(_:)``.
  @inline(__always)
  func prefetch(_ sessions: [Slot]) {
    for session in sessions { rows.prefetch(session, bytes: MemoryLayout<SessionRow>.stride) }
    for session in sessions { index.prefetch(SlotIndex.fold(Self.hash(rows[session].id))) }
  }

  /// How many ids ``forEach(_:_:)`` takes at once: more than memory serves at the same time, few enough for the first cache.
  static let batchMax = 64

  /// Makes a folded session without a user, or gives `nil` when the table is full.
  mutating func insert(_ row: SessionRow) -> Slot? {
    guard let slot = slots.allocate() else { return nil }
    rows.grow(toHold: slots.rows)
    rows[slot] = row
    index.insert(Self.hash(row.id), slot)
    return slot
  }

  /// Gives a session parts; how it is linked to its user is up to the caller.
  mutating func unfold(_ session: Slot, _ parts: SessionParts) {
    guard let slot = self.parts.insert(parts) else {
      preconditionFailure("the table of sessions' parts is full: \(self.parts.count) rows")
    }
    rows[session].unfold(slot)
  }

  /// Takes a session's parts away; what they referred to is up to the caller.
  mutating func fold(_ session: Slot, _ user: BlobRef, _ kind: UserKind, lastSeenMinutes: UInt32) {
    parts.remove(rows[session].parts)
    rows[session].fold(user, kind, lastSeenMinutes: lastSeenMinutes)
  }

  mutating func remove(_ session: Slot) {
    if !rows[session].isFolded { parts.remove(rows[session].parts) }
    index.remove(Self.hash(rows[session].id), session)
    slots.free(session)
  }

  /// The memory of all that is here, in bytes.
  var bytesReserved: Int { slots.bytesReserved + rows.bytesReserved + parts.bytesReserved + index.bytesReserved }

  /// The id is random but for its placement bits, so half of it is hash enough.
  @inline(__always)
  static func hash(_ id: SessionID) -> UInt64 { id.low ^ id.high }
}

/// What a shard knows of a user.
enum KnownUser {
  case row(Slot)
  /// The user's only session, which is folded.
  case folded(session: Slot)
}

/// The users that a shard knows, and the rare things that few of them have.
///
/// The index is of all users; those whose only session is folded have no row.
struct UserTable: ~Copyable {
  private(set) var slots: SlotAllocator
  var rows = Column<UserRow>(repeating: UserRow())
  // Not private: as for sessions.
  var index = SlotIndex()
  let key: StableHash.Key
  var overrides: [Slot: StatusOverride] = [:]
  var bans: [Slot: Ban] = [:]
  /// How many connections of each plane watch a user, by plane.
  var watchers: [Slot: [Int: Int]] = [:]

  /// Set in the index where a slot is that of a folded session.
  static let foldedBit: UInt32 = 1 << 30

  init(rowsMax: Int, key: StableHash.Key) {
    precondition(rowsMax <= Int(Self.foldedBit), "a table of users has at most 2^30 rows")
    slots = SlotAllocator(rowsMax: rowsMax)
    self.key = key
  }

  /// How many users there are, with and without a row.
  var count: Int { index.count }

  /// The memory of the columns and the index, in bytes.
  var bytesReserved: Int { slots.bytesReserved + rows.bytesReserved + index.bytesReserved }

  func hash(_ user: [UInt8]) -> UInt64 { StableHash.hash(user, key: key) }

  /// Finds a user by id.
  ///
  /// O(1).
  func find(_ user: UserID, among sessions: borrowing SessionTable, in blobs: borrowing BlobStore) -> KnownUser? {
    let found = index.find(hash(user.utf8)) { slot in
      let folded = Self.session(slot)
      return blobs.equals(folded == .none ? rows[slot].id : sessions.rows[folded].userID, user.utf8)
    }
    if found == .none { return nil }
    let folded = Self.session(found)
    return folded == .none ? .row(found) : .folded(session: folded)
  }

  static func session(_ slot: Slot) -> Slot {
    slot.rawValue & foldedBit == 0 ? .none : Slot(slot.rawValue & ~foldedBit)
  }

  /// Makes a row, or gives `nil` when the table is full.
  mutating func insert(_ user: UserID, _ kind: UserKind, in blobs: inout BlobStore) -> Slot? {
    guard let slot = insert(blobs.store(user.utf8), kind) else { return nil }
    index.insert(hash(user.utf8), slot)
    return slot
  }

  mutating func insert(_ id: BlobRef, _ kind: UserKind) -> Slot? {
    guard let slot = slots.allocate() else { return nil }
    rows.grow(toHold: slots.rows)
    rows[slot] = UserRow()
    rows[slot].id = id
    rows[slot].kind = kind
    return slot
  }

  /// Makes a user known by a folded session.
  mutating func insert(_ user: UserID, folded session: Slot) {
    index.insert(hash(user.utf8), Slot(session.rawValue | Self.foldedBit))
  }

  /// Forgets a user who was known by a folded session.
  mutating func remove(folded session: Slot, id: [UInt8]) {
    index.remove(hash(id), Slot(session.rawValue | Self.foldedBit))
  }

  /// Gives a user a row who was known by a folded session.
  mutating func unfold(_ session: Slot, _ id: BlobRef, _ kind: UserKind, in blobs: borrowing BlobStore) -> Slot {
    guard let slot = insert(id, kind) else { preconditionFailure("the table of users is full: \(slots.count) rows") }
    let hash = hash(blobs.bytes(of: id))
    index.remove(hash, Slot(session.rawValue | Self.foldedBit))
    index.insert(hash, slot)
    return slot
  }

  /// Frees the row of a user who is known by a folded session from now on; its id is kept.
  mutating func fold(_ slot: Slot, into session: Slot, in blobs: borrowing BlobStore) {
    let hash = hash(blobs.bytes(of: rows[slot].id))
    index.remove(hash, slot)
    index.insert(hash, Slot(session.rawValue | Self.foldedBit))
    slots.free(slot)
  }

  mutating func remove(_ slot: Slot, in blobs: inout BlobStore) {
    index.remove(hash(blobs.bytes(of: rows[slot].id)), slot)
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
  private let pinned = Pinned()

  init(repeating blank: Row, rowsMax: Int) {
    slots = SlotAllocator(rowsMax: rowsMax)
    rows = Column(repeating: blank)
    self.blank = blank
  }

  var count: Int { slots.count }

  /// The memory of the rows, in bytes; not what they refer to.
  var bytesReserved: Int { slots.bytesReserved + rows.bytesReserved }

  subscript(_ slot: Slot) -> Row {
    @inline(__always) get { rows[slot] }
    @inline(__always) _modify { yield &rows[slot] }
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
