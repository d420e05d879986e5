package import MusterModel

/// Sole owner of the connections of one plane.
///
/// The edge calls it on the plane's thread, inside `assumeIsolated`, whenever its sockets have something; the messages of other
/// shards come in turns. A heartbeat ends here: it writes one tick into one row.
///
/// No method is `async`, and none waits for anything.
package actor ConnectionShard {
  package nonisolated let index: Int
  private nonisolated let executor: any PlaneExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private let context: ShardContext
  private let sink: any EventSink
  /// The mailboxes of all planes; read for their depth only.
  private let mailboxes: [Mailbox]
  package internal(set) var state: ConnectionState
  private var actions: [ConnectionAction] = []
  private var outbox: Outbox
  private var now: Moment
  /// What the last turn had no time for; and, between turns, the room of what it had.
  private var mail = PlaneMail()
  /// Whether a turn is running, which takes what there is to tell; at any other time one has to be asked for.
  private var isInTurn = false
  /// Whether a mailbox was over its limit when the last turn began or ended.
  package private(set) var areMailboxesFull = false
  /// Whether nothing new is let in: messages pile up between planes, or replies before the log.
  private var isOverloaded: Bool { areMailboxesFull || state.heldBackCount > context.configuration.mailboxMessagesMax }

  package init(
    index: Int, executor: any PlaneExecutor, context: ShardContext, sink: any EventSink, mailboxes: [Mailbox], now: Moment
  ) {
    self.index = index
    self.executor = executor
    self.context = context
    self.sink = sink
    self.mailboxes = mailboxes
    self.now = now
    outbox = Outbox(planes: context.placement.planes + 1)
    state = ConnectionState(
      shard: index, configuration: context.configuration, placement: context.placement, now: now.tick)
  }

  // MARK: For the edge

  /// Makes a row for a new transport and starts its hello timeout; `nil` when there is no room or the engine is draining.
  ///
  /// `remote` is the address of the peer, for operators.
  package func open(remote: String) -> ConnectionID? {
    state.open(remote: remote, at: now)
  }

  /// Notes a sign of life: any frame, ping or pong.
  ///
  /// O(1), no allocation.
  package func heard(_ connection: ConnectionID) {
    state.heard(connection, at: now.tick)
  }

  /// What an edge that answers heartbeats by itself says that the time is.
  package var serverTime: WallTime { now.wall }

  /// Takes `beat`s for an edge that answers them by itself, with ``serverTime``.
  ///
  /// O(1), no allocation, no call of the sink.
  ///
  /// - Returns: Whether they are taken; when the connection has not said hello, they must take the way of all requests.
  package func beat(_ connection: ConnectionID, count: Int) -> Bool {
    state.beat(connection, count: count, at: now.tick)
  }

  /// Binds the connection to a new or a resumed session.
  ///
  /// The answer is ``Reply/hello(_:)``, or a refusal and a close.
  package func hello(_ connection: ConnectionID, _ id: RequestID, _ identity: Identity, _ hello: Hello) {
    state.hello(connection, id, makeLogin(identity), hello, isOverloaded: isOverloaded, at: now, into: &actions)
    perform()
  }

  /// Takes any request but `hello`.
  ///
  /// A `beat` is answered at once; everything else goes to the session's shard.
  package func request(_ connection: ConnectionID, _ id: RequestID, _ request: Request) {
    if case .beat = request, state.hasGreeted(connection) {
      state.heard(connection, at: now.tick)
      if id != .none { sink.send(.beat(serverTime: now.wall), to: id, on: connection) }
      return
    }
    state.request(connection, id, request, isOverloaded: isOverloaded, at: now, into: &actions)
    perform()
  }

  /// Makes an open connection a relay: a backend that has shown the key it needs, and speaks for many sessions.
  ///
  /// - Returns: Whether it is one now; not when it is gone, has said hello, or the engine is draining.
  package func beginRelay(_ connection: ConnectionID) -> Bool {
    state.beginRelay(connection, at: now.tick)
  }

  /// Takes a batch of a relay; `id` is repeated in the answer, ``EventSink/relay(_:to:kind:on:)``.
  ///
  /// O(entries). Shards carry batches out in slices, so answers to several need not come in their order.
  package func relay(_ connection: ConnectionID, _ id: UInt32, _ request: RelayRequest) {
    state.relay(connection, id, request, isOverloaded: isOverloaded, random: context.random, at: now.tick, into: &actions)
    perform()
  }

  /// The transport's queue went over its high-water mark.
  package func congested(_ connection: ConnectionID) {
    state.congested(connection, at: now.tick, into: &actions)
    perform()
  }

  /// The peer took some bytes while congested.
  package func progressed(_ connection: ConnectionID) {
    state.progressed(connection, at: now.tick)
  }

  /// The transport's queue went below its low-water mark.
  package func drained(_ connection: ConnectionID) {
    state.drained(connection, at: now.tick, into: &actions)
    perform()
  }

  /// The transport is gone.
  ///
  /// A stale id is ignored, so the edge may tell what the engine knows already.
  package func closed(_ connection: ConnectionID, _ end: ConnectionEnd) {
    state.closed(connection, end, at: now, into: &actions)
    perform()
  }

  // MARK: For the plane

  /// Sets the moment that holds until the next turn.
  package func begin(_ now: Moment) {
    self.now = now
    state.counters.turns += 1
    areMailboxesFull = isMailOverLimit
  }

  private var isMailOverLimit: Bool {
    let limit = context.configuration.mailboxMessagesMax
    return outbox.count + mail.count > limit || mailboxes.contains { $0.depth > limit }
  }

  /// Begins a turn with what has come for this plane; ``endTurn(_:)`` ends it.
  package func beginTurn(at now: Moment) -> PlaneTurn {
    begin(now)
    isInTurn = true
    var turn = PlaneTurn(plane: index, now: now)
    swap(&turn.mail, &mail)
    mailboxes[index].take(into: &turn.mail)
    return turn
  }

  /// Ends a turn, and asks for another if anything is left.
  package func endTurn(_ turn: consuming PlaneTurn) {
    isInTurn = false
    swap(&turn.mail, &mail)
    let haveTimersWaited = areMailboxesFull
    // Whoever asks before the next turn must not be refused for what has been handled by now.
    areMailboxesFull = isMailOverLimit
    let isMoreDue = turn.isMoreDue || turn.isFlushDue || haveTimersWaited && !areMailboxesFull
    if isMoreDue || !mail.isEmpty || outbox.count > 0 { executor.requestTurn() }
  }

  /// Begins this shard's part of a turn: handles what came, and fires the timers that are due.
  func begin(_ turn: inout PlaneTurn) {
    receive(&turn)
    if turn.timersMax > 0 {
      if state.advance(limit: turn.timersMax, at: now, into: &actions) { turn.isMoreDue = true }
      perform()
    }
    turn.collect(&outbox)
  }

  /// Handles what the other shards have for this one.
  func receive(_ turn: inout PlaneTurn) {
    for message in turn.mail.connections {
      state.receive(message, durable: context.journal.durableThrough, at: now, into: &actions)
      perform()
    }
    turn.mail.connections.removeAll(keepingCapacity: true)
    turn.collect(&outbox)
  }

  /// Lets go what has become durable, or everything, as `unavailable`, when the log has failed.
  ///
  /// Once per turn, before everything else: what is still held back keeps events from its connection.
  func release() {
    state.releaseHeld(Durability(of: context.journal), into: &actions)
    perform()
  }

  /// Tells the batched changes of watched users.
  ///
  /// Once per turn, behind everything else.
  func flush(_ turn: inout PlaneTurn) {
    state.flushWatches(into: &actions)
    perform()
    turn.collect(&outbox)
  }

  /// Lets the plane take what is for others.
  func handOver(into mail: inout [PlaneMail]) {
    outbox.take(into: &mail)
  }

  // MARK: For the control plane

  /// One connection, for operators.
  package func detail(of connection: ConnectionID) -> ConnectionDetail? {
    state.detail(of: connection, at: now)
  }

  /// Ends one connection; its session goes on.
  package func kick(_ connection: ConnectionID, message: String) -> Bool {
    let isKnown = state.kick(connection, message: message, into: &actions)
    perform()
    return isKnown
  }

  /// Lets nobody in any more, and tells everybody to come back within `spread`.
  package func beginDraining(reason: String, spread: Duration) {
    state.beginDraining(reason: reason, spread: spread, random: context.random, into: &actions)
    perform()
  }

  /// Closes everybody who is still there.
  package func finishDraining() {
    state.finishDraining(into: &actions)
    perform()
  }

  // MARK: Acting

  /// Does what the state asked for, in its order.
  private func perform() {
    guard !actions.isEmpty else { return }
    for action in actions {
      switch action {
      case .send(let reply, let id, let connection): sink.send(reply, to: id, on: connection)
      case .push(let push, let connections): sink.push(push, to: connections)
      case .ping(let connection): sink.ping(connection)
      case .setReading(let connection, let enabled): sink.setReading(connection, enabled: enabled)
      case .close(let connection, let refusal): sink.close(connection, refusal: refusal)
      case .answer(let reply, let id, let kind, let connection): sink.relay(reply, to: id, kind: kind, on: connection)
      case .tellSession(let message, let plane): outbox.append(message, to: plane)
      case .tellChannel(let message): outbox.append(message, to: context.placement.plane(of: message.channel))
      }
    }
    actions.removeAll(keepingCapacity: true)
    if !isInTurn { executor.requestTurn() }
  }

  /// Gives a guest an id, which places it.
  private func makeLogin(_ identity: Identity) -> Login {
    switch identity {
    case .member(let user): .member(user)
    case .session(let session): .session(session)
    case .guest: .guest(UserID(guestFrom: context.random))
    }
  }
}

extension UserID {
  /// A fresh id for a guest: the prefix that no member may have, and 64 random bits.
  init(guestFrom random: any RandomSource) {
    self.init(unchecked: Array((SessionState.guestPrefix + String(random.next(), radix: 36)).utf8))
  }
}
