import MusterThreads
#if os(Linux)
  import CLinux
  import Glibc
  package import MusterAccess
  package import MusterEdge
  package import MusterEngine
  package import MusterModel
  import MusterWire
  import Synchronization

  /// The transport of Linux for WebSockets without TLS: one thread per plane, on which sockets are rows of a table.
  ///
  /// It accepts sockets, upgrades the usual requests itself, and hands every other socket, untouched, to somebody who speaks all of
  /// HTTP; sockets that were upgraded there come back by ``adopt(_:_:leftover:place:)``.
  ///
  /// ### Isolation
  /// Callable from any thread.
  /// ### Lifetime
  /// ``connect(to:)``, then the engine's start, then ``listen(on:elsewhere:)``; ``shutDown()`` ends the threads, without which they
  /// live as long as the process.
  package final class ReactorTransport: SocketAdopter {
    /// The executors of the planes, in their order; the engine is made with them.
    package let executors: [ReactorLoop]

    private let edges: [ReactorEdge]
    private let admission: Admission
    private let judge: UpgradeJudge
    private let balance: LoopBalance
    private let threads: ContendedLock<[SystemThread]>
    private let listening = ContendedLock<ListeningSocket?>(nil)

    /// Starts the threads of the planes.
    ///
    /// - Parameters:
    ///   - threads: How many planes there are, at least 1.
    ///   - limits: What is taken from outside.
    ///   - engine: The limits of the engine, so that both agree.
    ///   - judge: Decides about upgrades, the same for all transports of the port.
    ///   - admission: Counts the sockets, the same for all transports of the port.
    ///   - authenticator: Who decides who somebody is.
    ///   - tokens: Who makes the session tokens.
    ///   - notice: Told what an operator may want to know, on the planes' threads; must not block.
    /// - Throws: ``ReactorError`` when the system has no descriptors or threads left.
    package init(
      threads: Int, limits: GatewayLimits, engine: EngineConfiguration, judge: UpgradeJudge, admission: Admission,
      authenticator: any Authenticator, tokens: any SessionTokens, notice: @escaping @Sendable (ReactorNotice) -> Void
    ) throws(ReactorError) {
      precondition(threads > 0, "a transport has at least one plane")
      self.admission = admission
      self.judge = judge
      var loops: [ReactorLoop] = []
      for _ in 0..<threads { loops.append(try ReactorLoop()) }
      executors = loops
      balance = LoopBalance(loops: loops)
      let common = EdgeSurroundings(
        limits: limits, rules: GatewayRules(limits, MessageDecoder(limits: WireLimits(limits, engine))), judge: judge,
        admission: admission, authenticator: authenticator, tokens: tokens, notice: notice)
      var edges: [ReactorEdge] = []
      for index in loops.indices {
        edges.append(try ReactorEdge(common, door: LoopDoor(balance: balance, index: index)))
      }
      self.edges = edges
      self.threads = ContendedLock([])
      for (index, loop) in loops.enumerated() {
        do throws(ReactorError) {
          let thread = try loop.run(edges[index], named: "muster-plane-\(index)")
          self.threads.withLock { $0.append(thread) }
        } catch {
          // Those that run already hold themselves.
          for loop in loops[..<index] { loop.post(.stop {}) }
          throw error
        }
      }
    }

    /// The ways out of the planes, in their order; the engine is made with them.
    package var sinks: [any EventSink] { edges }

    /// Ties each edge to the connection shard of its plane.
    ///
    /// Called once, before the engine starts and before the first socket.
    package func connect(to engine: PresenceEngine) {
      for (loop, shard) in zip(executors, engine.connectionShards) { loop.post(.connect(shard)) }
    }

    /// Begins to accept.
    ///
    /// Called at most once.
    ///
    /// - Parameters:
    ///   - descriptor: A socket that listens and does not block; it belongs to the transport from now on.
    ///   - elsewhere: Takes over an accepted socket that does not block, from which nothing has been read, and which is no longer
    ///     counted by the admission. Called on the planes' threads; must not block.
    package func listen(on descriptor: Int32, elsewhere: @escaping @Sendable (Int32) -> Void) {
      // Accepted sockets inherit it. Fails for a Unix socket, which has nothing to delay.
      var isOn: Int32 = 1
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
      let socket = ListeningSocket(descriptor: descriptor, elsewhere: elsewhere)
      listening.withLock { $0 = socket }
      for loop in executors { loop.post(.listen(socket)) }
    }

    package func adopt(_ descriptor: Int32, _ grant: UpgradeGrant, leftover: [UInt8], place: Admission.Place) {
      let socket = AdoptedSocket(descriptor: descriptor, grant: grant, leftover: leftover, place: place)
      balance.hand(.adopted(socket), to: balance.lightest)
    }

    /// Accepts nobody any more; new connections are refused by the system at once.
    package func stopAccepting() {
      // The loops let go of the descriptor later; until then it is still theirs, only no longer listening.
      guard let socket = listening.withLock({ $0.take() }) else { return }
      shutdown(socket.descriptor, Int32(SHUT_RDWR))
      for loop in executors { loop.post(.stopAccepting) }
    }

    /// Refuses upgrades from now on.
    package func stopAdmitting() {
      judge.stopAdmitting()
    }

    /// How many WebSockets, and how many other sockets, are open, on all transports that share the admission.
    package var openSockets: (webSockets: Int, http: Int) { admission.sockets }

    /// Ends all sockets without a word, and the threads: the last thing that happens to a transport.
    package func shutDown() async {
      stopAccepting()
      for loop in executors {
        await withCheckedContinuation { continuation in
          loop.post(.stop { continuation.resume() })
        }
      }
      // They have said that they are at their ends, so this waits for next to nothing.
      let ended = threads.withLock { threads in
        defer { threads = [] }
        return threads
      }
      for thread in ended { thread.join() }
    }
  }

  /// What happens at the edge that an operator may want to know.
  package enum ReactorNotice: Sendable, Hashable {
    /// The process or the system has no descriptors left; accepting pauses for 100 ms.
    case outOfDescriptors(ReactorError)
    /// Accepting failed in another way.
    case cannotAccept(ReactorError)
    /// A new connection was refused.
    case turnedAway(address: String, Refusal)
    /// A client broke the protocol or closed with something else than 1000.
    case ended(CloseFrame)
  }
#endif
