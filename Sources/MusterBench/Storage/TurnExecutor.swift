import Glibc
import MusterEngine
import MusterThreads
import Synchronization

/// The thread of one plane without sockets, which knows how long its turns take.
///
/// ### Isolation
/// Callable from any thread. ``stop()`` ends the thread, and ``join()`` waits for its end; without them it lives as long as the
/// process.
// SAFETY: all state is touched under the mutex, which lives as long as this object, or is atomic.
final class TurnExecutor: PlaneExecutor, @unchecked Sendable {
  /// The longest turn since somebody asked, in nanoseconds.
  struct Longest: Sendable, Equatable {
    /// On the clock, with what others took of the processor meanwhile.
    var elapsed: UInt64 = 0
    /// Of the processor.
    var cpu: UInt64 = 0
    var turns = 0
  }

  private struct State {
    var turn: (@Sendable () -> Void)?
    var jobs: [UnownedJob] = []
    var isTurnDue = false
    var isStopped = false
    var isAsleep = false
    var longest = Longest()
  }

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let news: UnsafeMutablePointer<pthread_cond_t>
  private var state = State()
  private let thread = Atomic<UInt>(0)
  /// The thread itself; set once, before anybody can see this object.
  private var handle: SystemThread?
  private let spent = Atomic<UInt64>(0)

  init() {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    news = .allocate(capacity: 1)
    news.initialize(to: pthread_cond_t())
    pthread_cond_init(news, nil)
    handle = .needed { [self] in run() }
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    pthread_cond_destroy(news)
    news.deallocate()
  }

  /// The CPU time of the thread so far, in nanoseconds.
  var cpuNanoseconds: UInt64 { spent.load(ordering: .relaxed) }

  /// The longest turn since the last call.
  func takeLongest() -> Longest {
    change { state in
      defer { state.longest = Longest() }
      return state.longest
    }
  }

  func start(turn: @escaping @Sendable () -> Void) {
    change { state in
      state.turn = turn
      state.isTurnDue = true
    }
  }

  func requestTurn() {
    change { $0.isTurnDue = true }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    change { $0.jobs.append(job) }
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

  func checkIsolated() {
    precondition(isOnThread, "this is not the thread of the executor")
  }

  func isIsolatingCurrentContext() -> Bool? { isOnThread }

  func stop() {
    change { $0.isStopped = true }
  }

  /// Waits until the thread has ended, and has let go of the engine; once, behind ``stop()``.
  func join() {
    handle?.join()
  }

  private var isOnThread: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

  private func change<R>(_ body: (inout State) -> R) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    let result = body(&state)
    if state.isAsleep { pthread_cond_signal(news) }
    return result
  }

  // MARK: Thread

  private func run() {
    thread.store(UInt(pthread_self()), ordering: .relaxed)
    while let (turn, jobs) = next() {
      if let turn { measure(turn) }
      for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
      spent.store(ServerProcess.threadCPUNanoseconds(), ordering: .relaxed)
    }
    // The turn holds the engine, and the engine this.
    change { $0.turn = nil }
  }

  private func measure(_ turn: @Sendable () -> Void) {
    let (began, cpuBegan) = (MonotonicTime.now(), ServerProcess.threadCPUNanoseconds())
    turn()
    let (cpu, elapsed) = (ServerProcess.threadCPUNanoseconds() - cpuBegan, MonotonicTime.now().nanoseconds(since: began))
    change { state in
      state.longest.elapsed = max(state.longest.elapsed, elapsed)
      state.longest.cpu = max(state.longest.cpu, cpu)
      state.longest.turns += 1
    }
  }

  /// Waits for what is to be done next, a tick at most; `nil` when the thread is to end.
  private func next() -> (turn: (@Sendable () -> Void)?, jobs: [UnownedJob])? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while !state.isStopped, state.jobs.isEmpty, !(state.isTurnDue && state.turn != nil) {
      state.isAsleep = true
      var due = WallClock.time(after: Tick.milliseconds * 1_000_000)
      if pthread_cond_timedwait(news, mutex, &due) != 0 { state.isTurnDue = true }
    }
    state.isAsleep = false
    guard !state.isStopped else { return nil }
    let turn = state.isTurnDue ? state.turn : nil
    let jobs = state.jobs
    state.jobs = []
    if turn != nil { state.isTurnDue = false }
    return (turn, jobs)
  }
}
