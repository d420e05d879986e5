import HTTPTypes
package import Hummingbird
package import MusterAccess
package import MusterEngine
import MusterJSON
import MusterModel
import MusterWire

/// The HTTP API of the public port: sessions for clients that hold no WebSocket, and the two health checks.
package struct PublicAPI: Sendable {
  /// How the session cookie is set.
  package struct Cookie: Sendable {
    /// `Strict`, `Lax` or `None`.
    package var sameSite: String
    /// Whether browsers may send it over HTTPS only.
    package var isSecure: Bool

    package init(sameSite: String, isSecure: Bool) {
      self.sameSite = sameSite
      self.isSecure = isSecure
    }
  }

  let engine: PresenceEngine
  let authenticator: any Authenticator
  let tokens: any SessionTokens
  let cookie: Cookie
  let bodyBytesMax: Int
  private let readiness: Readiness
  private let origins: OriginPolicy

  package init(
    engine: PresenceEngine, authenticator: any Authenticator, tokens: any SessionTokens, readiness: Readiness,
    origins: OriginPolicy, cookie: Cookie, bodyBytesMax: Int
  ) {
    self.engine = engine
    self.authenticator = authenticator
    self.tokens = tokens
    self.readiness = readiness
    self.origins = origins
    self.cookie = cookie
    self.bodyBytesMax = bodyBytesMax
  }

  /// What answers the requests of the public port that are not upgrades.
  package func router() -> Router<EdgeContext> {
    let router = Router(context: EdgeContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: EdgeMiddleware())
    router.addHealth(readiness)
    router.add(middleware: OriginMiddleware(origins: origins))
    router.get("v1/connect") { _, _ -> Response in
      throw Problem(
        Refusal(.badRequest, "This is a WebSocket: send \"Connection: Upgrade\" and \"Upgrade: websocket\"."),
        status: .upgradeRequired, headers: [.upgrade: "websocket", .connection: "upgrade"])
    }
    router.post("v1/sessions", use: openSession)
    router.post("v1/heartbeat", use: heartbeat)
    router.post("v1/leave", use: leave)
    router.get("v1/session", use: readData)
    router.patch("v1/session", use: patchData)
    router.delete("v1/session", use: logOut)
    for path in ["v1/sessions", "v1/heartbeat", "v1/leave", "v1/session"] as [RouterPath] {
      router.on(path, method: .options) { _, _ in Response(status: .noContent) }
    }
    return router
  }

  /// The session that the request's token names.
  ///
  /// `fallback` is a token from the body, for `navigator.sendBeacon`, which cannot set header fields. Without any token, and with one
  /// that is not ours, the request is refused with `unauthorized`.
  func session(of request: Request, fallback: [UInt8]? = nil) throws(Refusal) -> SessionID {
    let token = fallback ?? token(of: request)
    guard let token else {
      throw Refusal(
        .unauthorized, "Send the session token as Authorization: Bearer or as the cookie \(PresentedToken.cookieName).")
    }
    guard let session = tokens.session(of: token) else {
      throw Refusal(.unauthorized, "The token is not a session token of this server.")
    }
    return session
  }

  /// The token that the request's head carries.
  func token(of request: Request) -> [UInt8]? {
    PresentedToken.find(
      authorization: request.headers[.authorization], query: nil, cookies: request.headers[values: .cookie])
  }
}
