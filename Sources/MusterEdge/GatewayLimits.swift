package import MusterEngine
import MusterWire

/// How much the public port takes from outside, and how long it waits.
package struct GatewayLimits: Sendable, Hashable {
  /// The longest accepted message, in bytes; a longer one closes the connection with `too_large`.
  package var messageBytesMax = 16 << 10
  /// The longest accepted message of a relay, in bytes; a longer one closes the connection with `too_large`.
  package var relayMessageBytesMax = RelayLimits.messageBytesMax
  /// WebSocket connections in all; one more is told `overloaded`.
  package var connectionsMax = 1 << 20
  /// WebSocket connections from one address, or one /64 network of IPv6; one more is told `overloaded`.
  ///
  /// 0 sets no limit, which is right behind a proxy, where all come from its address.
  package var connectionsPerAddressMax = 0
  /// Open sockets that are not WebSockets (yet); one more is closed at once.
  package var httpConnectionsMax = 4_096
  /// Open sockets of both kinds; one more is closed at once.
  ///
  /// Not a setting: it is what the process may have open.
  package var socketsMax = Int.max
  /// Malformed messages in a row after which a connection is closed with `bad_request`.
  package var malformedMessagesMax = 20
  /// How long a socket may take to send its first request head.
  package var requestTimeout: Duration = .seconds(10)
  /// How long a kept-alive HTTP connection may stay silent.
  package var httpIdleTimeout: Duration = .seconds(60)
  /// How long a closed WebSocket may take to answer with its own close frame.
  package var closeTimeout: Duration = .seconds(5)
  /// All header fields of a request together, in bytes.
  package var headerBytesMax = 16 << 10
  /// The body of an HTTP request, in bytes.
  package var bodyBytesMax = 64 << 10
  /// Unsent bytes of a connection above which it counts as congested, and below which as drained again.
  package var outboundBytesHigh = 64 << 10
  package var outboundBytesLow = 16 << 10

  package init() {}

  /// Relates the limits to their ranges and to each other.
  ///
  /// - Returns: Every problem, not only the first.
  package func problems() -> [EngineConfiguration.Problem] {
    var found: [EngineConfiguration.Problem] = []
    func range<Value: Comparable>(_ setting: String, _ value: Value, _ allowed: ClosedRange<Value>) {
      guard !allowed.contains(value) else { return }
      let message = "\(value) is not within \(allowed.lowerBound) to \(allowed.upperBound)"
      found.append(.init(setting: setting, message: message))
    }
    range("message_bytes_max", messageBytesMax, 1 << 10...1 << 20)
    // A batch of the most entries, all of the greatest length, has less than 2 MiB.
    range("relay_message_bytes_max", relayMessageBytesMax, 1 << 10...2 << 20)
    range("connections_max", connectionsMax, 1...1 << 26)
    range("connections_per_address_max", connectionsPerAddressMax, 0...1 << 26)
    range("http_connections_max", httpConnectionsMax, 1...1 << 20)
    range("malformed_messages_max", malformedMessagesMax, 1...10_000)
    range("request_timeout", requestTimeout, .milliseconds(100) ... .seconds(300))
    range("http_idle_timeout", httpIdleTimeout, .seconds(1) ... .seconds(3600))
    range("close_timeout", closeTimeout, .milliseconds(100) ... .seconds(60))
    range("header_bytes_max", headerBytesMax, 1 << 10...1 << 20)
    range("body_bytes_max", bodyBytesMax, 1 << 10...16 << 20)
    range("outbound_bytes_high", outboundBytesHigh, 1 << 10...64 << 20)
    range("outbound_bytes_low", outboundBytesLow, 1...outboundBytesHigh)
    return found
  }
}
