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

/// What a shard must remember while it recovers: how current each user is, wherever the user is kept.
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
  /// For each row of a user the number of its page.
  private var pageOfUser = Column<UInt32>(repeating: 0)
  /// For each row of a folded session the number of its user's page.
  private var pageOfFolded = Column<UInt32>(repeating: 0)
  var columns = PageColumns()
  /// Memberships of one user: session, rank and row, to be linked in that order.
  var links: [UInt64] = []
  /// The hashes of the users of a page: for the index, and what places them.
  var hashes: [(index: UInt64, placement: UInt16)] = []
  /// The sessions of the user that is being loaded.
  var sessions: [Slot] = []

  mutating func begin(fuzzyThrough: LSN) {
    self.fuzzyThrough = max(self.fuzzyThrough, fuzzyThrough)
  }

  mutating func beginPage(through: LSN) {
    pages.append(through)
    fuzzyThrough = max(fuzzyThrough, through)
  }

  /// A page, by its number; users whom no page has are of ``none``.
  struct Page: Equatable {
    fileprivate var number: UInt32

    static let none = Page(number: 0)
  }

  /// The page that was begun last.
  var lastPage: Page { Page(number: UInt32(pages.count - 1)) }

  /// The page that a user comes from.
  func page(of user: KnownUser) -> Page {
    switch user {
    case .row(let slot): Page(number: Int(slot.rawValue) < pageOfUser.rows ? pageOfUser[slot] : 0)
    case .folded(let slot): Page(number: Int(slot.rawValue) < pageOfFolded.rows ? pageOfFolded[slot] : 0)
    }
  }

  /// Notes which page a user comes from, whoever had the row before.
  mutating func note(_ user: KnownUser, _ page: Page) {
    guard page != self.page(of: user) else { return }
    switch user {
    case .row(let slot):
      pageOfUser.grow(toHold: Int(slot.rawValue) + 1)
      pageOfUser[slot] = page.number
    case .folded(let slot):
      pageOfFolded.grow(toHold: Int(slot.rawValue) + 1)
      pageOfFolded[slot] = page.number
    }
  }

  /// The last record that is known to be in a page.
  func current(_ page: Page) -> LSN { pages[Int(page.number)] }

  /// The last record that is known to be in what is known of a user.
  func current(of user: KnownUser) -> LSN { current(page(of: user)) }
}
