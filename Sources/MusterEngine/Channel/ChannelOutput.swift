import MusterModel

/// A message that a channel shard has for one plane.
package struct ChannelOutput: Sendable {
  package var plane: Int
  package var message: ConnectionMessage

  package init(plane: Int, message: ConnectionMessage) {
    self.plane = plane
    self.message = message
  }
}

/// Whether a bounded step has done all there was to do.
package enum ChannelProgress: Sendable, Hashable {
  case done
  /// The limit was reached first; the next turn goes on.
  case moreDue
}

/// The counters of a channel shard, kept with the change itself.
package struct ChannelCounters: Sendable, Hashable {
  package var channels = 0
  /// Users in channels: one user in two channels counts twice.
  package var members = 0
  /// Grants to observe.
  package var observers = 0
  /// Events since the start; one that goes to several planes counts once.
  ///
  /// Signals included.
  package var events: UInt64 = 0
  /// What did not fit into the tables: members who are not shown, observers who were refused.
  package var overflows: UInt64 = 0

  package init() {}
}
