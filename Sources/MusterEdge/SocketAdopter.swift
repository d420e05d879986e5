package import MusterAccess

/// Takes over sockets whose upgrade somebody else has read and granted.
///
/// ### Isolation
/// Callable from any thread.
package protocol SocketAdopter: Sendable {
  /// Makes a WebSocket of a connected socket.
  ///
  /// The descriptor belongs to the adopter from now on; it answers with `answer`, the head with status 101, and then goes on with
  /// `leftover`, what the client has sent behind its request. `place`, which the socket counts as, is given back by the adopter.
  func adopt(_ descriptor: Int32, peer: Peer, answer: [UInt8], leftover: [UInt8], place: Admission.Place)
}
