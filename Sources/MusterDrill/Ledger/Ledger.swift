/// How a session stands, as far as it is logged.
package enum Phase: String, Sendable, Hashable {
  /// Attached, or detached within its grace.
  case present
  case dormant
  case ended
}

/// What a session shows of itself.
package struct ShownStatus: Sendable, Hashable, CustomStringConvertible {
  package var status: String
  package var text: String

  package init(status: String, text: String) {
    self.status = status
    self.text = text
  }

  package var description: String { text.isEmpty ? status : "\(status) \"\(text)\"" }
}

/// A session's own data: a flat object, and its version.
package struct DataValue: Sendable, Hashable, CustomStringConvertible {
  package var version: Int64
  package var fields: [String: JSONValue]

  package init(version: Int64, fields: [String: JSONValue]) {
    self.version = version
    self.fields = fields
  }

  /// What a merge patch of one member makes of it.
  package func patched(_ name: String, _ value: JSONValue) -> DataValue {
    DataValue(version: version + 1, fields: fields.merging([name: value]) { $1 })
  }

  package var description: String {
    let text = JSONValue.object(fields).description
    return "version \(version) \(text.prefix(200))\(text.count > 200 ? "…" : "")"
  }
}

/// Whether a session is in a channel, and with which number in its part of the meta.
package enum Membership: Sendable, Hashable, CustomStringConvertible {
  case outside
  case inside(Int64)

  package var description: String {
    switch self {
    case .outside: "no member"
    case .inside(let number): "a member with \(number)"
    }
  }
}

/// A session as its client knows it.
package struct SessionEntry: Sendable {
  package let session: String
  package let token: String
  package let user: String
  /// The name under which its meta is told from that of the user's other sessions.
  package let label: String
  package var phase = Register(Phase.present)
  package var status = Register(ShownStatus(status: "online", text: ""))
  package var data = Register(DataValue(version: 0, fields: [:]))
  package var memberships: [String: Register<Membership>] = [:]
  /// Whether it was granted behind the mark, so that it may be missing as a whole.
  package private(set) var isNew = true

  package init(session: String, token: String, user: String, label: String) {
    self.session = session
    self.token = token
    self.user = user
    self.label = label
  }

  mutating func mark() {
    phase.mark()
    status.mark()
    data.mark()
    for channel in memberships.keys { memberships[channel]?.mark() }
    isNew = false
  }

  /// The channels that it is in for sure.
  package var channelsInside: [String] {
    memberships.filter { if case .inside = $0.value.settled { !$0.value.isUncertain } else { false } }.map(\.key)
  }
}

/// A user as the drill knows it.
package struct UserEntry: Sendable {
  package let user: String
  /// The reason, or `nil` for a user who may come in.
  package var ban = Register<String?>(nil)
  /// Logins that were not answered: each may have made a session that nobody knows.
  package var unansweredLogins = 0

  package init(user: String) {
    self.user = user
  }
}

/// What a client was told, and what it asked for without being told.
///
/// It lives in the drill's process, never in the server's. A value of one worker, so that no lock stands between an answer and
/// its entry; at the end of a round the workers hand theirs back.
package struct Ledger: Sendable {
  /// Sessions that ended are remembered, since they must not come back; so many of them.
  static let endedMax = 48

  package private(set) var users: [UserEntry]
  package private(set) var sessions: [SessionEntry] = []
  /// Operations that were acknowledged.
  package private(set) var acknowledged = 0
  /// Operations that were sent and never answered, or answered with `unavailable`.
  package private(set) var unanswered = 0
  private var lastTicket = 0

  package init(users: [String]) {
    self.users = users.map { UserEntry(user: $0) }
  }

  /// A name for the next request.
  package mutating func nextTicket() -> Ticket {
    lastTicket += 1
    return Ticket(lastTicket)
  }

  /// Counts an answer.
  package mutating func countAcknowledged() { acknowledged += 1 }

  /// Counts a request that will not be answered any more.
  package mutating func countUnanswered() { unanswered += 1 }

  /// Adds a session that was granted.
  package mutating func add(_ session: SessionEntry) {
    sessions.append(session)
    let ended = sessions.indices.filter { sessions[$0].phase.settled == .ended && !sessions[$0].phase.isUncertain }
    if ended.count > Self.endedMax { sessions.remove(at: ended[0]) }
  }

  /// Changes the entry of a session.
  package mutating func update(_ session: String, _ change: (inout SessionEntry) -> Void) {
    guard let index = sessions.firstIndex(where: { $0.session == session }) else { return }
    change(&sessions[index])
  }

  /// The entry of a session.
  package subscript(session session: String) -> SessionEntry? { sessions.first { $0.session == session } }

  /// Changes the entry of a user.
  package mutating func update(user: String, _ change: (inout UserEntry) -> Void) {
    guard let index = users.firstIndex(where: { $0.user == user }) else { return }
    change(&users[index])
  }

  /// Notes that a ban was asked for: it ends every session of the user.
  package mutating func sendBan(of user: String, reason: String, _ ticket: Ticket) {
    update(user: user) { $0.ban.send(reason, ticket) }
    for index in sessions.indices where sessions[index].user == user { sessions[index].phase.send(.ended, ticket) }
  }

  /// Notes that a ban was acknowledged.
  package mutating func acknowledgeBan(of user: String, _ ticket: Ticket) {
    update(user: user) { $0.ban.acknowledge(ticket) }
    for index in sessions.indices where sessions[index].user == user { sessions[index].phase.acknowledge(ticket) }
  }

  /// From here on, what is sent counts as "may or may not" for ``Strictness/sinceMark``.
  package mutating func mark() {
    for index in sessions.indices { sessions[index].mark() }
    for index in users.indices {
      users[index].ban.mark()
    }
  }
}
