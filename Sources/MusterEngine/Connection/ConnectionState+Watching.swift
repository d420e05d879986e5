package import MusterModel

/// Users seen regardless of channels: asked for once, or watched.
extension ConnectionState {
  /// Asks the session shards that hold the users; those that are fresh are watched from then on.
  ///
  /// The answers are put together as they come.
  mutating func gather(
    _ slot: Slot, _ id: RequestID, _ asked: [UserID], fresh: Set<UserID> = [], into actions: inout [ConnectionAction]
  ) {
    let connection = connection(in: slot)
    guard let viewer = user(of: slot) else { return }
    var parts: [Int: (fresh: [UserID], known: [UserID])] = [:]
    for user in asked {
      let plane = placement.plane(of: user)
      if fresh.contains(user) {
        parts[plane, default: ([], [])].fresh.append(user)
      } else {
        parts[plane, default: ([], [])].known.append(user)
      }
    }
    lastGather &+= 1
    let missing = parts.values.reduce(0) { $0 + ($1.fresh.isEmpty ? 0 : 1) + ($1.known.isEmpty ? 0 : 1) }
    guard missing > 0 else {
      finish(slot)
      return deliver(.users([]), to: slot, id, into: &actions)
    }
    gathers[lastGather] = Gather(request: id, missing: missing)
    gatherQueues[slot, default: []].append(lastGather)
    for (plane, part) in parts.sorted(by: { $0.key < $1.key }) {
      for (users, watch) in [(part.fresh, true), (part.known, false)] where !users.isEmpty {
        let query = SessionMessage.query(connection, gather: lastGather, users, viewer: viewer, watch: watch)
        actions.append(.tellSession(query, plane: plane))
      }
    }
  }

  /// One part of an answer has come; the last one completes the reply.
  ///
  /// Replies of one connection go out in the order in which it asked. In any other, the older of two answers about one user
  /// could come last.
  mutating func gathered(
    _ connection: ConnectionID, _ gather: UInt32, _ users: [UserPresence], durable: LSN,
    into actions: inout [ConnectionAction]
  ) {
    guard let slot = slot(of: connection) else { return }
    for user in users { supersede(user, seenBy: slot) }
    gathers[gather]?.found += users
    gathers[gather]?.missing -= 1
    while let first = gatherQueues[slot]?.first, let complete = gathers[first], complete.missing == 0 {
      gathers[first] = nil
      gatherQueues[slot]?.removeFirst()
      let reply = HeldBack.reply(connection, complete.request, .users(complete.found), .none)
      hold(reply, of: connection, after: .zero, durable: durable, into: &actions)
    }
    if gatherQueues[slot]?.isEmpty == true { gatherQueues[slot] = nil }
  }

  /// Lets go of what a connection asked for; parts that still come find nobody.
  mutating func removeAllGathers(of slot: Slot) {
    for gather in gatherQueues.removeValue(forKey: slot) ?? [] { gathers[gather] = nil }
  }

  // MARK: Watches

  /// Adds users to the watch list of a connection; the reply is the snapshot of all that were named.
  mutating func watch(_ slot: Slot, _ id: RequestID, _ asked: [UserID], into actions: inout [ConnectionAction]) {
    let named = Set(asked)
    let fresh = named.filter { !isWatching(slot, $0) }
    let limit = configuration.watchesPerConnectionMax
    guard Int(rows[slot].watches) + fresh.count <= limit else {
      finish(slot)
      return answer(slot, id, Refusal(.tooLarge, "A connection may watch \(limit) users at once."), into: &actions)
    }
    for user in fresh { addWatch(slot, user) }
    // In the order of the request: a set has another order in every process.
    var left = named
    gather(slot, id, asked.filter { left.remove($0) != nil }, fresh: fresh, into: &actions)
  }

  mutating func unwatch(_ slot: Slot, _ id: RequestID, _ asked: [UserID], into actions: inout [ConnectionAction]) {
    var removed: [UserID] = []
    for user in asked where removeWatch(slot, of: user) { removed.append(user) }
    tellUnwatched(removed, into: &actions)
    finish(slot)
    deliver(.empty, to: slot, id, into: &actions)
  }

  mutating func removeAllWatches(of slot: Slot, into actions: inout [ConnectionAction]) {
    var removed: [UserID] = []
    while rows[slot].firstWatch != .none {
      guard let user = watched[watches[rows[slot].firstWatch].watched].user else {
        preconditionFailure("a watch led to a user who is not watched")
      }
      _ = removeWatch(slot, of: user)
      removed.append(user)
    }
    pendingWatches[slot] = nil
    tellUnwatched(removed, into: &actions)
  }

  private func tellUnwatched(_ users: [UserID], into actions: inout [ConnectionAction]) {
    let byPlane = Dictionary(grouping: users) { placement.plane(of: $0) }
    for (plane, users) in byPlane.sorted(by: { $0.key < $1.key }) {
      actions.append(.tellSession(.unwatch(plane: shard, users), plane: plane))
    }
  }

  /// Whether a connection is told of a user.
  package func watches(_ connection: ConnectionID, _ user: UserID) -> Bool {
    slot(of: connection).map { isWatching($0, user) } ?? false
  }

  /// The user's list of watches is walked: it has one entry for each connection of this plane that watches the user.
  private func isWatching(_ slot: Slot, _ user: UserID) -> Bool {
    guard let watched = watchedIndex[user] else { return false }
    return watch(of: slot, watched) != nil
  }

  /// The shorter way is along the user: few connections watch one user, but one connection may watch thousands.
  private func watch(of slot: Slot, _ watched: Slot) -> Slot? {
    var watch = self.watched[watched].firstWatch
    while watch != .none, watches[watch].connection != slot { watch = watches[watch].nextOfUser }
    return watch == .none ? nil : watch
  }

  private mutating func addWatch(_ slot: Slot, _ user: UserID) {
    guard let target = watchedIndex[user] ?? watched.insert(WatchedUser(user: user)) else {
      preconditionFailure("the table of watched users is full: \(watched.count) rows")
    }
    watchedIndex[user] = target
    let first = watched[target].firstWatch
    let row = WatchRow(
      connection: slot, watched: target, nextOfConnection: rows[slot].firstWatch, nextOfUser: first)
    guard let watch = watches.insert(row) else { preconditionFailure("the table of watches is full: \(watches.count) rows") }
    if first != .none { watches[first].previousOfUser = watch }
    if rows[slot].firstWatch != .none { watches[rows[slot].firstWatch].previousOfConnection = watch }
    watched[target].firstWatch = watch
    rows[slot].firstWatch = watch
    rows[slot].watches += 1
  }

  private mutating func removeWatch(_ slot: Slot, of user: UserID) -> Bool {
    guard let target = watchedIndex[user], let watch = watch(of: slot, target) else { return false }
    let row = watches[watch]
    if row.previousOfConnection == .none {
      rows[slot].firstWatch = row.nextOfConnection
    } else {
      watches[row.previousOfConnection].nextOfConnection = row.nextOfConnection
    }
    if row.nextOfConnection != .none { watches[row.nextOfConnection].previousOfConnection = row.previousOfConnection }
    if row.previousOfUser == .none {
      watched[target].firstWatch = row.nextOfUser
    } else {
      watches[row.previousOfUser].nextOfUser = row.nextOfUser
    }
    if row.nextOfUser != .none { watches[row.nextOfUser].previousOfUser = row.previousOfUser }
    if row.isPending { pendingWatches[slot]?.removeAll { $0 == watch } }
    rows[slot].watches -= 1
    watches.remove(watch)
    guard watched[target].firstWatch == .none else { return true }
    watchedIndex[user] = nil
    watched.remove(target)
    return true
  }

  // MARK: Changes

  /// Notes what a watched user looks like now; it is told with the next batch.
  ///
  /// O(watchers).
  mutating func note(_ change: WatchedChange) {
    guard let target = watchedIndex[change.own.user] else { return }
    let isNewToOwn = watched[target].latestOwn != change.own
    watched[target].latestOwn = change.own
    if let shown = change.shown { watched[target].latest = shown }
    var watch = watched[target].firstWatch
    while watch != .none {
      let isNew = isByOwner(watch) ? isNewToOwn : change.shown != nil
      if isNew, !watches[watch].isPending {
        watches[watch].isPending = true
        pendingWatches[watches[watch].connection, default: []].append(watch)
      }
      watch = watches[watch].nextOfUser
    }
  }

  /// A part of an answer is newer than every change that came before it.
  ///
  /// A change may be left from a watch that has been given up since, and then nobody has told of those behind it.
  private mutating func supersede(_ presence: UserPresence, seenBy slot: Slot) {
    guard let target = watchedIndex[presence.user] else { return }
    if isUser(presence.user, of: slot) {
      watched[target].latestOwn = presence
    } else {
      watched[target].latest = presence
    }
  }

  /// Whether a user watches itself.
  private func isByOwner(_ watch: Slot) -> Bool {
    isUser(watched[watches[watch].watched].user, of: watches[watch].connection)
  }

  /// Tells each connection what changed, in one batch.
  ///
  /// A connection that does not drain, or that has asked for users and has not been answered, waits: an answer that is being
  /// put together is older than a change that has come already. Later changes replace earlier ones.
  package mutating func flushWatches(into actions: inout [ConnectionAction]) {
    guard !pendingWatches.isEmpty else { return }
    for (slot, pending) in pendingWatches.sorted(by: { $0.key < $1.key }) {
      guard !rows[slot].isCongested, gatherQueues[slot] == nil, rows[slot].held == 0 else { continue }
      var changed: [UserPresence] = []
      for watch in pending {
        watches[watch].isPending = false
        let target = watched[watches[watch].watched]
        if let latest = isByOwner(watch) ? target.latestOwn : target.latest { changed.append(latest) }
      }
      pendingWatches[slot] = nil
      guard !changed.isEmpty else { continue }
      counters.deliveries += 1
      actions.append(.push(.presence(changed), [connection(in: slot)]))
    }
  }
}
