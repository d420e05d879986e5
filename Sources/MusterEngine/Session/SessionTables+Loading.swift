import MusterModel

// Loading reads and writes these tables for millions of rows in a row. Whatever borrows a table is inlined here: a call would
// copy the value, as calls that borrow a large noncopyable value do (Swift 6.3).

extension SessionTable {
  /// Makes room for so many sessions more, while there are none.
  mutating func reserve(_ sessions: Int) {
    if index.count == 0, !index.isGrowing { index.reserve(sessions) }
  }

  /// Whether there is a session with this id.
  @inline(__always)
  func has(_ id: SessionID) -> Bool {
    index.find(Self.hash(id)) { rows[$0].has(id) } != .none
  }
}

extension UserTable {
  /// Makes room for so many users more, while there are none.
  mutating func reserve(_ users: Int) {
    if index.count == 0, !index.isGrowing { index.reserve(users) }
  }

  /// Finds a user by the bytes of the id and their hash.
  // SAFETY: the bytes are only read, and within the call.
  @inline(__always)
  func find(
    _ id: UnsafeRawBufferPointer, hash: UInt64, among sessions: borrowing SessionTable, in blobs: borrowing BlobStore
  ) -> KnownUser? {
    let found = index.find(hash) { slot in
      let folded = Self.session(slot)
      return blobs.withBytes(of: folded == .none ? rows[slot].id : sessions.rows[folded].userID) { stored in
        stored.count == id.count && stored.elementsEqual(id)
      }
    }
    if found == .none { return nil }
    let folded = Self.session(found)
    return folded == .none ? .row(found) : .folded(session: folded)
  }

  /// Makes a row for a user whose id is stored already, or gives `nil` when the table is full.
  mutating func insert(_ id: BlobRef, hash: UInt64, _ kind: UserKind) -> Slot? {
    guard let slot = insert(id, kind) else { return nil }
    index.insert(hash, slot)
    return slot
  }

  /// Makes a user known by a folded session.
  mutating func insert(hash: UInt64, folded session: Slot) {
    index.insert(hash, Slot(session.rawValue | Self.foldedBit))
  }
}
