package import MusterEngine
import MusterModel

/// Why bytes are no record.
package enum CodecError: Error, Sendable, Hashable {
  /// A field goes beyond the end of its record, or a record beyond that of its group.
  case truncated
  /// There are bytes behind the last field, or behind the last record.
  case surplus
  /// A tag that this program does not know; a newer one may have written it.
  case unknownTag(UInt16)
  /// A field holds what no program may write there.
  case invalid(String)
}

/// Takes the records of a group's body apart, one by one.
///
/// - Complexity: O(bytes) in all; allocates what the mutations themselves hold.
package struct RecordReader {
  private var fields: FieldReader
  private var recordsLeft: Int
  private var lsn: LSN

  /// Begins with the first record of a group whose body lies within some bytes.
  package init(_ bytes: [UInt8], body: Range<Int>, records: Int, firstLSN: LSN) {
    fields = FieldReader(bytes, body)
    recordsLeft = records
    lsn = firstLSN
  }

  /// The next record; `nil` behind the last one.
  package mutating func next() throws(CodecError) -> LoggedMutation? {
    guard recordsLeft > 0 else {
      try fields.expectPadding()
      return nil
    }
    let length = Int(try fields.word(UInt32.self))
    let end = try fields.end(of: length)
    let tag = try fields.word(UInt16.self)
    let wall = try fields.wall()
    let mutation = try mutation(tag)
    guard fields.offset == end else { throw fields.offset < end ? .surplus : .truncated }
    defer {
      lsn = LSN(lsn.rawValue + 1)
      recordsLeft -= 1
    }
    return LoggedMutation(lsn: lsn, wall: wall, mutation: mutation)
  }

  private mutating func mutation(_ tag: UInt16) throws(CodecError) -> Mutation {
    switch tag {
    case MutationCodec.Tag.granted: .granted(try grant())
    case MutationCodec.Tag.dormant: .dormant(try fields.session(), try fields.reason())
    case MutationCodec.Tag.awake: .awake(try fields.session())
    case MutationCodec.Tag.ended: .ended(try fields.session(), try fields.reason())
    case MutationCodec.Tag.joined: .joined(try fields.session(), try fields.channel(), meta: try fields.payload())
    case MutationCodec.Tag.left: .left(try fields.session(), try fields.channel())
    case MutationCodec.Tag.metaSet: .metaSet(try fields.session(), try fields.channel(), meta: try fields.payload())
    case MutationCodec.Tag.statusSet: .statusSet(try fields.session(), try fields.status(), text: try fields.text())
    case MutationCodec.Tag.overridden: .overridden(try fields.user(), try override())
    case MutationCodec.Tag.dataSet:
      .dataSet(
        try fields.session(),
        SessionData(public: try fields.payload(), private: try fields.payload(), version: try fields.word(UInt64.self)))
    case MutationCodec.Tag.banned: .banned(try fields.user(), try ban())
    default: throw .unknownTag(tag)
    }
  }

  private mutating func grant() throws(CodecError) -> SessionGrant {
    SessionGrant(
      session: try fields.session(), user: try fields.user(), kind: try fields.kind(), device: try fields.device(),
      status: try fields.status(), text: try fields.text(), created: try fields.wall(), expires: try fields.wall(),
      idleTTL: try fields.duration(), resumeWindow: try fields.duration())
  }

  private mutating func override() throws(CodecError) -> StatusOverride? {
    guard try fields.isPresent() else { return nil }
    return StatusOverride(
      status: try fields.status(), text: try fields.isPresent() ? try fields.text() : nil,
      until: try fields.isPresent() ? try fields.wall() : nil)
  }

  private mutating func ban() throws(CodecError) -> Ban? {
    guard try fields.isPresent() else { return nil }
    return Ban(until: try fields.isPresent() ? try fields.wall() : nil, reason: try fields.text())
  }
}

/// Reads fields from bytes, never beyond their end.
struct FieldReader {
  private let bytes: [UInt8]
  private(set) var offset: Int
  private let end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    precondition(range.upperBound <= bytes.count, "fields are read from bytes that are there")
    self.bytes = bytes
    offset = range.lowerBound
    end = range.upperBound
  }

  /// Where so many bytes from here end.
  func end(of count: Int) throws(CodecError) -> Int {
    guard end - offset >= count else { throw .truncated }
    return offset + count
  }

  @inline(__always)
  mutating func word<Word: FixedWidthInteger & BitwiseCopyable>(_ type: Word.Type) throws(CodecError) -> Word {
    let end = try end(of: MemoryLayout<Word>.size)
    defer { offset = end }
    return bytes.span.bytes.word(at: offset, type)
  }

  private mutating func array(_ count: Int) throws(CodecError) -> [UInt8] {
    let end = try end(of: count)
    defer { offset = end }
    return Array(bytes[offset..<end])
  }

  /// What is left is fewer bytes than an alignment, all of them zero.
  func expectPadding() throws(CodecError) {
    guard end - offset < LogFormat.alignment, bytes[offset..<end].allSatisfy({ $0 == 0 }) else { throw .surplus }
  }

  mutating func session() throws(CodecError) -> SessionID {
    SessionID(high: try word(UInt64.self), low: try word(UInt64.self))
  }

  mutating func user() throws(CodecError) -> UserID {
    guard let user = UserID(utf8: try array(Int(try word(UInt8.self)))) else { throw .invalid("user") }
    return user
  }

  mutating func channel() throws(CodecError) -> ChannelName {
    guard let channel = ChannelName(utf8: try array(Int(try word(UInt8.self)))) else { throw .invalid("channel") }
    return channel
  }

  mutating func text() throws(CodecError) -> [UInt8] {
    try array(Int(try word(UInt16.self)))
  }

  mutating func payload() throws(CodecError) -> Payload {
    let count = Int(try word(UInt32.self))
    guard count <= MutationCodec.payloadBytesMax else { throw .invalid("payload") }
    let json = try array(count)
    guard json.first == UInt8(ascii: "{"), json.last == UInt8(ascii: "}"), json.count >= 2 else { throw .invalid("payload") }
    return Payload(validated: json)
  }

  mutating func wall() throws(CodecError) -> WallTime {
    let milliseconds = try word(Int64.self)
    guard milliseconds.magnitude <= MutationCodec.millisecondsMax.magnitude else { throw .invalid("time") }
    return WallTime(milliseconds: milliseconds)
  }

  mutating func duration() throws(CodecError) -> Duration {
    let milliseconds = try word(Int64.self)
    guard milliseconds >= 0, milliseconds <= MutationCodec.millisecondsMax else { throw .invalid("duration") }
    return .milliseconds(milliseconds)
  }

  mutating func isPresent() throws(CodecError) -> Bool {
    switch try word(UInt8.self) {
    case 0: false
    case 1: true
    default: throw .invalid("presence")
    }
  }

  mutating func kind() throws(CodecError) -> UserKind {
    guard let kind = MutationCodec.kind(of: try word(UInt8.self)) else { throw .invalid("kind") }
    return kind
  }

  mutating func device() throws(CodecError) -> Device {
    guard let device = MutationCodec.device(of: try word(UInt8.self)) else { throw .invalid("device") }
    return device
  }

  mutating func status() throws(CodecError) -> Status {
    // Nobody chooses to be offline: it is what is shown of a user without sessions.
    guard let status = MutationCodec.status(of: try word(UInt8.self)), status != .offline else { throw .invalid("status") }
    return status
  }

  mutating func reason() throws(CodecError) -> LeaveReason {
    guard let reason = MutationCodec.reason(of: try word(UInt8.self)) else { throw .invalid("reason") }
    return reason
  }
}
