/// What one turn of a plane carries from shard to shard, and what they say of it.
package struct PlaneTurn: Sendable {
  package let plane: Int
  /// The moment that holds for all of the turn.
  package let now: Moment
  /// What the shards of the plane have for each other and have not handled.
  package var mail = PlaneMail()
  /// How many timers each shard may fire.
  package var timersMax = 0
  /// How many heartbeats of relays, or what is worth as many, may still be carried out.
  package var relayBeatsLeft = 0
  /// Whether another turn has to follow.
  package var isMoreDue = false
  /// Whether channels have something to tell: when that is so behind the flush, it is for the next turn.
  package var isFlushDue = false
  /// Whether a snapshot goes on, or leaves something to be caught up with.
  package var isCaptureDue = false
  /// Whether there is something for other planes or for the control desk.
  package var hasMailForOthers = false

  package init(plane: Int, now: Moment) {
    self.plane = plane
    self.now = now
  }

  /// Takes over what a shard has to tell.
  package mutating func collect(_ outbox: inout Outbox) {
    outbox.take(for: plane, into: &mail)
    if outbox.count > 0 { hasMailForOthers = true }
  }
}
