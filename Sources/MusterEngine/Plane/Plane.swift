import MusterModel

/// One session shard, one channel shard and one connection shard on one thread, and the turns that move messages between them.
///
/// A turn: let go what has become durable, take the mailbox, fire timers, handle what the shards have for each other until there
/// is nothing left, tell the channels' events, and hand over what is for other planes, once for each, with at most one wake-up.
/// Messages inside a plane go through the same outboxes as those between planes, so a shard is never entered while it is in the
/// middle of something.
package final class Plane: Sendable {
  package let index: Int
  package let sessions: SessionShard
  package let channels: ChannelShard
  package let connections: ConnectionShard
  package let mailbox: Mailbox
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
    let now = Moment(tick: clock.now, wall: clock.wall)
    connections.assumeIsolated { $0.begin(now) }
    sessions.assumeIsolated { $0.begin(now) }
    channels.assumeIsolated { $0.begin(now) }

    connections.assumeIsolated { $0.release() }

    var batch: [PlaneMessage] = []
    mailbox.take(into: &batch)
    dispatch(&batch)
    var isMoreDue = fireTimers()
    isMoreDue = !settle(&batch) || isMoreDue
    isMoreDue = sessions.assumeIsolated { $0.carryOutRelays(limit: Self.relayBeatsMax) } || isMoreDue
    isMoreDue = channels.assumeIsolated { $0.flush(limit: Self.flushMax) } || isMoreDue
    isMoreDue = !settle(&batch) || isMoreDue
    connections.assumeIsolated { $0.flush() }
    handOver(peers: peers, desk: desk, &batch)
    if isMoreDue { executor.requestTurn() }
  }

  /// Fires timers, or lets them wait while a mailbox is over its limit: then they come with the next turn that finds it emptied.
  ///
  /// - Returns: Whether more is due now.
  private func fireTimers() -> Bool {
    guard connections.assumeIsolated({ !$0.areMailboxesFull }) else { return false }
    let limit = timersPerTurnMax
    var isMoreDue = sessions.assumeIsolated { $0.advance(limit: limit) }
    isMoreDue = connections.assumeIsolated { $0.advance(limit: limit) } || isMoreDue
    return channels.assumeIsolated { $0.advance(limit: limit) } || isMoreDue
  }

  /// Handles what the shards of this plane have for each other, until there is nothing left.
  ///
  /// - Returns: Whether nothing is left; if not, the next turn goes on.
  private func settle(_ batch: inout [PlaneMessage]) -> Bool {
    let index = index
    for _ in 0..<Self.roundsMax {
      collect(into: &batch) { outbox, batch in
        outbox.takeForConnections(of: index, into: &batch)
        outbox.takeForShards(of: index, into: &batch)
      }
      guard !batch.isEmpty else { return true }
      dispatch(&batch)
    }
    return false
  }

  /// Posts what is for other planes: to all of them what is for connections first.
  ///
  /// Then no other plane can write to a connection before the welcome that this turn sent to it.
  private func handOver(peers: [Plane], desk: ControlDesk, _ batch: inout [PlaneMessage]) {
    for isForConnections in [true, false] {
      for peer in peers where peer.index != index {
        collect(into: &batch) { outbox, batch in
          if isForConnections {
            outbox.takeForConnections(of: peer.index, into: &batch)
          } else {
            outbox.takeForShards(of: peer.index, into: &batch)
          }
        }
        if !batch.isEmpty, peer.mailbox.post(&batch) { peer.executor.requestTurn() }
      }
    }
    collect(into: &batch) { outbox, batch in outbox.takeForConnections(of: peers.count, into: &batch) }
    let durable = journal.durableThrough
    for case .connection(let message) in batch { desk.receive(message, durable: durable) }
    desk.release(durable: durable)
    batch.removeAll(keepingCapacity: true)
  }

  /// Takes from the outboxes of all three shards.
  private func collect(
    into batch: inout [PlaneMessage], _ take: @Sendable (inout Outbox, inout [PlaneMessage]) -> Void
  ) {
    batch = sessions.assumeIsolated { [batch] shard in shard.withOutbox { Self.taking(take, from: &$0, behind: batch) } }
    batch = channels.assumeIsolated { [batch] shard in shard.withOutbox { Self.taking(take, from: &$0, behind: batch) } }
    batch = connections.assumeIsolated { [batch] shard in shard.withOutbox { Self.taking(take, from: &$0, behind: batch) } }
  }

  private static func taking(
    _ take: @Sendable (inout Outbox, inout [PlaneMessage]) -> Void, from outbox: inout Outbox, behind batch: [PlaneMessage]
  ) -> [PlaneMessage] {
    guard outbox.count > 0 else { return batch }
    var batch = batch
    take(&outbox, &batch)
    return batch
  }

  /// Hands each message to its shard, in order, and empties the batch.
  private func dispatch(_ batch: inout [PlaneMessage]) {
    for message in batch {
      switch message {
      case .session(let message): sessions.assumeIsolated { $0.receive(message) }
      case .channel(let message): channels.assumeIsolated { $0.receive(message) }
      case .connection(let message): connections.assumeIsolated { $0.receive(message) }
      }
    }
    batch.removeAll(keepingCapacity: true)
  }
}
