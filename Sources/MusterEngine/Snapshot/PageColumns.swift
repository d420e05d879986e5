import MusterModel

/// The columns of one page: what capturing fills and packs, and what restoring unpacks and reads.
///
/// Made once for each shard and used for page after page.
///
/// - Invariant: I1. Behind ``unpack(_:)``, columns of one kind of row are equally long, counts of rows that belong to others add
///   up to as many as there are, and lengths to the bytes there are. So whoever walks the rows in order reads nothing that is not
///   there.
///
/// ### Isolation
/// A plain value without a lock. `~Copyable`, since it owns its memory.
struct PageColumns: ~Copyable {
  /// What a row of a page stands for.
  enum Row: Int, CaseIterable {
    case user, override, ban, session, place, membership
  }

  /// The columns of numbers, in the order in which they are written.
  enum Number: Int, CaseIterable {
    case userIDBytes, userFlags, userLastSeen, userSessions, userPlaces
    case overrideStatus, overrideUntil, overrideTextBytes
    case banUntil, banReasonBytes
    case sessionHigh, sessionLow, sessionCreated, sessionLifetime, sessionAge, sessionIdle, sessionResume, sessionDevice
    case sessionStatus, sessionIsDormant, sessionTextBytes, sessionPublicBytes, sessionPrivateBytes, sessionVersion
    case placeSince, placeNameBytes, placeMemberships
    case membershipSession, membershipRank, membershipMetaBytes

    var row: Row {
      switch rawValue {
      case ...Self.userPlaces.rawValue: .user
      case ...Self.overrideTextBytes.rawValue: .override
      case ...Self.banReasonBytes.rawValue: .ban
      case ...Self.sessionVersion.rawValue: .session
      case ...Self.placeMemberships.rawValue: .place
      default: .membership
      }
    }
  }

  /// The columns of bytes, in the order in which they are written.
  enum Text: Int, CaseIterable {
    case userIDs, overrideTexts, banReasons, sessionTexts, publicData, privateData, placeNames, metas

    /// The lengths of the byte strings of this column.
    var lengths: Number {
      switch self {
      case .userIDs: .userIDBytes
      case .overrideTexts: .overrideTextBytes
      case .banReasons: .banReasonBytes
      case .sessionTexts: .sessionTextBytes
      case .publicData: .sessionPublicBytes
      case .privateData: .sessionPrivateBytes
      case .placeNames: .placeNameBytes
      case .metas: .membershipMetaBytes
      }
    }
  }

  // SAFETY: one initialised column for each case, owned by this value alone and freed in `deinit`.
  private let numbers: UnsafeMutablePointer<PageColumn>
  // SAFETY: one initialised text for each case, owned and freed in the same way.
  private let texts: UnsafeMutablePointer<PageBytes>
  private var packed = PageBytes()

  init() {
    numbers = .allocate(capacity: Number.allCases.count)
    for index in Number.allCases.indices { (numbers + index).initialize(to: PageColumn()) }
    texts = .allocate(capacity: Text.allCases.count)
    for index in Text.allCases.indices { (texts + index).initialize(to: PageBytes()) }
  }

  deinit {
    numbers.deinitialize(count: Number.allCases.count)
    numbers.deallocate()
    texts.deinitialize(count: Text.allCases.count)
    texts.deallocate()
  }

  /// A column of numbers, in place.
  subscript(number: Number) -> PageColumn {
    // SAFETY: there is a column for each case. The compiler holds `self` for as long as it uses the address.
    @inline(__always)
    unsafeAddress { UnsafePointer(numbers + number.rawValue) }
    @inline(__always)
    unsafeMutableAddress { numbers + number.rawValue }
  }

  /// A column of bytes, in place.
  subscript(text: Text) -> PageBytes {
    // SAFETY: as for numbers.
    @inline(__always)
    unsafeAddress { UnsafePointer(texts + text.rawValue) }
    @inline(__always)
    unsafeMutableAddress { texts + text.rawValue }
  }

  /// How many rows of a kind there are.
  func count(_ row: Row) -> Int {
    switch row {
    case .user: self[.userFlags].count
    case .override: self[.overrideStatus].count
    case .ban: self[.banUntil].count
    case .session: self[.sessionHigh].count
    case .place: self[.placeSince].count
    case .membership: self[.membershipSession].count
    }
  }

  /// The bytes of all byte strings.
  var textBytes: Int {
    var sum = 0
    for index in Text.allCases.indices { sum += texts[index].count }
    return sum
  }

  /// Forgets the rows and keeps the memory.
  mutating func removeAll() {
    for index in Number.allCases.indices { numbers[index].removeAll() }
    for index in Text.allCases.indices { texts[index].removeAll() }
  }

  /// Puts the page together: see ``PageFormat``.
  mutating func pack(shard: Int, through: LSN, wall: WallTime) -> [UInt8] {
    packed.removeAll()
    let header = PageHeader(
      shard: shard, through: through, wall: wall, users: count(.user), sessions: count(.session), places: count(.place),
      memberships: count(.membership), overrides: count(.override), bans: count(.ban))
    header.write(into: &packed)
    for index in Number.allCases.indices { numbers[index].pack(into: &packed) }
    for index in Text.allCases.indices { packed.append(counted: texts[index]) }
    packed.overwrite(UInt32(packed.count), at: 0)
    return packed.copy()
  }

  /// Takes a page apart, in the place of what is there.
  ///
  /// - Complexity: O(bytes), no allocation once the columns have been large enough.
  /// - Throws: When the page was not put together by ``pack(shard:through:wall:)``; the columns are of no use then.
  mutating func unpack(_ bytes: UnsafeRawBufferPointer) throws(PageDefect) -> PageHeader {
    removeAll()
    var page = PageBytes.Reader(bytes)
    let header = try PageHeader(from: &page)
    for number in Number.allCases {
      try numbers[number.rawValue].unpack(count: header.count(number.row), from: &page)
    }
    for text in Text.allCases {
      texts[text.rawValue].append(try page.bytes(Int(try page.word())))
    }
    guard page.left == 0 else { throw .contradiction("the page is longer than what it holds") }
    try check(header)
    return header
  }

  /// Holds the counts against each other (I1), and each value that stands for something against what there is.
  private func check(_ header: PageHeader) throws(PageDefect) {
    let sums: [(Number, Int)] = [
      (.userSessions, header.sessions), (.userPlaces, header.places), (.placeMemberships, header.memberships),
    ]
    for (number, count) in sums where self[number].sum() != count {
      throw .contradiction("\(number) does not add up to \(count)")
    }
    for text in Text.allCases {
      guard lengths(of: text) == self[text].count else { throw .contradiction("\(text) are not as long as said") }
    }
    let ranges: [(Number, ClosedRange<Int64>)] = [
      (.userIDBytes, 1...Int64(UserID.bytesMax)), (.userFlags, 0...7), (.userLastSeen, 0...Int64(UInt32.max)),
      (.userSessions, 0...PageFormat.ordinalMax), (.overrideStatus, 1...4), (.overrideUntil, 0...Int64.max),
      (.banUntil, 0...Int64.max), (.sessionCreated, 0...1 << 53), (.sessionLifetime, -(1 << 53)...1 << 53),
      (.sessionAge, Int64(Int32.min)...Int64(UInt32.max)), (.sessionIdle, 0...Int64(UInt32.max)),
      (.sessionResume, 0...Int64(UInt32.max)), (.sessionDevice, 0...5), (.sessionStatus, 1...4), (.sessionIsDormant, 0...1),
      (.placeSince, 0...1 << 53), (.placeNameBytes, 1...Int64(ChannelName.bytesMax)),
      (.placeMemberships, 1...PageFormat.ordinalMax),
      (.membershipSession, 0...PageFormat.ordinalMax - 1), (.membershipRank, 0...PageFormat.ordinalMax - 1),
    ]
    for (number, range) in ranges where !self[number].isWithin(range) {
      throw .contradiction("a \(number) is outside of \(range)")
    }
    for text in Text.allCases where text != .overrideTexts && !self[text.lengths].isWithin(0...Int64(BlobStore.bytesMax)) {
      throw .contradiction("one of the \(text) is longer than 1 MiB")
    }
    try checkFlags(header)
  }

  private func checkFlags(_ header: PageHeader) throws(PageDefect) {
    var overrides = 0
    var bans = 0
    for row in 0..<header.users {
      if self[.userFlags][row] & PageFormat.flagOverride != 0 { overrides += 1 }
      if self[.userFlags][row] & PageFormat.flagBan != 0 { bans += 1 }
    }
    guard overrides == header.overrides, bans == header.bans else {
      throw .contradiction("the page has \(header.overrides) overrides and \(header.bans) bans, its users others")
    }
  }

  /// The sum of the lengths; no override text is no byte.
  ///
  /// `nil` for lengths that cannot be.
  private func lengths(of text: Text) -> Int? {
    guard text == .overrideTexts else { return self[text.lengths].sum() }
    var sum = 0
    for row in 0..<self[.overrideTextBytes].count {
      let length = self[.overrideTextBytes][row]
      guard (PageFormat.noText...Int64(BlobStore.bytesMax)).contains(length) else { return nil }
      sum += Int(max(0, length))
    }
    return sum
  }
}

@available(*, unavailable)
extension PageColumns: Sendable {}

extension PageHeader {
  /// How many rows of a kind the page says it has.
  func count(_ row: PageColumns.Row) -> Int {
    switch row {
    case .user: users
    case .override: overrides
    case .ban: bans
    case .session: sessions
    case .place: places
    case .membership: memberships
    }
  }
}
