package import MusterModel

/// What the shards of one engine have in common.
package struct ShardContext: Sendable {
  package let configuration: EngineConfiguration
  package let placement: Placement
  package let epoch: Epoch
  package let journal: any MutationJournal
  package let random: any RandomSource

  package init(
    configuration: EngineConfiguration, placement: Placement, epoch: Epoch, journal: any MutationJournal,
    random: any RandomSource
  ) {
    self.configuration = configuration
    self.placement = placement
    self.epoch = epoch
    self.journal = journal
    self.random = random
  }
}

/// Sole owner of one slice of all users and their sessions.
///
/// A turn is: decide, append to the journal, apply, fill the outbox. Every step that can refuse comes before the append; none
/// after it can fail. No method here is `async`, so nothing interleaves inside a turn, and the order of the log is the order of
/// what was applied.
package actor SessionShard {
  package nonisolated let index: Int
  nonisolated let executor: any PlaneExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  let context: ShardContext
  package internal(set) var state: SessionState
  private var outbox: Outbox
  private var changes: [SessionChange] = []
  /// Shares of relays' batches, the one that was begun first.
  var relayTasks = CircularQueue<RelayTask>()
  /// The last record of this shard: whoever is told what the shard knows waits for it.
  private(set) var appendedThrough = LSN.zero
  private(set) var now: Moment
  /// Whether a turn is running, which takes what there is to tell; at any other time one has to be asked for.
  private var isInTurn = false
  /// The capture that is going on.
  var capture: ShardCapture?
  /// What there is to remember while recovering; empty in between.
  var ledger = RecoveryLedger()

  package init(index: Int, executor: any PlaneExecutor, context: ShardContext, now: Moment) {
    self.index = index
    self.executor = executor
    self.context = context
    self.now = now
    outbox = Outbox(planes: context.placement.planes + 1)
    state = SessionState(
      shard: index, configuration: context.configuration, now: now.tick,
      hashKey: StableHash.Key(context.random.next(), context.random.next()))
  }

  /// Sets the moment that holds for everything until the next turn.
  package func begin(_ now: Moment) {
    self.now = now
  }

  /// Begins this shard's part of a turn: handles what came, fires the timers that are due, and goes on with relays' batches.
  func begin(_ turn: inout PlaneTurn) {
    begin(turn.now)
    isInTurn = true
    handle(&turn)
    if turn.timersMax > 0, advance(limit: turn.timersMax) { turn.isMoreDue = true }
    endPart(of: &turn)
  }

  /// Handles what the other shards have for this one.
  func receive(_ turn: inout PlaneTurn) {
    isInTurn = true
    handle(&turn)
    endPart(of: &turn)
  }

  private func handle(_ turn: inout PlaneTurn) {
    for message in turn.mail.sessions { receive(message) }
    turn.mail.sessions.removeAll(keepingCapacity: true)
  }

  private func endPart(of turn: inout PlaneTurn) {
    if carryOutRelays(limit: &turn.relayBeatsLeft) { turn.isMoreDue = true }
    turn.collect(&outbox)
    turn.isCaptureDue = capture != nil || state.isFoldingDue
    isInTurn = false
  }

  /// Lets the plane take what is for others.
  func handOver(into mail: inout [PlaneMail]) {
    outbox.take(into: &mail)
  }

  /// Handles one message.
  ///
  /// O(what it changes).
  private func receive(_ message: SessionMessage) {
    switch message {
    case .hello(let connection, let id, let login, let hello):
      admitLogin(connection, id, login, hello)
    case .request(let connection, let id, let ref, let request):
      guard let session = state.slot(of: ref) else {
        reply(.refused(Refusal(.sessionExpired)), to: connection, id)
        return
      }
      handle(request, of: session, connection, id)
    case .direct(let connection, let id, let sessionID, let request):
      guard let session = state.find(sessionID) else {
        reply(.refused(Refusal(.sessionExpired)), to: connection, id)
        return
      }
      // Any request is a sign of life; over a WebSocket its connection notes it.
      state.heard(session, at: now.tick)
      handle(request, of: session, connection, id)
    case .ended(let connection, let ref, let end, let lastHeard):
      lose(connection, ref, end, lastHeard: lastHeard)
    case .query(let connection, let gather, let users, let viewer, let watch):
      query(users, for: connection, gather: gather, viewer: viewer, watch: watch)
    case .unwatch(let plane, let users):
      state.unwatch(users, plane: plane)
    case .signal(let connection, let id, let signal):
      reply(.delivered(deliver(signal)), to: connection, id)
    case .relay(let connection, let gather, let share):
      relayTasks.append(RelayTask(connection: connection, gather: gather, share: share))
    }
  }

  /// Whether something new may be decided: the log takes it.
  var isAccepting: Bool { context.journal.isAccepting }

  /// Fires the timers that are due, until timers and messages that they lead to are `limit` together.
  ///
  /// A session may be in a hundred channels, each of which is told. So timers are taken a few at a time, and the limit is exceeded
  /// by what ``timersAtOnce`` of them lead to.
  ///
  /// What would have to be logged waits while the log takes nothing.
  ///
  /// - Returns: Whether more is due.
  private func advance(limit: Int) -> Bool {
    var left = limit
    while left > 0 {
      let before = outbox.count
      let limit = min(left, Self.timersAtOnce)
      guard fireSome(limit: limit) else { return false }
      left -= limit + outbox.count - before
    }
    return true
  }

  private static let timersAtOnce = 16

  private func fireSome(limit: Int) -> Bool {
    let due = state.advance(to: now.tick, limit: limit)
    for session in due.sessions {
      switch state.fire(session: session, at: now, into: &changes) {
      case .rearmed: break
      case .refreshed: route(message: "")
      case .becomesDormant where !isAccepting, .expires where !isAccepting:
        state.postpone(session: session, at: now.tick)
      case .becomesDormant(let id, let reason): commit([.dormant(id, reason)])
      case .expires(let id): commit([.ended(id, .expired)])
      }
    }
    for user in due.users {
      switch state.fire(user: user, at: now, into: &changes) {
      case .rearmed: break
      case .forgotten: route(message: "")
      case .overrideEnds where !isAccepting, .banEnds where !isAccepting:
        state.postpone(user: user, at: now.tick)
      case .overrideEnds(let id): commit([.overridden(id, nil)])
      case .banEnds(let id): commit([.banned(id, nil)])
      }
    }
    return due.isMoreDue
  }

  // MARK: Turn

  /// Logs, applies and routes.
  ///
  /// Cannot fail.
  ///
  /// `message` is what a connection is told whose session ends by it. Returns the position of the last record.
  @discardableResult
  func commit(_ mutations: [Mutation], message: String = "") -> LSN {
    for mutation in mutations {
      appendedThrough = context.journal.append(mutation, at: now.wall)
      state.apply(mutation, at: now, into: &changes)
    }
    route(message: message)
    return appendedThrough
  }

  /// Takes over what was recovered: the last record is the last that this shard knows of.
  func begin(behind recovered: LSN) {
    appendedThrough = max(appendedThrough, recovered)
  }

  /// Replays one record; what it changes is told to nobody.
  func replay(_ record: LoggedMutation) throws(RecoveryError) -> Replayed {
    defer { changes.removeAll(keepingCapacity: true) }
    return try state.replay(record, ledger: &ledger, at: now, into: &changes)
  }

  /// Puts what changed into the outbox.
  func route(message: String) {
    for change in changes {
      switch change {
      case .channel(let message): send(message)
      case .presence(let change, let planes):
        for plane in planes { outbox.append(.presence(change), to: plane) }
      case .end(let connection, let reason):
        outbox.append(.end(connection, reason, message: message), to: connection.shard)
      }
    }
    changes.removeAll(keepingCapacity: true)
    requestTurn()
  }

  /// Starts or ends idleness, which is not logged.
  func setIdle(_ session: Slot, _ isIdle: Bool) {
    state.setIdle(session, isIdle, at: now, into: &changes)
    route(message: "")
  }

  // MARK: Out

  private func requestTurn() {
    if !isInTurn { executor.requestTurn() }
  }

  func send(_ message: ChannelMessage) {
    outbox.append(message, to: context.placement.plane(of: message.channel))
  }

  func send(_ message: ConnectionMessage, to connection: ConnectionID) {
    outbox.append(message, to: connection.shard)
    requestTurn()
  }

  func send(_ message: SessionMessage, to plane: Int) {
    outbox.append(message, to: plane)
    requestTurn()
  }

  func reply(
    _ reply: Reply, to connection: ConnectionID, _ id: RequestID, effect: ReplyEffect = .none
  ) {
    send(.reply(connection, id, reply, effect, after: appendedThrough), to: connection)
  }

  func ask(_ channel: ChannelName, _ connection: ConnectionID, _ id: RequestID, _ ask: ChannelAsk) {
    send(.ask(channel, connection, id, ask, after: appendedThrough))
    requestTurn()
  }
}

extension ChannelMessage {
  /// The channel it is about.
  var channel: ChannelName {
    switch self {
    case .put(let channel, _, _), .drop(let channel, _, _), .ask(let channel, _, _, _, _), .release(let channel, _, _):
      channel
    }
  }
}
