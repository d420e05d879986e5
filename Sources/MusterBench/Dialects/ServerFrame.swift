/// One frame of a WebSocket server, text or binary, looked at without judgement.
///
/// For servers that are not Muster, whose conformance is nobody's affair here; Muster's own frames go through the decoder that
/// checks them.
package enum ServerFrame: Sendable, Equatable {
  /// A whole message; the range counts from the beginning of the bytes.
  case message(Range<Int>, end: Int)
  case ping(Range<Int>, end: Int)
  case pong(end: Int)
  case close(code: UInt16?, end: Int)
  /// At least so many bytes from the offset on are needed to say more.
  case needs(Int)
  /// What no server under load should send: a masked frame, a message in parts, or one of more than 8 MiB.
  case violation(String)

  /// The longest message that is taken.
  private static let bytesMax = 8 << 20

  /// Looks at the frame that begins at an offset.
  package static func next(_ bytes: UnsafeRawBufferPointer, at start: Int) -> ServerFrame {
    let available = bytes.count - start
    guard available >= 2 else { return .needs(2) }
    let (first, second) = (bytes[start], bytes[start + 1])
    guard second & 0x80 == 0 else { return .violation("A frame of a server is masked.") }
    guard first & 0x80 != 0, first & 0x0f != 0 else { return .violation("A message comes in parts.") }
    var head = 2
    var length = Int(second)
    if length >= 126 {
      head = length == 126 ? 4 : 10
      guard available >= head else { return .needs(head) }
      length = 0
      for index in 2..<head { length = length << 8 | Int(bytes[start + index]) }
    }
    guard (0...bytesMax).contains(length) else { return .violation("A message is longer than \(bytesMax) bytes.") }
    guard available >= head + length else { return .needs(head + length) }
    let payload = start + head..<start + head + length
    switch first & 0x0f {
    case 1, 2: return .message(payload, end: payload.upperBound)
    case 8:
      let code = length >= 2 ? UInt16(bytes[payload.lowerBound]) << 8 | UInt16(bytes[payload.lowerBound + 1]) : nil
      return .close(code: code, end: payload.upperBound)
    case 9: return .ping(payload, end: payload.upperBound)
    case 10: return .pong(end: payload.upperBound)
    case let opcode: return .violation("A frame has the opcode \(opcode).")
    }
  }
}
