import MusterEngine
package import NIOCore
import Synchronization

/// A plane's thread, as an event loop of NIO gives it.
///
/// A WebSocket of the NIO transport lives on the same loop as its plane, so its handler reaches the shards with a plain call.
/// Turns are tasks of the loop: they run after all channels that one `select` found ready have been read, so whatever those
/// asked for is handled in one batch.
///
/// ### Isolation
/// Callable from any thread, except where a method says otherwise.
package final class NIOPlaneExecutor: PlaneExecutor {
  /// The loop that is the plane.
  package let eventLoop: any EventLoop

  private let isTurnPending = Atomic<Bool>(false)
  private let isStopped = Atomic<Bool>(false)
  private let onLoop: NIOLoopBoundBox<OnLoop>

  private struct OnLoop {
    var turn: (@Sendable () -> Void)?
    var settle: (() -> Void)?
    var ticking: RepeatedTask?
    var isInTurn = false
  }

  /// Makes the executor of one plane from one loop; the loop must serve no other plane.
  package init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    onLoop = .makeBoxSendingValue(OnLoop(), eventLoop: eventLoop)
  }

  /// Sets what runs on the loop behind every turn and every job, before the loop goes on: an edge writes out what was queued.
  ///
  /// Must be called on the loop.
  func afterEachTurn(_ settle: @escaping () -> Void) {
    onLoop.value.settle = settle
  }

  package func start(turn: @escaping @Sendable () -> Void) {
    eventLoop.execute { [self] in
      precondition(onLoop.value.turn == nil, "the turns of a plane are started once")
      onLoop.value.turn = turn
      let interval = TimeAmount.milliseconds(Int64(Tick.milliseconds))
      onLoop.value.ticking = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [self] _ in
        runTurn()
      }
    }
  }

  /// Ends the turns, so that the loop may be shut down; jobs still run.
  ///
  /// All planes must be stopped before the first loop is shut down: connections that end then would ask other planes for turns.
  package func stop() {
    isStopped.store(true, ordering: .releasing)
    eventLoop.execute { [self] in
      onLoop.value.ticking?.cancel()
      // Lets go of the engine and the edge, which hold this executor.
      onLoop.value = OnLoop()
    }
  }

  package func requestTurn() {
    guard !isStopped.load(ordering: .acquiring), !isTurnPending.exchange(true, ordering: .acquiringAndReleasing)
    else { return }
    eventLoop.execute { [self] in
      // First the mark, then the turn: a request that comes while the turn runs leads to another.
      isTurnPending.store(false, ordering: .releasing)
      runTurn()
    }
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { [self] in
      inTurn { job.runSynchronously(on: asUnownedSerialExecutor()) }
    }
  }

  package func checkIsolated() {
    eventLoop.preconditionInEventLoop()
  }

  package func isIsolatingCurrentContext() -> Bool? {
    eventLoop.inEventLoop
  }

  /// Whether a turn or a job is running, so that what is set behind them is still to come.
  ///
  /// To be asked on the loop.
  var isInTurn: Bool { onLoop.value.isInTurn }

  private func runTurn() {
    guard let turn = onLoop.value.turn else { return }
    inTurn(turn)
  }

  private func inTurn(_ body: () -> Void) {
    onLoop.value.isInTurn = true
    body()
    onLoop.value.settle?()
    onLoop.value.isInTurn = false
  }
}
