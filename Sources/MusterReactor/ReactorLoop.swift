import MusterThreads
#if os(Linux)
  import CLinux
  import Glibc
  import MusterAccess
  import MusterEdge
  import MusterEngine
  import Synchronization

  /// A plane's thread: an epoll loop that is the serial executor of the plane's shards.
  ///
  /// A round of the loop: wait for sockets, read a bounded batch of them and answer, run the jobs that others have enqueued, run a
  /// turn if one was asked for or 100 ms have passed, and write out what the turn has left. What is asked for on the thread itself
  /// costs no system call; other threads wake it at most once for each time that it sleeps.
  ///
  /// ### Isolation
  /// Callable from any thread, except where a method says otherwise.
  /// ### Lifetime
  /// The thread holds the loop until the transport is shut down.
  package final class ReactorLoop: PlaneExecutor {
    /// What other threads have for this one, in their order.
    enum Letter: Sendable {
      case connect(ConnectionShard)
      case turns(@Sendable () -> Void)
      case endTurns
      case socket(Arrival)
      case listen(ListeningSocket)
      case stopAccepting
      case stop(@Sendable () -> Void)
    }

    private struct Mail {
      var jobs: [UnownedJob] = []
      var letters: [Letter] = []
    }

    /// What happens on the thread alone.
    private struct OnThread {
      var turn: (@Sendable () -> Void)?
      var lastTurn = ReactorClock.read()
      var isStopped = false
      var end: (@Sendable () -> Void)?
    }

    private static let turnInterval = UInt64(Tick.milliseconds) * 1_000_000
    /// So many events are handled within half a millisecond.
    private static let eventsInNoTime = 16
    /// Sockets that may wait to be taken in; a loop that is so far behind is given no more.
    private static let socketsWaitingMax = 4_096

    private let mail = ContendedLock(Mail())
    private let hasMail = Atomic<Bool>(false)
    private let isTurnDue = Atomic<Bool>(false)
    /// Whether the thread sleeps, or is about to, and nobody has woken it.
    private let isAsleep = Atomic<Bool>(false)
    /// The name of the thread, 0 until it runs.
    private let thread = Atomic<UInt>(0)
    private let socketsWaiting = Atomic<Int>(0)
    private let wakeUp: Int32

    init() throws(ReactorError) {
      wakeUp = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
      guard wakeUp >= 0 else { throw ReactorError("eventfd") }
    }

    deinit {
      close(wakeUp)
    }

    // MARK: As an executor

    package func start(turn: @escaping @Sendable () -> Void) {
      post(.turns(turn))
      requestTurn()
    }

    /// Ends the turns; the thread goes on, with its sockets and with jobs, until the transport is shut down.
    package func stop() {
      post(.endTurns)
    }

    package func requestTurn() {
      guard !isOnThread else { return isTurnDue.store(true, ordering: .relaxed) }
      guard !isTurnDue.exchange(true, ordering: .sequentiallyConsistent) else { return }
      wake()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      mail.withLock { $0.jobs.append(job) }
      announceMail()
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
      UnownedSerialExecutor(ordinary: self)
    }

    package func checkIsolated() {
      precondition(isOnThread, "this is not the thread of the plane")
    }

    package func isIsolatingCurrentContext() -> Bool? {
      isOnThread
    }

    private var isOnThread: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    // MARK: From other threads

    /// Leaves something for the thread.
    func post(_ letter: Letter) {
      if case .socket = letter { socketsWaiting.add(1, ordering: .relaxed) }
      mail.withLock { $0.letters.append(letter) }
      announceMail()
    }

    /// Whether the loop keeps up with the sockets that it is given.
    var takesSockets: Bool { socketsWaiting.load(ordering: .relaxed) < Self.socketsWaitingMax }

    private func announceMail() {
      hasMail.store(true, ordering: .sequentiallyConsistent)
      wake()
    }

    /// Ends the sleep of the thread, if it sleeps.
    ///
    /// What is to be seen was stored before; the thread looks for it after it has said that it sleeps. One of both sees the other.
    private func wake() {
      guard isAsleep.load(ordering: .sequentiallyConsistent), isAsleep.exchange(false, ordering: .sequentiallyConsistent) else {
        return
      }
      var one: UInt64 = 1
      _ = write(wakeUp, &one, MemoryLayout<UInt64>.size)
    }

    // MARK: The thread

    /// Starts the thread; it drives the edge until it is told to end.
    func run(_ edge: ReactorEdge, named name: String) throws(ReactorError) -> SystemThread {
      guard edge.watchWakeUp(wakeUp) else { throw ReactorError("epoll_ctl") }
      do throws(SystemThread.Refused) {
        return try SystemThread(named: name) { self.run(edge) }
      } catch {
        throw ReactorError("pthread_create", code: error.code)
      }
    }

    private func run(_ edge: ReactorEdge) {
      thread.store(UInt(pthread_self()), ordering: .relaxed)
      var state = OnThread()
      while !state.isStopped {
        if let shard = edge.shard {
          // Entered once for all rounds: to enter costs two allocations and 800 instructions, more than a heartbeat.
          shard.assumeIsolated { rounds(edge, &state, with: $0) }
        } else {
          // Without a shard there are no sockets, only mail.
          _ = sleep(edge, at: ReactorClock.read(), since: state.lastTurn)
          if hasMail.load(ordering: .relaxed) { open(&state, edge) }
          takeTurn(&state, at: ReactorClock.read())
        }
      }
      edge.closeAll()
      // Whoever awaits a visit to a shard gets it; sockets that came too late are closed.
      for letter in takeMail() {
        if case .socket(let arrival) = letter { edge.abandon(arrival) }
      }
      // The turn holds the engine, and the engine this.
      state.turn = nil
      state.end?()
    }

    private func rounds(_ edge: ReactorEdge, _ state: inout OnThread, with shard: isolated ConnectionShard) {
      var now = ReactorClock.read()
      while !state.isStopped {
        let events = sleep(edge, at: now, since: state.lastTurn)
        now = ReactorClock.read()
        edge.handle(events: events, now: now, with: shard)
        if hasMail.load(ordering: .relaxed) { open(&state, edge) }
        // A few events take no time to speak of.
        if events > Self.eventsInNoTime { now = ReactorClock.read() }
        takeTurn(&state, at: now)
        edge.settle(now: now, with: shard)
      }
    }

    /// Has the engine take its turn, if it asked for one or has had none for a tick.
    private func takeTurn(_ state: inout OnThread, at now: UInt64) {
      if isTurnDue.exchange(false, ordering: .acquiringAndReleasing) || now &- state.lastTurn >= Self.turnInterval {
        state.lastTurn = now
        state.turn?()
      }
    }

    /// Waits for sockets, unless there is something to do.
    private func sleep(_ edge: ReactorEdge, at now: UInt64, since lastTurn: UInt64) -> Int {
      isAsleep.store(true, ordering: .sequentiallyConsistent)
      let isBusy =
        hasMail.load(ordering: .sequentiallyConsistent) || isTurnDue.load(ordering: .sequentiallyConsistent) || edge.hasMoreToDo
      let passed = now &- lastTurn
      let left = passed >= Self.turnInterval ? 0 : (Self.turnInterval &- passed &+ 999_999) / 1_000_000
      let events = edge.wait(milliseconds: isBusy ? 0 : Int32(left))
      isAsleep.store(false, ordering: .relaxed)
      return events
    }

    /// Takes everything that others have left, and runs the jobs.
    private func takeMail() -> [Letter] {
      hasMail.store(false, ordering: .sequentiallyConsistent)
      let mail = mail.withLock { mail in
        let taken = mail
        mail = Mail()
        return taken
      }
      for job in mail.jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
      return mail.letters
    }

    private func open(_ state: inout OnThread, _ edge: ReactorEdge) {
      for letter in takeMail() {
        switch letter {
        case .connect(let shard): edge.connect(to: shard)
        case .turns(let turn):
          precondition(state.turn == nil, "the turns of a plane are started once")
          state.turn = turn
        case .endTurns: state.turn = nil
        case .socket(let arrival):
          socketsWaiting.subtract(1, ordering: .relaxed)
          edge.take(arrival, now: ReactorClock.read())
        case .listen(let socket): edge.listen(on: socket)
        case .stopAccepting: edge.stopAccepting()
        case .stop(let end):
          state.isStopped = true
          state.end = end
        }
      }
    }
  }

  /// A socket on its way to the loop that it will live on; whoever takes it owns it.
  enum Arrival: Sendable {
    /// Accepted a moment ago, counted as open, and nothing else is known of it.
    case accepted(Int32)
    /// Upgraded by somebody else.
    case adopted(AdoptedSocket)

    /// Forgets the socket without a word.
    func abandon(_ admission: Admission) {
      switch self {
      case .accepted(let descriptor):
        close(descriptor)
        admission.close(.http)
      case .adopted(let socket):
        close(socket.descriptor)
        admission.close(socket.place)
      }
    }
  }

  /// A socket whose upgrade has been granted and is still to be answered.
  struct AdoptedSocket: Sendable {
    var descriptor: Int32
    var grant: UpgradeGrant
    var leftover: [UInt8]
    var place: Admission.Place
  }

  /// The listening socket that all loops share, closed when the last of them lets go of it.
  final class ListeningSocket: Sendable {
    let descriptor: Int32
    /// Takes over an accepted socket that is not for the reactor, with nothing read from it.
    let elsewhere: @Sendable (Int32) -> Void

    init(descriptor: Int32, elsewhere: @escaping @Sendable (Int32) -> Void) {
      self.descriptor = descriptor
      self.elsewhere = elsewhere
    }

    deinit {
      close(descriptor)
    }
  }
#endif
