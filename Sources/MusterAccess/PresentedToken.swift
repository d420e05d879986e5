/// Finds the token in a request's head.
package enum PresentedToken {
  /// The name of the cookie that carries a session token.
  package static let cookieName = "muster_session"

  /// The longest token that is looked at, in bytes.
  package static let bytesMax = 8 << 10

  /// Takes the token from `Authorization: Bearer`, else from `?token=`, else from the cookie.
  ///
  /// An explicit credential beats the cookie, which a browser adds by itself.
  ///
  /// `authorization` is the field of that name, `query` what follows the question mark of the request target, and `cookies` are all
  /// `Cookie` fields.
  package static func find(authorization: String?, query: Substring?, cookies: [String]) -> [UInt8]? {
    let text = bearer(authorization) ?? query.flatMap { RequestTarget.value(of: "token", in: $0) } ?? cookie(in: cookies)
    guard let text, !text.isEmpty, text.utf8.count <= bytesMax else { return nil }
    return Array(text.utf8)
  }

  /// The token of an `Authorization: Bearer` field.
  package static func bearer(_ authorization: String?) -> String? {
    guard let authorization, let space = authorization.firstIndex(of: " "),
      authorization[..<space].lowercased() == "bearer"
    else { return nil }
    let token = authorization[space...].drop { $0 == " " }
    return token.isEmpty ? nil : String(token)
  }

  private static func cookie(in fields: [String]) -> String? {
    for field in fields {
      for pair in field.split(separator: ";") {
        let trimmed = pair.drop { $0 == " " }
        guard trimmed.hasPrefix("\(cookieName)=") else { continue }
        return String(trimmed.dropFirst(cookieName.utf8.count + 1))
      }
    }
    return nil
  }
}
