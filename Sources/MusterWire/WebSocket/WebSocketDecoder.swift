import MusterJSON

/// What a ``WebSocketDecoder`` has found.
///
/// Trivial: ranges are offsets into the caller's bytes, so an event costs no allocation and no reference count.
package enum WebSocketEvent: Sendable, Hashable {
  /// A whole text message, valid UTF-8, unmasked where it arrived; or any bytes where ``WebSocketDecoder/Limits/payload`` asks
  /// for binary messages.
  case text(Range<Int>)
  /// A whole text message that came in fragments; ``WebSocketDecoder/takeMessage()`` hands it over.
  case fragmentedText
  /// To be answered with a pong of the same payload.
  case ping(Range<Int>)
  case pong(Range<Int>)
  /// The peer wants to end the connection; nothing behind it is looked at.
  ///
  /// `code` is `nil` when the peer named none.
  case close(code: UInt16?, reason: Range<Int>)
  /// The bytes end before the next frame does. It begins at the offset, and at least so many bytes are needed from there.
  case needs(Int)
  /// The peer broke the rules. Nothing more can be decoded.
  case violation(WebSocketViolation)
  /// The decoder has seen a close frame or a violation; the bytes were passed by.
  case ended
}

/// Turns bytes into WebSocket messages, knowing no socket (RFC 6455, without extensions).
///
/// The owner of a read buffer calls ``next(in:at:)`` until it says `needs`, keeps the bytes from the offset on, and calls again
/// when more have arrived:
///
/// ```swift
/// var offset = 0
/// reading: while true {
///   switch decoder.next(in: &bytes, at: &offset) {
///   case .text(let range): take(bytes.bytes.extracting(range))
///   case .needs: break reading
///   …
///   }
/// }
/// ```
///
/// A frame is looked into only when it is whole, so a peer that sends single bytes costs one look at the head each, and the
/// remainder that a caller has to keep is never longer than a frame may be. Messages are text, or, where the limits say so,
/// binary in single frames.
///
/// Who has many connections under the same rules keeps the rules once and a ``WebSocketProgress`` for each.
package struct WebSocketDecoder: Sendable {
  /// Which end of the connection decodes.
  package enum Role: UInt8, Sendable {
    /// Takes frames from clients, which must be masked.
    case server
    /// Takes frames from a server, which must not be masked.
    case client
  }

  /// What data messages carry.
  package enum Payload: UInt8, Sendable {
    case text
    /// Whole messages in single frames: what is cut into fragments is a violation.
    case binary
  }

  /// What a peer may send.
  package struct Limits: Sendable, Hashable {
    /// The largest message, in bytes, whatever the number of its frames; at most 1 GiB.
    package var messageBytesMax = 16 << 10
    /// The most frames of one message.
    package var fragmentsMax = 1_024
    /// The most frames of one message that carry fewer than ``tinyBytes`` bytes, since a frame costs more than its bytes.
    package var tinyFragmentsMax = 64

    /// What counts as tiny.
    package static let tinyBytes = 16

    /// Which data messages are taken; others are a violation.
    package var payload = Payload.text

    /// The limits of `muster.v1`.
    package init() {}
  }

  private let rules: WebSocketRules
  private var progress = WebSocketProgress()

  /// Begins behind the handshake.
  package init(role: Role = .server, limits: Limits = Limits()) {
    rules = WebSocketRules(role: role, limits: limits)
  }

  /// Which data messages are taken.
  package var payload: Payload { rules.limits.payload }

  /// Whether a close frame or a violation has been seen.
  package var hasEnded: Bool { progress.hasEnded }

  /// Whether the next frame with text begins a message.
  package var isBetweenMessages: Bool { progress.isBetweenMessages }

  /// How long the frame that begins at an offset is; as ``WebSocketRules/frameBytes(_:at:)`` has it.
  package func frameBytes(_ bytes: RawSpan, at offset: Int) -> Int { rules.frameBytes(bytes, at: offset) }

  /// Goes on to the next event; as ``WebSocketProgress/next(in:at:under:)`` has it.
  package mutating func next(in bytes: inout MutableRawSpan, at offset: inout Int) -> WebSocketEvent {
    progress.next(in: &bytes, at: &offset, under: rules)
  }

  /// Hands over the message that ``WebSocketEvent/fragmentedText`` has announced.
  package mutating func takeMessage() -> [UInt8] { progress.takeMessage() }
}

/// What decoding goes by, the same for all connections of a kind.
package struct WebSocketRules: Sendable {
  fileprivate let role: WebSocketDecoder.Role
  fileprivate let limits: WebSocketDecoder.Limits

  /// Makes the rules of one end; the limits hold for its peer.
  package init(role: WebSocketDecoder.Role = .server, limits: WebSocketDecoder.Limits = .init()) {
    precondition((0...1 << 30).contains(limits.messageBytesMax), "a message may be limited to 1 GiB at most")
    self.role = role
    self.limits = limits
  }

  /// How long the frame that begins at an offset is; as long as its head is not there, how much is needed to say more.
  ///
  /// For a transport that keeps the beginning of a long frame. A frame that breaks the rules counts as two bytes; one that is too
  /// large is as long as it says, so what ``WebSocketProgress/next(in:at:under:)`` has not let pass is not to be waited for.
  package func frameBytes(_ bytes: RawSpan, at offset: Int) -> Int {
    switch WebSocketFrameHeader.parse(bytes, at: offset, isMasked: role == .server, payload: limits.payload) {
    case .needs(let count): count
    case .violation: 2
    case .header(let header): header.headBytes + header.payloadBytes
    }
  }
}

/// How far the decoding of one connection has come.
///
/// - Invariant: I1. Fragments are held only while a fragmented message is under way or waits to be taken.
/// - Invariant: I2. The fragments of a message have at most `messageBytesMax` bytes.
/// - Invariant: I3. Once ended, it stays so.
/// ### Ownership
/// 8 bytes, one for each connection. Memory is allocated for fragmented messages only, and goes with them.
package struct WebSocketProgress: Sendable {
  private indirect enum Phase: Sendable {
    case betweenMessages
    case insideMessage(Fragments)
    /// Between messages, with a whole one to be taken.
    case announced([UInt8])
    case ended
  }

  /// The beginning of a message that comes in fragments.
  private struct Fragments: Sendable {
    var bytes: [UInt8] = []
    var count = 0
    var tinyCount = 0
    var utf8 = UTF8Validator()
  }

  private var phase = Phase.betweenMessages

  /// Begins behind the handshake.
  package init() {}

  /// Whether a close frame or a violation has been seen.
  package var hasEnded: Bool { if case .ended = phase { true } else { false } }

  /// Whether the next frame with text begins a message.
  package var isBetweenMessages: Bool {
    switch phase {
    case .betweenMessages, .announced: true
    case .insideMessage, .ended: false
    }
  }

  /// Goes on to the next event.
  ///
  /// - Parameters:
  ///   - bytes: What has arrived; payloads are unmasked in it.
  ///   - offset: Where to go on; moved behind what was consumed. What stands behind it has not been touched.
  ///   - rules: The same in each call.
  /// - Returns: The event. Its ranges count from the beginning of `bytes`.
  /// - Complexity: O(bytes consumed); no allocation for a message in a single frame.
  package mutating func next(
    in bytes: inout MutableRawSpan, at offset: inout Int, under rules: WebSocketRules
  ) -> WebSocketEvent {
    let isServer = rules.role == .server
    while !hasEnded {
      let header: WebSocketFrameHeader
      switch WebSocketFrameHeader.parse(bytes.bytes, at: offset, isMasked: isServer, payload: rules.limits.payload) {
      case .needs(let count): return .needs(count)
      case .violation(let violation): return end(.violation(violation))
      case .header(let parsed): header = parsed
      }
      if let violation = judge(header, rules.limits) { return end(.violation(violation)) }
      let start = offset + header.headBytes
      // The sum cannot overflow: `judge` has limited the payload.
      guard bytes.byteCount - start >= header.payloadBytes else { return .needs(header.headBytes + header.payloadBytes) }
      let payload = start..<start + header.payloadBytes
      offset = payload.upperBound
      let isASCII = isServer && WebSocketMask.apply(header.mask, to: &bytes, in: payload)
      if let event = take(header, payload, of: bytes.bytes, isASCII: isASCII) { return event }
    }
    offset = bytes.byteCount
    return .ended
  }

  /// Hands over the message that ``WebSocketEvent/fragmentedText`` has announced.
  package mutating func takeMessage() -> [UInt8] {
    guard case .announced(let message) = phase else { return [] }
    phase = .betweenMessages
    return message
  }

  // MARK: Inside

  private mutating func end(_ event: WebSocketEvent) -> WebSocketEvent {
    phase = .ended
    return event
  }

  /// Judges a frame by its head and by what went before it.
  private func judge(_ header: WebSocketFrameHeader, _ limits: WebSocketDecoder.Limits) -> WebSocketViolation? {
    if header.opcode.isControl { return nil }
    guard case .insideMessage(let fragments) = phase else {
      if header.opcode == .continuation { return .unexpectedContinuation }
      return header.payloadBytes > limits.messageBytesMax ? .messageTooLarge : nil
    }
    if header.opcode != .continuation { return .interruptedMessage }
    if header.payloadBytes > limits.messageBytesMax - fragments.bytes.count { return .messageTooLarge }
    let isTooMany = fragments.count >= limits.fragmentsMax || fragments.tinyCount >= limits.tinyFragmentsMax
    return isTooMany ? .tooManyFragments : nil
  }

  /// Takes a whole frame, unmasked; `nil` when there is nothing to tell yet.
  private mutating func take(
    _ header: WebSocketFrameHeader, _ payload: Range<Int>, of bytes: RawSpan, isASCII: Bool
  ) -> WebSocketEvent? {
    switch header.opcode {
    case .ping: return .ping(payload)
    case .pong: return .pong(payload)
    case .close: return end(closing(bytes, payload))
    case .text where header.isFinal:
      guard isASCII || UTF8Validator.isValid(bytes.extracting(payload)) else { return end(.violation(.invalidUTF8)) }
      return .text(payload)
    case .binary:
      return header.isFinal ? .text(payload) : end(.violation(.tooManyFragments))
    case .text: return take(bytes.extracting(payload), behind: Fragments(), isLast: false)
    case .continuation:
      guard case .insideMessage(let fragments) = phase else { return end(.violation(.unexpectedContinuation)) }
      // Taken out, so that what has come before is not copied.
      phase = .betweenMessages
      return take(bytes.extracting(payload), behind: fragments, isLast: header.isFinal)
    }
  }

  private mutating func take(_ piece: RawSpan, behind earlier: consuming Fragments, isLast: Bool) -> WebSocketEvent? {
    var fragments = earlier
    fragments.count += 1
    if piece.byteCount < WebSocketDecoder.Limits.tinyBytes { fragments.tinyCount += 1 }
    guard fragments.utf8.consume(piece) else { return end(.violation(.invalidUTF8)) }
    // SAFETY: the pointer is used inside the closure only.
    piece.withUnsafeBytes { fragments.bytes.append(contentsOf: $0) }
    guard isLast else {
      phase = .insideMessage(fragments)
      return nil
    }
    guard fragments.utf8.isComplete else { return end(.violation(.invalidUTF8)) }
    phase = .announced(fragments.bytes)
    return .fragmentedText
  }

  private func closing(_ bytes: RawSpan, _ payload: Range<Int>) -> WebSocketEvent {
    guard !payload.isEmpty else { return .close(code: nil, reason: payload) }
    guard payload.count >= 2 else { return .violation(.invalidClosePayload) }
    let code = UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: payload.lowerBound, as: UInt16.self))
    guard WebSocketCloseCode.maySend(code) else { return .violation(.invalidCloseCode) }
    let reason = payload.dropFirst(2)
    guard UTF8Validator.isValid(bytes.extracting(reason)) else { return .violation(.invalidUTF8) }
    return .close(code: code, reason: reason)
  }
}

/// The close codes of RFC 6455, section 7.4, and of IANA's registry.
package enum WebSocketCloseCode {
  /// The purpose of the connection has been fulfilled.
  package static let normal: UInt16 = 1000
  /// An end goes away: a browser leaves the page, a server stops.
  package static let goingAway: UInt16 = 1001

  /// Whether a peer may put a code into a close frame.
  ///
  /// 1004 is reserved; 1005, 1006 and 1015 exist only to be reported; 1016 to 2999 wait for later versions of the protocol.
  package static func maySend(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}
