import MusterAccess
import MusterEngine
import MusterModel

/// Believes whoever comes: a user by name, a session by its id in hexadecimal, a guest.
struct PlainAccess: Authenticator, SessionTokens {
  func identify(_ credentials: Credentials, from peer: Peer) throws(Refusal) -> Identity {
    switch credentials {
    case .anonymous: return .guest
    case .user(let user): return .member(user)
    case .token(let token):
      if let session = session(of: token) { return .session(session) }
      guard let user = UserID(utf8: token), token != Array("wrong".utf8) else {
        throw Refusal(.unauthorized, "This token is not known.")
      }
      return .member(user)
    }
  }

  func token(for session: SessionID) -> [UInt8] { Array(session.text.utf8) }

  func session(of token: [UInt8]) -> SessionID? { SessionID(String(decoding: token, as: UTF8.self)) }
}
