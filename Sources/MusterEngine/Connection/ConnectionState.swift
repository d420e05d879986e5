package import MusterModel

/// What a connection shard has its edge do and what it tells other shards, in the order in which it is to happen.
package enum ConnectionAction: Sendable {
  case send(Reply, RequestID, ConnectionID)
  case push(Push, [ConnectionID])
  case ping(ConnectionID)
  case setReading(ConnectionID, Bool)
  /// The last that the edge hears of a connection.
  case close(ConnectionID, Refusal?)
  case answer(RelayReply, UInt32, RelayKind, ConnectionID)
  case tellSession(SessionMessage, plane: Int)
  case tellChannel(ChannelMessage)
}

/// Everything one connection shard knows, as a value: open connections, what they observe and whom they watch.
///
/// Derived from the sockets, never logged. It holds no clock, no lock and no reference to I/O; what is to be done is appended
/// to a list of ``ConnectionAction``s.
///
/// - Invariant: I1. Each live row has exactly one timer.
/// - Invariant: I2. Each edge is in the list of its connection and in that of its channel; each stands for one grant of the
///   channel shard.
/// - Invariant: I3. An observed channel and a watched user are in their tables if and only if someone observes or watches them.
/// - Invariant: I4. The counts in a row equal the lengths of its lists, and `held` the entries of the row that are held back.
/// - Invariant: I5. A gather is in the queue of its connection, which is live.
package struct ConnectionState: ~Copyable {
  let shard: Int
  let configuration: EngineConfiguration
  let placement: Placement
  var slots: SlotAllocator
  var rows = Column<ConnectionRow>(repeating: ConnectionRow())
  /// The ids of the users behind bound connections; an array each would cost 70 bytes more.
  var userIDs = BlobStore()
  var remotes = Column<String>(repeating: "")
  var edges: RowTable<EdgeRow>
  var channels: RowTable<ObservedChannel>
  var channelIndex: [ChannelName: Slot] = [:]
  var watches: RowTable<WatchRow>
  var watched: RowTable<WatchedUser>
  var watchedIndex: [UserID: Slot] = [:]
  /// Connections with watches to tell of, and which.
  var pendingWatches: [Slot: [Slot]] = [:]
  var gathers: [UInt32: Gather] = [:]
  /// The gathers of each connection that has any, oldest first.
  var gatherQueues: [Slot: [UInt32]] = [:]
  var lastGather: UInt32 = 0
  /// Batches of relays that wait for session shards, also of relays that have gone since.
  var relayGathers: [UInt32: RelayGather] = [:]
  /// Requests that came behind a hello that has not been answered.
  var waiting: [Slot: [(RequestID, Request)]] = [:]
  var heldBack: [(after: LSN, what: HeldBack)] = []
  /// How many entries of `heldBack` have been sent.
  var heldBackSent = 0
  /// How many replies and pushes wait for the log, also for connections that have gone since.
  var heldBackCount: Int { heldBack.count - heldBackSent }
  var wheel: TimingWheel
  var due: [Slot] = []
  var isDraining = false
  var counters = ConnectionCounters()

  /// Makes the empty state of one shard.
  package init(shard: Int, configuration: EngineConfiguration, placement: Placement, now: Tick) {
    self.shard = shard
    self.configuration = configuration
    self.placement = placement
    slots = SlotAllocator(rowsMax: configuration.connectionsPerPlaneMax, generationBits: ConnectionID.generationBits)
    // Each is limited for each connection, and connections are limited where they are opened.
    edges = RowTable(repeating: EdgeRow(), rowsMax: SlotAllocator.rowsMax)
    channels = RowTable(repeating: ObservedChannel(), rowsMax: SlotAllocator.rowsMax)
    watches = RowTable(repeating: WatchRow(), rowsMax: SlotAllocator.rowsMax)
    watched = RowTable(repeating: WatchedUser(), rowsMax: SlotAllocator.rowsMax)
    wheel = TimingWheel(now: now)
  }

  /// The counters that belong to this shard.
  package var stats: EngineStats {
    var stats = EngineStats()
    stats.connections = slots.count
    stats.observers = edges.count
    stats.watches = watches.count
    stats.connectionTimers = wheel.count
    stats.heartbeats = counters.heartbeats
    stats.requests = counters.requests
    stats.refused = counters.refused
    stats.deliveries = counters.deliveries
    stats.conflated = counters.conflated
    stats.turns = counters.turns
    return stats
  }

  /// The row of a connection that may be stale.
  func slot(of connection: ConnectionID) -> Slot? {
    let slot = Slot(connection.slot)
    return connection.shard == shard && slots.isLive(slot, generation: connection.generation) ? slot : nil
  }

  /// The name of the connection in a live row.
  func connection(in slot: Slot) -> ConnectionID {
    ConnectionID(shard: shard, slot: slot.rawValue, generation: slots.generation(of: slot))
  }

  /// Who is behind a connection; `nil` before it is bound to a session.
  func user(of slot: Slot) -> UserID? {
    rows[slot].user == .none ? nil : UserID(unchecked: userIDs.bytes(of: rows[slot].user))
  }

  /// Whether this user is behind a connection.
  func isUser(_ user: UserID?, of slot: Slot) -> Bool {
    guard let user else { return rows[slot].user == .none }
    return userIDs.equals(rows[slot].user, user.utf8)
  }

  /// All open connections, for the control plane and for draining.
  ///
  /// O(rows).
  package var connections: [ConnectionID] {
    (0..<UInt32(slots.rows)).map { Slot($0) }.filter { slots.isLive($0) }.map { connection(in: $0) }
  }

  /// One connection, for operators.
  package func detail(of connection: ConnectionID, at now: Moment) -> ConnectionDetail? {
    guard let slot = slot(of: connection) else { return nil }
    let row = rows[slot]
    let silence = row.phase == .open ? configuration.helloTimeout.ticks : row.silenceTicks
    return ConnectionDetail(
      connection: connection, remote: remotes[slot], lastHeard: now.wall(at: row.lastHeard),
      deadline: now.wall(at: row.lastHeard.advanced(by: silence)), isCongested: row.isCongested,
      channelsObserved: Int(row.edges), usersWatched: Int(row.watches))
  }
}

/// Counted with the change itself.
struct ConnectionCounters: Hashable {
  var heartbeats: UInt64 = 0
  var requests: UInt64 = 0
  var refused: UInt64 = 0
  var deliveries: UInt64 = 0
  var conflated: UInt64 = 0
  var turns: UInt64 = 0
}

// MARK: Coming and going

extension ConnectionState {
  /// Makes a row for a new transport and starts its hello timeout; `nil` when the table is full or the engine is draining.
  package mutating func open(remote: String, at now: Moment) -> ConnectionID? {
    guard !isDraining, let slot = slots.allocate() else { return nil }
    rows.grow(toHold: slots.rows)
    remotes.grow(toHold: slots.rows)
    rows[slot] = ConnectionRow(lastHeard: now.tick)
    rows[slot].tokens = fullBucket
    rows[slot].tokensAt = now.tick
    remotes[slot] = remote
    wheel.arm(slot, at: now.tick.advanced(by: configuration.helloTimeout))
    return connection(in: slot)
  }

  /// Takes the first request of a connection on its way to the session shard.
  ///
  /// `isOverloaded` says that a mailbox is over its limit, so that nobody new may be let in.
  package mutating func hello(
    _ connection: ConnectionID, _ id: RequestID, _ login: Login, _ hello: Hello, isOverloaded: Bool, at now: Moment,
    into actions: inout [ConnectionAction]
  ) {
    guard let slot = slot(of: connection) else { return }
    counters.requests += 1
    guard !isDraining else { return refuse(slot, id, Refusal(.drain), into: &actions) }
    guard rows[slot].phase == .open else {
      rows[slot].lastHeard = now.tick
      guard spendToken(of: slot, at: now.tick) else { return tooFast(slot, id, into: &actions) }
      return answer(slot, id, Refusal(.badRequest, "This connection has already said hello."), into: &actions)
    }
    guard !isOverloaded else { return refuse(slot, id, .overloaded, into: &actions) }
    let limit = configuration.heartbeatInterval
    let interval = hello.heartbeatMilliseconds.map { min(max(.milliseconds($0), .seconds(1)), limit) } ?? limit
    rows[slot].phase = .greeting
    rows[slot].lastHeard = now.tick
    rows[slot].silenceTicks = (interval + configuration.heartbeatTimeout).ticks
    // A client that beats on time is never pinged; one that does not is left most of the timeout to answer.
    rows[slot].pingTicks = (interval + configuration.heartbeatTimeout / 4).ticks
    wheel.arm(slot, at: now.tick.advanced(by: rows[slot].pingTicks))
    actions.append(.tellSession(.hello(connection, id, login, hello), plane: placement.plane(of: login)))
  }

  /// Forgets a connection whose transport is gone.
  package mutating func closed(
    _ connection: ConnectionID, _ end: ConnectionEnd, at now: Moment, into actions: inout [ConnectionAction]
  ) {
    guard let slot = slot(of: connection) else { return }
    forget(slot, end, into: &actions)
  }

  /// Frees a row and tells the others; the session is told when there is one and it has not ended itself.
  mutating func forget(_ slot: Slot, _ end: ConnectionEnd?, into actions: inout [ConnectionAction]) {
    let connection = connection(in: slot)
    let row = rows[slot]
    if row.phase == .bound, let end {
      actions.append(.tellSession(.ended(connection, row.session, end, lastHeard: row.lastHeard), plane: row.session.shard))
    }
    while rows[slot].firstEdge != .none { removeEdge(rows[slot].firstEdge, into: &actions) }
    removeAllWatches(of: slot, into: &actions)
    removeAllGathers(of: slot)
    waiting[slot] = nil
    wheel.disarm(slot)
    userIDs.free(row.user)
    rows[slot] = ConnectionRow()
    remotes[slot] = ""
    slots.free(slot)
  }

  /// Refuses and closes: the connection was not let in, or is thrown out.
  mutating func refuse(_ slot: Slot, _ id: RequestID, _ refusal: Refusal, into actions: inout [ConnectionAction]) {
    let connection = connection(in: slot)
    counters.refused += 1
    // A relay reads batches only; the close says it, too.
    if rows[slot].phase != .relay { actions.append(.send(.refused(refusal), id, connection)) }
    actions.append(.close(connection, refusal))
    forget(slot, .lost, into: &actions)
  }

  /// Refuses one request; the connection goes on.
  mutating func answer(_ slot: Slot, _ id: RequestID, _ refusal: Refusal, into actions: inout [ConnectionAction]) {
    counters.refused += 1
    deliver(.refused(refusal), to: slot, id, into: &actions)
  }
}

// MARK: Requests

extension Refusal {
  fileprivate static let overloaded = Refusal(.overloaded, retryAfterMilliseconds: 1_000)
}

extension ConnectionID {
  /// How many bits of a generation fit in.
  fileprivate static let generationBits = 28
}

extension ConnectionState {
  /// Notes a sign of life.
  ///
  /// O(1), no allocation; neither the wheel nor the session is touched.
  @inline(__always)
  package mutating func heard(_ connection: ConnectionID, at now: Tick) {
    guard let slot = slot(of: connection) else { return }
    rows[slot].lastHeard = now
    counters.heartbeats += 1
  }

  /// Notes so many `beat`s, if the connection has said hello.
  ///
  /// O(1), no allocation.
  @inline(__always)
  package mutating func beat(_ connection: ConnectionID, count: Int, at now: Tick) -> Bool {
    guard let slot = slot(of: connection), rows[slot].phase != .open else { return false }
    rows[slot].lastHeard = now
    counters.heartbeats &+= UInt64(truncatingIfNeeded: count)
    return true
  }

  /// Whether a connection has said hello, and has not gone since.
  package func hasGreeted(_ connection: ConnectionID) -> Bool {
    slot(of: connection).map { rows[$0].phase != .open } ?? false
  }

  /// Takes any request but `hello`; a `beat` only before the hello, where it is as wrong as anything else.
  ///
  /// `isOverloaded` says that a mailbox is over its limit, so that nothing new may be let in.
  package mutating func request(
    _ connection: ConnectionID, _ id: RequestID, _ request: Request, isOverloaded: Bool, at now: Moment,
    into actions: inout [ConnectionAction]
  ) {
    guard let slot = slot(of: connection) else { return }
    rows[slot].lastHeard = now.tick
    counters.requests += 1
    guard rows[slot].phase != .open else {
      return refuse(slot, id, Refusal(.badRequest, "The first request must be hello."), into: &actions)
    }
    guard !isDraining else { return answer(slot, id, Refusal(.drain), into: &actions) }
    guard spendToken(of: slot, at: now.tick) else { return tooFast(slot, id, into: &actions) }
    guard !isOverloaded, rows[slot].inFlight < configuration.requestsInFlightMax else {
      return answer(slot, id, .overloaded, into: &actions)
    }
    rows[slot].inFlight += 1
    if rows[slot].phase == .greeting {
      waiting[slot, default: []].append((id, request))
    } else {
      forward(slot, id, request, into: &actions)
    }
  }

  /// Sends an admitted request where it is carried out.
  mutating func forward(_ slot: Slot, _ id: RequestID, _ request: Request, into actions: inout [ConnectionAction]) {
    let connection = connection(in: slot)
    switch request {
    case .users(let users): gather(slot, id, users, into: &actions)
    case .watch(let users): watch(slot, id, users, into: &actions)
    case .unwatch(let users): unwatch(slot, id, users, into: &actions)
    case .observe(let channel, _) where isFull(slot, for: channel, limit: configuration.channelsPerSessionMax),
      .join(let channel, _, _) where isFull(slot, for: channel, limit: 2 * configuration.channelsPerSessionMax):
      let limit = configuration.channelsPerSessionMax
      finish(slot)
      answer(slot, id, Refusal(.channelLimit, "A connection may observe \(limit) channels at once."), into: &actions)
    default:
      let session = rows[slot].session
      actions.append(.tellSession(.request(connection, id, session, request), plane: session.shard))
    }
  }

  /// Whether a connection observes as many channels as it may.
  ///
  /// Requests on their way are not counted, so that it can be as many more as may be in flight. Channels to join have room of
  /// their own: the session has a limit for them, but its other connections may leave what this one goes on observing.
  private func isFull(_ slot: Slot, for channel: ChannelName, limit: Int) -> Bool {
    Int(rows[slot].edges) >= limit && edge(of: slot, in: channel) == nil
  }

  /// One request less is unanswered.
  mutating func finish(_ slot: Slot) {
    if rows[slot].inFlight > 0 { rows[slot].inFlight -= 1 }
  }

  private var fullBucket: Int32 { Int32(clamping: configuration.requestsBurst * 10) }

  /// A token bucket: `requests_per_second` flow in, at most `requests_burst` stay.
  private mutating func spendToken(of slot: Slot, at now: Tick) -> Bool {
    let passed = Int(now.ticks(since: rows[slot].tokensAt))
    if passed > 0 {
      // One tick is a tenth of a second and a token a tenth of a request.
      let (gained, overflow) = passed.multipliedReportingOverflow(by: configuration.requestsPerSecond)
      rows[slot].tokens = overflow ? fullBucket : min(fullBucket, Int32(clamping: Int(rows[slot].tokens) + gained))
      rows[slot].tokensAt = now
    }
    guard rows[slot].tokens >= 10 else { return false }
    rows[slot].tokens -= 10
    rows[slot].strikes = 0
    return true
  }

  /// Refuses what comes too fast, and closes a connection that goes on regardless for a whole burst.
  private mutating func tooFast(_ slot: Slot, _ id: RequestID, into actions: inout [ConnectionAction]) {
    rows[slot].strikes += 1
    let wait = max(1, 1_000 / configuration.requestsPerSecond)
    let refusal = Refusal(
      .rateLimited, "A connection may send \(configuration.requestsPerSecond) requests a second.",
      retryAfterMilliseconds: wait)
    if rows[slot].strikes > configuration.requestsBurst {
      refuse(slot, id, refusal, into: &actions)
    } else {
      answer(slot, id, refusal, into: &actions)
    }
  }
}
