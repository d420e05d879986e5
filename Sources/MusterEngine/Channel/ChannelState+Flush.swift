import MusterModel

extension ChannelState {
  /// Sees to it that a flush looks at a channel with something to tell.
  ///
  /// In ``ChannelMode/announce`` that is the flush of this very turn, unless the channel has told something in this tick: then
  /// it is the next tick's, so that a busy channel tells at most one event a tick. In the other modes the window begins with
  /// its first change. A window that has begun keeps its end when the mode changes.
  mutating func schedule(_ channel: Slot, at now: Moment) {
    guard channels.rows[channel].schedule == .idle else { return }
    if channels.rows[channel].mode == .announce, channels.rows[channel].told != now.tick {
      makeReady(channel)
      return
    }
    let ticks = channels.rows[channel].mode == .announce ? 1 : policy(of: channel).intervalTicks
    channels.rows[channel].schedule = .waiting
    windowWheel.arm(channel, at: now.tick.advanced(by: ticks))
  }

  private mutating func makeReady(_ channel: Slot) {
    channels.rows[channel].schedule = .ready
    ready.append(channel)
  }

  /// Moves the wheels: windows that end make their channels ready for the flush, and diffs that are too old are forgotten.
  ///
  /// Called at the beginning of a turn. Tells nothing by itself.
  ///
  /// - Parameters:
  ///   - now: Never earlier than before.
  ///   - limit: How many timers of either kind may fire.
  /// - Returns: Whether all timers up to `now` have fired.
  package mutating func advance(to now: Tick, limit: Int) -> ChannelProgress {
    due.removeAll(keepingCapacity: true)
    let windows = windowWheel.advance(to: now, limit: limit, into: &due)
    for channel in due { makeReady(channel) }
    due.removeAll(keepingCapacity: true)
    let rings = ringWheel.advance(to: now, limit: limit, into: &due)
    for channel in due { ageRing(channel, at: now) }
    return windows == .reachedNow && rings == .reachedNow ? .done : .moreDue
  }

  /// Whether there is something to tell now.
  package var isFlushDue: Bool { !ready.isEmpty }

  /// Tells what is due.
  ///
  /// Called at the end of each turn.
  ///
  /// A diff speaks of at most ``diffMembersMax`` members, so that no turn is held up by one; a channel with more goes on behind the others that are ready.
  ///
  /// - Parameters:
  ///   - now: The moment of the turn.
  ///   - limit: How many channels and member changes to work on; the last event may exceed it by one page.
  ///   - outputs: Receives each event once for each plane that observes the channel.
  /// - Returns: Whether no channel is ready any more.
  package mutating func flush(at now: Moment, limit: Int, into outputs: inout [ChannelOutput]) -> ChannelProgress {
    var left = limit
    while left > 0, let channel = ready.popFirst() {
      left -= 1 + tell(channel, at: now, into: &outputs)
      if channels.rows[channel].changes > 0 {
        ready.append(channel)
      } else {
        channels.rows[channel].schedule = .idle
        endIfEmpty(channel)
      }
    }
    return ready.isEmpty ? .done : .moreDue
  }

  /// Tells one event of a channel, if there is one to tell.
  ///
  /// - Returns: How many members were looked at.
  private mutating func tell(_ channel: Slot, at now: Moment, into outputs: inout [ChannelOutput]) -> Int {
    if channels.rows[channel].isTracking {
      guard channels.rows[channel].changes > 0 else { return 0 }
      return tellDiff(channel, at: now, into: &outputs)
    }
    var looked = 0
    while looked < diffMembersMax, channels.rows[channel].changes > 0 {
      removeChange(of: changes.rows[channels.rows[channel].firstChange].member)
      looked += 1
    }
    guard channels.rows[channel].changes == 0, hasNews(channel) else { return looked }
    if channels.rows[channel].mode == .count {
      tellCount(channel, at: now, into: &outputs)
      return looked
    }
    tellSnapshot(channel, at: now, into: &outputs)
    return looked + min(pageMembersMax, channels.rows[channel].order.count)
  }

  private mutating func tellDiff(_ channel: Slot, at now: Moment, into outputs: inout [ChannelOutput]) -> Int {
    var diff = Diff(
      channel: channels.name(of: channel), epoch: epoch, prev: channels.rows[channel].seq,
      seq: channels.rows[channel].seq.next, joins: [], updates: [], leaves: [],
      occupancy: channels.rows[channel].occupancy)
    var looked = 0
    while looked < diffMembersMax, channels.rows[channel].changes > 0 {
      let change = channels.rows[channel].firstChange
      let member = changes.rows[change].member
      let view = members.view(of: member)
      if !members.rows[member].isPresent {
        diff.leaves.append(Leave(user: view.user, reason: changes.rows[change].reason))
      } else if changes.rows[change].base == nil {
        diff.joins.append(view)
      } else {
        diff.updates.append(view)
      }
      removeChange(of: member)
      looked += 1
    }
    // The occupancy of this diff has told of the changes that are left.
    if channels.rows[channel].changes > 0 { channels.rows[channel].exposures &+= 1 }
    remember(diff, of: channel, at: now)
    tell(.diff(diff), of: channel, seq: diff.seq, at: now, into: &outputs)
    return looked
  }

  private mutating func tellCount(_ channel: Slot, at now: Moment, into outputs: inout [ChannelOutput]) {
    let seq = channels.rows[channel].seq.next
    let occupancy = channels.rows[channel].occupancy
    channels.rows[channel].owesCount = false
    channels.rows[channel].toldOccupancy = occupancy
    let count = CountChange(channel: channels.name(of: channel), epoch: epoch, seq: seq, occupancy: occupancy)
    tell(.count(count), of: channel, seq: seq, at: now, into: &outputs)
  }

  private mutating func tellSnapshot(_ channel: Slot, at now: Moment, into outputs: inout [ChannelOutput]) {
    let seq = channels.rows[channel].seq.next
    channels.rows[channel].isTracking = true
    channels.rows[channel].owesCount = false
    var snapshot = self.snapshot(of: channel, limit: pageMembersMax)
    snapshot.seq = seq
    tell(.snapshot(snapshot), of: channel, seq: seq, at: now, into: &outputs)
  }

  private mutating func tell(
    _ event: ChannelEvent, of channel: Slot, seq: Seq, at now: Moment, into outputs: inout [ChannelOutput]
  ) {
    channels.rows[channel].seq = seq
    channels.rows[channel].told = now.tick
    spread(event, of: channel, into: &outputs)
  }

  /// Hands an event to each plane that observes the channel.
  mutating func spread(_ event: ChannelEvent, of channel: Slot, into outputs: inout [ChannelOutput]) {
    events += 1
    let name = channels.name(of: channel)
    for grants in channels.rows[channel].grants {
      outputs.append(ChannelOutput(plane: grants.plane, message: .event(name, event)))
    }
  }
}

// MARK: The ring

extension ChannelState {
  /// Keeps a diff for those who miss it.
  private mutating func remember(_ diff: Diff, of channel: Slot, at now: Moment) {
    let policy = policy(of: channel)
    guard policy.ringAgeTicks > 0 else { return }
    let wasEmpty = channels.rows[channel].ring.isEmpty
    channels.rows[channel].ring.append(diff, at: now.tick, changesMax: policy.ringChangesMax)
    switch (wasEmpty, channels.rows[channel].ring.isEmpty) {
    case (true, false): ringWheel.arm(channel, at: now.tick.advanced(by: policy.ringAgeTicks))
    case (false, true): ringWheel.disarm(channel)
    default: break
    }
  }

  /// Forgets what is too old, and comes back for the rest.
  ///
  /// The timer was set for a diff that may have given way to newer ones since, so it may come too early, never too late.
  private mutating func ageRing(_ channel: Slot, at now: Tick) {
    let age = policy(of: channel).ringAgeTicks
    if now.rawValue >= age { channels.rows[channel].ring.drop(through: Tick(now.rawValue - age)) }
    if let oldest = channels.rows[channel].ring.oldest { ringWheel.arm(channel, at: oldest.advanced(by: age)) }
  }

  mutating func forgetRing(_ channel: Slot) {
    guard !channels.rows[channel].ring.isEmpty else { return }
    channels.rows[channel].ring.removeAll()
    ringWheel.disarm(channel)
  }
}
