package import MusterModel

/// Where a session lives inside its shard; a stale one never reaches a newer session.
package struct SessionRef: Sendable, Hashable {
  package var shard: Int
  package var slot: Slot
  package var generation: UInt32

  package init(shard: Int, slot: Slot, generation: UInt32) {
    self.shard = shard
    self.slot = slot
    self.generation = generation
  }
}

/// Who stands behind the credentials that a connection has shown.
package enum Identity: Sendable, Hashable {
  /// A user with an account, to be given a new session.
  case member(UserID)
  /// A visitor, to be given an id and a session.
  case guest
  /// An existing session, to be resumed.
  case session(SessionID)
}

/// An ``Identity`` on its way to the shard that owns the user: a guest has an id by now.
package enum Login: Sendable, Hashable {
  case member(UserID)
  case guest(UserID)
  case session(SessionID)

  /// The bits that name the shard.
  package var placement: UInt16 {
    switch self {
    case .member(let user), .guest(let user): user.placement
    case .session(let session): session.placement
    }
  }
}

/// How a connection came to its end.
package enum ConnectionEnd: Sendable, Hashable {
  /// The client closed with 1000: it means to leave.
  case goodbye
  /// Anything else: close 1001, a reset, silence.
  case lost
}

/// What connection shards and the control plane send to a session shard.
package enum SessionMessage: Sendable {
  case hello(ConnectionID, RequestID, Login, Hello)
  /// A request of a bound connection. Requests of one connection are handled in the order they were sent.
  case request(ConnectionID, RequestID, SessionRef, Request)
  /// The same for a session that has no connection of its own here: over HTTP, answered to the control desk.
  case direct(ConnectionID, RequestID, SessionID, Request)
  case ended(ConnectionID, SessionRef, ConnectionEnd, lastHeard: Tick)
  /// Part of a `users` or `watch` whose ids live on several shards; answered by ``ConnectionMessage/gathered(_:gather:_:)``.
  case query(ConnectionID, gather: UInt32, [UserID], viewer: UserID, watch: Bool)
  case unwatch(plane: Int, [UserID])
  /// The entries of a relay's batch that are this shard's; answered by ``ConnectionMessage/relayed(_:gather:_:after:)``.
  case relay(ConnectionID, gather: UInt32, RelayShare)
  /// A signal for a user or a session of this shard, from a connection that waits for the number of deliveries.
  case signal(ConnectionID, RequestID, Signal)
}

/// What a session shard or a connection shard wants to know or change about a channel.
package enum ChannelAsk: Sendable, Hashable {
  /// Observe, and answer with a snapshot of at most `list` members. The put that made the member went before.
  case observe(list: Int)
  /// Answer with a snapshot of at most `list` members, without observing.
  case look(list: Int)
  /// Observe, and push what was missed since the point: its diffs, or a snapshot.
  case resume(ResumePoint?)
  /// A plain answer that must not overtake what went before it.
  case answer(Reply, ReplyEffect)
  /// Answers with the current sequence number.
  case updated
  case list(limit: Int, Cursor?)
  case count
  case sync(epoch: Epoch, seq: Seq)
  case signal(Signal)
  /// Push a snapshot to one observer that could not keep up.
  case resync
}

/// What session shards and connection shards send to a channel shard.
package enum ChannelMessage: Sendable {
  /// The user is present with this view and so many visible sessions: a join or an update.
  case put(ChannelName, Member, sessions: Int)
  /// The user is no longer present.
  case drop(ChannelName, UserID, LeaveReason)
  case ask(ChannelName, ConnectionID, RequestID, ChannelAsk, after: LSN)
  /// A plane gives back so many grants to observe.
  case release(ChannelName, plane: Int, grants: Int)
}

/// What a reply changes about its connection, at the very place in the order where the reply stands.
package enum ReplyEffect: Sendable, Hashable {
  case none
  case observes(ChannelName)
  case unobserves(ChannelName)
  /// As ``unobserves(_:)``, but nobody asked for it: the session is no longer in a channel that only members observe. There
  /// is no reply.
  case revokes(ChannelName)
  /// The last reply: close normally behind it.
  case finishes
}

/// An event of a channel, for all its observers on one plane.
package enum ChannelEvent: Sendable, Hashable {
  case diff(Diff)
  case snapshot(ChannelSnapshot)
  case count(CountChange)
  case signal(Signal)

  /// The event as it is told.
  package var push: Push {
    switch self {
    case .diff(let diff): .diff(diff)
    case .snapshot(let snapshot): .snapshot(snapshot)
    case .count(let count): .count(count)
    case .signal(let signal): .signal(signal)
    }
  }
}

/// What session shards and channel shards send to a connection shard.
package enum ConnectionMessage: Sendable {
  case welcome(ConnectionID, RequestID, Welcome, SessionRef, after: LSN)
  /// `after` is the record that must be durable before the reply may be sent.
  case reply(ConnectionID, RequestID, Reply, ReplyEffect, after: LSN)
  case push(ConnectionID, Push)
  /// The connection was not let in, or is thrown out: say why and close.
  case refuse(ConnectionID, RequestID, Refusal)
  /// The session ended: tell, then close.
  case end(ConnectionID, LeaveReason, message: String)
  case event(ChannelName, ChannelEvent)
  case gathered(ConnectionID, gather: UInt32, [UserPresence])
  /// What became of one shard's share of a batch.
  case relayed(ConnectionID, gather: UInt32, RelayOutcome, after: LSN)
  /// A user that this plane watches changed.
  case presence(WatchedChange)
}

/// What a watched user looks like from now on.
package struct WatchedChange: Sendable, Hashable {
  /// To others; `nil` when they must not notice anything.
  package var shown: UserPresence?
  /// To the user's own sessions: `invisible` is told.
  package var own: UserPresence

  package init(shown: UserPresence?, own: UserPresence) {
    self.shown = shown
    self.own = own
  }
}
