package import MusterJSON

/// The bytes of `muster.relay.v1` as a relay writes them: one binary message is one batch, all integers little-endian.
///
///     0  u8   kind: 1 heartbeats, 2 opens, 3 closes; 0x80 more in a reply
///     1  u8   0
///     2  u16  0; in a reply the code of a refusal of the whole batch
///     4  u32  id of the request
///     8  u32  entries
///     12      entries: a heartbeat is a session id of 16 bytes; an open is kind, device, length, TTL and user id; a close is a
///             session id and four bytes
///
/// Written here a second time, so that the generator and the server do not share a mistake.
package enum RelayBatch {
  package static let headBytes = 12
  package static let sessionBytes = 16
  /// An opened session in a reply: a code, two bytes of nothing, the id.
  package static let openedBytes = 20
  package static let entriesMax = 10_000

  /// Heartbeats of sessions, whose ids stand one behind the other.
  package static func heartbeats(_ sessions: ArraySlice<UInt8>, id: Int, into buffer: inout OutputBuffer) {
    head(1, id: id, entries: sessions.count / sessionBytes, into: &buffer)
    // SAFETY: copied inside the closure.
    sessions.withUnsafeBytes { buffer.append($0) }
  }

  /// Opens of members that are called `prefix` and a number.
  package static func opens(prefix: String, numbers: Range<Int>, id: Int, into buffer: inout OutputBuffer) {
    head(2, id: id, entries: numbers.count, into: &buffer)
    for number in numbers {
      let user = Array("\(prefix)\(number)".utf8)
      // A member, on a bot, with the configured time to live.
      buffer.append([0, 4, UInt8(truncatingIfNeeded: user.count), UInt8(truncatingIfNeeded: user.count >> 8), 0, 0, 0, 0])
      buffer.append(user)
    }
  }

  /// Closes of sessions, as if their users had left.
  package static func closes(_ sessions: ArraySlice<UInt8>, id: Int, into buffer: inout OutputBuffer) {
    head(3, id: id, entries: sessions.count / sessionBytes, into: &buffer)
    for start in stride(from: sessions.startIndex, to: sessions.endIndex, by: sessionBytes) {
      buffer.append(Array(sessions[start..<start + sessionBytes]))
      buffer.append([0, 0, 0, 0])
    }
  }

  /// What a reply means to a load; its entries begin at the body.
  package static func head(of bytes: UnsafeRawBufferPointer) -> MessageHead {
    guard bytes.count >= headBytes, bytes[0] & 0x80 != 0 else { return .unknown }
    let id = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
    let code = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
    guard code == 0 else { return .failed(id: id, ServerError(name: "relay \(code)", message: "A batch was refused.")) }
    return .ok(id: id, body: headBytes)
  }

  /// How many entries a reply has.
  package static func entries(of bytes: UnsafeRawBufferPointer) -> Int {
    Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
  }

  private static func head(_ kind: UInt8, id: Int, entries: Int, into buffer: inout OutputBuffer) {
    buffer.append([kind, 0, 0, 0])
    for number in [id, entries] {
      for shift in [0, 8, 16, 24] { buffer.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
  }
}
