package import MusterModel

/// Who may open a relay, which speaks for any session.
///
/// ### Isolation
/// A plain value, usable from any thread.
package enum RelayPolicy: Sendable {
  /// Nobody: there is no key to show.
  case nobody
  /// Everybody; for development on loopback only.
  case everybody
  /// Whoever shows this key as `Authorization: Bearer`.
  case key([UInt8])

  /// Makes the policy of a server.
  ///
  /// - Parameters:
  ///   - key: The API key, if there is one; it is then needed in development, too.
  ///   - isDevelopment: Whether the server believes everybody.
  package init(key: String?, isDevelopment: Bool) {
    self = key.map { .key(Array($0.utf8)) } ?? (isDevelopment ? .everybody : .nobody)
  }

  /// Judges a request by its `Authorization` field.
  ///
  /// - Returns: `nil` for who may open a relay, otherwise why not.
  /// - Complexity: O(bytes of the key), however many of them are right.
  package func refusal(authorization: String?) -> Refusal? {
    switch self {
    case .everybody: return nil
    case .nobody: return Refusal(.unauthorized, "A relay shows the API key, and this server has none; the setting \"api_key\".")
    case .key(let key):
      guard let given = PresentedToken.bearer(authorization) else {
        return Refusal(.unauthorized, "A relay shows the API key as Authorization: Bearer.")
      }
      return ConstantTime.areEqual(Array(given.utf8), key) ? nil : Refusal(.unauthorized, "This is not the API key.")
    }
  }
}
