#if os(Linux)
  import Glibc
  import MusterAccess
  import MusterEdge
  import MusterEngine
  import MusterJSON
  import MusterModel
  import MusterReactor
  import MusterWire

  /// What comes through sockets and the reactor's edge, on one thread; what the clients do counts as well, two calls each.
  enum ReactorOperations {
    private static let clientsCount = 64
    private static let beatText = #"{"op":"beat","id":12345}"#

    /// A heartbeat with reply that comes alone: the thread wakes for it, and nothing else is to be done.
    static func loneBeat(_ count: Int) {
      run(beatText, clients: 1, together: 1, count: count)
    }

    /// One heartbeat with reply on each socket in turn; counted are heartbeats.
    static func beat(_ count: Int) {
      run(beatText, clients: clientsCount, together: 1, count: count)
    }

    /// The same without an id, so that nothing is answered.
    static func silentBeat(_ count: Int) {
      run("", clients: clientsCount, together: 1, count: count)
    }

    /// 16 heartbeats with reply at a time on each socket; counted are heartbeats.
    static func pipelinedBeat(_ count: Int) {
      run(beatText, clients: clientsCount, together: 16, count: count)
    }

    /// A join and a leave, each of which comes alone: asked, decided, applied and answered, with the turns that takes.
    ///
    /// The log keeps nothing, and nobody else is there to be told.
    static func joinAndLeave(_ count: Int) {
      let plane = DrivenPlane(clients: 1)
      let requests = [#"{"op":"join","id":1,"channel":"room:1"}"#, #"{"op":"leave","id":2,"channel":"room:1"}"#]
        .map { frames($0) }
      plane.edge.shard.assumeIsolated { shard in
        for _ in 0..<count {
          for request in requests {
            plane.clients.send(request)
            while plane.round(with: shard) {}
            plane.clients.receive()
          }
        }
      }
      precondition(plane.mutations == 1 + 2 * count, "not every request was carried out")
    }

    /// A turn that finds nothing to do.
    static func idleTurn(_ count: Int) {
      let plane = DrivenPlane(clients: 1)
      plane.edge.shard.assumeIsolated { _ in
        for _ in 0..<count { plane.turn() }
      }
    }

    private static func frames(_ text: String, together: Int = 1) -> [UInt8] {
      var frames = OutputBuffer()
      for number in 0..<together {
        WebSocketEncoder.append(.text, Array(text.utf8).span.bytes, mask: 0x1234_5678 &* UInt32(number + 1), to: &frames)
      }
      return frames.copyBytes()
    }

    private static func run(_ text: String, clients: Int, together: Int, count: Int) {
      let plane = DrivenPlane(clients: clients)
      let bytes = frames(text, together: together)
      let before = plane.edge.beats
      let rounds = count / (clients * together)
      plane.edge.shard.assumeIsolated { shard in
        for _ in 0..<rounds {
          plane.clients.send(bytes)
          plane.edge.round(with: shard)
          plane.edge.settle(with: shard)
          plane.clients.receive()
        }
      }
      precondition(plane.edge.beats - before == rounds * clients * together, "not every heartbeat took the short way")
    }
  }

  /// A plane on the caller's thread, with clients that have said hello.
  // SAFETY: there is one thread.
  private final class DrivenPlane: @unchecked Sendable {
    let edge: DrivenEdge
    let clients: Clients
    private let engine: PresenceEngine
    private let executor = CallersThread()

    init(clients count: Int) {
      var configuration = EngineConfiguration()
      // Time stands still, so a client has only what it may send at once.
      configuration.requestsBurst = 1_000_000
      guard
        let edge = try? DrivenEdge(
          limits: GatewayLimits(), engine: configuration, authenticator: Believing(), tokens: Believing())
      else { preconditionFailure("there are no descriptors left") }
      self.edge = edge
      engine = PresenceEngine(
        configuration: configuration, executors: [executor], sinks: [edge.sink], clock: StandingClock(), journal: MemoryJournal(),
        random: SystemRandom())
      edge.connect(to: engine.connectionShards[0])
      engine.start()
      clients = Clients(count: count)
      for (number, descriptor) in clients.servers.enumerated() {
        edge.adopt(descriptor, UpgradeGrant(peer: Peer(address: "127.0.0.1"), response: ""))
        var frame = OutputBuffer()
        let hello = Array(#"{"op":"hello","id":1,"user":"user-\#(number)"}"#.utf8)
        WebSocketEncoder.append(.text, hello.span.bytes, mask: 1, to: &frame)
        clients.send(frame.copyBytes(), to: number)
        while round() {}
      }
      clients.receive()
    }

    private func round() -> Bool {
      edge.shard.assumeIsolated { round(with: $0) }
    }

    /// - Returns: Whether a turn was due.
    func round(with shard: isolated ConnectionShard) -> Bool {
      edge.round(with: shard)
      let isTurnDue = executor.isTurnDue
      if isTurnDue { turn() }
      edge.settle(with: shard)
      return isTurnDue
    }

    func turn() {
      executor.runTurn()
    }

    /// How many changes the log was told of, the login of each client included.
    var mutations: Int { engine.planes[0].sessions.assumeIsolated { Int($0.state.stats.mutations) } }
  }

  /// The other ends of the sockets.
  private struct Clients {
    let servers: [Int32]
    private let ends: [Int32]

    init(count: Int) {
      var pairs: [(Int32, Int32)] = []
      for _ in 0..<count {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else {
          preconditionFailure("there are no sockets left")
        }
        pairs.append((pair[0], pair[1]))
      }
      ends = pairs.map(\.0)
      servers = pairs.map(\.1)
    }

    func send(_ bytes: [UInt8], to number: Int? = nil) {
      // By number: to iterate would count a reference to the array.
      for end in number.map({ $0..<$0 + 1 }) ?? ends.indices {
        // SAFETY: the pointer is used inside the closure only.
        bytes.withUnsafeBytes { _ = Glibc.send(ends[end], $0.baseAddress, $0.count, 0) }
      }
    }

    /// Throws away what has come.
    func receive() {
      withUnsafeTemporaryAllocation(byteCount: 1 << 10, alignment: 8) { room in
        for number in ends.indices {
          while recv(ends[number], room.baseAddress, room.count, Int32(MSG_DONTWAIT)) == room.count {}
        }
      }
    }
  }

  /// Turns run when the caller says so, on its own thread, which is the only one.
  // SAFETY: there is one thread.
  private final class CallersThread: PlaneExecutor, @unchecked Sendable {
    private var turn: (@Sendable () -> Void)?
    private(set) var isTurnDue = false

    func enqueue(_ job: consuming ExecutorJob) {
      UnownedJob(job).runSynchronously(on: asUnownedSerialExecutor())
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    func checkIsolated() {}
    func isIsolatingCurrentContext() -> Bool? { true }
    func start(turn: @escaping @Sendable () -> Void) { self.turn = turn }
    func stop() { turn = nil }
    func requestTurn() { isTurnDue = true }

    func runTurn() {
      isTurnDue = false
      turn?()
    }
  }

  private struct StandingClock: EngineClock {
    var now: Tick { Tick(1 << 28) }
    var wall: WallTime { WallTime(milliseconds: 1_700_000_000_000) }
  }

  private struct Believing: Authenticator, SessionTokens {
    func identify(_ credentials: Credentials, from peer: Peer) throws(Refusal) -> Identity {
      if case .user(let user) = credentials { .member(user) } else { .guest }
    }

    func token(for session: SessionID) -> [UInt8] { Array(session.text.utf8) }
    func session(of token: [UInt8]) -> SessionID? { nil }
  }
#endif
