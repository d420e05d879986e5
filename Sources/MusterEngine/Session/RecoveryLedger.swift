package import MusterModel

/// A mutation as it stands in the log.
package struct LoggedMutation: Sendable, Hashable {
  package var lsn: LSN
  package var wall: WallTime
  package var mutation: Mutation

  package init(lsn: LSN, wall: WallTime, mutation: Mutation) {
    self.lsn = lsn
    self.wall = wall
    self.mutation = mutation
  }
}

/// Why recovery cannot go on.
///
/// Whatever it is, going on would lose or invent something that was acknowledged.
package enum RecoveryError: Error, Hashable, Sendable {
  /// A page that passed its checksums does not make sense.
  case page(PageDefect)
  /// A record behind the snapshot names a session that nothing has granted.
  case unknownSession(LSN, SessionID)
  /// A record does not fit what is known: what it says, and why it cannot be.
  case unfitting(LSN, String)
  /// A table is full: the limits of this configuration are below what is to be loaded.
  case noRoom(String)
}

/// What a shard must remember while it recovers: how current each user is.
///
/// Pages are written while mutations go on, so each is current through a record of its own, and a record is only applied to
/// users whose page is older.
///
/// ### Isolation
/// A plain value inside of its shard. `~Copyable`, since it owns a column.
struct RecoveryLedger: ~Copyable {
  /// Every page is current through this record at the latest, and whatever the pages do not know had ended by then.
  private(set) var fuzzyThrough = LSN.zero
  /// Where each page that was loaded ends; the first stands for users that no page has.
  private var pages = [LSN.zero]
  /// For each user the number of its page.
  private var pageOfUser = Column<UInt32>(repeating: 0)
  var columns = PageColumns()
  /// Memberships of one user: session, rank and row, to be linked in that order.
  var links: [UInt64] = []
  /// The sessions of the user that is being loaded.
  var sessions: [Slot] = []

  mutating func begin(fuzzyThrough: LSN) {
    self.fuzzyThrough = max(self.fuzzyThrough, fuzzyThrough)
  }

  mutating func beginPage(through: LSN) {
    pages.append(through)
    fuzzyThrough = max(fuzzyThrough, through)
  }

  /// The user comes from the page that was begun last.
  mutating func note(_ user: Slot) {
    pageOfUser.grow(toHold: Int(user.rawValue) + 1)
    pageOfUser[user] = UInt32(pages.count - 1)
  }

  /// The user comes from no page, whoever had the row before.
  mutating func forget(_ user: Slot) {
    if Int(user.rawValue) < pageOfUser.rows { pageOfUser[user] = 0 }
  }

  /// The last record that is known to be in what is known of a user.
  func current(of user: Slot) -> LSN {
    Int(user.rawValue) < pageOfUser.rows ? pages[Int(pageOfUser[user])] : .zero
  }
}
