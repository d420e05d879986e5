package import MusterModel

/// What the engine needs of an edge: a way out to the connections of one plane.
///
/// There is one sink per plane. It knows its transports by the slot of the ``ConnectionID``.
///
/// ### Isolation
/// Every method is called on the plane's thread, inside a turn of its ``ConnectionShard``, and must not call back into it.
/// What a transport has to tell goes through the shard's own methods, after the call has returned.
package protocol EventSink: Sendable {
  /// Answers one request.
  func send(_ reply: Reply, to request: RequestID, on connection: ConnectionID)

  /// Tells one event to many connections. It is encoded once, whatever their number.
  func push(_ push: Push, to connections: [ConnectionID])

  /// Asks a silent connection for a sign of life (a WebSocket ping).
  func ping(_ connection: ConnectionID)

  /// Stops or resumes reading from a connection that does not take its replies.
  func setReading(_ connection: ConnectionID, enabled: Bool)

  /// Writes out what is queued, then ends the connection. The engine has already forgotten it.
  ///
  /// `refusal` is the reason, as close code and text; `nil` for a normal end (close code 1000).
  func close(_ connection: ConnectionID, refusal: Refusal?)

  /// Answers one batch of a relay.
  func relay(_ reply: RelayReply, to id: UInt32, kind: RelayKind, on connection: ConnectionID)
}

extension EventSink {
  /// For edges that let no relays in.
  package func relay(_ reply: RelayReply, to id: UInt32, kind: RelayKind, on connection: ConnectionID) {}
}
