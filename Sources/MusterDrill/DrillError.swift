import Glibc

/// Why a drill could not go on; it says nothing about what was lost.
package enum DrillError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The command line makes no sense.
  case usage(String)
  /// The system refused something that a drill needs.
  case system(String)
  /// The server did what a server does not do: a broken answer, an end without being asked.
  case server(String)
  /// The other side is gone: what was sent and not answered may or may not have happened.
  case disconnected
  /// Nothing came for too long.
  case timedOut(String)

  /// What a call of the system says about its failure.
  static func call(_ what: String, _ code: Int32 = errno) -> DrillError {
    .system("\(what): \(String(cString: strerror(code)))")
  }

  package var description: String {
    switch self {
    case .usage(let text), .system(let text), .server(let text): text
    case .disconnected: "the connection ended"
    case .timedOut(let what): "timed out waiting for \(what)"
    }
  }
}
