import MusterModel

extension UserExplanation {
  /// Puts the facts into sentences.
  init(user: UserID, detail: UserDetail?, connections: [ConnectionDetail]) {
    let sentences = detail.map { Self.sentences($0, connections) } ?? ["Nothing is known of \(user.text)."]
    self.init(user: user, detail: detail, connections: connections, sentences: sentences)
  }

  private static func sentences(_ detail: UserDetail, _ connections: [ConnectionDetail]) -> [String] {
    var sentences = [sentence(of: detail)]
    if let override = detail.override { sentences.append(sentence(of: override)) }
    if let ban = detail.ban {
      let until = ban.until.map { "until \($0.milliseconds)" } ?? "until it is lifted"
      sentences.append("The user is banned \(until): \(String(decoding: ban.reason, as: UTF8.self))")
    }
    for session in detail.sessions {
      sentences.append(sentence(of: session))
      for connection in connections where session.connections.contains(connection.connection) {
        sentences.append(sentence(of: connection))
      }
    }
    return sentences
  }

  private static func sentence(of detail: UserDetail) -> String {
    let user = detail.presence.user.text
    if detail.presence.status != .offline {
      let shown = detail.sessions.count { $0.phase != .dormant && $0.status != .invisible }
      return "\(user) is shown as \(detail.presence.status.name), through \(shown) of \(detail.sessions.count) sessions."
    }
    if detail.ownStatus == .invisible { return "\(user) is shown as offline, because every present session is invisible." }
    if detail.sessions.isEmpty { return "\(user) is shown as offline, because there is no session." }
    return "\(user) is shown as offline, because all \(detail.sessions.count) sessions are dormant."
  }

  private static func sentence(of override: StatusOverride) -> String {
    let until = override.until.map { "until \($0.milliseconds)" } ?? "until it is lifted"
    return "An override sets the status to \(override.status.name) \(until)."
  }

  private static func sentence(of session: SessionDetail) -> String {
    let head = "Session \(session.session.text) on \(session.device.name) is \(session.phase.name)"
    let deadline = session.deadline.milliseconds
    switch session.phase {
    case .attached where session.connections.isEmpty:
      return "\(head): held by HTTP heartbeats, the last at \(session.lastHeard.milliseconds); the lease ends at \(deadline)."
    case .attached:
      return "\(head): held by \(session.connections.count) connections; it ends at \(deadline) at the latest."
    case .detached:
      return "\(head): its last connection is gone, and it is still shown until \(deadline), unless it resumes before."
    case .dormant:
      return "\(head): its grace is over, it is not shown, and it can be resumed until \(deadline)."
    }
  }

  private static func sentence(of connection: ConnectionDetail) -> String {
    let congestion = connection.isCongested ? "; it does not take what it is sent" : ""
    return "Connection \(connection.connection.text) from \(connection.remote) was last heard at "
      + "\(connection.lastHeard.milliseconds); silence ends it at \(connection.deadline.milliseconds)\(congestion)."
  }
}
