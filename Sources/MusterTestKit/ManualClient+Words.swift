package import MusterModel

/// Requests in the words of a test: names and JSON as text.
extension ManualClient {
  /// The session, once the welcome has come.
  package var session: SessionID? {
    receive()
    return welcome?.session
  }

  @discardableResult
  package func join(_ channel: String, meta: String = "{}", list: Int = 100) -> Reply? {
    ChannelName(channel).flatMap { ask(.join($0, meta: Payload(text: meta), list: list)) }
  }

  @discardableResult
  package func leave(_ channel: String) -> Reply? {
    ChannelName(channel).flatMap { ask(.leave($0)) }
  }

  @discardableResult
  package func observe(_ channel: String, list: Int = 100) -> Reply? {
    ChannelName(channel).flatMap { ask(.observe($0, list: list)) }
  }

  @discardableResult
  package func unobserve(_ channel: String) -> Reply? {
    ChannelName(channel).flatMap { ask(.unobserve($0)) }
  }

  @discardableResult
  package func update(_ channel: String, patch: String) -> Reply? {
    ChannelName(channel).flatMap { ask(.update($0, patch: Payload(text: patch))) }
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
    ask(.watch(users.compactMap { UserID($0) }))
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
