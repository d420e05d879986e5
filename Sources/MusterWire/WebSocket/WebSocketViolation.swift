package import MusterModel

/// What a peer did against RFC 6455 or against the limits of this server; each ends the connection.
package enum WebSocketViolation: UInt8, Error, Sendable, Hashable, CaseIterable {
  case reservedBits
  case reservedOpcode
  case unmaskedFrame
  case maskedFrame
  case overlongLength
  case impossibleLength
  case longControlFrame
  case fragmentedControlFrame
  case unexpectedContinuation
  case interruptedMessage
  case binaryMessage
  case textMessage
  case invalidUTF8
  case messageTooLarge
  case tooManyFragments
  case invalidClosePayload
  case invalidCloseCode

  /// The close code to answer with (RFC 6455, section 7.4.1).
  package var closeCode: UInt16 {
    switch self {
    case .binaryMessage, .textMessage: 1003
    case .invalidUTF8: 1007
    case .tooManyFragments: 1008
    case .messageTooLarge: 1009
    default: 1002
    }
  }

  /// The same in the words of Muster's own catalogue, for counters and logs.
  package var code: ErrorCode {
    switch self {
    case .messageTooLarge, .tooManyFragments: .tooLarge
    default: .badRequest
    }
  }

  /// What happened, in one sentence that fits into a close frame.
  package var sentence: String {
    switch self {
    case .reservedBits: "A reserved bit of a frame is set."
    case .reservedOpcode: "A frame has a reserved opcode."
    case .unmaskedFrame: "A frame from a client is not masked."
    case .maskedFrame: "A frame from a server is masked."
    case .overlongLength: "The length of a frame is encoded in more bytes than needed."
    case .impossibleLength: "The length of a frame has its highest bit set."
    case .longControlFrame: "A control frame has more than 125 bytes."
    case .fragmentedControlFrame: "A control frame is fragmented."
    case .unexpectedContinuation: "A continuation frame continues nothing."
    case .interruptedMessage: "A message begins before the one before it is complete."
    case .binaryMessage: "Binary messages are not part of muster.v1."
    case .textMessage: "Text messages are not part of muster.relay.v1."
    case .invalidUTF8: "A text is not valid UTF-8."
    case .messageTooLarge: "A message is larger than allowed."
    case .tooManyFragments: "A message has too many fragments, or too many tiny ones."
    case .invalidClosePayload: "A close frame has a payload of one byte."
    case .invalidCloseCode: "A close frame has a code that must not be sent."
    }
  }
}
