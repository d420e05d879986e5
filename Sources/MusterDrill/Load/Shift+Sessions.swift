// Logins, goodbyes, bans: what happens to whole sessions and users.
extension Shift {
  /// Does one of the things that make and end sessions.
  func changeSessions() throws(DrillError) {
    let live = worker.ledger.sessions.filter { $0.phase.expected != .ended }
    let dormant = live.filter { $0.phase.expected == .dormant }
    let banned = worker.ledger.users.filter { $0.ban.settled != nil && !$0.ban.isUncertain }
    if connected.isEmpty || live.count < worker.style.sessionsMax / 2 {
      return try logInAnybody(orUnban: banned.first)
    }
    switch Int.random(in: 0..<100, using: &randomness) {
    case 0..<25 where live.count < worker.style.sessionsMax: try logInAnybody(orUnban: banned.first)
    case 0..<45: try sayGoodbye(logout: false)
    case 45..<60:
      if let entry = pick(dormant) { try resume(entry) } else { try sayGoodbye(logout: false) }
    case 60..<75: try sayGoodbye(logout: true)
    case 75..<90: try reconnect()
    default:
      if let entry = banned.first { try unban(entry.user) } else { try banAnybody() }
    }
  }

  private var randomness: SeededRandom {
    get { worker.random }
    set { update { $0.random = newValue } }
  }

  private func logInAnybody(orUnban banned: UserEntry?) throws(DrillError) {
    let free = worker.ledger.users.filter { $0.ban.settled == nil && !$0.ban.isUncertain }
    if let user = pick(free) {
      try logIn(user.user)
    } else if let banned {
      try unban(banned.user)
    }
  }

  /// Takes the socket away without a word and comes back: nothing of the session changes.
  private func reconnect() throws(DrillError) {
    guard let session = pick(connected), let entry = worker.ledger[session: session] else { return }
    _ = takeConnection(session)
    maybeTwiceConnected.insert(session)
    try resume(entry)
  }

  private func sayGoodbye(logout: Bool) throws(DrillError) {
    let leaving = logout ? connected : connected.filter { !maybeTwiceConnected.contains($0) }
    guard let session = pick(leaving), let connection = takeConnection(session) else { return }
    let phase: Phase = logout ? .ended : .dormant
    let ticket = nextTicket()
    update { $0.ledger.update(session) { $0.phase.send(phase, ticket) } }
    try answered { () throws(DrillError) in
      let reply = try connection.request("bye", logout ? ["logout": true] : ["grace_ms": 0])
      if reply["ok"].isNull {
        trouble("the bye of \(session) was answered with \(reply)")
      } else {
        acknowledged { $0.update(session) { $0.phase.acknowledge(ticket) } }
      }
    }
  }

  private func banAnybody() throws(DrillError) {
    guard let user = pick(worker.ledger.users.filter({ $0.ban.settled == nil && !$0.ban.isUncertain }))?.user else { return }
    let ticket = nextTicket()
    let reason = "drill \(worker.ledger.acknowledged)"
    update { $0.ledger.sendBan(of: user, reason: reason, ticket) }
    for session in connected where worker.ledger[session: session]?.user == user { _ = takeConnection(session) }
    try answered { () throws(DrillError) in
      let answer = try admin.request("PUT", "/v1/users/\(user)/ban", ["reason": .string(reason)])
      if answer.status == 200 {
        acknowledged { $0.acknowledgeBan(of: user, ticket) }
      } else {
        refusedByAdmin(answer, "the ban of \(user)")
      }
    }
  }

  private func unban(_ user: String) throws(DrillError) {
    let ticket = nextTicket()
    update { $0.ledger.update(user: user) { $0.ban.send(nil, ticket) } }
    try answered { () throws(DrillError) in
      let answer = try admin.request("DELETE", "/v1/users/\(user)/ban")
      if answer.status == 200 {
        acknowledged { $0.update(user: user) { $0.ban.acknowledge(ticket) } }
      } else {
        refusedByAdmin(answer, "the end of the ban of \(user)")
      }
    }
  }

  private func refusedByAdmin(_ answer: HTTPClient.Answer, _ what: String) {
    update { $0.ledger.countUnanswered() }
    if answer.errorName == "unavailable", worker.style.toleratesUnavailable {
      gate.count(refused: 1)
    } else {
      trouble("\(what) was answered with \(answer.status) \(answer.body)")
    }
  }

  private func nextTicket() -> Ticket {
    var ticket = Ticket(0)
    update { ticket = $0.ledger.nextTicket() }
    return ticket
  }

  /// Notes an answer that makes something certain.
  private func acknowledged(_ change: (inout Ledger) -> Void) {
    update {
      change(&$0.ledger)
      $0.ledger.countAcknowledged()
    }
    gate.count(acknowledged: 1)
  }

  /// Waits for an answer; one that does not come is counted.
  private func answered(_ exchange: () throws(DrillError) -> Void) throws(DrillError) {
    do throws(DrillError) {
      try exchange()
    } catch {
      update { $0.ledger.countUnanswered() }
      throw error
    }
  }
}
