/// What a server says it has, after a restart.
package struct Observation: Sendable {
  /// A session as the admin port tells of it.
  package struct Session: Sendable, Hashable {
    package var user: String
    package var phase: Phase
    package var status: ShownStatus
    package var data: DataValue
    package var channels: Set<String>

    package init(user: String, phase: Phase, status: ShownStatus, data: DataValue, channels: Set<String>) {
      self.user = user
      self.phase = phase
      self.status = status
      self.data = data
      self.channels = channels
    }
  }

  /// A user as the admin port tells of it.
  package struct User: Sendable, Hashable {
    package var sessions: Set<String>
    package var ban: String?

    package init(sessions: Set<String> = [], ban: String? = nil) {
      self.sessions = sessions
      self.ban = ban
    }
  }

  /// By session id; one that is not here is not there.
  package var sessions: [String: Session] = [:]
  package var users: [String: User] = [:]
  /// By channel and user, the numbers by the labels of the user's sessions.
  ///
  /// Only of those who are shown.
  package var metas: [String: [String: [String: Int64]]] = [:]

  package init() {}
}

/// Something that is not as it was acknowledged.
package struct Loss: Sendable, Hashable, CustomStringConvertible {
  /// What it is about: a session or a user.
  package var subject: String
  /// Which part of it.
  package var part: String
  package var acknowledged: String
  package var found: String

  package init(subject: String, part: String, acknowledged: String, found: String) {
    self.subject = subject
    self.part = part
    self.acknowledged = acknowledged
    self.found = found
  }

  package var description: String { "\(subject), \(part): acknowledged \(acknowledged), found \(found)" }
}
