package import MusterJSON

/// Where in a buffer a frame begins whose payload is still being written.
package struct WebSocketFrameStart: Sendable, Hashable {
  fileprivate let offset: Int
}

/// Turns payloads into WebSocket frames, in the buffer in which the payload is written.
///
/// ```swift
/// let start = WebSocketEncoder.begin(into: &writer.buffer)
/// MessageEncoder.write(push, into: &writer)
/// WebSocketEncoder.end(start, .text, in: &writer.buffer)
/// ```
///
/// Frames may follow each other in one buffer without gaps.
package enum WebSocketEncoder {
  /// The most bytes of a reason in a close frame: 125, less the code.
  package static let reasonBytesMax = WebSocketFrameHeader.controlBytesMax - 2

  /// What is kept free for a head: exact for payloads of 126 to 65,535 bytes; others are moved by 2 or 6 bytes in the end.
  private static let reserved: StaticString = "\0\0\0\0"

  /// Begins a frame, whose payload is then appended to the buffer.
  package static func begin(into buffer: inout OutputBuffer) -> WebSocketFrameStart {
    defer { buffer.append(reserved) }
    return WebSocketFrameStart(offset: buffer.count)
  }

  /// Ends a frame: puts its head in front of what has been appended since its beginning.
  ///
  /// - Complexity: O(1) for payloads of 126 to 65,535 bytes, else O(payload).
  package static func end(_ start: WebSocketFrameStart, _ opcode: WebSocketOpcode, in buffer: inout OutputBuffer) {
    let payload = start.offset + reserved.utf8CodeUnitCount
    precondition(payload <= buffer.count, "the frame was truncated while it was written")
    let head = Head(opcode, isFinal: true, isMasked: false, payloadBytes: buffer.count - payload)
    buffer.replace(start.offset..<payload, with: head.bytes.span.bytes.extracting(first: head.count))
  }

  /// Gives up a frame: takes back everything since its beginning.
  package static func abandon(_ start: WebSocketFrameStart, in buffer: inout OutputBuffer) {
    buffer.truncate(to: start.offset)
  }

  /// Appends a whole frame.
  ///
  /// - Parameters:
  ///   - opcode: What the frame is for.
  ///   - payload: At most 125 bytes for a control frame.
  ///   - isFinal: Whether this is the last frame of its message.
  ///   - mask: The masking key, for frames from a client; from a server there is none.
  ///   - buffer: Where the frame goes.
  package static func append(
    _ opcode: WebSocketOpcode, _ payload: RawSpan, isFinal: Bool = true, mask: UInt32? = nil, to buffer: inout OutputBuffer
  ) {
    precondition(!opcode.isControl || payload.byteCount <= WebSocketFrameHeader.controlBytesMax, "a control frame is short")
    let head = Head(opcode, isFinal: isFinal, isMasked: mask != nil, payloadBytes: payload.byteCount)
    buffer.append(head.bytes.span.bytes.extracting(first: head.count))
    guard let mask else { return buffer.append(payload) }
    for shift: UInt32 in [0, 8, 16, 24] { buffer.append(UInt8(truncatingIfNeeded: mask >> shift)) }
    let count = payload.byteCount
    buffer.append(room: count) { room in
      // SAFETY: the payload is copied before the room, which is as large, is read.
      payload.withUnsafeBytes { room.copyMemory(from: $0) }
      var bytes = room.mutableBytes
      _ = WebSocketMask.apply(mask, to: &bytes, in: 0..<count)
      return count
    }
  }

  /// Appends a close frame.
  ///
  /// - Parameters:
  ///   - code: One that may be sent.
  ///   - reason: For whoever develops the other end; cut between two characters when it is longer than
  ///     ``reasonBytesMax`` bytes.
  ///   - mask: The masking key, for frames from a client.
  ///   - buffer: Where the frame goes.
  package static func appendClose(_ code: UInt16, reason: String, mask: UInt32? = nil, to buffer: inout OutputBuffer) {
    precondition(WebSocketCloseCode.maySend(code), "close code \(code) must not be sent")
    var payload = [UInt8(truncatingIfNeeded: code >> 8), UInt8(truncatingIfNeeded: code)]
    let utf8 = Array(reason.utf8)
    payload += utf8[..<wholeCharacters(utf8, bytesMax: reasonBytesMax)]
    append(.close, payload.span.bytes, mask: mask, to: &buffer)
  }

  /// How many of the first bytes of a text can be taken without cutting a character in two.
  ///
  /// - Parameters:
  ///   - utf8: Valid UTF-8.
  ///   - bytesMax: The most bytes to take.
  /// - Returns: At most `bytesMax`.
  package static func wholeCharacters(_ utf8: [UInt8], bytesMax: Int) -> Int {
    guard utf8.count > bytesMax else { return utf8.count }
    var count = bytesMax
    while count > 0, utf8[count] & 0xc0 == 0x80 { count -= 1 }
    return count
  }
}

/// The bytes in front of a payload, without the masking key.
private struct Head {
  private(set) var bytes = InlineArray<10, UInt8>(repeating: 0)
  let count: Int

  init(_ opcode: WebSocketOpcode, isFinal: Bool, isMasked: Bool, payloadBytes: Int) {
    bytes[0] = (isFinal ? 0x80 : 0) | opcode.rawValue
    let lengthBytes: Int
    switch payloadBytes {
    case 0...125:
      bytes[1] = UInt8(payloadBytes)
      lengthBytes = 0
    case 126...0xffff:
      bytes[1] = 126
      lengthBytes = 2
    default:
      bytes[1] = 127
      lengthBytes = 8
    }
    if isMasked { bytes[1] |= 0x80 }
    for index in 0..<lengthBytes {
      bytes[2 + index] = UInt8(truncatingIfNeeded: payloadBytes >> (8 * (lengthBytes - 1 - index)))
    }
    count = 2 + lengthBytes
  }
}
