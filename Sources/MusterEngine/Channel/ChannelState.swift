package import MusterModel

/// Everything one channel shard knows, as a value: channels, who is in them, who watches, what is still to be told.
///
/// Holds no clock, no lock and no reference to I/O. It is derived from the session shards and rebuilt from them after a
/// restart; it never calls back up.
///
/// Inputs are ``receive(_:at:into:)``, ``advance(to:limit:)`` at the beginning of a turn and ``flush(at:limit:into:)`` at its
/// end. Outputs are appended to a list, in an order that must be kept for each plane: then an observer sees its snapshot first
/// and every later event of the channel after it.
///
/// ### What observers know
/// Applying all events of a channel gives what observers *know*; what is in the tables is what *is*. A member for whom the two
/// differ has a pending change that remembers what is known (`base`), so a change that is taken back before it was told
/// vanishes, and of several only the result is told. A snapshot or a page however shows what *is*, under the number of the last
/// event: whoever got it has seen changes that were not told. Those changes are marked as exposed, and are told whatever
/// becomes of them. Events set members rather than change them, so telling one too many is harmless.
///
/// ### Modes
/// A channel changes its mode as soon as its occupancy crosses a threshold, and tells so when its window ends. On the way into
/// ``ChannelMode/count`` what is pending and what is remembered for `sync` is let go, since from the count event on observers
/// know no members. On the way out a snapshot event is told, and takes a number like any other, so that whoever misses it
/// notices.
///
/// ### Numbers
/// A channel dies when nothing is left of it. The next one of that name begins above every number that a dead one has
/// reached, so a client of its former life never mistakes it for the channel that it knew.
///
/// - Invariant: I1. Every channel row in use is found by its name, every member row in use by its channel and user.
/// - Invariant: I2. The order of a channel lists its present members, each once and under the member's ordinal.
/// - Invariant: I3. The occupancy of a channel equals a scan of its present members.
/// - Invariant: I4. The pending changes of a channel form one list; each belongs to one member, who points back at it; a
///   member who is not present has one.
/// - Invariant: I5. A pending change that was not exposed differs from what is known.
/// - Invariant: I6. A channel with something to tell is waiting or ready. The wheel holds the waiting channels, the queue the
///   ready ones, each once.
/// - Invariant: I7. The ring leads without a gap to the number of the last event, within its limit. A ring that holds something
///   has a timer; a channel that is not tracked has an empty one.
/// - Invariant: I8. A channel in use has members, observers, or a place in the wheel or the queue.
/// - Invariant: I9. The counters equal scans.
///
/// ### Isolation
/// A plain value, `~Copyable` so that a second roster cannot appear by assignment.
package struct ChannelState: ~Copyable {
  let epoch: Epoch
  let pageMembersMax: Int
  /// The most members that one diff speaks of: a quarter of a page at its largest.
  var diffMembersMax: Int { min(pageMembersMax, 256) }
  /// The default policy first, then one for each namespace.
  let policies: [ChannelPolicy]
  let policyOfNamespace: [String: UInt16]
  var channels: ChannelTable
  var members: MemberTable
  var changes: ChangeTable
  /// When the windows of waiting channels end.
  var windowWheel: TimingWheel
  /// When the oldest diffs of rings are to be forgotten.
  var ringWheel: TimingWheel
  /// The channels that the next flush looks at.
  var ready = CircularQueue<Slot>()
  /// Handles that fired and are looked at; kept to be used again.
  var due: [Slot] = []
  /// The number that a new channel begins with.
  ///
  /// Never decreases.
  var floor = Seq(0)
  var events: UInt64 = 0
  var memberCount = 0
  var observerCount = 0
  var overflows: UInt64 = 0

  /// Makes the empty state of one shard.
  ///
  /// - Parameters:
  ///   - configuration: Validated; its namespaces, and `pageMembersMax`, which limits snapshots, pages and single diffs.
  ///   - epoch: This life of the engine.
  ///   - now: Where the wheels begin.
  ///   - hashKey: Random; keeps chosen names from colliding in the indexes.
  ///   - channelsMax: Above it nobody can observe or join a new channel.
  ///   - membersMax: Above it nobody is shown as joining a channel.
  package init(
    configuration: EngineConfiguration, epoch: Epoch, now: Tick, hashKey: StableHash.Key, channelsMax: Int = 1 << 26,
    membersMax: Int = 1 << 30
  ) {
    self.epoch = epoch
    pageMembersMax = configuration.pageMembersMax
    var policies = [ChannelPolicy(configuration.defaultNamespace)]
    var policyOfNamespace: [String: UInt16] = [:]
    for (name, settings) in configuration.namespaces {
      precondition(policies.count <= Int(UInt16.max), "there are more than 65,535 namespaces")
      policyOfNamespace[name] = UInt16(policies.count)
      policies.append(ChannelPolicy(settings))
    }
    self.policies = policies
    self.policyOfNamespace = policyOfNamespace
    channels = ChannelTable(rowsMax: channelsMax, key: hashKey)
    members = MemberTable(rowsMax: membersMax, key: hashKey)
    changes = ChangeTable(rowsMax: membersMax)
    windowWheel = TimingWheel(now: now)
    ringWheel = TimingWheel(now: now)
  }

  /// Takes one message.
  ///
  /// What it asks for is answered at once; what it changes is told by ``flush(at:limit:into:)``.
  ///
  /// - Complexity: O(1) for `put`, `drop` and `release`, but for one block of the channel's order; O(members on the page or
  ///   diffs returned) for what is asked; O(planes) for a signal.
  package mutating func receive(_ message: ChannelMessage, at now: Moment, into outputs: inout [ChannelOutput]) {
    switch message {
    case .put(let name, let member, let sessions):
      put(name, member, sessions: sessions, at: now)
    case .drop(let name, let user, let reason):
      drop(name, user, reason, at: now)
    case .ask(let name, let connection, let id, let ask, let after):
      answer(ask, Inquiry(channel: name, connection: connection, id: id, after: after), into: &outputs)
    case .release(let name, let plane, let grants):
      release(name, plane: plane, grants: grants)
    }
  }
}

// MARK: Channels come and go

extension ChannelState {
  /// The row of a channel, made if need be; `nil` when the table is full.
  mutating func findOrMake(_ name: ChannelName) -> Slot? {
    let known = channels.find(name)
    guard known == .none else { return known }
    guard let channel = channels.insert(name) else { return nil }
    channels.rows[channel].seq = floor
    if !policyOfNamespace.isEmpty {
      let namespace = String(decoding: name.namespace, as: UTF8.self)
      channels.rows[channel].policy = policyOfNamespace[namespace] ?? 0
    }
    return channel
  }

  /// The settings that hold for a channel.
  func policy(of channel: Slot) -> ChannelPolicy {
    policies[Int(channels.rows[channel].policy)]
  }

  /// Frees a channel of which nothing is left.
  ///
  /// A ready channel stays until the flush has taken it out of its queue.
  mutating func endIfEmpty(_ channel: Slot) {
    guard
      channels.rows[channel].order.count == 0, channels.rows[channel].observers == 0,
      channels.rows[channel].schedule != .ready, !hasNews(channel)
    else { return }
    if channels.rows[channel].schedule == .waiting { windowWheel.disarm(channel) }
    if !channels.rows[channel].ring.isEmpty { ringWheel.disarm(channel) }
    floor = max(floor, channels.rows[channel].seq.next)
    channels.remove(channel)
  }

  /// Whether observers do not know yet what is.
  func hasNews(_ channel: Slot) -> Bool {
    if channels.rows[channel].changes > 0 { return true }
    guard channels.rows[channel].mode == .count else { return !channels.rows[channel].isTracking }
    return channels.rows[channel].owesCount || channels.rows[channel].occupancy != channels.rows[channel].toldOccupancy
  }
}

// MARK: Observers

extension ChannelState {
  /// Gives a plane one grant more to observe a channel.
  mutating func grant(_ channel: Slot, plane: Int) {
    observerCount += 1
    channels.rows[channel].observers += 1
    if let place = channels.rows[channel].grants.firstIndex(where: { $0.plane == plane }) {
      channels.rows[channel].grants[place].count += 1
    } else {
      channels.rows[channel].grants.append(PlaneGrants(plane: plane, count: 1))
    }
  }

  /// Takes grants back from a plane.
  private mutating func release(_ name: ChannelName, plane: Int, grants: Int) {
    guard grants > 0 else { return }
    let channel = channels.find(name)
    precondition(channel != .none, "a plane gives back a grant that it never got")
    guard
      let place = channels.rows[channel].grants.firstIndex(where: { $0.plane == plane }),
      channels.rows[channel].grants[place].count >= grants
    else { preconditionFailure("a plane gives back more grants than it got") }
    observerCount -= grants
    channels.rows[channel].observers -= grants
    channels.rows[channel].grants[place].count -= grants
    if channels.rows[channel].grants[place].count == 0 { channels.rows[channel].grants.remove(at: place) }
    endIfEmpty(channel)
  }
}
