import MusterEngine
import MusterThreads

/// An executor without a thread: turns run when the test says so, on the test's own thread.
///
/// ### Isolation
/// Jobs run at once, one at a time, on the thread that enqueues the first of them. `checkIsolated()` lets everybody in, so whoever
/// runs turns or visits shards by hand must not do so from two threads at once.
package final class ManualExecutor: PlaneExecutor {
  private struct State {
    var turn: (@Sendable () -> Void)?
    var isTurnDue = false
    var jobs: [UnownedJob] = []
    var isRunningJobs = false
  }

  private let state = ContendedLock(State())
  package init() {}

  package func enqueue(_ job: consuming ExecutorJob) {
    // Only the control plane comes this way, and waits for it. What a job leads to may run before the job returns, and enqueue
    // another: that one must wait for whoever runs the first, or jobs would be stacked upon each other.
    let job = UnownedJob(job)
    let isFirst = state.withLock { state in
      state.jobs.append(job)
      defer { state.isRunningJobs = true }
      return !state.isRunningJobs
    }
    guard isFirst else { return }
    while let job = nextJob() { job.runSynchronously(on: asUnownedSerialExecutor()) }
  }

  private func nextJob() -> UnownedJob? {
    state.withLock { state in
      guard state.jobs.isEmpty else { return state.jobs.removeFirst() }
      state.isRunningJobs = false
      return nil
    }
  }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    UnownedSerialExecutor(ordinary: self)
  }

  package func checkIsolated() {}

  package func start(turn: @escaping @Sendable () -> Void) {
    state.withLock { $0.turn = turn }
  }

  package func stop() {
    state.withLock { $0.turn = nil }
  }

  package func requestTurn() {
    state.withLock { $0.isTurnDue = true }
  }

  /// Whether a turn was asked for and has not run.
  package var isTurnDue: Bool { state.withLock { $0.isTurnDue } }

  /// Runs one turn, asked for or not.
  package func runTurn() {
    let turn = state.withLock { state in
      state.isTurnDue = false
      return state.turn
    }
    turn?()
  }
}
