package import MusterAccess
package import MusterEngine
package import MusterModel

/// Lets in whoever shows a session token of this server.
///
/// In development it also believes a bare user id, and takes somebody without any credentials for a guest.
package struct TokenAuthenticator: Authenticator {
  private let tokens: any SessionTokens
  private let isDevelopment: Bool

  package init(tokens: any SessionTokens, isDevelopment: Bool) {
    self.tokens = tokens
    self.isDevelopment = isDevelopment
  }

  package func identify(_ credentials: Credentials, from peer: Peer) throws(Refusal) -> Identity {
    switch credentials {
    case .token(let token):
      guard let session = tokens.session(of: token) else {
        throw Refusal(.unauthorized, "The token is not a session token of this server.")
      }
      return .session(session)
    case .user(let user):
      guard isDevelopment else {
        throw Refusal(.unauthorized, "A bare \"user\" is believed in development mode only (--dev); send a \"token\".")
      }
      return .member(user)
    case .anonymous:
      guard isDevelopment else {
        throw Refusal(
          .unauthorized,
          "Send a \"token\" in hello, or as Authorization: Bearer, ?token= or the cookie \(PresentedToken.cookieName).")
      }
      return .guest
    }
  }
}
