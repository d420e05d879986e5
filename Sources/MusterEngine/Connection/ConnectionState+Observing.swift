package import MusterModel

/// Which connections observe which channels, and what becomes of those that cannot keep up.
///
/// An observer that does not take what it is sent loses intermediate events, since presence is state: its edge is marked
/// stale, and it gets one snapshot when it has drained. For one whose replies wait for the log, events wait behind them, up to a
/// limit; beyond it the edge is stale as well.
extension ConnectionState {
  // MARK: Events

  /// Tells an event to every observer of the channel that keeps up.
  ///
  /// O(observers).
  mutating func tell(_ event: ChannelEvent, of channel: ChannelName, into actions: inout [ConnectionAction]) {
    guard let observed = channelIndex[channel] else { return }
    var targets: [ConnectionID] = []
    var edge = channels[observed].firstEdge
    while edge != .none {
      let slot = edges[edge].connection
      if tells(event, edge, slot, into: &actions) { targets.append(connection(in: slot)) }
      edge = edges[edge].nextOfChannel
    }
    counters.deliveries += UInt64(targets.count)
    if !targets.isEmpty { actions.append(.push(event.push, targets)) }
  }

  /// Whether an observer gets an event now.
  ///
  /// What is held back for a connection must not be overtaken: the event is held back behind it, or the observer marked stale.
  private mutating func tells(
    _ event: ChannelEvent, _ edge: Slot, _ slot: Slot, into actions: inout [ConnectionAction]
  ) -> Bool {
    let isHeldUp = rows[slot].held > 0
    if case .signal = event {
      let keepsUp = !rows[slot].isCongested && !isHeldUp
      if !keepsUp { counters.conflated += 1 }
      return keepsUp
    }
    guard !rows[slot].isCongested, !isHeldUp || canHoldEvent(for: slot) else {
      miss(edge, slot)
      return false
    }
    if case .snapshot = event {
      edges[edge].isStale = false
      edges[edge].isResyncing = false
    }
    guard !edges[edge].isStale else {
      miss(edge, slot)
      return false
    }
    guard isHeldUp else { return true }
    hold(.push(connection(in: slot), event.push), behind: slot)
    return false
  }

  /// Whether there is room for an event to wait, of its connection and among all.
  ///
  /// Half of what may be held back is left to replies: who asks must not be refused for what others do.
  private func canHoldEvent(for slot: Slot) -> Bool {
    rows[slot].held < configuration.requestsInFlightMax && heldBackCount < configuration.mailboxMessagesMax / 2
  }

  /// An observer missed something.
  private mutating func miss(_ edge: Slot, _ slot: Slot) {
    if !edges[edge].isStale { rows[slot].hasStale = true }
    edges[edge].isStale = true
    counters.conflated += 1
  }

  /// A diff for a connection that resumed, or an event that was held back.
  mutating func catchUp(
    _ push: Push, of channel: ChannelName, _ slot: Slot, into actions: inout [ConnectionAction]
  ) {
    guard let edge = edge(of: slot, in: channel) else { return }
    if rows[slot].isCongested || edges[edge].isStale {
      miss(edge, slot)
    } else {
      counters.deliveries += 1
      actions.append(.push(push, [connection(in: slot)]))
    }
  }

  /// A snapshot for one observer has come, asked for or on resuming: it makes good whatever was missed before it.
  mutating func isUpToDate(_ channel: ChannelName, _ slot: Slot) {
    guard let edge = edge(of: slot, in: channel) else { return }
    edges[edge].isResyncing = false
    edges[edge].isStale = false
  }

  /// Hands on the snapshot for one observer.
  mutating func settle(_ snapshot: ChannelSnapshot, _ slot: Slot, into actions: inout [ConnectionAction]) {
    guard let edge = edge(of: slot, in: snapshot.channel) else { return }
    guard !rows[slot].isCongested else { return miss(edge, slot) }
    counters.deliveries += 1
    actions.append(.push(.snapshot(snapshot), [connection(in: slot)]))
  }

  /// Asks for a snapshot for each stale edge of a connection that can take one.
  ///
  /// O(edges).
  mutating func resync(_ slot: Slot, into actions: inout [ConnectionAction]) {
    guard rows[slot].hasStale, !rows[slot].isCongested, rows[slot].held == 0 else { return }
    rows[slot].hasStale = false
    var edge = rows[slot].firstEdge
    while edge != .none {
      if edges[edge].isStale, !edges[edge].isResyncing, let name = channels[edges[edge].channel].name {
        edges[edge].isResyncing = true
        actions.append(.tellChannel(.ask(name, connection(in: slot), .none, .resync, after: .zero)))
      }
      edge = edges[edge].nextOfConnection
    }
  }

  // MARK: Edges

  /// Whether a connection gets the events of a channel.
  ///
  /// O(edges of the connection).
  package func observes(_ connection: ConnectionID, _ channel: ChannelName) -> Bool {
    slot(of: connection).flatMap { edge(of: $0, in: channel) } != nil
  }

  /// A channel shard granted a connection to observe: what it tells from now on is for this connection too.
  mutating func observes(_ channel: ChannelName, _ slot: Slot?, into actions: inout [ConnectionAction]) {
    guard let slot, edge(of: slot, in: channel) == nil else {
      // The connection is gone, or it observes already.
      actions.append(.tellChannel(.release(channel, plane: shard, grants: 1)))
      return
    }
    guard let observed = channelIndex[channel] ?? channels.insert(ObservedChannel(name: channel)) else {
      preconditionFailure("the table of observed channels is full: \(channels.count) rows")
    }
    channelIndex[channel] = observed
    let first = channels[observed].firstEdge
    let row = EdgeRow(
      connection: slot, channel: observed, nextOfConnection: rows[slot].firstEdge, nextOfChannel: first)
    guard let edge = edges.insert(row) else { preconditionFailure("the table of edges is full: \(edges.count) rows") }
    if first != .none { edges[first].previousOfChannel = edge }
    channels[observed].firstEdge = edge
    rows[slot].firstEdge = edge
    rows[slot].edges += 1
  }

  /// A connection asked to observe no longer.
  mutating func unobserves(_ channel: ChannelName, _ slot: Slot?, into actions: inout [ConnectionAction]) {
    guard let slot, let edge = edge(of: slot, in: channel) else { return }
    removeEdge(edge, into: &actions)
  }

  /// The edge between a connection and a channel.
  ///
  /// O(edges of the connection).
  func edge(of slot: Slot, in channel: ChannelName) -> Slot? {
    guard let observed = channelIndex[channel] else { return nil }
    var edge = rows[slot].firstEdge
    while edge != .none, edges[edge].channel != observed { edge = edges[edge].nextOfConnection }
    return edge == .none ? nil : edge
  }

  /// Takes an edge out of both lists and gives its grant back.
  mutating func removeEdge(_ edge: Slot, into actions: inout [ConnectionAction]) {
    let row = edges[edge]
    if rows[row.connection].firstEdge == edge {
      rows[row.connection].firstEdge = row.nextOfConnection
    } else {
      var before = rows[row.connection].firstEdge
      while edges[before].nextOfConnection != edge { before = edges[before].nextOfConnection }
      edges[before].nextOfConnection = row.nextOfConnection
    }
    rows[row.connection].edges -= 1
    if row.previousOfChannel == .none {
      channels[row.channel].firstEdge = row.nextOfChannel
    } else {
      edges[row.previousOfChannel].nextOfChannel = row.nextOfChannel
    }
    if row.nextOfChannel != .none { edges[row.nextOfChannel].previousOfChannel = row.previousOfChannel }
    edges.remove(edge)
    guard let name = channels[row.channel].name else { preconditionFailure("an edge led to a channel that is not observed") }
    actions.append(.tellChannel(.release(name, plane: shard, grants: 1)))
    guard channels[row.channel].firstEdge == .none else { return }
    channelIndex[name] = nil
    channels.remove(row.channel)
  }
}
