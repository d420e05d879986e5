import MusterModel

extension ConnectionState {
  /// Handles one message of a session shard or a channel shard.
  ///
  /// `durable` is what is known to survive a crash; what depends on more is held back.
  package mutating func receive(
    _ message: ConnectionMessage, durable: LSN, at now: Moment, into actions: inout [ConnectionAction]
  ) {
    switch message {
    case .welcome(let connection, let id, let welcome, let session, let after):
      hold(.welcome(connection, id, welcome, session), of: connection, after: after, durable: durable, into: &actions)
    case .reply(let connection, let id, let reply, let effect, let after):
      take(effect, connection, into: &actions)
      hold(.reply(connection, id, reply, effect), of: connection, after: after, durable: durable, into: &actions)
    case .push(let connection, let push):
      guard take(push, connection) else { return }
      hold(.push(connection, push), of: connection, after: .zero, durable: durable, into: &actions)
    case .refuse(let connection, let id, let refusal):
      guard let slot = slot(of: connection) else { return }
      refuse(slot, id, refusal, into: &actions)
    case .end(let connection, let reason, let message):
      end(connection, reason, message: message, into: &actions)
    case .event(let channel, let event):
      tell(event, of: channel, into: &actions)
    case .gathered(let connection, let gather, let users):
      gathered(connection, gather, users, durable: durable, into: &actions)
    case .relayed(let connection, let gather, let outcome, let after):
      relayed(connection, gather, outcome, after: after, durable: durable, into: &actions)
    case .presence(let change):
      note(change)
    }
  }

  // MARK: Taking

  // What a message changes about its connection is done when it comes, not when it may be sent: the events behind it already
  // count on it, and those that pass while it is held back must be known to be missed.

  private mutating func take(_ effect: ReplyEffect, _ connection: ConnectionID, into actions: inout [ConnectionAction]) {
    let slot = slot(of: connection)
    switch effect {
    case .none, .finishes: break
    case .observes(let channel): observes(channel, slot, into: &actions)
    case .unobserves(let channel), .revokes(let channel): unobserves(channel, slot, into: &actions)
    }
  }

  /// - Returns: Whether the push goes on its way.
  private mutating func take(_ push: Push, _ connection: ConnectionID) -> Bool {
    guard let slot = slot(of: connection) else { return false }
    switch push {
    case .snapshot(let snapshot):
      isUpToDate(snapshot.channel, slot)
    case .signal where rows[slot].held >= configuration.requestsInFlightMax:
      // Replies are limited by the requests in flight; signals of others are not.
      counters.conflated += 1
      return false
    default: break
    }
    return true
  }

  // MARK: Holding back

  /// Sends at once what depends on nothing that could still be lost, else keeps it; and everything that comes behind it on
  /// the same connection, so that nothing overtakes.
  mutating func hold(
    _ what: HeldBack, of connection: ConnectionID, after: LSN, durable: LSN, into actions: inout [ConnectionAction]
  ) {
    let slot = slot(of: connection)
    let isBehind = slot.map { rows[$0].held > 0 } ?? false
    guard after > durable || isBehind else { return release(what, into: &actions) }
    if let slot { rows[slot].held += 1 }
    heldBack.append((max(after, heldBack.last?.after ?? .zero), what))
  }

  /// Keeps what comes behind something that is held back for the same connection.
  mutating func hold(_ what: HeldBack, behind slot: Slot) {
    rows[slot].held += 1
    heldBack.append((heldBack.last?.after ?? .zero, what))
  }

  /// Sends what has become durable since.
  ///
  /// When the log has failed everything goes, and what depends on more than is durable goes as `unavailable`. One comparison for
  /// each entry that goes.
  package mutating func releaseHeld(_ durability: Durability, into actions: inout [ConnectionAction]) {
    while heldBackSent < heldBack.count, durability.isLost || heldBack[heldBackSent].after <= durability.through {
      let (after, what) = heldBack[heldBackSent]
      heldBackSent += 1
      let slot = slot(of: what.connection)
      if let slot { rows[slot].held -= 1 }
      release(after <= durability.through ? what : what.lost, into: &actions)
      // The release may have been the last of the connection.
      if let slot, slots.isLive(slot) { resync(slot, into: &actions) }
    }
    guard heldBackSent > 0, heldBackSent * 2 >= heldBack.count else { return }
    heldBack.removeFirst(heldBackSent)
    heldBackSent = 0
  }

  private mutating func release(_ what: HeldBack, into actions: inout [ConnectionAction]) {
    switch what {
    case .welcome(let connection, let id, let welcome, let session):
      bind(connection, id, welcome, session, into: &actions)
    case .reply(let connection, let id, let reply, let effect):
      sendReply(connection, id, reply, effect, into: &actions)
    case .push(let connection, let push):
      sendPush(connection, push, into: &actions)
    case .rejection(let connection, let id):
      guard let slot = slot(of: connection) else { return }
      // Its session may not survive; the code is one that can close a WebSocket.
      refuse(slot, id, Refusal(.internal, Refusal.lost.message), into: &actions)
    case .relay(let connection, let id, let kind, let reply):
      guard let slot = slot(of: connection) else { return }
      finish(slot)
      actions.append(.answer(reply, id, kind, connection))
    }
  }

  // MARK: Sending

  private mutating func bind(
    _ connection: ConnectionID, _ id: RequestID, _ welcome: Welcome, _ session: SessionRef,
    into actions: inout [ConnectionAction]
  ) {
    guard let slot = slot(of: connection) else {
      // The peer went while its hello was on its way.
      let ended = SessionMessage.ended(connection, session, .lost, lastHeard: wheel.now)
      actions.append(.tellSession(ended, plane: session.shard))
      return
    }
    rows[slot].phase = .bound
    rows[slot].session = session
    userIDs.free(rows[slot].user)
    rows[slot].user = userIDs.store(welcome.user.utf8)
    var welcome = welcome
    let interval = Int(rows[slot].silenceTicks) * Tick.milliseconds - Int(configuration.heartbeatTimeout.milliseconds)
    welcome.heartbeatIntervalMilliseconds = interval
    deliver(.hello(welcome), to: slot, id, into: &actions)
    for (id, request) in waiting.removeValue(forKey: slot) ?? [] { forward(slot, id, request, into: &actions) }
  }

  private mutating func sendReply(
    _ connection: ConnectionID, _ id: RequestID, _ reply: Reply, _ effect: ReplyEffect,
    into actions: inout [ConnectionAction]
  ) {
    guard let slot = slot(of: connection) else { return }
    switch effect {
    // A resumed channel is observed without having been asked for; its push follows.
    case .observes where reply == .empty && id == .none: return
    case .revokes: return
    default: break
    }
    finish(slot)
    if case .refused = reply { counters.refused += 1 }
    deliver(reply, to: slot, id, into: &actions)
    if effect == .finishes {
      actions.append(.close(connection, nil))
      forget(slot, nil, into: &actions)
    }
  }

  /// Hands a reply to the edge.
  ///
  /// Without an id only a refusal is told.
  mutating func deliver(_ reply: Reply, to slot: Slot, _ id: RequestID, into actions: inout [ConnectionAction]) {
    if id == .none {
      guard case .refused = reply else { return }
    }
    actions.append(.send(reply, id, connection(in: slot)))
  }

  private mutating func sendPush(_ connection: ConnectionID, _ push: Push, into actions: inout [ConnectionAction]) {
    guard let slot = slot(of: connection) else { return }
    switch push {
    case .snapshot(let snapshot): settle(snapshot, slot, into: &actions)
    case .diff(let diff): catchUp(push, of: diff.channel, slot, into: &actions)
    case .count(let count): catchUp(push, of: count.channel, slot, into: &actions)
    case .signal where rows[slot].isCongested: counters.conflated += 1
    default:
      counters.deliveries += 1
      actions.append(.push(push, [connection]))
    }
  }

  private mutating func end(
    _ connection: ConnectionID, _ reason: LeaveReason, message: String, into actions: inout [ConnectionAction]
  ) {
    guard let slot = slot(of: connection) else { return }
    let code = reason.closeCode
    let text = message.isEmpty ? code.sentence : message
    actions.append(.push(.ended(reason, message: text), [connection]))
    actions.append(.close(connection, Refusal(code, text)))
    forget(slot, nil, into: &actions)
  }
}

extension HeldBack {
  var connection: ConnectionID {
    switch self {
    case .welcome(let connection, _, _, _), .reply(let connection, _, _, _), .push(let connection, _),
      .rejection(let connection, _), .relay(let connection, _, _, _):
      connection
    }
  }

  /// What is sent instead when the log has failed.
  fileprivate var lost: HeldBack {
    switch self {
    case .welcome(let connection, let id, _, _): .rejection(connection, id)
    case .reply(let connection, let id, _, let effect): .reply(connection, id, .refused(.lost), effect)
    case .relay(let connection, let id, let kind, _): .relay(connection, id, kind, .refused(Refusal.lost.code))
    case .push, .rejection: self
    }
  }
}
