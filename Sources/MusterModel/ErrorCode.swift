/// Every code that leaves the process, once: as the close code of a WebSocket, in an error reply, in an HTTP problem.
///
/// Codes are frozen once released; a retired code is never given a new meaning.
///
/// - 4000 to 4499: try again, with back-off.
/// - 4500 to 4999: do not come back with these credentials.
/// - From 5000 (not possible as a close code): answers to a single request; the connection goes on.
package enum ErrorCode: UInt16, Error, Sendable, CaseIterable {
  case drain = 4000
  case slowConsumer = 4001
  case heartbeatTimeout = 4002
  case overloaded = 4003
  case helloTimeout = 4004
  case `internal` = 4005

  case badRequest = 4500
  case unauthorized = 4501
  case tokenExpired = 4502
  case kicked = 4503
  case banned = 4504
  case replaced = 4505
  case sessionLimit = 4506
  case sessionExpired = 4507
  case rateLimited = 4508
  case forbidden = 4509
  case tooLarge = 4510
  case loggedOut = 4511

  case notFound = 5001
  case conflict = 5002
  case channelLimit = 5003
  case invalidChannel = 5004
  case notJoined = 5005
  case unsupportedOp = 5006
  case unavailable = 5007

  /// The name as it goes over the wire, at most 20 bytes.
  package var name: String { entry.name }

  /// What happened, in one sentence; shown to whoever develops the client.
  package var sentence: String { entry.sentence }

  /// Whether the same request may succeed later.
  package var isRetryable: Bool {
    switch self {
    case .drain, .slowConsumer, .heartbeatTimeout, .overloaded, .helloTimeout, .internal, .rateLimited, .unavailable: true
    default: false
    }
  }

  /// Whether a WebSocket can be closed with it.
  package var isCloseCode: Bool { rawValue < 5000 }

  private var entry: (name: String, sentence: String) {
    switch self {
    case .drain: ("drain", "The server is stopping; come back after the announced delay.")
    case .slowConsumer: ("slow_consumer", "The connection did not take what it was sent.")
    case .heartbeatTimeout: ("heartbeat_timeout", "Nothing was heard from the connection for too long.")
    case .overloaded: ("overloaded", "The server has reached one of its limits; try again later.")
    case .helloTimeout: ("hello_timeout", "The connection did not say hello in time.")
    case .internal: ("internal", "The server failed to answer; the request may be tried again.")
    case .badRequest: ("bad_request", "The message is not what the protocol asks for.")
    case .unauthorized: ("unauthorized", "The credentials are missing or not valid.")
    case .tokenExpired: ("token_expired", "The token is no longer valid; get a new one.")
    case .kicked: ("kicked", "The session was ended by the server.")
    case .banned: ("banned", "The user is banned.")
    case .replaced: ("replaced", "Another login of the same user took this session's place.")
    case .sessionLimit: ("session_limit", "The user has as many sessions as allowed.")
    case .sessionExpired: ("session_expired", "The session has ended or is not known.")
    case .rateLimited: ("rate_limited", "Too many requests.")
    case .forbidden: ("forbidden", "This is not permitted here.")
    case .tooLarge: ("too_large", "The message or one of its parts is larger than allowed.")
    case .loggedOut: ("logged_out", "The session was logged out.")
    case .notFound: ("not_found", "There is no such thing.")
    case .conflict: ("conflict", "The version is not the current one.")
    case .channelLimit: ("channel_limit", "The session is in as many channels as allowed.")
    case .invalidChannel: ("invalid_channel", "This is not a valid channel name.")
    case .notJoined: ("not_joined", "The session is not in this channel.")
    case .unsupportedOp: ("unsupported_op", "This op is not known.")
    case .unavailable: ("unavailable", "This cannot be done just now.")
    }
  }
}
