import MusterModel

/// Where a connection stands.
enum ConnectionPhase: UInt8, Sendable {
  /// Open, and has not said hello.
  case open
  /// Has said hello; its session shard has not answered yet.
  case greeting
  /// Bound to a session.
  case bound
  /// A backend that speaks for many sessions.
  case relay
}

/// One open connection, in 72 bytes.
struct ConnectionRow {
  var phase = ConnectionPhase.open
  /// Its transport does not take what it is sent.
  var isCongested = false
  /// At least one of its edges is stale and no snapshot has been asked for.
  var hasStale = false
  private var sessionShard: UInt16 = 0
  private var sessionSlot = Slot.none
  private var sessionGeneration: UInt32 = 0
  var lastHeard = Tick(0)
  /// When it was last pinged.
  var pingedAt = Tick(0)
  /// Pinged, and not heard since: a ping goes out in silence only, so what was heard in its tick came behind it.
  var isPinged: Bool { pingedAt > lastHeard }
  /// Silence of so many ticks leads to a ping.
  var pingTicks: UInt32 = 0
  /// Silence of so many ticks ends the connection.
  var silenceTicks: UInt32 = 0
  /// When the peer last took something while congested.
  var lastProgress = Tick(0)
  /// A token bucket, in tenths of a request.
  var tokens: Int32 = 0
  var tokensAt = Tick(0)
  /// Requests refused for coming too fast, since one was let in.
  var strikes: UInt32 = 0
  /// Requests that have not been answered.
  var inFlight: UInt32 = 0
  /// Things held back until they are durable.
  var held: UInt32 = 0
  var firstEdge = Slot.none
  var edges: UInt32 = 0
  var firstWatch = Slot.none
  var watches: UInt32 = 0
  /// Who is behind it, once it is bound.
  var user = BlobRef.none

  init(lastHeard: Tick = Tick(0)) {
    self.lastHeard = lastHeard
  }

  /// The session that it is bound to; of no meaning before.
  var session: SessionRef {
    get { SessionRef(shard: Int(sessionShard), slot: sessionSlot, generation: sessionGeneration) }
    set { (sessionShard, sessionSlot, sessionGeneration) = (UInt16(newValue.shard), newValue.slot, newValue.generation) }
  }
}

/// A channel that at least one connection of this plane observes.
struct ObservedChannel {
  var name: ChannelName?
  var firstEdge = Slot.none
}

/// One connection observing one channel.
struct EdgeRow {
  var connection = Slot.none
  var channel = Slot.none
  var nextOfConnection = Slot.none
  var nextOfChannel = Slot.none
  var previousOfChannel = Slot.none
  /// It missed something and gets a snapshot when it drains; until then it gets nothing.
  var isStale = false
  /// The snapshot has been asked for.
  var isResyncing = false
}

/// A user whom at least one connection of this plane watches.
struct WatchedUser {
  var user: UserID?
  var firstWatch = Slot.none
  /// What others are told next.
  var latest: UserPresence?
  /// What the user's own sessions are told next.
  var latestOwn: UserPresence?
}

/// One connection watching one user.
struct WatchRow {
  var connection = Slot.none
  var watched = Slot.none
  var nextOfConnection = Slot.none
  var previousOfConnection = Slot.none
  var nextOfUser = Slot.none
  var previousOfUser = Slot.none
  /// There is something to tell.
  var isPending = false
}

/// A `users` or `watch` whose parts come from several session shards.
struct Gather {
  var request: RequestID
  /// How many shards have not answered.
  var missing: Int
  var found: [UserPresence] = []
}

/// A batch of a relay whose shares are with several session shards.
struct RelayGather {
  let connection: ConnectionID
  let id: UInt32
  let request: RelayKind
  /// How many shards have not answered.
  var missing: Int
  var unknown: [UInt32] = []
  var unavailable: [UInt32] = []
  /// For each entry of a batch of opens.
  var opened: [Result<SessionID, ErrorCode>] = []
  /// What has to be durable before the reply may be sent.
  var after = LSN.zero
}

/// Something that waits for a record to become durable.
///
/// Kept in the order in which it was to be sent.
enum HeldBack {
  case welcome(ConnectionID, RequestID, Welcome, SessionRef)
  case reply(ConnectionID, RequestID, Reply, ReplyEffect)
  case push(ConnectionID, Push)
  /// The connection is not let in after all.
  case rejection(ConnectionID, RequestID)
  case relay(ConnectionID, UInt32, RelayKind, RelayReply)
}
