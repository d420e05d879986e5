package import MusterModel

/// Sole owner of one slice of all channels: rosters, occupancy, numbered events, and which planes observe what.
///
/// Derived from the session shards, which tell it who is present where; it never calls back up. No method is `async`.
package actor ChannelShard {
  package nonisolated let index: Int
  private nonisolated let executor: any PlaneExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  package internal(set) var state: ChannelState
  private var outputs: [ChannelOutput] = []
  private var outbox: Outbox
  private var now: Moment

  package init(index: Int, executor: any PlaneExecutor, context: ShardContext, now: Moment) {
    self.index = index
    self.executor = executor
    self.now = now
    outbox = Outbox(planes: context.placement.planes + 1)
    state = ChannelState(
      configuration: context.configuration, epoch: context.epoch, now: now.tick,
      hashKey: StableHash.Key(context.random.next(), context.random.next()))
  }

  // MARK: For the plane

  /// Sets the moment that holds until the next turn.
  package func begin(_ now: Moment) {
    self.now = now
  }

  /// Takes the rosters of before a restart: puts that are no events.
  func restore(_ puts: [ChannelMessage], moment: Moment) {
    begin(moment)
    for case .put(let channel, let member, let sessions) in puts {
      state.restore(channel, member, sessions: sessions)
    }
  }

  /// Begins this shard's part of a turn: handles what came, and ends the windows that are due.
  ///
  /// Tells nothing yet.
  func begin(_ turn: inout PlaneTurn) {
    begin(turn.now)
    receive(&turn)
    if turn.timersMax > 0, state.advance(to: now.tick, limit: turn.timersMax) == .moreDue { turn.isMoreDue = true }
    turn.isFlushDue = state.isFlushDue
  }

  /// Handles what the other shards have for this one.
  func receive(_ turn: inout PlaneTurn) {
    for message in turn.mail.channels { state.receive(message, at: now, into: &outputs) }
    turn.mail.channels.removeAll(keepingCapacity: true)
    post()
    turn.collect(&outbox)
    turn.isFlushDue = state.isFlushDue
  }

  /// Tells what is due, when nothing more is to be expected in this turn.
  func flush(_ turn: inout PlaneTurn, limit: Int) {
    _ = state.flush(at: now, limit: limit, into: &outputs)
    post()
    turn.collect(&outbox)
    turn.isFlushDue = state.isFlushDue
  }

  /// Lets the plane take what is for others.
  func handOver(into mail: inout [PlaneMail]) {
    outbox.take(into: &mail)
  }

  private func post() {
    for output in outputs { outbox.append(output.message, to: output.plane) }
    outputs.removeAll(keepingCapacity: true)
  }

  // MARK: For the control plane

  package var counters: ChannelCounters { state.counters }

  /// One channel, or `nil` when nobody is in it and nobody observes it.
  package func detail(of channel: ChannelName) -> ChannelDetail? {
    state.detail(of: channel)
  }

  /// A page of members, or `nil` when there is no such channel.
  package func page(of channel: ChannelName, cursor: Cursor?, limit: Int) -> MemberPage? {
    state.page(of: channel, cursor: cursor, limit: limit)
  }

  /// Goes on with a search for channels, a few thousand rows at a time so that others get their turns.
  ///
  /// - Returns: The search as far as it has come, and whether it has to go on.
  package func look(for scan: ChannelScan) -> (scan: ChannelScan, isMoreDue: Bool) {
    var scan = scan
    let progress = state.look(for: &scan, rows: 4_096)
    return (scan, progress == .moreDue)
  }

  /// Hands a signal of the server to the observers of a channel; how many there are.
  package func signal(_ signal: Signal, in channel: ChannelName) -> Int {
    let count = state.signal(signal, in: channel, into: &outputs)
    post()
    executor.requestTurn()
    return count
  }
}
