package import MusterModel

/// A user as a snapshot has it, for tools that show what is there.
package struct ListedUser: Sendable {
  package var id: UserID
  package var kind: UserKind
  /// `nil` for a user who was never seen leaving; to the minute.
  package var lastSeen: WallTime?
  package var override: StatusOverride?
  package var ban: Ban?
  /// Oldest first.
  package var sessions: [ListedSession]
  /// Every record about this user up to it is in this.
  package var through: LSN
}

/// A session as a snapshot has it.
package struct ListedSession: Sendable {
  package var id: SessionID
  package var device: Device
  package var status: Status
  package var text: [UInt8]
  package var isDormant: Bool
  package var created: WallTime
  package var expires: WallTime
  package var lastHeard: WallTime
  package var data: SessionData
  package var memberships: [(channel: ChannelName, meta: Payload)]
}

/// Takes pages apart into values, without an engine to put them into.
///
/// ### Ownership
/// `~Copyable`, since it owns the columns that it uses for page after page.
package struct PageLister: ~Copyable {
  private var columns = PageColumns()

  package init() {}

  /// Hands out the users of a frame's pages, in the order in which they stand there.
  ///
  /// - Throws: What is wrong with the first page that is none.
  package mutating func list(_ frame: [UInt8], _ visit: (ListedUser) -> Void) throws(PageDefect) {
    // SAFETY: the bytes are only read, and within this call.
    try frame.span.bytes.withUnsafeBytes { frame throws(PageDefect) in try list(frame, visit) }
  }

  // SAFETY: each page lies within the frame, which `length(of:at:)` checks, and the columns keep copies.
  private mutating func list(_ frame: UnsafeRawBufferPointer, _ visit: (ListedUser) -> Void) throws(PageDefect) {
    var offset = 0
    while offset < frame.count {
      guard let length = PageHeader.length(of: frame, at: offset) else { throw .cutShort }
      let header = try columns.unpack(UnsafeRawBufferPointer(rebasing: frame[offset..<offset + length]))
      var cursor = PageCursor()
      for _ in 0..<header.users { visit(try user(&cursor, header)) }
      offset += length
    }
  }

  private mutating func user(_ cursor: inout PageCursor, _ header: PageHeader) throws(PageDefect) -> ListedUser {
    let user = try cursor.user(in: &columns)
    var listed = ListedUser(
      id: user.id, kind: user.kind,
      lastSeen: user.lastSeen == 0 ? nil : WallTime(milliseconds: Int64(user.lastSeen) * 60_000),
      override: cursor.override(of: user, in: &columns), ban: cursor.ban(of: user, in: &columns), sessions: [],
      through: header.through)
    for _ in 0..<user.sessions { listed.sessions.append(try session(&cursor, header)) }
    for _ in 0..<user.places { try place(&cursor, &listed.sessions) }
    return listed
  }

  private mutating func session(_ cursor: inout PageCursor, _ header: PageHeader) throws(PageDefect) -> ListedSession {
    let row = cursor.sessions
    defer { cursor.sessions += 1 }
    let id = SessionID(
      high: UInt64(bitPattern: columns[.sessionHigh][row]), low: UInt64(bitPattern: columns[.sessionLow][row]))
    guard let device = PageCode.device(columns[.sessionDevice][row]), let status = PageCode.status(columns[.sessionStatus][row])
    else { throw .contradiction("session \(id.text) has no device or no status") }
    let created = columns[.sessionCreated][row]
    let heard = header.wall.milliseconds - columns[.sessionAge][row] * Int64(Tick.milliseconds)
    // SAFETY: the bytes are copied at once.
    let text = [UInt8](cursor.take(.sessionTexts, row, in: &columns))
    // SAFETY: likewise.
    let shown = [UInt8](cursor.take(.publicData, row, in: &columns))
    // SAFETY: likewise.
    let hidden = [UInt8](cursor.take(.privateData, row, in: &columns))
    return ListedSession(
      id: id, device: device, status: status, text: text, isDormant: columns[.sessionIsDormant][row] == 1,
      created: WallTime(milliseconds: created),
      expires: WallTime(milliseconds: created + columns[.sessionLifetime][row]), lastHeard: WallTime(milliseconds: heard),
      data: SessionData(
        public: Self.payload(shown), private: Self.payload(hidden), version: UInt64(bitPattern: columns[.sessionVersion][row])),
      memberships: [])
  }

  private mutating func place(_ cursor: inout PageCursor, _ sessions: inout [ListedSession]) throws(PageDefect) {
    // SAFETY: the bytes are copied at once.
    let name = [UInt8](cursor.take(.placeNames, cursor.places, in: &columns))
    guard let channel = ChannelName(utf8: name) else { throw .contradiction("a channel has a name that is none") }
    for _ in 0..<columns[.placeMemberships][cursor.places] {
      let session = Int(columns[.membershipSession][cursor.memberships])
      // SAFETY: the bytes are copied at once.
      let meta = [UInt8](cursor.take(.metas, cursor.memberships, in: &columns))
      guard sessions.indices.contains(session) else { throw .contradiction("a membership is of a session that is not there") }
      sessions[session].memberships.append((channel, Self.payload(meta)))
      cursor.memberships += 1
    }
    cursor.places += 1
  }

  /// No bytes stand for an object without members.
  private static func payload(_ json: [UInt8]) -> Payload { json.isEmpty ? .empty : Payload(validated: json) }
}
