package import MusterWire

/// What the protocol of every connection of a port goes by, kept once for all of them.
package struct GatewayRules: Sendable {
  let messages: MessageDecoder
  /// Malformed messages in a row after which a connection is closed.
  let malformedMax: UInt16
  private let client: WebSocketRules
  private let relay: WebSocketRules

  /// Makes the rules; `messages` reads the text of messages.
  package init(_ limits: GatewayLimits, _ messages: MessageDecoder = MessageDecoder()) {
    self.messages = messages
    malformedMax = UInt16(clamping: limits.malformedMessagesMax)
    var frames = WebSocketDecoder.Limits()
    frames.messageBytesMax = limits.messageBytesMax
    client = WebSocketRules(limits: frames)
    frames.messageBytesMax = limits.relayMessageBytesMax
    frames.payload = .binary
    relay = WebSocketRules(limits: frames)
  }

  func frames(isRelay: Bool) -> WebSocketRules { isRelay ? relay : client }
}
