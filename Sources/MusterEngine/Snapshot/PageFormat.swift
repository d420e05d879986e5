package import MusterModel

/// The bytes of a page: some users of one shard with everything that must survive, current through one record of the log.
///
/// Integers are little-endian. All users of a page were looked at in one turn, so a page agrees with itself.
///
/// | offset | bytes | what |
/// | --- | --- | --- |
/// | 0 | 4 | bytes of the page, these included |
/// | 4 | 2 | version, 1 |
/// | 6 | 2 | the shard that wrote it |
/// | 8 | 8 | LSN: every record about these users up to it is in the page, and none behind it |
/// | 16 | 8 | wall time at which it was written |
/// | 24 | 4 | users |
/// | 28 | 4 | sessions |
/// | 32 | 4 | places: a user in a channel |
/// | 36 | 4 | memberships: a session in a channel |
/// | 40 | 4 | overrides |
/// | 44 | 4 | bans |
/// | 48 | | columns of numbers, in the order of ``PageColumns/numbers`` below, each: width in bytes (1 byte: 0, 1, 2, 4, 8), base (8 bytes), then for each row the difference from the base |
/// | | | columns of bytes: length (4 bytes), then the byte strings of all rows behind one another |
///
/// Numbers, one row for each:
/// - user: bytes of the id; flags (1 guest, 2 override, 4 ban); last seen in minutes since 1970, 0 for never; sessions; places.
/// - override, by user: status; until, in milliseconds since 1970, the largest number for "until lifted"; bytes of the text,
///   -1 for none.
/// - ban, by user: until, likewise; bytes of the reason.
/// - session, by user, oldest first: id, high and low half; created, in milliseconds since 1970; lifetime from then in
///   milliseconds; ticks of 100 ms since it was last heard; idle TTL and resume window in ticks; device; status; 1 if dormant;
///   bytes of text, public and private data; version of the data.
/// - place, by user: since, in milliseconds since 1970, 0 for a place that nobody was told of; bytes of the channel's name;
///   memberships.
/// - membership, by place, oldest first: number of the session among those of its user; number of the membership among those of
///   its session, the newest first; bytes of the meta.
///
/// Bytes: ids of users; texts of overrides; reasons of bans; texts of sessions; public data; private data; names of channels;
/// metas.
///
/// Words are written as the codes of ``PageCode``, never as what they are in memory.
enum PageFormat {
  static let version: UInt16 = 1
  static let headerBytes = 48
  /// No end: an override or a ban that holds until it is lifted.
  static let untilLifted = Int64.max
  /// An override without a text.
  static let noText: Int64 = -1
  static let flagGuest: Int64 = 1
  static let flagOverride: Int64 = 2
  static let flagBan: Int64 = 4
  /// Ordinals of sessions and memberships have 14 bits where they are sorted.
  static let ordinalMax: Int64 = 1 << 14 - 1
}

/// What is wrong with a page whose checksums are right: it was not written by this program, or by a defect of it.
package enum PageDefect: Error, Hashable, Sendable {
  case cutShort
  case unknownVersion(UInt16)
  /// Two statements of the page cannot both be true, or one is impossible.
  case contradiction(String)
}

/// The first fields of a page.
package struct PageHeader: Sendable, Hashable {
  package var shard: Int
  package var through: LSN
  package var wall: WallTime
  package var users: Int
  package var sessions: Int
  var places: Int
  var memberships: Int
  var overrides: Int
  var bans: Int

  /// Reads the header and leaves the reader behind it.
  init(from page: inout PageBytes.Reader) throws(PageDefect) {
    let total = page.left
    guard Int(try page.word()) == total else { throw .cutShort }
    let version = try page.short()
    guard version == PageFormat.version else { throw .unknownVersion(version) }
    shard = Int(try page.short())
    through = LSN(UInt64(bitPattern: try page.integer()))
    wall = WallTime(milliseconds: try page.integer())
    users = Int(try page.word())
    sessions = Int(try page.word())
    places = Int(try page.word())
    memberships = Int(try page.word())
    overrides = Int(try page.word())
    bans = Int(try page.word())
    // A column of equal numbers takes no bytes for its rows, so their number is held against the bytes that each row has.
    guard users <= total, sessions <= total, places <= total, memberships <= total, overrides <= users, bans <= users
    else { throw .contradiction("the page has fewer bytes than rows") }
    guard wall.milliseconds >= 0, wall.milliseconds < 1 << 53 else { throw .contradiction("the page was written at no time") }
  }

  init(
    shard: Int, through: LSN, wall: WallTime, users: Int, sessions: Int, places: Int, memberships: Int, overrides: Int, bans: Int
  ) {
    self.shard = shard
    self.through = through
    self.wall = wall
    self.users = users
    self.sessions = sessions
    self.places = places
    self.memberships = memberships
    self.overrides = overrides
    self.bans = bans
  }

  /// Writes the header; the length of the page is filled in when it is known.
  func write(into out: inout PageBytes) {
    out.append(UInt32(0))
    out.append(UInt8(truncatingIfNeeded: PageFormat.version))
    out.append(UInt8(truncatingIfNeeded: PageFormat.version >> 8))
    out.append(UInt8(truncatingIfNeeded: shard))
    out.append(UInt8(truncatingIfNeeded: shard >> 8))
    out.append(Int64(bitPattern: through.rawValue))
    out.append(wall.milliseconds)
    for count in [users, sessions, places, memberships, overrides, bans] { out.append(UInt32(count)) }
  }
}

/// The codes of words on disk.
///
/// They are frozen with the version of the page.
enum PageCode {
  static func code(of status: Status) -> Int64 {
    switch status {
    case .offline: 0
    case .online: 1
    case .away: 2
    case .dnd: 3
    case .invisible: 4
    }
  }

  static func status(_ code: Int64) -> Status? {
    switch code {
    case 1: .online
    case 2: .away
    case 3: .dnd
    case 4: .invisible
    default: nil
    }
  }

  static func code(of device: Device) -> Int64 {
    switch device {
    case .web: 0
    case .ios: 1
    case .android: 2
    case .desktop: 3
    case .bot: 4
    case .other: 5
    }
  }

  static func device(_ code: Int64) -> Device? {
    switch code {
    case 0: .web
    case 1: .ios
    case 2: .android
    case 3: .desktop
    case 4: .bot
    case 5: .other
    default: nil
    }
  }
}
