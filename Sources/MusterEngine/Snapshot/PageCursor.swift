import MusterModel

/// Walks the rows of a page that was taken apart, in the order in which they were written.
///
/// What it reads is there, since the columns were checked (invariant I1 of ``PageColumns``).
struct PageCursor {
  /// One user of the page.
  struct User {
    // SAFETY: lies in the columns, and is good until they are filled anew; whoever has the user has the columns.
    /// The bytes of the id, which are one.
    var idBytes: UnsafeRawBufferPointer
    var kind: UserKind
    var flags: Int64
    var lastSeen: UInt32
    var sessions: Int
    var places: Int

    /// The id as a value of its own.
    var id: UserID { UserID(unchecked: [UInt8](idBytes)) }
  }

  private var users = 0
  private var overrides = 0
  private var bans = 0
  var sessions = 0
  var places = 0
  var memberships = 0

  /// The next user.
  @inline(__always)
  mutating func user(in columns: inout PageColumns) throws(PageDefect) -> User {
    let row = users
    users += 1
    // SAFETY: lent by the columns, see ``User``.
    let id = take(.userIDs, row, in: &columns)
    guard UserID.isValid(id) else { throw .contradiction("a user has an id that is none") }
    let flags = columns[.userFlags][row]
    return User(
      idBytes: id, kind: flags & PageFormat.flagGuest != 0 ? .guest : .member, flags: flags,
      lastSeen: UInt32(columns[.userLastSeen][row]), sessions: Int(columns[.userSessions][row]),
      places: Int(columns[.userPlaces][row]))
  }

  mutating func override(of user: User, in columns: inout PageColumns) -> StatusOverride? {
    guard user.flags & PageFormat.flagOverride != 0 else { return nil }
    let row = overrides
    overrides += 1
    let hasText = columns[.overrideTextBytes][row] != PageFormat.noText
    // SAFETY: the bytes are copied at once.
    let text = hasText ? [UInt8](take(.overrideTexts, row, in: &columns)) : nil
    // The codes of statuses were checked with the columns.
    let status = PageCode.status(columns[.overrideStatus][row]) ?? .online
    return StatusOverride(status: status, text: text, until: Self.until(columns[.overrideUntil][row]))
  }

  mutating func ban(of user: User, in columns: inout PageColumns) -> Ban? {
    guard user.flags & PageFormat.flagBan != 0 else { return nil }
    let row = bans
    bans += 1
    // SAFETY: the bytes are copied at once.
    return Ban(until: Self.until(columns[.banUntil][row]), reason: [UInt8](take(.banReasons, row, in: &columns)))
  }

  private static func until(_ milliseconds: Int64) -> WallTime? {
    milliseconds == PageFormat.untilLifted ? nil : WallTime(milliseconds: milliseconds)
  }

  /// Passes everything of a user who is not wanted.
  mutating func skip(_ user: User, in columns: inout PageColumns) {
    _ = override(of: user, in: &columns)
    _ = ban(of: user, in: &columns)
    for _ in 0..<user.sessions {
      for text in [PageColumns.Text.sessionTexts, .publicData, .privateData] { _ = take(text, sessions, in: &columns) }
      sessions += 1
    }
    for _ in 0..<user.places {
      _ = take(.placeNames, places, in: &columns)
      for _ in 0..<columns[.placeMemberships][places] {
        _ = take(.metas, memberships, in: &columns)
        memberships += 1
      }
      places += 1
    }
  }

  /// The bytes of one row of a text column, whose rows must be taken in order; lent as long as the columns are not changed.
  // SAFETY: the lengths add up to the bytes there are, and `take` checks that.
  @inline(__always)
  func take(
    _ text: PageColumns.Text, _ row: Int, in columns: inout PageColumns
  ) -> UnsafeRawBufferPointer {
    columns[text].take(Int(columns[text.lengths][row]))
  }
}
