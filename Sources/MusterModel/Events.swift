/// One user who is no longer in a channel.
package struct Leave: Sendable, Hashable {
  package var user: UserID
  package var reason: LeaveReason

  package init(user: UserID, reason: LeaveReason) {
    self.user = user
    self.reason = reason
  }
}

/// What changed in a channel between two sequence numbers.
///
/// `joins` and `updates` carry the whole member, so both set what an observer knows, and applying a diff twice is harmless.
package struct Diff: Sendable, Hashable {
  package var channel: ChannelName
  package var epoch: Epoch
  /// The number this diff builds on; an observer at another number has a hole and asks `sync`.
  package var prev: Seq
  package var seq: Seq
  package var joins: [Member]
  package var updates: [Member]
  package var leaves: [Leave]
  package var occupancy: Occupancy

  package init(
    channel: ChannelName, epoch: Epoch, prev: Seq, seq: Seq, joins: [Member], updates: [Member], leaves: [Leave],
    occupancy: Occupancy
  ) {
    self.channel = channel
    self.epoch = epoch
    self.prev = prev
    self.seq = seq
    self.joins = joins
    self.updates = updates
    self.leaves = leaves
    self.occupancy = occupancy
  }

  /// How many members this diff speaks of.
  package var changes: Int { joins.count + updates.count + leaves.count }
}

/// A channel as it stands at one sequence number: forget what you knew of it.
package struct ChannelSnapshot: Sendable, Hashable {
  package var channel: ChannelName
  package var mode: ChannelMode
  package var epoch: Epoch
  package var seq: Seq
  package var occupancy: Occupancy
  /// The first page of members; empty in ``ChannelMode/count``.
  package var members: [Member]
  /// Where the next page begins, or `nil` when this is all.
  package var next: Cursor?

  package init(
    channel: ChannelName, mode: ChannelMode, epoch: Epoch, seq: Seq, occupancy: Occupancy, members: [Member], next: Cursor?
  ) {
    self.channel = channel
    self.mode = mode
    self.epoch = epoch
    self.seq = seq
    self.occupancy = occupancy
    self.members = members
    self.next = next
  }
}

/// The occupancy of a channel in ``ChannelMode/count``.
package struct CountChange: Sendable, Hashable {
  package var channel: ChannelName
  package var epoch: Epoch
  package var seq: Seq
  package var occupancy: Occupancy

  package init(channel: ChannelName, epoch: Epoch, seq: Seq, occupancy: Occupancy) {
    self.channel = channel
    self.epoch = epoch
    self.seq = seq
    self.occupancy = occupancy
  }
}

/// Whom a signal is for.
package enum SignalTarget: Sendable, Hashable {
  case user(UserID)
  case session(SessionID)
  case channel(ChannelName)
}

/// Who sent a signal.
package enum SignalSource: Sendable, Hashable {
  case session(UserID, SessionID)
  case server
}

/// A message of the application from one to others.
///
/// Not stored: whoever is not connected does not get it.
package struct Signal: Sendable, Hashable {
  package var from: SignalSource
  package var to: SignalTarget
  /// At most 8 KiB of any JSON value.
  package var data: [UInt8]

  package init(from: SignalSource, to: SignalTarget, data: [UInt8]) {
    self.from = from
    self.to = to
    self.data = data
  }
}

/// What the server tells a connection without having been asked.
package enum Push: Sendable, Hashable {
  case diff(Diff)
  case snapshot(ChannelSnapshot)
  case count(CountChange)
  /// Changes of watched users, batched.
  case presence([UserPresence])
  case signal(Signal)
  /// Come back after so many milliseconds; the session waits.
  case reconnect(afterMilliseconds: Int, reason: String)
  /// The session is over; a terminal close follows.
  case ended(LeaveReason, message: String)
}
