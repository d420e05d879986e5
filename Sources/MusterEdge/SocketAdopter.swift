/// Takes over sockets whose upgrade somebody else has read and granted.
///
/// ### Isolation
/// Callable from any thread.
package protocol SocketAdopter: Sendable {
  /// Makes a WebSocket of a connected socket.
  ///
  /// The descriptor belongs to the adopter from now on; it answers with the response of the grant, speaks what that says, and goes
  /// on with `leftover`, what the client has sent behind its request. `place`, which the socket counts as, is given back by the
  /// adopter.
  func adopt(_ descriptor: Int32, _ grant: UpgradeGrant, leftover: [UInt8], place: Admission.Place)
}
