import MusterModel

/// The bytes of `muster.relay.v1`: one binary WebSocket message is one batch.
///
/// All integers are little-endian; session ids are the 16 bytes that their 32 hexadecimal digits stand for, in that order.
///
///     request                              reply
///     0  u8   kind: 1 heartbeats,          0  u8   kind of the request, with 0x80 added
///             2 opens, 3 closes
///     1  u8   0                            1  u8   0
///     2  u16  0                            2  u16  0, or the code of a refusal of the whole batch
///     4  u32  request id                   4  u32  request id
///     8  u32  entries, 1 to 10,000         8  u32  entries
///     12      entries                      12      entries
///
///     heartbeat, 16 bytes                  unknown session of heartbeats or closes, 4 bytes
///     0  16   session id                   0  u32  its position in the request, from 0
///
///     open, 8 to 136 bytes                 opened session, 20 bytes, one for each entry of the request
///     0  u8   0 member, 1 guest            0  u16  0, or the code of the refusal
///     1  u8   device: 0 web, 1 ios,        2  u16  0
///             2 android, 3 desktop,        4  16   session id; zeros when refused
///             4 bot, 5 other
///     2  u16  bytes of the user id, 1 to 128; 0 for a guest
///     4  u32  idle TTL in milliseconds; 0 takes the configured one
///     8       user id
///
///     close, 20 bytes
///     0  16   session id
///     16 u8   0 leave, 1 logout
///     17 3    0
enum RelayFormat {
  static let headBytes = 12
  static let replyBit: UInt8 = 0x80
  static let sessionBytes = 16
  static let openHeadBytes = 8
  static let closeBytes = 20
}

extension RelayKind {
  /// The bytes of the smallest entry of a request.
  var entryBytesMin: Int {
    switch self {
    case .heartbeats: RelayFormat.sessionBytes
    case .opens: RelayFormat.openHeadBytes
    case .closes: RelayFormat.closeBytes
    }
  }
}

/// The largest message of a relay, in bytes.
package enum RelayLimits {
  /// 1 MiB.
  ///
  /// 10,000 heartbeats take 160 KB; 10,000 opens of users with the longest ids do not fit.
  package static let messageBytesMax = 1 << 20
}

/// Why the bytes of a relay are not a request.
///
/// The connection is closed with ``ErrorCode/badRequest``: whoever sends such bytes has lost its place in the protocol.
package enum RelayViolation: Error, Sendable, Hashable, CaseIterable {
  case tooShort
  case tooLong
  case unknownKind
  case reservedBitsSet
  case noEntries
  case tooManyEntries
  case unknownUserKind
  case unknownDevice
  case invalidUserID
  case unknownClose

  /// What is wrong, in one sentence.
  package var sentence: String {
    switch self {
    case .tooShort: "The batch ends before its last entry does."
    case .tooLong: "There are bytes behind the last entry."
    case .unknownKind: "The kind is 1, 2 or 3."
    case .reservedBitsSet: "Bytes that mean nothing yet must be 0."
    case .noEntries: "A batch has at least one entry."
    case .tooManyEntries: "A batch has at most \(RelayRequest.entriesMax) entries."
    case .unknownUserKind: "A user is a member (0) or a guest (1)."
    case .unknownDevice: "There is no such device class."
    case .invalidUserID: "A user id has 1 to 128 bytes of UTF-8 without control characters, and a guest none."
    case .unknownClose: "A session is closed by 0 (leave) or 1 (logout)."
    }
  }
}
