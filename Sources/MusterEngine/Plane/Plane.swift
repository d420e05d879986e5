import MusterModel

/// One session shard, one channel shard and one connection shard on one thread, and the turns that move messages between them.
///
/// A turn: take the mailbox, let go what has become durable, fire timers, handle what the shards have for each other until there
/// is nothing left, tell the channels' events, hand over what is for other planes, once for each, with at most one wake-up, and go on
/// with a snapshot, if one is being written.
/// Messages inside a plane go through the same outboxes as those between planes, so a shard is never entered while it is in the
/// middle of something.
///
/// To enter a shard costs as much as some heartbeats, so each is entered with everything there is for it, in the direction in which
/// requests go: connections, sessions, channels. The whole turn runs inside the connection shard, as the thread's sockets do.
package final class Plane: Sendable {
  package let index: Int
  package let sessions: SessionShard
  package let channels: ChannelShard
  package let connections: ConnectionShard
  private let mailbox: Mailbox
  private let executor: any PlaneExecutor
  private let clock: any EngineClock
  private let journal: any MutationJournal
  private let timersPerTurnMax: Int
  /// How many rounds of messages inside the plane one turn handles before it lets its sockets run.
  private static let roundsMax = 16
  /// How many channels and member changes are told in one turn.
  ///
  /// A change takes a few microseconds when nothing of it is in a cache.
  private static let flushMax = 256
  /// How many heartbeats of relays, or what is worth as many, one turn carries out.
  private static let relayBeatsMax = 4_096

  init(
    index: Int, executor: any PlaneExecutor, context: ShardContext, sink: any EventSink, mailboxes: [Mailbox],
    clock: any EngineClock
  ) {
    let now = Moment(tick: clock.now, wall: clock.wall)
    self.index = index
    self.executor = executor
    self.clock = clock
    journal = context.journal
    mailbox = mailboxes[index]
    timersPerTurnMax = context.configuration.timersPerTurnMax
    sessions = SessionShard(index: index, executor: executor, context: context, now: now)
    channels = ChannelShard(index: index, executor: executor, context: context, now: now)
    connections = ConnectionShard(
      index: index, executor: executor, context: context, sink: sink, mailboxes: mailboxes, now: now)
  }

  /// Runs one turn.
  ///
  /// On the plane's thread only.
  ///
  /// - Parameters:
  ///   - peers: All planes, this one included.
  ///   - desk: Where answers to the control plane go.
  package func turn(peers: [Plane], desk: ControlDesk) {
    connections.assumeIsolated { turn(peers: peers, desk: desk, with: $0) }
  }

  private func turn(peers: [Plane], desk: ControlDesk, with connections: isolated ConnectionShard) {
    var turn = connections.beginTurn(at: Moment(tick: clock.now, wall: clock.wall))
    connections.release()
    // Timers wait while a mailbox is over its limit: then they come with the next turn that finds it emptied.
    turn.timersMax = connections.areMailboxesFull ? 0 : timersPerTurnMax
    turn.relayBeatsLeft = Self.relayBeatsMax

    connections.begin(&turn)
    sessions.assumeIsolated { $0.begin(&turn) }
    channels.assumeIsolated { $0.begin(&turn) }
    settle(&turn, with: connections)
    if turn.isFlushDue {
      channels.assumeIsolated { $0.flush(&turn, limit: Self.flushMax) }
      settle(&turn, with: connections)
    }
    connections.flush(&turn)
    journal.flush()
    handOver(&turn, peers: peers, desk: desk, with: connections)
    if turn.isCaptureDue, sessions.assumeIsolated({ $0.continueCapture() }) { turn.isMoreDue = true }
    connections.endTurn(turn)
  }

  /// Handles what the shards of this plane have for each other, until there is nothing left or it has been enough for one turn.
  private func settle(_ turn: inout PlaneTurn, with connections: isolated ConnectionShard) {
    for _ in 0..<Self.roundsMax where !turn.mail.isEmpty {
      if !turn.mail.sessions.isEmpty { sessions.assumeIsolated { $0.receive(&turn) } }
      if !turn.mail.channels.isEmpty { channels.assumeIsolated { $0.receive(&turn) } }
      if !turn.mail.connections.isEmpty { connections.receive(&turn) }
    }
  }

  /// Posts what is for other planes: to all of them what is for connections first.
  ///
  /// Then no other plane can write to a connection before the welcome that this turn sent to it.
  private func handOver(
    _ turn: inout PlaneTurn, peers: [Plane], desk: ControlDesk, with connections: isolated ConnectionShard
  ) {
    let durability = Durability(of: journal)
    defer { desk.release(durability) }
    guard turn.hasMailForOthers else { return }
    var mail = Array(repeating: PlaneMail(), count: peers.count + 1)
    sessions.assumeIsolated { $0.handOver(into: &mail) }
    channels.assumeIsolated { $0.handOver(into: &mail) }
    connections.handOver(into: &mail)
    for peer in peers {
      var first = PlaneMail()
      swap(&first.connections, &mail[peer.index].connections)
      peer.post(&first)
    }
    for peer in peers { peer.post(&mail[peer.index]) }
    for message in mail[peers.count].connections { desk.receive(message, durability) }
  }

  /// Puts something into the mailbox, and wakes the thread if it may be asleep.
  ///
  /// Callable from any thread.
  func post(_ mail: inout PlaneMail) {
    guard !mail.isEmpty else { return }
    if mailbox.post(&mail) { executor.requestTurn() }
  }
}
