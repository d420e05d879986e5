package import MusterModel

/// Requests in the words of a test: names and JSON as text.
extension ManualClient {
  /// The client was not let in.
  package struct NoWelcome: Error {
    package var refusal: Refusal?
  }

  /// What the welcome says.
  package func letIn() throws -> Welcome {
    receive()
    guard let welcome else { throw NoWelcome(refusal: refusal) }
    return welcome
  }

  /// The session, once the welcome has come.
  package var session: SessionID { get throws { try letIn().session } }

  @discardableResult
  package func join(_ channel: String, meta: String = "{}", list: Int = 100) -> Reply? {
    ask(.join(.named(channel), meta: Payload(text: meta), list: list))
  }

  @discardableResult
  package func leave(_ channel: String) -> Reply? {
    ask(.leave(.named(channel)))
  }

  @discardableResult
  package func observe(_ channel: String, list: Int = 100) -> Reply? {
    ask(.observe(.named(channel), list: list))
  }

  @discardableResult
  package func unobserve(_ channel: String) -> Reply? {
    ask(.unobserve(.named(channel)))
  }

  @discardableResult
  package func update(_ channel: String, patch: String) -> Reply? {
    ask(.update(.named(channel), patch: Payload(text: patch)))
  }

  @discardableResult
  package func set(_ status: Status?, text: String? = nil) -> Reply? {
    ask(.status(StatusChange(status: status, text: text.map { Array($0.utf8) })))
  }

  @discardableResult
  package func override(_ status: Status?, text: String? = nil, forMilliseconds: Int? = nil) -> Reply? {
    ask(
      .status(
        StatusChange(
          status: status, text: text.map { Array($0.utf8) }, scope: .user, forMilliseconds: forMilliseconds)))
  }

  @discardableResult
  package func watch(_ users: String...) -> Reply? {
    ask(.watch(users.map { .named($0) }))
  }

  /// What the events since the last call said of a channel, and whatever else was pushed.
  package func takeEvents() -> [Push] {
    receive()
    defer { forgetEvents() }
    return events
  }

  /// What the diffs since the last call said.
  package func takeDiffs() -> (joins: [String], updates: [String], leaves: [Leave]) {
    var told: (joins: [String], updates: [String], leaves: [Leave]) = ([], [], [])
    for case .diff(let diff) in takeEvents() {
      told.joins += diff.joins.map(\.user.text)
      told.updates += diff.updates.map(\.user.text)
      told.leaves += diff.leaves
    }
    return told
  }
}

extension Payload {
  /// An object as a test writes it: valid JSON.
  package init(text: String) {
    self.init(validated: Array(text.utf8))
  }

  /// The object as text.
  package var text: String { String(decoding: json, as: UTF8.self) }
}

extension Reply {
  /// Why the request was refused, if it was.
  package var refusal: Refusal? {
    if case .refused(let refusal) = self { refusal } else { nil }
  }

  /// The code of the refusal, if it was one.
  package var code: ErrorCode? { refusal?.code }
}

extension UserID {
  /// The user with an id that is valid.
  package static func named(_ text: String) -> UserID {
    guard let user = UserID(text) else { preconditionFailure("\(text) is no user id") }
    return user
  }
}

extension ChannelName {
  /// The channel with a name that is valid.
  package static func named(_ text: String) -> ChannelName {
    guard let channel = ChannelName(text) else { preconditionFailure("\(text) is no channel name") }
    return channel
  }
}
