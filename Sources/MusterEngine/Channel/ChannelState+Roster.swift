import MusterModel

extension ChannelState {
  /// The user is present with this view: a join, a return, an update, or nothing new.
  mutating func put(_ name: ChannelName, _ view: Member, sessions: Int, at now: Moment) {
    precondition(sessions > 0, "a present user has at least one visible session")
    guard let channel = findOrMake(name) else {
      overflows += 1
      return
    }
    let member = members.find(view.user, in: channel)
    if member == .none {
      join(channel, view, sessions: sessions)
    } else if members.rows[member].isPresent {
      update(member, view, sessions: sessions)
    } else {
      members.views[member] = view
      enter(member, sessions: sessions)
      reconsider(member)
    }
    settle(channel, at: now)
  }

  /// The user was present before the restart: part of the roster from the beginning, which is no event.
  ///
  /// Only before anybody observes, and once for each user and channel.
  mutating func restore(_ name: ChannelName, _ view: Member, sessions: Int) {
    guard let channel = findOrMake(name), let member = members.insert(view, in: channel) else {
      overflows += 1
      return
    }
    enter(member, sessions: sessions)
    let mode = policy(of: channel).mode(
      present: channels.rows[channel].occupancy.present, from: channels.rows[channel].mode)
    channels.rows[channel].mode = mode
    channels.rows[channel].isTracking = mode != .count
    channels.rows[channel].toldOccupancy = channels.rows[channel].occupancy
  }

  /// The user is no longer present.
  ///
  /// One who was not is ignored.
  mutating func drop(_ name: ChannelName, _ user: UserID, _ reason: LeaveReason, at now: Moment) {
    let channel = channels.find(name)
    guard channel != .none else { return }
    let member = members.find(user, in: channel)
    guard member != .none, members.rows[member].isPresent else { return }
    leave(member)
    if members.rows[member].change != .none {
      changes.rows[members.rows[member].change].reason = reason
      reconsider(member)
    } else if channels.rows[channel].isTracking {
      addChange(to: member, base: members.view(of: member), reason: reason)
    } else {
      members.remove(member)
    }
    settle(channel, at: now)
  }

  private mutating func join(_ channel: Slot, _ view: Member, sessions: Int) {
    guard let member = members.insert(view, in: channel) else {
      overflows += 1
      return
    }
    enter(member, sessions: sessions)
    if channels.rows[channel].isTracking { addChange(to: member, base: nil) }
  }

  private mutating func update(_ member: Slot, _ view: Member, sessions: Int) {
    let channel = members.rows[member].channel
    let known = members.view(of: member)
    if members.rows[member].sessions != sessions {
      channels.rows[channel].occupancy.sessions += sessions - members.rows[member].sessions
      members.rows[member].sessions = sessions
    }
    guard view != known else { return }
    if view.kind != known.kind {
      channels.rows[channel].occupancy.count(known.kind, -1)
      channels.rows[channel].occupancy.count(view.kind, 1)
    }
    members.views[member] = view
    if members.rows[member].change != .none {
      reconsider(member)
    } else if channels.rows[channel].isTracking {
      addChange(to: member, base: known)
    }
  }

  /// Counts a member in, at the end of the order even when it left only just now: a list that has passed its old place must
  /// not miss it.
  private mutating func enter(_ member: Slot, sessions: Int) {
    let channel = members.rows[member].channel
    members.rows[member].sessions = sessions
    members.rows[member].ordinal = channels.rows[channel].order.append(member)
    channels.rows[channel].occupancy.sessions += sessions
    channels.rows[channel].occupancy.count(members.view(of: member).kind, 1)
    memberCount += 1
  }

  private mutating func leave(_ member: Slot) {
    let channel = members.rows[member].channel
    channels.rows[channel].order.remove(members.rows[member].ordinal)
    channels.rows[channel].occupancy.sessions -= members.rows[member].sessions
    channels.rows[channel].occupancy.count(members.view(of: member).kind, -1)
    members.rows[member].sessions = 0
    memberCount -= 1
  }

  /// Follows the occupancy with the mode, and sees to it that what is new will be told.
  private mutating func settle(_ channel: Slot, at now: Moment) {
    let mode = policy(of: channel).mode(
      present: channels.rows[channel].occupancy.present, from: channels.rows[channel].mode)
    if mode != channels.rows[channel].mode {
      channels.rows[channel].mode = mode
      if mode == .count { stopTracking(channel) }
    }
    if hasNews(channel) { schedule(channel, at: now) }
    endIfEmpty(channel)
  }
}

// MARK: Pending changes

extension ChannelState {
  /// Begins a change of a member that has none.
  private mutating func addChange(to member: Slot, base: Member?, reason: LeaveReason = .left) {
    let channel = members.rows[member].channel
    let last = channels.rows[channel].lastChange
    let change = changes.insert(
      PendingChange(
        member: member, previous: last, base: base, born: channels.rows[channel].exposures, reason: reason))
    members.rows[member].change = change
    if last == .none { channels.rows[channel].firstChange = change } else { changes.rows[last].next = change }
    channels.rows[channel].lastChange = change
    channels.rows[channel].changes += 1
  }

  /// Ends the change of a member; one that is not present ends with it.
  mutating func removeChange(of member: Slot) {
    let channel = members.rows[member].channel
    let change = members.rows[member].change
    let (previous, next) = (changes.rows[change].previous, changes.rows[change].next)
    if previous == .none { channels.rows[channel].firstChange = next } else { changes.rows[previous].next = next }
    if next == .none { channels.rows[channel].lastChange = previous } else { changes.rows[next].previous = previous }
    channels.rows[channel].changes -= 1
    changes.remove(change)
    members.rows[member].change = .none
    if !members.rows[member].isPresent { members.remove(member) }
  }

  /// Whether someone may have been shown the member in a state that was not told.
  func isExposed(_ change: Slot, in channel: Slot) -> Bool {
    changes.rows[change].born != channels.rows[channel].exposures
  }

  /// Ends the change of a member who is again as observers know it, unless someone has seen it otherwise.
  private mutating func reconsider(_ member: Slot) {
    let change = members.rows[member].change
    guard !isExposed(change, in: members.rows[member].channel), isAsKnown(member) else { return }
    removeChange(of: member)
  }

  /// Whether a member with a pending change is as observers know it.
  func isAsKnown(_ member: Slot) -> Bool {
    let base = changes.rows[members.rows[member].change].base
    return members.rows[member].isPresent ? members.views[member] == base : base == nil
  }

  /// Observers will be told the occupancy only; what is pending is let go by the flush, piece by piece.
  private mutating func stopTracking(_ channel: Slot) {
    channels.rows[channel].isTracking = false
    channels.rows[channel].owesCount = true
    forgetRing(channel)
  }
}

extension Occupancy {
  /// Counts users of one kind in or out.
  fileprivate mutating func count(_ kind: UserKind, _ difference: Int) {
    switch kind {
    case .member: users += difference
    case .guest: guests += difference
    }
  }
}
