import MusterModel

/// Where the capture of one shard stands: which users come next, and the columns of the page that is being filled.
///
/// First come the rows of sessions, for users who are folded into them, then the rows of users, for all others.
///
/// ### Nobody is missed
/// A user who was known when the capture began is written, or had been forgotten, so that the log tells all there is:
///
/// - While a capture is going on nobody is folded (``SessionState/postponesFolding``). So a user may go from a row of a session to
///   one of a user, and never back.
/// - A user who was folded when it began is found in its session's row, or has left it before the hand came there, for a row of a
///   user. The rows of users are counted when the hand comes to them, so that row is among them.
/// - A user who had a row of a user has it until forgotten.
///
/// Sessions that are granted meanwhile may be folded wherever there is room: their users are new, and the log tells all of them.
///
/// ### Twice is no harm
/// A user who was written while folded and unfolds before the rows of users are reached is written twice. The later page counts;
/// when both are current through the same record they say the same, but for when the session was heard.
///
/// ### Isolation
/// A plain value inside of its shard. `~Copyable`, since it owns columns.
struct PageCapture: ~Copyable {
  /// How many rows of which nothing is written are passed in one step.
  static let emptyRowsMax = 4_096

  /// The tables, in the order in which they are captured.
  private enum Table {
    case sessions
    case users
  }

  private var table = Table.sessions
  /// The row from which the next page goes on.
  private var next: UInt32 = 0
  /// Rows from here on have come to life since: the log tells of their users.
  private var end: UInt32
  /// Pages larger than this are followed by pages with fewer rows, so that sessions with much data do not make steps long.
  static let bytesTarget = 128 << 10

  /// How many users or sessions make a page at most; the last user may exceed it.
  let rowsMax: Int
  /// How many make the next page.
  fileprivate var rows: Int
  var columns = PageColumns()
  fileprivate var sessions: [Slot] = []
  fileprivate var placed: [Slot] = []
  /// Memberships of one user: row, session and rank, to be found by row.
  fileprivate var ranks: [UInt64] = []

  /// A capture of all users who are known now.
  init(of state: borrowing SessionState, rowsMax: Int) {
    self.rowsMax = rowsMax
    rows = rowsMax
    end = UInt32(state.sessions.slots.rows)
  }

  var isAtEnd: Bool { table == .users && next >= end }

  /// The next row to look at; `nil` at the end.
  fileprivate mutating func pass(in state: borrowing SessionState) -> KnownUser? {
    if table == .sessions, next >= end {
      table = .users
      next = 0
      end = UInt32(state.users.slots.rows)
    }
    guard next < end else { return nil }
    defer { next += 1 }
    return table == .sessions ? .folded(session: Slot(next)) : .row(Slot(next))
  }

  /// Makes the next page smaller when this one was large, and larger again when it was not.
  fileprivate mutating func adapt(to bytes: Int) {
    if bytes > Self.bytesTarget {
      rows = max(1, rows / 2)
    } else if bytes < Self.bytesTarget / 4 {
      rows = min(rowsMax, rows * 2)
    }
  }
}

/// Writing pages. A page holds whole users with all their sessions, as they are at this moment.
///
/// Column after column rather than user after user: each pass reads one table, so the processor waits for many rows of it at once
/// instead of for one after another. What is called for every row is inlined: a call that borrows the state would copy it.
extension SessionState {
  /// Puts the next users into a page.
  ///
  /// - Parameters:
  ///   - capture: Where the capture stands; it goes on.
  ///   - through: The last record of this shard.
  ///   - now: The moment of the turn.
  /// - Complexity: O(rows of a page), and O(what a single user has); one allocation, for the page.
  /// - Returns: The page; `nil` when there was nothing to write among the rows that were looked at.
  func capture(_ capture: inout PageCapture, through: LSN, at now: Moment) -> (page: [UInt8], sessions: Int)? {
    capture.columns.removeAll()
    capture.sessions.removeAll(keepingCapacity: true)
    capture.placed.removeAll(keepingCapacity: true)
    var visited = 0
    while visited < PageCapture.emptyRowsMax, hasRoom(capture), let row = capture.pass(in: self) {
      visited += 1
      switch row {
      case .folded(let session):
        if sessions.slots.isLive(session), sessions.rows[session].isFolded { captureFolded(session, &capture) }
      case .row(let user):
        if users.slots.isLive(user) { captureUser(user, &capture) }
      }
    }
    captureRows(&capture, at: now)
    captureParts(&capture)
    for user in capture.placed { capturePlaces(of: user, &capture) }
    guard capture.columns.count(.user) > 0 else { return nil }
    let page = capture.columns.pack(shard: shard, through: through, wall: now.wall)
    capture.adapt(to: page.count)
    return (page, capture.sessions.count)
  }

  @inline(__always)
  private func hasRoom(_ capture: borrowing PageCapture) -> Bool {
    capture.columns.count(.user) < capture.rows && capture.sessions.count < capture.rows
  }

  /// A user who is known by a folded session has nothing else.
  @inline(__always)
  private func captureFolded(_ session: Slot, _ capture: inout PageCapture) {
    let row = sessions.rows[session]
    captureID(row.userID, &capture)
    capture.columns[.userFlags].append(row.userKind == .guest ? PageFormat.flagGuest : 0)
    capture.columns[.userLastSeen].append(Int64(row.lastSeenMinutes))
    capture.columns[.userSessions].append(1)
    capture.columns[.userPlaces].append(0)
    capture.sessions.append(session)
  }

  @inline(__always)
  private func captureID(_ id: BlobRef, _ capture: inout PageCapture) {
    // SAFETY: the id is copied within the call.
    blobs.withBytes(of: id) { id in
      capture.columns[.userIDBytes].append(Int64(id.count))
      capture.columns[.userIDs].append(id)
    }
  }

  @inline(__always)
  private func captureUser(_ user: Slot, _ capture: inout PageCapture) {
    let row = users.rows[user]
    let override = users.overrides.isEmpty ? nil : users.overrides[user]
    let ban = users.bans.isEmpty ? nil : users.bans[user]
    // A user who is only watched has nothing that must survive.
    guard row.sessions > 0 || row.lastSeenMinutes != 0 || override != nil || ban != nil else { return }
    captureID(row.id, &capture)
    var flags = row.kind == .guest ? PageFormat.flagGuest : 0
    if let override {
      flags |= PageFormat.flagOverride
      capture.columns[.overrideStatus].append(PageCode.code(of: override.status))
      capture.columns[.overrideUntil].append(override.until?.milliseconds ?? PageFormat.untilLifted)
      capture.columns[.overrideTextBytes].append(override.text.map { Int64($0.count) } ?? PageFormat.noText)
      capture.columns[.overrideTexts].append(override.text ?? [])
    }
    if let ban {
      flags |= PageFormat.flagBan
      capture.columns[.banUntil].append(ban.until?.milliseconds ?? PageFormat.untilLifted)
      capture.columns[.banReasonBytes].append(Int64(ban.reason.count))
      capture.columns[.banReasons].append(ban.reason)
    }
    capture.columns[.userFlags].append(flags)
    capture.columns[.userLastSeen].append(Int64(row.lastSeenMinutes))
    capture.columns[.userSessions].append(Int64(row.sessions))
    var places = 0
    if row.firstPlace != .none {
      capture.placed.append(user)
      var place = row.firstPlace
      while place != .none {
        places += 1
        place = self.places[place].nextOfUser
      }
    }
    capture.columns[.userPlaces].append(Int64(places))
    var session = row.firstSession
    while session != .none {
      capture.sessions.append(session)
      session = sessions[session].nextOfUser
    }
  }

  @inline(__always)
  private func captureRows(_ capture: inout PageCapture, at now: Moment) {
    for session in capture.sessions {
      let row = sessions.rows[session]
      let (id, created) = (row.id, row.created.milliseconds)
      capture.columns[.sessionHigh].append(Int64(bitPattern: id.high))
      capture.columns[.sessionLow].append(Int64(bitPattern: id.low))
      capture.columns[.sessionCreated].append(created)
      capture.columns[.sessionDevice].append(PageCode.code(of: row.device))
      capture.columns[.sessionLifetime].append(now.wall(at: row.expires).milliseconds - created)
      capture.columns[.sessionAge].append(Int64(now.tick.rawValue) - Int64(row.lastHeard.rawValue))
      capture.columns[.sessionStatus].append(PageCode.code(of: row.status))
      capture.columns[.sessionIsDormant].append(row.phase == .dormant ? 1 : 0)
    }
  }

  @inline(__always)
  private func captureParts(_ capture: inout PageCapture) {
    for session in capture.sessions {
      let parts = sessions[session]
      capture.columns[.sessionIdle].append(Int64(parts.idleTicks))
      capture.columns[.sessionResume].append(Int64(parts.resumeTicks))
      capture.columns[.sessionVersion].append(Int64(bitPattern: parts.dataVersion))
      captureText(parts.text, .sessionTexts, &capture)
      captureText(parts.publicData, .publicData, &capture)
      captureText(parts.privateData, .privateData, &capture)
    }
  }

  @inline(__always)
  private func captureText(_ ref: BlobRef, _ text: PageColumns.Text, _ capture: inout PageCapture) {
    guard ref != .none else { return capture.columns[text.lengths].append(0) }
    // SAFETY: the bytes are copied within the call.
    blobs.withBytes(of: ref) { bytes in
      capture.columns[text.lengths].append(Int64(bytes.count))
      capture.columns[text].append(bytes)
    }
  }

  private func capturePlaces(of user: Slot, _ capture: inout PageCapture) {
    rankMemberships(of: user, &capture)
    var place = users.rows[user].firstPlace
    while place != .none {
      let row = places[place]
      let name = channelNames[row.channel].utf8
      capture.columns[.placeSince].append(row.isTold ? row.since.milliseconds : 0)
      capture.columns[.placeNameBytes].append(Int64(name.count))
      capture.columns[.placeNames].append(name)
      var count: Int64 = 0
      var membership = row.firstMembership
      while membership != .none {
        let found = rank(of: membership, capture)
        capture.columns[.membershipSession].append(Int64(found >> 14 & 0x3fff))
        capture.columns[.membershipRank].append(Int64(found & 0x3fff))
        captureText(memberships[membership].meta, .metas, &capture)
        count += 1
        membership = memberships[membership].nextOfPlace
      }
      capture.columns[.placeMemberships].append(count)
      place = row.nextOfUser
    }
  }

  /// Notes for each membership of a user its session and its rank there, sorted by the row of the membership.
  private func rankMemberships(of user: Slot, _ capture: inout PageCapture) {
    capture.ranks.removeAll(keepingCapacity: true)
    var ordinal: UInt64 = 0
    var session = users.rows[user].firstSession
    while session != .none {
      var rank: UInt64 = 0
      var membership = sessions[session].firstMembership
      while membership != .none {
        capture.ranks.append(UInt64(membership.rawValue) << 28 | ordinal << 14 | rank)
        rank += 1
        membership = memberships[membership].nextOfSession
      }
      ordinal += 1
      session = sessions[session].nextOfUser
    }
    if capture.ranks.count > 1 { capture.ranks.sort() }
  }

  /// Looks up what ``rankMemberships(of:_:)`` has noted, by halving.
  private func rank(of membership: Slot, _ capture: borrowing PageCapture) -> UInt64 {
    var (low, high) = (0, capture.ranks.count)
    while low < high {
      let middle = (low + high) / 2
      if capture.ranks[middle] >> 28 < UInt64(membership.rawValue) { low = middle + 1 } else { high = middle }
    }
    precondition(
      low < capture.ranks.count && capture.ranks[low] >> 28 == UInt64(membership.rawValue),
      "a place has a membership that no session of its user has")
    return capture.ranks[low]
  }
}
