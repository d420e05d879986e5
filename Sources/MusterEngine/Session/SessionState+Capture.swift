import MusterModel

/// Where the capture of one shard stands: which users come next, and the columns of the page that is being filled.
///
/// ### Isolation
/// A plain value inside of its shard. `~Copyable`, since it owns columns.
struct PageCapture: ~Copyable {
  /// How many rows without a user are passed in one step.
  static let emptyRowsMax = 4_096

  /// The row from which the next page goes on.
  private(set) var next: UInt32 = 0
  /// Pages larger than this are followed by pages with fewer rows, so that sessions with much data do not make steps long.
  static let bytesTarget = 128 << 10

  /// How many users or sessions make a page at most; the last user may exceed it.
  let rowsMax: Int
  /// How many make the next page.
  fileprivate var rows: Int
  /// Rows from here on have come to life since: the log tells of their users.
  let end: UInt32
  var columns = PageColumns()
  fileprivate var sessions: [Slot] = []
  fileprivate var placed: [Slot] = []
  /// Memberships of one user: row, session and rank, to be found by row.
  fileprivate var ranks: [UInt64] = []

  /// A capture of all users who are known now.
  init(of state: borrowing SessionState, rowsMax: Int) {
    self.rowsMax = rowsMax
    rows = rowsMax
    end = UInt32(state.users.slots.rows)
  }

  var isAtEnd: Bool { next >= end }

  /// Makes the next page smaller when this one was large, and larger again when it was not.
  fileprivate mutating func adapt(to bytes: Int) {
    if bytes > Self.bytesTarget {
      rows = max(1, rows / 2)
    } else if bytes < Self.bytesTarget / 4 {
      rows = min(rowsMax, rows * 2)
    }
  }

  fileprivate mutating func pass() -> Slot {
    defer { next += 1 }
    return Slot(next)
  }
}

/// Writing pages. A page holds whole users with all their sessions, as they are at this moment.
///
/// Column after column rather than user after user: each pass reads one table, so the processor waits for many rows of it at once
/// instead of for one after another.
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
    while !capture.isAtEnd, visited < PageCapture.emptyRowsMax, hasRoom(capture) {
      visited += 1
      let user = capture.pass()
      guard users.slots.isLive(user) else { continue }
      captureUser(user, &capture)
    }
    captureIdentities(&capture, at: now)
    captureLeases(&capture, at: now)
    captureBelongings(&capture)
    for user in capture.placed { capturePlaces(of: user, &capture) }
    guard capture.columns.count(.user) > 0 else { return nil }
    let page = capture.columns.pack(shard: shard, through: through, wall: now.wall)
    capture.adapt(to: page.count)
    return (page, capture.sessions.count)
  }

  private func hasRoom(_ capture: borrowing PageCapture) -> Bool {
    capture.columns.count(.user) < capture.rows && capture.sessions.count < capture.rows
  }

  private func captureUser(_ user: Slot, _ capture: inout PageCapture) {
    let row = users.rows[user]
    let override = users.overrides.isEmpty ? nil : users.overrides[user]
    let ban = users.bans.isEmpty ? nil : users.bans[user]
    // A user who is only watched has nothing that must survive.
    guard row.sessions > 0 || row.lastSeenMinutes != 0 || override != nil || ban != nil else { return }
    // SAFETY: the id is copied within the call.
    blobs.withBytes(of: row.id) { id in
      capture.columns[.userIDBytes].append(Int64(id.count))
      capture.columns[.userIDs].append(id)
    }
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
      session = sessions.identity[session].nextOfUser
    }
  }

  private func captureIdentities(_ capture: inout PageCapture, at now: Moment) {
    for session in capture.sessions {
      let identity = sessions.identity[session]
      capture.columns[.sessionHigh].append(Int64(bitPattern: identity.id.high))
      capture.columns[.sessionLow].append(Int64(bitPattern: identity.id.low))
      capture.columns[.sessionCreated].append(identity.created.milliseconds)
      capture.columns[.sessionDevice].append(PageCode.code(of: identity.device))
    }
  }

  private func captureLeases(_ capture: inout PageCapture, at now: Moment) {
    for (row, session) in capture.sessions.enumerated() {
      let lease = sessions.lease[session]
      let created = capture.columns[.sessionCreated][row]
      capture.columns[.sessionLifetime].append(now.wall(at: lease.expires).milliseconds - created)
      capture.columns[.sessionAge].append(Int64(now.tick.rawValue) - Int64(lease.lastHeard.rawValue))
      capture.columns[.sessionIdle].append(Int64(lease.idleTicks))
      capture.columns[.sessionResume].append(Int64(lease.resumeTicks))
      capture.columns[.sessionStatus].append(PageCode.code(of: lease.status))
      capture.columns[.sessionIsDormant].append(lease.phase == .dormant ? 1 : 0)
    }
  }

  private func captureBelongings(_ capture: inout PageCapture) {
    for session in capture.sessions {
      let belongings = sessions.belongings[session]
      capture.columns[.sessionVersion].append(Int64(bitPattern: belongings.dataVersion))
      captureText(belongings.text, .sessionTexts, &capture)
      captureText(belongings.publicData, .publicData, &capture)
      captureText(belongings.privateData, .privateData, &capture)
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
      var membership = sessions.belongings[session].firstMembership
      while membership != .none {
        capture.ranks.append(UInt64(membership.rawValue) << 28 | ordinal << 14 | rank)
        rank += 1
        membership = memberships[membership].nextOfSession
      }
      ordinal += 1
      session = sessions.identity[session].nextOfUser
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
