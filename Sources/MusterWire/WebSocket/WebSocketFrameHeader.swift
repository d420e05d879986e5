/// What a WebSocket frame is for (RFC 6455, section 5.2).
package enum WebSocketOpcode: UInt8, Sendable, Hashable, CaseIterable {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xa

  /// Whether it stands between the frames of a message rather than in one.
  package var isControl: Bool { rawValue & 0x8 != 0 }
}

/// The head of one frame, as far as it can be judged without knowing what went before it.
///
/// ```
/// byte 0      FIN RSV1 RSV2 RSV3 | opcode (4 bits)
/// byte 1      MASK | length (7 bits): 0 to 125, or
/// 126 + 2 bytes of length, or 127 + 8 bytes of length, both big-endian and never longer than needed
/// 4 bytes     masking key, if MASK
/// ```
struct WebSocketFrameHeader: Sendable, Hashable {
  /// The longest payload of a control frame, in bytes.
  static let controlBytesMax = 125

  var opcode: WebSocketOpcode
  var isFinal: Bool
  /// How long the head is.
  var headBytes: Int
  var payloadBytes: Int
  /// The masking key, its first byte lowest; 0 when the frame is not masked.
  var mask: UInt32

  /// What could be made of the bytes.
  enum Parsing: Sendable, Hashable {
    case header(WebSocketFrameHeader)
    /// The frame begins well, but so many bytes are needed to say more.
    case needs(Int)
    case violation(WebSocketViolation)
  }

  /// Parses the head of the frame that begins at an offset.
  ///
  /// A violation is told as soon as the byte that holds it is there.
  ///
  /// - Parameters:
  ///   - bytes: What has arrived.
  ///   - start: Where the frame begins.
  ///   - isMasked: Whether the frames of this direction must be masked; otherwise they must not be.
  ///   - payload: Which data messages are taken.
  /// - Returns: The head, or why there is none.
  static func parse(
    _ bytes: RawSpan, at start: Int, isMasked: Bool, payload: WebSocketDecoder.Payload = .text
  ) -> Parsing {
    let available = bytes.byteCount - start
    guard available >= 2 else { return .needs(2) }
    let first = bytes.unsafeLoad(fromByteOffset: start, as: UInt8.self)
    let second = bytes.unsafeLoad(fromByteOffset: start + 1, as: UInt8.self)
    guard first & 0x70 == 0 else { return .violation(.reservedBits) }
    guard let opcode = WebSocketOpcode(rawValue: first & 0x0f) else { return .violation(.reservedOpcode) }
    switch (opcode, payload) {
    case (.binary, .text): return .violation(.binaryMessage)
    case (.text, .binary): return .violation(.textMessage)
    default: break
    }
    guard (second & 0x80 != 0) == isMasked else { return .violation(isMasked ? .unmaskedFrame : .maskedFrame) }
    let isFinal = first & 0x80 != 0
    let short = Int(second & 0x7f)
    if opcode.isControl {
      guard isFinal else { return .violation(.fragmentedControlFrame) }
      guard short <= controlBytesMax else { return .violation(.longControlFrame) }
    }

    var headBytes = short < 126 ? 2 : short == 126 ? 4 : 10
    guard available >= headBytes else { return .needs(headBytes) }
    var payloadBytes = short
    if short == 126 {
      payloadBytes = Int(UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start + 2, as: UInt16.self)))
      guard payloadBytes > 125 else { return .violation(.overlongLength) }
    } else if short == 127 {
      let length = UInt64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start + 2, as: UInt64.self))
      guard length > 0xffff else { return .violation(.overlongLength) }
      guard let length = Int(exactly: length) else { return .violation(.impossibleLength) }
      payloadBytes = length
    }

    var mask: UInt32 = 0
    if isMasked {
      headBytes += 4
      if available >= headBytes {
        let key = bytes.unsafeLoadUnaligned(fromByteOffset: start + headBytes - 4, as: UInt32.self)
        mask = UInt32(littleEndian: key)
      }
    }
    // Without its key the frame is incomplete anyway; its length is worth knowing all the same, to refuse it or to make room.
    return .header(
      WebSocketFrameHeader(
        opcode: opcode, isFinal: isFinal, headBytes: headBytes, payloadBytes: payloadBytes, mask: mask))
  }
}

/// Masking (RFC 6455, section 5.3), which is its own inverse.
enum WebSocketMask {
  /// Masks or unmasks a payload where it is, eight bytes at a time.
  ///
  /// - Returns: Whether all bytes of the result are ASCII.
  /// - Complexity: O(bytes).
  static func apply(_ key: UInt32, to bytes: inout MutableRawSpan, in range: Range<Int>) -> Bool {
    let wide = UInt64(key) << 32 | UInt64(key)
    var seen: UInt64 = 0
    var offset = range.lowerBound
    while range.upperBound &- offset >= 8 {
      let word = bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ wide.littleEndian
      bytes.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
      seen |= word
      offset &+= 8
    }
    var rest = wide
    while offset < range.upperBound {
      let byte = bytes.bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) ^ UInt8(truncatingIfNeeded: rest)
      bytes.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
      seen |= UInt64(byte)
      rest >>= 8
      offset &+= 1
    }
    return seen & 0x8080_8080_8080_8080 == 0
  }
}
