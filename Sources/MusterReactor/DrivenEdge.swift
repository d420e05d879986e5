#if os(Linux)
  package import MusterAccess
  package import MusterEdge
  package import MusterEngine
  import MusterWire

  /// The edge of one plane whose rounds the caller drives, on the caller's thread.
  ///
  /// The same code as behind a ``ReactorTransport``, without its threads, its clock and its front door: for counting what it costs,
  /// which must not depend on how often a thread happens to wake.
  /// ### Isolation
  /// One thread, on which the engine's turns are run as well.
  // SAFETY: whoever drives it has one thread; it is Sendable so that it can be used inside the isolation of the shard.
  package final class DrivenEdge: @unchecked Sendable {
    private let edge: ReactorEdge
    private let admission: Admission
    /// What the rounds are told the time is, in nanoseconds; it stands still.
    private let now: UInt64 = 1_000_000_000

    /// Makes an edge without sockets.
    ///
    /// - Parameters:
    ///   - limits: What is taken from outside.
    ///   - engine: The limits of the engine.
    ///   - authenticator: Who decides who somebody is.
    ///   - tokens: Who makes the session tokens.
    /// - Throws: ``ReactorError`` when the system has no descriptors left.
    package init(
      limits: GatewayLimits, engine: EngineConfiguration, authenticator: any Authenticator, tokens: any SessionTokens
    ) throws(ReactorError) {
      admission = Admission(limits: limits)
      let common = EdgeSurroundings(
        limits: limits, rules: GatewayRules(limits, MessageDecoder(limits: WireLimits(limits, engine))),
        judge: UpgradeJudge(origins: .sameHost), admission: admission, authenticator: authenticator, tokens: tokens,
        notice: { _ in })
      edge = try ReactorEdge(common, door: LoopDoor(balance: LoopBalance(loops: []), index: 0))
    }

    deinit {
      edge.closeAll()
    }

    /// The way out of the plane; the engine is made with it.
    package var sink: any EventSink { edge }

    /// Ties the edge to the plane's connection shard.
    package func connect(to shard: ConnectionShard) {
      edge.connect(to: shard)
    }

    /// Makes a WebSocket of a connected socket, which belongs to the edge from now on.
    package func adopt(_ descriptor: Int32, _ grant: UpgradeGrant) {
      guard admission.open(), admission.upgrade(.other) == nil else { preconditionFailure("there is no room for another socket") }
      edge.take(.adopted(AdoptedSocket(descriptor: descriptor, grant: grant, leftover: [], place: .webSocket(.other))), now: now)
    }

    /// The shard that the edge is tied to; rounds are run inside its isolation, as the loop of a transport does.
    package var shard: ConnectionShard {
      guard let shard = edge.shard else { preconditionFailure("the edge is not connected") }
      return shard
    }

    /// Handles what is ready, without waiting for it.
    ///
    /// A turn of the engine, if one is asked for, belongs between this and ``settle(with:)``.
    package func round(with shard: isolated ConnectionShard) {
      edge.handle(events: edge.wait(milliseconds: 0), now: now, with: shard)
    }

    /// Writes out what the round and the turn have left.
    package func settle(with shard: isolated ConnectionShard) {
      edge.settle(now: now, with: shard)
    }

    /// How many heartbeats were answered on the short way.
    package var beats: Int { edge.table.counters.beats }

    /// The bytes of one row of the table of sockets.
    package static var rowBytes: [String: Int] { ["socket": MemoryLayout<SocketRow>.stride] }
  }
#endif
