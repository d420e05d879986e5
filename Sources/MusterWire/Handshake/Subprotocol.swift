/// What is spoken over a WebSocket, by the names of `Sec-WebSocket-Protocol`.
package enum Subprotocol: String, Sendable, CaseIterable {
  /// JSON in text messages, one session for each connection.
  ///
  /// Also spoken with whoever offers nothing, or nothing that is known.
  case client = "muster.v1"
  /// Batches in binary messages, for backends that keep the sockets of their clients themselves.
  case relay = "muster.relay.v1"
}
