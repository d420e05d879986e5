package import MusterModel

/// What a login leads to.
package enum LoginDecision: Sendable, Hashable {
  /// These sessions make room, then the new one is granted.
  case granted(replacing: [SessionID], SessionGrant)
  /// An existing session goes on, once these mutations have been made: it takes the status that it is to appear with, and then
  /// it wakes.
  case resumed(Slot, [Mutation])
  case refused(Refusal)
}

extension UserKind {
  /// Whether an id is one that a member can have.
  init(of user: UserID) {
    self = user.utf8.starts(with: SessionState.guestPrefix.utf8) ? .guest : .member
  }
}

extension SessionState {
  /// The prefix of the ids that the engine gives to guests; no member may have it.
  package static var guestPrefix: String { "guest:" }

  /// Judges a login against bans, limits and the login policy.
  ///
  /// All sessions of a user live here, so of any number of simultaneous logins exactly the limit survives. A dormant session
  /// is not present and never blocks a login: it makes room first, oldest first, whatever the policy.
  ///
  /// - Complexity: O(sessions of the user).
  package func decideLogin(
    _ login: Login, _ hello: Hello, at now: Moment, random: any RandomSource
  ) -> LoginDecision {
    let appearance = StatusChange(status: hello.status, text: hello.text)
    if let refusal = refusal(of: appearance) { return .refused(refusal) }
    switch login {
    case .session(let id):
      guard let session = find(id) else { return .refused(Refusal(.sessionExpired)) }
      if let user = row(ofUserOf: session), let refusal = refusalOfBan(of: user, at: now) { return .refused(refusal) }
      return decideResume(session, appearance, at: now)
    case .member(let user):
      if UserKind(of: user) == .guest {
        return .refused(Refusal(.unauthorized, "A member's id must not begin with \"\(Self.guestPrefix)\"."))
      }
      return decideNewSession(of: user, .member, hello, at: now, random: random)
    case .guest(let user):
      guard configuration.guestsAllowed else { return .refused(Refusal(.unauthorized, "Guests are not allowed here.")) }
      return decideNewSession(of: user, .guest, hello, at: now, random: random)
    }
  }

  private func decideResume(_ session: Slot, _ appearance: StatusChange, at now: Moment) -> LoginDecision {
    switch decideStatus(session, appearance, at: now) {
    case .refused(let refusal): return .refused(refusal)
    case .mutations(let mutations):
      // The status comes first: a session that is to appear as invisible must not be seen while it wakes.
      let isDormant = sessions.rows[session].phase == .dormant
      return .resumed(session, mutations + (isDormant ? [.awake(sessions.rows[session].id)] : []))
    }
  }

  private func decideNewSession(
    of user: UserID, _ kind: UserKind, _ hello: Hello, at now: Moment, random: any RandomSource
  ) -> LoginDecision {
    if let slot = row(of: user), let refusal = refusalOfBan(of: slot, at: now) { return .refused(refusal) }
    let victims: [Slot]
    do throws(Refusal) {
      victims = try sessionsToReplace(among: sessionSlots(of: user), by: hello.device)
    } catch {
      return .refused(error)
    }
    guard sessions.slots.count - victims.count < configuration.sessionsPerShardMax else {
      return .refused(Refusal(.overloaded, "The table of sessions is full."))
    }
    if let refusal = refusalOfFullTable(for: user) { return .refused(refusal) }
    let lifetime = clamp(hello.lifetimeMilliseconds, 1_000, configuration.sessionLifetime)
    let grant = SessionGrant(
      session: SessionID(placement: user.placement, random: random.next(), random.next()), user: user, kind: kind,
      device: hello.device, status: hello.status ?? .online, text: hello.text ?? [], created: now.wall,
      expires: WallTime(milliseconds: now.wall.milliseconds + lifetime.milliseconds),
      idleTTL: clamp(hello.idleTTLMilliseconds, shortestIdleTTL, configuration.sessionIdleTTL),
      resumeWindow: clamp(hello.resumeWindowMilliseconds, 0, configuration.resumeWindow))
    return .granted(replacing: victims.map { sessions.rows[$0].id }, grant)
  }

  /// Shorter, and a session would expire while it is still shown as present.
  private var shortestIdleTTL: Int {
    let lease = configuration.heartbeatInterval + configuration.heartbeatTimeout + configuration.resumeWindow
    return Int(max(lease, configuration.httpLease).milliseconds)
  }

  /// What a client asks for, within the configured bounds; the upper bound when it asks for nothing.
  private func clamp(_ milliseconds: Int?, _ least: Int, _ most: Duration) -> Duration {
    guard let milliseconds else { return most }
    return min(.milliseconds(max(milliseconds, least)), most)
  }

  /// Which sessions make room for one more, or why none may.
  private func sessionsToReplace(among sessions: [Slot], by device: Device) throws(Refusal) -> [Slot] {
    var staying = sessions
    var victims: [Slot] = []
    func isOnDevice(_ session: Slot) -> Bool { self.sessions.rows[session].device == device }
    func makeRoom(limit: Int, among candidates: (Slot) -> Bool, fallback: (Slot) -> Bool) throws(Refusal) {
      while staying.count(where: candidates) >= limit {
        let dormant = staying.firstIndex { candidates($0) && self.sessions.rows[$0].phase == .dormant }
        let present = configuration.loginPolicy == .reject ? nil : staying.firstIndex { candidates($0) && fallback($0) }
        guard let victim = dormant ?? present else {
          throw Refusal(.sessionLimit, "The user has \(limit) sessions, which is the limit.")
        }
        victims.append(staying.remove(at: victim))
      }
    }
    if let limit = configuration.sessionsPerDeviceMax[device] {
      try makeRoom(limit: limit, among: isOnDevice, fallback: { _ in true })
    }
    let replacesSameDevice = configuration.loginPolicy == .replaceSameDevice
    try makeRoom(
      limit: configuration.sessionsPerUserMax, among: { _ in true },
      fallback: { replacesSameDevice ? isOnDevice($0) : true })
    return victims
  }

  /// The refusal that a banned user gets.
  func refusalOfBan(of user: Slot, at now: Moment) -> Refusal? {
    guard let ban = users.bans[user] else { return nil }
    if let until = ban.until, until <= now.wall { return nil }
    let reason = String(decoding: ban.reason, as: UTF8.self)
    let milliseconds = ban.until.map { Int($0.milliseconds - now.wall.milliseconds) }
    return Refusal(.banned, reason.isEmpty ? nil : reason, retryAfterMilliseconds: milliseconds)
  }
}
