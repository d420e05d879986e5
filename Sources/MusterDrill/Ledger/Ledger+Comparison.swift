extension Ledger {
  /// Holds what a server has against what was acknowledged.
  ///
  /// Something lost is found as well as something invented: a membership that nobody asked for, a session that had ended, a
  /// value that was never sent.
  ///
  /// - Complexity: O(sessions · channels).
  package func losses(in seen: Observation, _ strictness: Strictness) -> [Loss] {
    var losses: [Loss] = []
    for entry in sessions {
      let subject = "session \(entry.session) of \(entry.user)"
      guard let session = seen.sessions[entry.session] else {
        let mayBeMissing = entry.phase.allows(.ended, strictness) || strictness == .sinceMark && entry.isNew
        if !mayBeMissing {
          losses.append(
            Loss(subject: subject, part: "session", acknowledged: entry.phase.settled.rawValue, found: "no such session"))
        }
        continue
      }
      losses += Self.losses(of: entry, in: session, subject, strictness)
      losses += metaLosses(of: entry, in: seen, subject, strictness)
    }
    for user in users {
      let found = seen.users[user.user] ?? Observation.User()
      if !user.ban.allows(found.ban, strictness) {
        losses.append(
          Loss(
            subject: "user \(user.user)", part: "ban", acknowledged: user.ban.settled ?? "none", found: found.ban ?? "none"))
      }
      let known = Set(sessions.lazy.filter { $0.user == user.user }.map(\.session))
      let strangers = found.sessions.subtracting(known)
      if strangers.count > user.unansweredLogins {
        losses.append(
          Loss(
            subject: "user \(user.user)", part: "sessions", acknowledged: "\(known.count), and \(user.unansweredLogins) maybe",
            found: "\(strangers.count) that nobody was given"))
      }
    }
    return losses
  }

  private static func losses(
    of entry: SessionEntry, in session: Observation.Session, _ subject: String, _ strictness: Strictness
  ) -> [Loss] {
    var losses: [Loss] = []
    func check<Value>(_ part: String, _ register: Register<Value>, _ found: Value) {
      guard !register.allows(found, strictness) else { return }
      losses.append(Loss(subject: subject, part: part, acknowledged: "\(register.settled)", found: "\(found)"))
    }
    if session.user != entry.user {
      losses.append(Loss(subject: subject, part: "user", acknowledged: entry.user, found: session.user))
    }
    check("phase", entry.phase, session.phase)
    check("status", entry.status, session.status)
    check("data", entry.data, session.data)
    for (channel, register) in entry.memberships.sorted(by: { $0.key < $1.key }) {
      let isInside = session.channels.contains(channel)
      guard !register.allows(where: { ($0 != .outside) == isInside }, strictness) else { continue }
      losses.append(
        Loss(
          subject: subject, part: "channel \(channel)", acknowledged: "\(register.settled)",
          found: isInside ? "a member" : "no member"))
    }
    for channel in session.channels.subtracting(entry.memberships.keys).sorted() {
      losses.append(Loss(subject: subject, part: "channel \(channel)", acknowledged: "never joined", found: "a member"))
    }
    return losses
  }

  /// Meta is seen through the channels, and only of users who are shown there.
  private func metaLosses(
    of entry: SessionEntry, in seen: Observation, _ subject: String, _ strictness: Strictness
  ) -> [Loss] {
    guard seen.sessions[entry.session]?.phase == .present else { return [] }
    var losses: [Loss] = []
    for (channel, register) in entry.memberships.sorted(by: { $0.key < $1.key }) {
      // One that is a member without reason has been told of already.
      guard seen.sessions[entry.session]?.channels.contains(channel) == true,
        register.allows(where: { $0 != .outside }, strictness)
      else { continue }
      let found = seen.metas[channel]?[entry.user]?[entry.label]
      let isAllowed = found.map { register.allows(.inside($0), strictness) } ?? false
      if !isAllowed {
        losses.append(
          Loss(
            subject: subject, part: "meta in \(channel)", acknowledged: "\(register.settled)",
            found: found.map { "\($0)" } ?? "none"))
      }
    }
    return losses
  }

  /// Takes what a server has after a restart as acknowledged, so that the next round begins without a "maybe".
  ///
  /// Sessions that nobody was given are not taken over; see ``strangers(in:)``.
  package mutating func settle(to seen: Observation) {
    for entry in sessions {
      update(entry.session) { entry in
        guard let session = seen.sessions[entry.session] else { return entry.phase.settle(.ended) }
        entry.phase.settle(session.phase)
        entry.status.settle(session.status)
        entry.data.settle(session.data)
        for channel in entry.memberships.keys {
          guard session.channels.contains(channel) else {
            entry.memberships[channel]?.settle(.outside)
            continue
          }
          // Whoever is not shown has a meta that cannot be looked at; then nothing is known better than before.
          if let number = seen.metas[channel]?[entry.user]?[entry.label] {
            entry.memberships[channel]?.settle(.inside(number))
          }
        }
      }
    }
    for user in users {
      update(user: user.user) { entry in
        entry.ban.settle(seen.users[entry.user]?.ban ?? nil)
        entry.unansweredLogins = 0
      }
    }
  }

  /// The sessions that logins without an answer have made.
  package func strangers(in seen: Observation) -> [String] {
    let known = Set(sessions.map(\.session))
    return users.flatMap { seen.users[$0.user]?.sessions.subtracting(known).sorted() ?? [] }
  }
}
