import MusterEngine
import MusterModel

/// Mutations as bytes, and back.
///
/// Every kind of record has a tag of its own, listed in ``Tag`` and nowhere else. A tag is never used again: a record that
/// gains a field gets a new tag, and the old one is read for ever. Integers are little-endian, names have their length in one
/// byte, texts in two, JSON in four; an optional begins with 0 or 1. Durations are whole milliseconds, which is finer than what
/// the engine does with them.
///
/// Reading is total: whatever the bytes are, the result is a mutation that a correct program could have written, or an error.
package enum MutationCodec {
  /// The kinds of records.
  ///
  /// The numbers are the format. They are not those of any enum of the engine.
  enum Tag {
    static let granted: UInt16 = 1
    static let dormant: UInt16 = 2
    static let awake: UInt16 = 3
    static let ended: UInt16 = 4
    static let joined: UInt16 = 5
    static let left: UInt16 = 6
    static let metaSet: UInt16 = 7
    static let statusSet: UInt16 = 8
    static let overridden: UInt16 = 9
    static let dataSet: UInt16 = 10
    static let banned: UInt16 = 11
  }

  /// The bytes of a record's length, tag and wall time.
  static let recordHeaderBytes = 14
  /// The longest text of a status or of a ban.
  package static let textBytesMax = Int(UInt16.max)
  /// The longest JSON object.
  package static let payloadBytesMax = 1 << 20
  /// The farthest time from 1970 and the longest duration, half a million years: no clock shows more, and sums of a few of them
  /// do not overflow.
  package static let millisecondsMax: Int64 = 1 << 54

  /// How long a record becomes.
  ///
  /// - Complexity: O(1), no allocation.
  static func recordBytes(of mutation: borrowing Mutation) -> Int {
    let fields =
      switch copy mutation {
      case .granted(let grant): 16 + 1 + grant.user.utf8.count + 3 + 2 + grant.text.count + 32
      case .dormant, .ended: 17
      case .awake: 16
      case .joined(_, let channel, let meta), .metaSet(_, let channel, let meta):
        16 + 1 + channel.utf8.count + 4 + meta.json.count
      case .left(_, let channel): 16 + 1 + channel.utf8.count
      case .statusSet(_, _, let text): 17 + 2 + text.count
      case .overridden(let user, let override):
        1 + user.utf8.count + 1 + (override.map { 1 + bytes(of: $0.text) + bytes(of: $0.until) } ?? 0)
      case .dataSet(_, let data): 16 + 8 + data.public.json.count + data.private.json.count + 8
      case .banned(let user, let ban):
        1 + user.utf8.count + 1 + (ban.map { bytes(of: $0.until) + 2 + $0.reason.count } ?? 0)
      }
    return recordHeaderBytes + fields
  }

  private static func bytes(of text: [UInt8]?) -> Int { 1 + (text.map { 2 + $0.count } ?? 0) }

  private static func bytes(of wall: WallTime?) -> Int { wall == nil ? 1 : 9 }

  /// Appends a record.
  ///
  /// Traps for texts and payloads that are longer than the format allows, which the engine's own limits are far below.
  ///
  /// `recordBytes` is what ``recordBytes(of:)`` says.
  ///
  /// - Complexity: O(bytes); allocates only when the buffer has never held so much.
  static func append(_ mutation: Mutation, at wall: WallTime, recordBytes: Int, to buffer: inout RecordBuffer) {
    precondition(recordBytes <= LogFormat.recordBytesMax, "a record of \(recordBytes) bytes is longer than a log can hold")
    buffer.beginRecord(bytes: recordBytes)
    let start = buffer.count
    buffer.put(UInt32(recordBytes - 4))
    buffer.put(tag(of: mutation))
    buffer.put(wall.milliseconds)
    putFields(of: mutation, to: &buffer)
    assert(buffer.count - start == recordBytes, "a record is as long as it said")
  }

  private static func tag(of mutation: Mutation) -> UInt16 {
    switch mutation {
    case .granted: Tag.granted
    case .dormant: Tag.dormant
    case .awake: Tag.awake
    case .ended: Tag.ended
    case .joined: Tag.joined
    case .left: Tag.left
    case .metaSet: Tag.metaSet
    case .statusSet: Tag.statusSet
    case .overridden: Tag.overridden
    case .dataSet: Tag.dataSet
    case .banned: Tag.banned
    }
  }

  private static func putFields(of mutation: Mutation, to buffer: inout RecordBuffer) {
    switch mutation {
    case .granted(let grant): put(grant, to: &buffer)
    case .dormant(let session, let reason), .ended(let session, let reason):
      put(session, to: &buffer)
      buffer.put(code(of: reason))
    case .awake(let session): put(session, to: &buffer)
    case .joined(let session, let channel, let meta), .metaSet(let session, let channel, let meta):
      put(session, to: &buffer)
      putName(channel.utf8, to: &buffer)
      put(meta, to: &buffer)
    case .left(let session, let channel):
      put(session, to: &buffer)
      putName(channel.utf8, to: &buffer)
    case .statusSet(let session, let status, let text):
      put(session, to: &buffer)
      buffer.put(code(of: status))
      putText(text, to: &buffer)
    case .overridden(let user, let override):
      putName(user.utf8, to: &buffer)
      buffer.put(UInt8(override == nil ? 0 : 1))
      guard let override else { return }
      buffer.put(code(of: override.status))
      buffer.put(UInt8(override.text == nil ? 0 : 1))
      if let text = override.text { putText(text, to: &buffer) }
      put(override.until, to: &buffer)
    case .dataSet(let session, let data):
      put(session, to: &buffer)
      put(data.public, to: &buffer)
      put(data.private, to: &buffer)
      buffer.put(data.version)
    case .banned(let user, let ban):
      putName(user.utf8, to: &buffer)
      buffer.put(UInt8(ban == nil ? 0 : 1))
      guard let ban else { return }
      put(ban.until, to: &buffer)
      putText(ban.reason, to: &buffer)
    }
  }

  private static func put(_ grant: SessionGrant, to buffer: inout RecordBuffer) {
    put(grant.session, to: &buffer)
    putName(grant.user.utf8, to: &buffer)
    buffer.put(code(of: grant.kind))
    buffer.put(code(of: grant.device))
    buffer.put(code(of: grant.status))
    putText(grant.text, to: &buffer)
    buffer.put(grant.created.milliseconds)
    buffer.put(grant.expires.milliseconds)
    buffer.put(max(0, grant.idleTTL.milliseconds))
    buffer.put(max(0, grant.resumeWindow.milliseconds))
  }

  private static func put(_ session: SessionID, to buffer: inout RecordBuffer) {
    buffer.put(session.high)
    buffer.put(session.low)
  }

  private static func putName(_ utf8: [UInt8], to buffer: inout RecordBuffer) {
    precondition(utf8.count <= UserID.bytesMax, "a name of \(utf8.count) bytes is longer than a log can hold")
    buffer.put(UInt8(truncatingIfNeeded: utf8.count))
    buffer.put(utf8)
  }

  private static func putText(_ utf8: [UInt8], to buffer: inout RecordBuffer) {
    precondition(utf8.count <= textBytesMax, "a text of \(utf8.count) bytes is longer than a log can hold")
    buffer.put(UInt16(truncatingIfNeeded: utf8.count))
    buffer.put(utf8)
  }

  private static func put(_ payload: Payload, to buffer: inout RecordBuffer) {
    precondition(payload.json.count <= payloadBytesMax, "JSON of \(payload.json.count) bytes is longer than a log can hold")
    buffer.put(UInt32(truncatingIfNeeded: payload.json.count))
    buffer.put(payload.json)
  }

  private static func put(_ wall: WallTime?, to buffer: inout RecordBuffer) {
    buffer.put(UInt8(wall == nil ? 0 : 1))
    if let wall { buffer.put(wall.milliseconds) }
  }
}
