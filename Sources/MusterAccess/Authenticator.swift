package import MusterEngine
package import MusterModel

/// What the edge knows of whoever opened a connection, before the first request.
package struct Peer: Sendable, Hashable {
  /// The address without the port, as text.
  package var address: String
  /// The token that the upgrade request carried: as bearer, as `?token=`, or as the cookie; in this order.
  package var token: [UInt8]?

  package init(address: String, token: [UInt8]? = nil) {
    self.address = address
    self.token = token
  }

  /// What to show for a `hello`: what it says itself, or else what the upgrade request carried.
  package func credentials(for hello: Hello) -> Credentials {
    guard hello.credentials == .anonymous, let token else { return hello.credentials }
    return .token(token)
  }
}

/// Decides who stands behind credentials.
///
/// ### Isolation
/// Called on the planes' threads, so it must not block: it checks what can be checked without asking anybody.
package protocol Authenticator: Sendable {
  /// Names the identity behind the credentials.
  ///
  /// - Throws: `unauthorized` or `token_expired`, with a sentence that tells the developer of the client what to send instead.
  func identify(_ credentials: Credentials, from peer: Peer) throws(Refusal) -> Identity
}

/// Makes and reads the secret form of a session id.
///
/// ### Isolation
/// Called on the planes' threads; must not block.
package protocol SessionTokens: Sendable {
  /// The token with which a client resumes the session: printable ASCII that needs no escaping in JSON, a header or a query.
  func token(for session: SessionID) -> [UInt8]

  /// The session that a token was made for, or `nil` when this is not one of ours. Says nothing about whether it still lives.
  func session(of token: [UInt8]) -> SessionID?
}
