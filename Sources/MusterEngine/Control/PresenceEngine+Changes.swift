package import MusterModel

/// What operators and backends change, and sessions without a WebSocket.
///
/// Whoever gets an answer here can rely on it: what it depends on is durable. While the log takes nothing, and when it has failed,
/// everything that would change something throws `unavailable`.
extension PresenceEngine {
  // MARK: Kicks and bans

  /// Ends all sessions of a user, but for one.
  ///
  /// - Returns: How many sessions ended.
  package func kick(user: UserID, except: SessionID?, message: String) async throws(Refusal) -> Int {
    let shard = planes[placement.plane(of: user)].sessions
    let result = await shard.kick(user, except: except, message: message)
    return try await settled(result, shard)
  }

  /// Ends one session.
  ///
  /// - Returns: Whether there was one.
  package func kick(session: SessionID, message: String) async throws(Refusal) -> Bool {
    let shard = planes[placement.plane(of: session)].sessions
    let result = await shard.kick(session, message: message)
    return try await settled(result, shard)
  }

  /// Closes one connection; its session goes on without it.
  ///
  /// - Returns: Whether there was one.
  package func kick(connection: ConnectionID, message: String) async -> Bool {
    guard planes.indices.contains(connection.shard) else { return false }
    return await planes[connection.shard].connections.kick(connection, message: message)
  }

  /// Keeps a user out, and ends what sessions there are.
  ///
  /// A `duration` of `nil` lasts until the ban is lifted. The `reason` is shown to the client and has at most 123 bytes; a longer
  /// one is refused with `too_large`. The result is how many sessions ended.
  package func ban(_ user: UserID, for duration: Duration?, reason: String) async throws(Refusal) -> Int {
    let shard = planes[placement.plane(of: user)].sessions
    let result = await shard.ban(user, for: duration, reason: reason)
    return try await settled(result, shard)
  }

  /// Lets a user in again.
  ///
  /// - Returns: Whether there was a ban.
  package func unban(_ user: UserID) async throws(Refusal) -> Bool {
    let shard = planes[placement.plane(of: user)].sessions
    let result = await shard.unban(user)
    return try await settled(result, shard)
  }

  /// Waits until everything is durable that a shard has logged so far, and only then says what came of it.
  private func settled<Value: Sendable>(
    _ result: Result<Value, Refusal>, _ shard: SessionShard
  ) async throws(Refusal) -> Value {
    try await desk.durable(await shard.appendedThrough, in: journal)
    return try result.get()
  }

  // MARK: Status, data, signals

  /// Sets or lifts the override of a user's status.
  ///
  /// - Returns: The user as others see it afterwards.
  package func overrideStatus(of user: UserID, _ change: StatusChange) async throws(Refusal) -> UserPresence {
    let shard = planes[placement.plane(of: user)].sessions
    let result = await shard.override(user, change)
    return try await settled(result, shard)
  }

  /// Patches the data of a session.
  ///
  /// - Throws: `conflict` with the current version and data, `too_large`, or `session_expired`.
  package func patchData(
    of session: SessionID, public publicPatch: Payload?, private privatePatch: Payload?, ifVersion: UInt64?
  ) async throws(Refusal) -> SessionData {
    let shard = planes[placement.plane(of: session)].sessions
    let result = await shard.patch(session, public: publicPatch, private: privatePatch, ifVersion: ifVersion)
    return try await settled(result, shard)
  }

  /// Hands a signal of the server to whom it may concern.
  ///
  /// - Returns: How many connections it was handed to.
  package func signal(_ target: SignalTarget, data: [UInt8]) async -> Int {
    let signal = Signal(from: .server, to: target, data: data)
    switch target {
    case .channel(let channel): return await planes[placement.plane(of: channel)].channels.signal(signal, in: channel)
    case .user(let user): return await planes[placement.plane(of: user)].sessions.deliver(signal)
    case .session(let session): return await planes[placement.plane(of: session)].sessions.deliver(signal)
    }
  }

  // MARK: Sessions without a WebSocket

  /// Grants or resumes a session that is held by an HTTP lease.
  package func open(_ identity: Identity, _ hello: Hello) async throws(Refusal) -> Welcome {
    let login: Login =
      switch identity {
      case .member(let user): .member(user)
      case .session(let session): .session(session)
      case .guest: .guest(UserID(guestFrom: random))
      }
    let reply = await ask(plane: placement.plane(of: login)) { .hello($0, .none, login, hello) }
    switch reply {
    case .hello(let welcome): return welcome
    case .refused(let refusal): throw refusal
    default: throw Refusal(.internal)
    }
  }

  /// Renews the HTTP lease of a session and wakes a dormant one.
  ///
  /// - Returns: When to come again at the latest, and the user's presence as the session itself sees it.
  package func heartbeat(_ session: SessionID) async throws(Refusal) -> (next: Duration, presence: UserPresence) {
    switch await request(session, .beat) {
    case .presence(let presence): return (configuration.httpLease / 2, presence)
    case .refused(let refusal): throw refusal
    default: throw Refusal(.internal)
    }
  }

  /// A request of a session that has no connection of its own here; the reply that a client would get.
  ///
  /// `join` answers with the channel and observes nothing. Not for `hello`, `observe`, `users`, `watch` and `unwatch`.
  package func request(_ session: SessionID, _ request: Request) async -> Reply {
    switch request {
    case .hello, .observe, .unobserve, .users, .watch, .unwatch:
      return .refused(Refusal(.unsupportedOp, "This needs a WebSocket."))
    default:
      return await ask(plane: placement.plane(of: session)) { .direct($0, .none, session, request) }
    }
  }

  /// Leaves after a grace, or logs out.
  package func leave(_ session: SessionID, logout: Bool, grace: Duration) async throws(Refusal) {
    let bye = Request.bye(logout: logout, graceMilliseconds: Int(clamping: grace.milliseconds))
    if case .refused(let refusal) = await request(session, bye) { throw refusal }
  }
}

extension SessionShard {
  /// Carries out a decision; how many mutations it came to.
  private func carryOut(_ decision: Decision, message: String = "") -> Result<Int, Refusal> {
    switch decision {
    case .refused(let refusal): return .failure(refusal)
    case .mutations(let mutations) where !mutations.isEmpty && !isAccepting: return .failure(.notAccepting)
    case .mutations(let mutations):
      commit(mutations, message: message)
      return .success(mutations.count)
    }
  }

  func kick(_ user: UserID, except: SessionID?, message: String) -> Result<Int, Refusal> {
    carryOut(state.decideKick(user, except: except), message: message)
  }

  func kick(_ session: SessionID, message: String) -> Result<Bool, Refusal> {
    guard let slot = state.find(session) else { return .success(false) }
    return carryOut(state.decideEnd(slot, .kicked), message: message).map { _ in true }
  }

  func ban(_ user: UserID, for duration: Duration?, reason: String) -> Result<Int, Refusal> {
    let until = duration.map { WallTime(milliseconds: now.wall.milliseconds + $0.milliseconds) }
    let ban = Ban(until: until, reason: Array(reason.utf8))
    return carryOut(state.decideBan(user, ban), message: reason).map { $0 - 1 }
  }

  func unban(_ user: UserID) -> Result<Bool, Refusal> {
    carryOut(state.decideUnban(user)).map { $0 > 0 }
  }

  func override(_ user: UserID, _ change: StatusChange) -> Result<UserPresence, Refusal> {
    carryOut(state.decideOverride(user, change, at: now)).map { _ in state.presence(of: user) }
  }

  func patch(
    _ session: SessionID, public publicPatch: Payload?, private privatePatch: Payload?, ifVersion: UInt64?
  ) -> Result<SessionData, Refusal> {
    guard let slot = state.find(session) else { return .failure(Refusal(.sessionExpired)) }
    let decision = state.decideData(
      slot, public: publicPatch, private: privatePatch, ifVersion: ifVersion, showsPrivate: true)
    return carryOut(decision).map { _ in state.data(of: slot) }
  }
}
