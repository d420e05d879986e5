import MusterEngine
import MusterThreads
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// An executor with a thread of its own and no sockets: turns and jobs run as they do in production.
///
/// For what only real threads can show. Tests of behaviour use a ``ManualExecutor``.
///
/// ### Isolation
/// Callable from any thread. ``stop()`` must be called, or the thread lives as long as the process.
package final class LoopbackExecutor: PlaneExecutor {
  private struct State {
    var turn: (@Sendable () -> Void)?
    var jobs: [UnownedJob] = []
    var isTurnDue = false
    var isStopped = false
  }

  private let state = ContendedLock(State())
  private let wakeUp = WakeUp()
  /// The name of the thread, 0 until it runs.
  private let thread = Atomic<UInt>(0)

  package init() {
    // Nobody waits for its end.
    SystemThread.needed { self.run() }.detach()
  }

  package func start(turn: @escaping @Sendable () -> Void) {
    state.withLock { $0.turn = turn }
    requestTurn()
  }

  package func requestTurn() {
    state.withLock { $0.isTurnDue = true }
    wakeUp.signal()
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.jobs.append(job) }
    wakeUp.signal()
  }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    UnownedSerialExecutor(ordinary: self)
  }

  package func checkIsolated() {
    precondition(isOnThread, "this is not the thread of the executor")
  }

  package func isIsolatingCurrentContext() -> Bool? {
    isOnThread
  }

  /// Ends the thread behind the turn or the job that is running; what is enqueued later never runs.
  package func stop() {
    state.withLock { $0.isStopped = true }
    wakeUp.signal()
  }

  private var isOnThread: Bool {
    thread.load(ordering: .relaxed) == Self.currentThread
  }

  private static var currentThread: UInt {
    #if canImport(Darwin)
      UInt(bitPattern: pthread_self())
    #else
      UInt(pthread_self())
    #endif
  }

  private func run() {
    thread.store(Self.currentThread, ordering: .relaxed)
    while let (turn, jobs) = next() {
      // A turn that was asked for before a job was enqueued runs before the job.
      turn?()
      for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
      guard turn == nil, jobs.isEmpty else { continue }
      if !wakeUp.wait(milliseconds: Tick.milliseconds) { state.withLock { $0.isTurnDue = true } }
    }
    // The turn holds the engine, and the engine this.
    state.withLock { $0.turn = nil }
  }

  /// What is to be done next; `nil` when the thread is to end.
  private func next() -> (turn: (@Sendable () -> Void)?, jobs: [UnownedJob])? {
    state.withLock { state in
      guard !state.isStopped else { return nil }
      let turn = state.isTurnDue ? state.turn : nil
      let jobs = state.jobs
      state.isTurnDue = false
      state.jobs = []
      return (turn, jobs)
    }
  }
}

/// What a thread sleeps on: a signal that comes before it sleeps is not lost.
private final class WakeUp: Sendable {
  private let reading: Int32
  private let writing: Int32
  /// A byte is in the pipe, or about to be; so there is never more than one.
  private let isSignalled = Atomic<Bool>(false)

  init() {
    var ends: [Int32] = [0, 0]
    let result = pipe(&ends)
    precondition(result == 0, "a pipe could not be made: error \(errno)")
    (reading, writing) = (ends[0], ends[1])
  }

  deinit {
    close(reading)
    close(writing)
  }

  func signal() {
    guard !isSignalled.exchange(true, ordering: .acquiringAndReleasing) else { return }
    var byte: UInt8 = 0
    _ = write(writing, &byte, 1)
  }

  /// Sleeps until there is a signal, at most so long.
  ///
  /// - Returns: Whether there was one.
  func wait(milliseconds: Int) -> Bool {
    var descriptor = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
    guard poll(&descriptor, 1, Int32(milliseconds)) > 0 else { return false }
    var byte: UInt8 = 0
    _ = read(reading, &byte, 1)
    // Whoever signals from now on puts a new byte in; what was signalled before is looked at after this.
    isSignalled.store(false, ordering: .releasing)
    return true
  }
}
