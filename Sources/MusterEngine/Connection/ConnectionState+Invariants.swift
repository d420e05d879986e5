import MusterModel

extension ConnectionState {
  /// Compares everything that is kept with a scan of everything.
  ///
  /// O(rows); for tests and simulations.
  ///
  /// - Returns: A sentence for each violation, with the number of the invariant.
  package func invariantViolations() -> [String] {
    var found: [String] = []
    var edgesSeen = 0
    var watchesSeen = 0
    for connection in connections {
      let slot = Slot(connection.slot)
      if !wheel.isArmed(slot) { found.append("I1: connection \(connection.text) has no timer") }
      var count = 0
      var edge = rows[slot].firstEdge
      while edge != .none {
        count += 1
        if edges[edge].connection != slot { found.append("I2: an edge is in the list of another connection") }
        edge = edges[edge].nextOfConnection
      }
      if count != Int(rows[slot].edges) { found.append("I4: connection \(connection.text) counts its edges wrong") }
      edgesSeen += count
      count = 0
      var watch = rows[slot].firstWatch
      while watch != .none {
        count += 1
        watch = watches[watch].nextOfConnection
      }
      if count != Int(rows[slot].watches) { found.append("I4: connection \(connection.text) counts its watches wrong") }
      watchesSeen += count
      let held = heldBack.dropFirst(heldBackSent).count { $0.what.connection == connection }
      if held != Int(rows[slot].held) { found.append("I4: connection \(connection.text) counts what is held back wrong") }
    }
    let queued = gatherQueues.values.reduce(0) { $0 + $1.count }
    if queued != gathers.count { found.append("I5: \(gathers.count) gathers, \(queued) in queues") }
    if !gatherQueues.keys.allSatisfy({ slots.isLive($0) }) { found.append("I5: gathers of a connection that is gone") }
    if wheel.count != slots.count { found.append("I1: \(wheel.count) timers for \(slots.count) connections") }
    if edgesSeen != edges.count { found.append("I2: \(edges.count) edges, \(edgesSeen) found") }
    if watchesSeen != watches.count { found.append("I2: \(watches.count) watches, \(watchesSeen) found") }
    checkChannels(&found)
    return found
  }

  private func checkChannels(_ found: inout [String]) {
    var edgesSeen = 0
    for (name, observed) in channelIndex {
      var edge = channels[observed].firstEdge
      if edge == .none { found.append("I3: \(name.text) is observed by nobody") }
      while edge != .none {
        edgesSeen += 1
        let next = edges[edge].nextOfChannel
        if next != .none, edges[next].previousOfChannel != edge { found.append("I2: the observers of \(name.text) are torn") }
        edge = next
      }
    }
    if edgesSeen != edges.count { found.append("I2: \(edges.count) edges, \(edgesSeen) found along the channels") }
    if channelIndex.count != channels.count { found.append("I3: observed channels that nobody finds") }
    if watchedIndex.count != watched.count { found.append("I3: watched users that nobody finds") }
    for (user, target) in watchedIndex where watched[target].firstWatch == .none {
      found.append("I3: \(user.text) is watched by nobody")
    }
  }
}
