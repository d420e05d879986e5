import MusterEngine
import Synchronization

/// An executor without a thread: turns run when the test says so, on the test's own thread.
///
/// ### Isolation
/// `checkIsolated()` lets everybody in, so whoever uses it must not use it from two threads at once.
package final class ManualExecutor: PlaneExecutor {
  private struct State {
    var turn: (@Sendable () -> Void)?
    var isTurnDue = false
  }

  private let state = Mutex(State())

  package init() {}

  package func enqueue(_ job: consuming ExecutorJob) {
    // Only the control plane comes this way; the caller waits for it anyway.
    job.runSynchronously(on: asUnownedSerialExecutor())
  }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    UnownedSerialExecutor(ordinary: self)
  }

  package func checkIsolated() {}

  package func start(turn: @escaping @Sendable () -> Void) {
    state.withLock { $0.turn = turn }
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
