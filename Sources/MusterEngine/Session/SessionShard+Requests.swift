import MusterModel

/// What connections ask of their session.
///
/// Everything a connection asks about a channel passes through here, even what the session has no say in: so the requests of one
/// connection about one channel are carried out in the order in which they were sent.
extension SessionShard {
  // MARK: Coming and going

  func admitLogin(_ connection: ConnectionID, _ id: RequestID, _ login: Login, _ hello: Hello) {
    switch state.decideLogin(login, hello, at: now, random: context.random) {
    case .refused(let refusal):
      send(.refuse(connection, id, refusal), to: connection)
    case .granted where !isAccepting:
      refuseLogin(connection, id)
    case .resumed(_, let mutations) where !mutations.isEmpty && !isAccepting:
      refuseLogin(connection, id)
    case .granted(let replaced, let grant):
      commit(replaced.map { .ended($0, .replaced) } + [.granted(grant)])
      guard let session = state.find(grant.session) else {
        preconditionFailure("a session that was just granted is not there")
      }
      admit(connection, id, to: session, resumed: false, points: hello.resume)
    case .resumed(let session, let mutations):
      commit(mutations)
      admit(connection, id, to: session, resumed: true, points: hello.resume)
    }
  }

  /// Turns somebody away because the log takes nothing; over a WebSocket with a code that can close one.
  private func refuseLogin(_ connection: ConnectionID, _ id: RequestID) {
    let isHTTP = connection.shard == context.placement.desk
    let refusal = Refusal(isHTTP ? .unavailable : .overloaded, Refusal.notAccepting.message, retryAfterMilliseconds: 1_000)
    send(.refuse(connection, id, refusal), to: connection)
  }

  private func admit(
    _ connection: ConnectionID, _ id: RequestID, to session: Slot, resumed: Bool, points: [ResumePoint]
  ) {
    let isHTTP = connection.shard == context.placement.desk
    if isHTTP { state.renew(session, at: now) } else { state.attach(session, connection, at: now) }
    let welcome = welcome(connection, to: session, resumed: resumed)
    send(.welcome(connection, id, welcome, state.ref(of: session), after: appendedThrough), to: connection)
    guard !isHTTP else { return }
    let memberships = state.channels(of: session)
    for channel in memberships {
      let point = points.first { $0.channel == channel }
      ask(channel, connection, .none, .resume(point))
    }
    let room = max(0, context.configuration.channelsPerSessionMax - memberships.count)
    for point in points.filter({ !memberships.contains($0.channel) && mayObserve($0.channel) }).prefix(room) {
      ask(point.channel, connection, .none, .resume(point))
    }
  }

  func welcome(_ connection: ConnectionID, to session: Slot, resumed: Bool) -> Welcome {
    let configuration = context.configuration
    let row = state.sessions.rows[session]
    return Welcome(
      user: state.userID(ofSession: session), kind: state.userKind(ofSession: session), session: row.id,
      connection: connection, resumed: resumed, epoch: context.epoch, node: configuration.node,
      heartbeatIntervalMilliseconds: Int(configuration.heartbeatInterval.milliseconds),
      heartbeatTimeoutMilliseconds: Int(configuration.heartbeatTimeout.milliseconds),
      resumeWindowMilliseconds: Int(state.sessions[session].resumeTicks) * Tick.milliseconds,
      sessionExpires: now.wall(at: row.expires), serverTime: now.wall)
  }

  func lose(_ connection: ConnectionID, _ ref: SessionRef, _ end: ConnectionEnd, lastHeard: Tick) {
    guard let session = state.slot(of: ref) else { return }
    switch end {
    case .lost: depart(session, connection, lastHeard: lastHeard, grace: nil, reason: .timeout)
    case .goodbye: depart(session, connection, lastHeard: lastHeard, grace: 0, reason: .left)
    }
  }

  /// A connection goes; the last one takes the session with it when its grace is over.
  ///
  /// `grace` is in ticks; `nil` takes the session's resume window.
  private func depart(
    _ session: Slot, _ connection: ConnectionID, lastHeard: Tick, grace: UInt32?, reason: LeaveReason
  ) {
    if state.detach(session, connection, lastHeard: lastHeard, grace: grace, reason: reason, at: now) {
      settleGrace(of: session)
    }
  }

  /// A grace of nothing is over at once, without waiting for the wheel.
  private func settleGrace(of session: Slot) {
    let row = state.sessions.rows[session]
    // While the log takes nothing its timer tries again.
    guard row.phase == .detached, row.graceEnds <= now.tick, isAccepting else { return }
    commit([.dormant(row.id, state.graceReason(of: session))])
  }

  private func bye(_ session: Slot, _ connection: ConnectionID, _ id: RequestID, logout: Bool, grace: UInt32) {
    let isHTTP = connection.shard == context.placement.desk
    // A goodbye is acknowledged when it is kept. One with a grace is kept by its timer, which tries until the log takes it.
    guard isAccepting || !logout && grace > 0 else { return reply(.refused(.notAccepting), to: connection, id) }
    if logout {
      if !isHTTP { _ = state.detach(session, connection, lastHeard: now.tick, grace: 0, reason: .left, at: now) }
      commit([.ended(state.sessions.rows[session].id, .left)])
    } else if !isHTTP {
      depart(session, connection, lastHeard: now.tick, grace: grace, reason: .left)
    } else if state.sessions[session].attachments == 0, state.sessions.rows[session].phase != .dormant {
      state.beginGrace(session, ticks: grace, reason: .left, at: now)
      settleGrace(of: session)
    }
    reply(.empty, to: connection, id, effect: .finishes)
  }

  // MARK: Requests

  func handle(_ request: Request, of session: Slot, _ connection: ConnectionID, _ id: RequestID) {
    switch request {
    case .hello, .users, .watch, .unwatch:
      reply(.refused(Refusal(.badRequest)), to: connection, id)
    case .beat:
      beat(session, connection, id)
    case .join(let channel, let meta, let list):
      decided(state.decideJoin(session, channel, meta: meta), connection, id) { _ in
        let isHTTP = connection.shard == context.placement.desk
        ask(channel, connection, id, isHTTP ? .look(list: list) : .observe(list: list))
      }
    case .observe(let channel, let list):
      whenObservable(channel, session, connection, id) { ask(channel, connection, id, .observe(list: list)) }
    case .unobserve(let channel):
      ask(channel, connection, id, .answer(.empty, .unobserves(channel)))
    case .leave(let channel):
      decided(state.decideLeave(session, channel), connection, id) { changed in
        ask(channel, connection, id, .answer(.left(changed: changed), .unobserves(channel)))
        if changed, !mayObserve(channel) { revoke(channel, of: session, except: connection) }
      }
    case .update(let channel, let patch):
      decided(state.decideUpdate(session, channel, patch: patch), connection, id) { _ in
        ask(channel, connection, id, .updated)
      }
    case .status(let change):
      decided(state.decideStatus(session, change, at: now), connection, id) { _ in
        reply(.presence(ownPresence(of: session)), to: connection, id)
      }
    case .activity(let idle):
      setIdle(session, idle)
      reply(.empty, to: connection, id)
    case .list(let channel, let limit, let cursor):
      whenObservable(channel, session, connection, id) { ask(channel, connection, id, .list(limit: limit, cursor)) }
    case .count(let channel):
      ask(channel, connection, id, .count)
    case .sync(let channel, let epoch, let seq):
      whenObservable(channel, session, connection, id) { ask(channel, connection, id, .sync(epoch: epoch, seq: seq)) }
    case .signal(let target, let data):
      signal(target, data, from: session, connection, id)
    case .data(let patch, let ifVersion):
      let decision = state.decideData(session, public: patch, private: nil, ifVersion: ifVersion, showsPrivate: false)
      decided(patch == nil ? .unchanged : decision, connection, id) { _ in
        let data = state.data(of: session)
        reply(.data(SessionDataView(version: data.version, data: data.public)), to: connection, id)
      }
    case .bye(let logout, let graceMilliseconds):
      let grace = min(Duration.milliseconds(max(0, graceMilliseconds)), context.configuration.resumeWindow)
      bye(session, connection, id, logout: logout, grace: grace.ticks)
    }
  }

  /// An HTTP heartbeat; a WebSocket's stay on its connection shard.
  private func beat(_ session: Slot, _ connection: ConnectionID, _ id: RequestID) {
    if state.sessions.rows[session].phase == .dormant {
      guard isAccepting else { return reply(.refused(.notAccepting), to: connection, id) }
      commit([.awake(state.sessions.rows[session].id)])
    }
    state.renew(session, at: now)
    reply(.presence(ownPresence(of: session)), to: connection, id)
  }

  /// Carries a decision out and goes on with whether anything changed, or answers why not.
  private func decided(
    _ decision: Decision, _ connection: ConnectionID, _ id: RequestID, then answer: (_ changed: Bool) -> Void
  ) {
    switch decision {
    case .refused(let refusal): reply(.refused(refusal), to: connection, id)
    case .mutations(let mutations) where !mutations.isEmpty && !isAccepting:
      reply(.refused(.notAccepting), to: connection, id)
    case .mutations(let mutations):
      commit(mutations)
      answer(!mutations.isEmpty)
    }
  }

  private func mayObserve(_ channel: ChannelName) -> Bool {
    context.configuration.settings(of: channel).observersAllowed
  }

  private func whenObservable(
    _ channel: ChannelName, _ session: Slot, _ connection: ConnectionID, _ id: RequestID, then answer: () -> Void
  ) {
    if mayObserve(channel) || state.membership(of: session, in: channel) != nil {
      answer()
    } else {
      reply(.refused(Refusal(.forbidden, "Only members may observe this channel.")), to: connection, id)
    }
  }

  /// Ends the observing of a session's other connections, in a channel that only members observe.
  private func revoke(_ channel: ChannelName, of session: Slot, except connection: ConnectionID) {
    for other in state.connections(of: session) where other != connection {
      ask(channel, other, .none, .answer(.empty, .revokes(channel)))
    }
  }

  private func ownPresence(of session: Slot) -> UserPresence {
    state.ownPresence(ofUserOf: session)
  }

  // MARK: Users and signals

  func query(_ users: [UserID], for connection: ConnectionID, gather: UInt32, viewer: UserID, watch: Bool) {
    if watch { state.watch(users, plane: connection.shard, at: now) }
    let found = users.map { $0 == viewer ? state.ownPresence(of: $0) : state.presence(of: $0) }
    send(.gathered(connection, gather: gather, found), to: connection)
  }

  private func signal(
    _ target: SignalTarget, _ data: [UInt8], from session: Slot, _ connection: ConnectionID, _ id: RequestID
  ) {
    let sender = state.userID(ofSession: session)
    let signal = Signal(from: .session(sender, state.sessions.rows[session].id), to: target, data: data)
    switch target {
    case .channel(let channel):
      guard context.configuration.settings(of: channel).signalsAllowed else {
        return reply(.refused(Refusal(.forbidden, "Signals are not allowed in this channel.")), to: connection, id)
      }
      guard state.membership(of: session, in: channel) != nil else {
        return reply(.refused(Refusal(.notJoined)), to: connection, id)
      }
      ask(channel, connection, id, .signal(signal))
    case .user(let user):
      forward(signal, to: context.placement.plane(of: user), connection, id)
    case .session(let target):
      forward(signal, to: context.placement.plane(of: target), connection, id)
    }
  }

  private func forward(_ signal: Signal, to plane: Int, _ connection: ConnectionID, _ id: RequestID) {
    guard context.configuration.defaultNamespace.signalsAllowed else {
      return reply(.refused(Refusal(.forbidden, "Signals to users are not allowed here.")), to: connection, id)
    }
    send(.signal(connection, id, signal), to: plane)
  }

  /// Hands a signal to the connections of a user or a session.
  ///
  /// - Returns: How many got it, as far as the sender may know: an invisible session gets it and does not count.
  func deliver(_ signal: Signal) -> Int {
    var targets: [Slot] = []
    switch signal.to {
    case .channel: break
    case .session(let id): targets = state.find(id).map { [$0] } ?? []
    case .user(let user): targets = state.sessionSlots(of: user)
    }
    var delivered = 0
    for session in targets {
      let connections = state.connections(of: session)
      for connection in connections { send(.push(connection, .signal(signal)), to: connection) }
      if state.sessions.rows[session].isShown || isFromOwner(signal, of: session) { delivered += connections.count }
    }
    return delivered
  }

  private func isFromOwner(_ signal: Signal, of session: Slot) -> Bool {
    switch signal.from {
    case .server: true
    case .session(let user, _): state.userID(ofSession: session) == user
    }
  }
}

extension Refusal {
  /// The log takes nothing: nothing may be promised that could not be kept.
  static let notAccepting = Refusal(
    .unavailable, "Changes cannot be kept just now, so none are made.", retryAfterMilliseconds: 1_000)

  /// It was done, but the log has failed and will not keep it: nothing may be promised.
  static let lost = Refusal(.unavailable, "The change could not be kept: the log has failed.")
}
