package import MusterModel

/// Turns the bytes of a relay into requests, and for clients those of the server into replies.
///
/// Strict: what is not exactly as ``RelayFormat`` has it is a ``RelayViolation``. Total: any bytes give one or the other.
package enum RelayDecoder {
  /// Reads one batch.
  ///
  /// - Parameter bytes: The payload of one binary message.
  /// - Returns: The id to answer to, and what is asked.
  /// - Throws: Why it cannot be read; the connection has to be closed.
  /// - Complexity: O(bytes); one allocation for the batch, and one for each user id.
  package static func decode(_ bytes: RawSpan) throws(RelayViolation) -> (id: UInt32, request: RelayRequest) {
    // SAFETY: the cursor over the pointer does not leave the closure.
    try bytes.withUnsafeBytes { bytes throws(RelayViolation) in try decode(Cursor(bytes: bytes)) }
  }

  private static func decode(_ start: Cursor) throws(RelayViolation) -> (id: UInt32, request: RelayRequest) {
    var cursor = start
    let (kind, code, id, count) = try cursor.head(isReply: false)
    if code != 0 { throw .reservedBitsSet }
    if count == 0 { throw .noEntries }
    // Before anything is allocated for so many.
    guard cursor.left >= count * kind.entryBytesMin else { throw .tooShort }
    let request: RelayRequest
    switch kind {
    case .heartbeats: request = .heartbeats(try cursor.sessions(count))
    case .opens: request = .opens(try cursor.entries(count) { cursor throws(RelayViolation) in try cursor.open() })
    case .closes: request = .closes(try cursor.entries(count) { cursor throws(RelayViolation) in try cursor.close() })
    }
    if cursor.left > 0 { throw .tooLong }
    return (id, request)
  }

  /// Reads what a server has answered.
  ///
  /// For clients: the load generator, and tests.
  package static func decodeReply(_ bytes: RawSpan) throws(RelayViolation) -> (id: UInt32, reply: RelayReply) {
    // SAFETY: the cursor over the pointer does not leave the closure.
    try bytes.withUnsafeBytes { bytes throws(RelayViolation) in try decodeReply(Cursor(bytes: bytes)) }
  }

  private static func decodeReply(_ start: Cursor) throws(RelayViolation) -> (id: UInt32, reply: RelayReply) {
    var cursor = start
    let (kind, code, id, count) = try cursor.head(isReply: true)
    if code != 0 {
      guard let code = ErrorCode(rawValue: code) else { throw .unknownKind }
      if count > 0 || cursor.left > 0 { throw .tooLong }
      return (id, .refused(code))
    }
    let reply: RelayReply
    switch kind {
    case .heartbeats:
      let (unknown, unavailable) = try cursor.positions(count)
      reply = .heartbeats(unknown: unknown, unavailable: unavailable)
    case .closes:
      let (unknown, unavailable) = try cursor.positions(count)
      reply = .closes(unknown: unknown, unavailable: unavailable)
    case .opens: reply = .opens(try cursor.entries(count) { c throws(RelayViolation) in try c.opened() })
    }
    if cursor.left > 0 { throw .tooLong }
    return (id, reply)
  }

  /// A place in the bytes; each read checks that there are as many.
  private struct Cursor {
    // SAFETY: made and used inside of one closure that lends the bytes; every read is checked against their number.
    let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(bytes: UnsafeRawBufferPointer) {
      self.bytes = bytes
    }

    var left: Int { bytes.count - offset }

    mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
      _: Integer.Type
    ) throws(RelayViolation) -> Integer {
      guard left >= MemoryLayout<Integer>.size else { throw .tooShort }
      defer { offset += MemoryLayout<Integer>.size }
      // SAFETY: there are as many bytes from the offset on, and every bit pattern is an integer.
      return Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }

    mutating func u32() throws(RelayViolation) -> UInt32 { try integer(UInt32.self) }

    mutating func head(
      isReply: Bool
    ) throws(RelayViolation) -> (kind: RelayKind, code: UInt16, id: UInt32, count: Int) {
      let kind = try integer(UInt8.self)
      let reserved = try integer(UInt8.self)
      let code = try integer(UInt16.self)
      let id = try u32()
      let count = Int(try u32())
      guard kind & RelayFormat.replyBit == (isReply ? RelayFormat.replyBit : 0),
        let kind = RelayKind(rawValue: kind & ~RelayFormat.replyBit)
      else { throw .unknownKind }
      if reserved != 0 { throw .reservedBitsSet }
      if count > RelayRequest.entriesMax { throw .tooManyEntries }
      return (kind, code, id, count)
    }

    mutating func session() throws(RelayViolation) -> SessionID {
      let high = try integer(UInt64.self)
      let low = try integer(UInt64.self)
      return SessionID(high: high.byteSwapped, low: low.byteSwapped)
    }

    /// All ids at once: the length is checked before.
    mutating func sessions(_ count: Int) throws(RelayViolation) -> [SessionID] {
      guard left >= count * RelayFormat.sessionBytes else { throw .tooShort }
      let start = offset
      offset += count * RelayFormat.sessionBytes
      let bytes = bytes
      // SAFETY: each of the `count` places is initialised once, from bytes whose length was checked above.
      return [SessionID](unsafeUninitializedCapacity: count) { room, initialized in
        for index in 0..<count {
          let place = start + index * RelayFormat.sessionBytes
          // SAFETY: `count` times 16 bytes are there, checked above, and the room is for `count` ids.
          let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
          let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self))
          room.initializeElement(at: index, to: SessionID(high: high, low: low))
        }
        initialized = count
      }
    }

    mutating func entries<Entry>(
      _ count: Int, _ read: (inout Cursor) throws(RelayViolation) -> Entry
    ) throws(RelayViolation) -> [Entry] {
      var entries: [Entry] = []
      entries.reserveCapacity(count)
      for _ in 0..<count { entries.append(try read(&self)) }
      return entries
    }

    /// The entries that were not carried out, by the reason.
    mutating func positions(_ count: Int) throws(RelayViolation) -> (unknown: [UInt32], unavailable: [UInt32]) {
      let all = try entries(count) { cursor throws(RelayViolation) in try cursor.u32() }
      let bit = RelayFormat.unavailableBit
      return (all.filter { $0 & bit == 0 }, all.filter { $0 & bit != 0 }.map { $0 & ~bit })
    }

    mutating func open() throws(RelayViolation) -> RelayOpen {
      guard let kind = UserKind(rawValue: try integer(UInt8.self)) else { throw .unknownUserKind }
      guard let device = Device(rawValue: try integer(UInt8.self)) else { throw .unknownDevice }
      let length = Int(try integer(UInt16.self))
      let idleTTL = Int(try u32())
      guard left >= length else { throw .tooShort }
      let utf8 = Array(bytes[offset..<offset + length])
      offset += length
      let user = UserID(utf8: utf8)
      guard kind == .guest ? length == 0 : user != nil else { throw .invalidUserID }
      return RelayOpen(user: user, device: device, idleTTLMilliseconds: idleTTL == 0 ? nil : idleTTL)
    }

    mutating func close() throws(RelayViolation) -> RelayClose {
      let session = try session()
      guard let how = RelayClose.How(rawValue: try integer(UInt8.self)) else { throw .unknownClose }
      let reserved = (try integer(UInt8.self), try integer(UInt16.self))
      if reserved != (0, 0) { throw .reservedBitsSet }
      return RelayClose(session: session, how: how)
    }

    mutating func opened() throws(RelayViolation) -> Result<SessionID, ErrorCode> {
      let code = try integer(UInt16.self)
      let reserved = try integer(UInt16.self)
      let session = try session()
      if reserved != 0 { throw .reservedBitsSet }
      if code == 0 { return .success(session) }
      guard let code = ErrorCode(rawValue: code) else { throw .unknownKind }
      return .failure(code)
    }
  }
}
