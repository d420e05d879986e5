import Hummingbird
import MusterAccess
import MusterModel

/// What the path and the query of a request say, checked.
struct RequestParameters {
  private let parameters: Parameters
  private let query: Substring

  init(_ request: Hummingbird.Request, _ context: EdgeContext) {
    parameters = context.parameters
    query = request.uri.query.map { $0[...] } ?? ""
  }

  /// A part of the path, with its percent escapes resolved.
  private func path(_ name: String) -> String? {
    parameters.get(name).flatMap { RequestTarget.unescaped($0[...]) }
  }

  /// The `{user}` of the path.
  func user() throws(Refusal) -> UserID {
    guard let user = path("user").flatMap({ UserID($0) }) else {
      throw Refusal(.badRequest, "The path must name a user: 1 to \(UserID.bytesMax) bytes of UTF-8, percent-encoded.")
    }
    return user
  }

  /// The `{session}` of the path.
  func session() throws(Refusal) -> SessionID {
    guard let session = path("session").flatMap({ SessionID($0) }) else {
      throw Refusal(.badRequest, "The path must name a session: 32 hexadecimal digits.")
    }
    return session
  }

  /// The `{connection}` of the path.
  func connection() throws(Refusal) -> ConnectionID {
    guard let connection = path("connection").flatMap({ ConnectionID($0) }) else {
      throw Refusal(.badRequest, "The path must name a connection: 16 hexadecimal digits.")
    }
    return connection
  }

  /// The `{channel}` of the path.
  func channel() throws(Refusal) -> ChannelName {
    guard let channel = path("channel").flatMap({ ChannelName($0) }) else { throw Refusal(.invalidChannel) }
    return channel
  }

  /// A parameter of the query; `nil` when it is missing or empty.
  func text(_ name: String) -> String? {
    RequestTarget.value(of: name, in: query).flatMap { $0.isEmpty ? nil : $0 }
  }

  /// A number of the query.
  func count(_ name: String, in range: ClosedRange<Int>, default: Int) throws(Refusal) -> Int {
    guard let text = text(name) else { return `default` }
    guard let count = Int(text), range.contains(count) else {
      throw Refusal(.badRequest, "\(name) must be a number from \(range.lowerBound) to \(range.upperBound).")
    }
    return count
  }

  /// Whether `include=invisible` is asked for.
  func includesInvisible() throws(Refusal) -> Bool {
    switch text("include") {
    case nil: return false
    case "invisible"?: return true
    default: throw Refusal(.badRequest, "The only thing that can be included is \"invisible\".")
    }
  }
}
