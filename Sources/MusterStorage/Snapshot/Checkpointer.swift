package import MusterEngine
import MusterThreads

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Makes checkpoints when they are due or asked for, on a thread of low priority, which also compresses.
///
/// Requests that come while a checkpoint is being made share the next one, since that one may have passed what they are about.
///
/// ### Lifetime
/// The engine must go on having turns until ``stop()`` has returned, and the log must be open.
package final class Checkpointer: Sendable {
  private struct State {
    var waiters: [CheckedContinuation<Result<CheckpointReport, CheckpointError>, Never>] = []
    var isSignalled = false
    var isStopping = false
    var last: Result<CheckpointReport, CheckpointError>?
  }

  private let checkpoint: Checkpoint
  private let clock: any EngineClock
  /// The last record, and how much log there is behind another.
  private let measure: @Sendable (_ covered: LSN) -> (appended: LSN, bytes: Int)
  private let report: @Sendable (Result<CheckpointReport, CheckpointError>) -> Void
  private let state = ContendedLock(State())
  private let alarm: WriterAlarm
  private let thread = ContendedLock<SystemThread?>(nil)
  /// How often it looks whether a checkpoint is due.
  private static let lookMilliseconds: Int32 = 1_000
  /// By how much the thread yields to others, as `nice` counts.
  private static let niceness: Int32 = 10

  /// Makes a checkpointer; nothing happens before ``start(_:covered:)``.
  ///
  /// - Parameters:
  ///   - checkpoint: What to make, again and again.
  ///   - clock: For the time that is written into snapshots.
  ///   - measure: Says what the last record is, and how many bytes of log there are behind another.
  ///   - report: Called behind each attempt, on the thread.
  /// - Throws: What the system does when it cannot give what a thread needs.
  package init(
    _ checkpoint: Checkpoint, clock: any EngineClock,
    measure: @escaping @Sendable (_ covered: LSN) -> (appended: LSN, bytes: Int),
    report: @escaping @Sendable (Result<CheckpointReport, CheckpointError>) -> Void
  ) throws(DiskError) {
    self.checkpoint = checkpoint
    self.clock = clock
    self.measure = measure
    self.report = report
    alarm = try WriterAlarm(interval: nil)
  }

  /// Starts the thread; once.
  package func start(_ schedule: CheckpointSchedule, covered: LSN) {
    thread.withLock { thread in
      precondition(thread == nil, "a checkpointer is started once")
      thread = SystemThread.needed(named: "muster-snapshot") { self.run(schedule, covered) }
    }
  }

  /// Makes a checkpoint that holds everything that has happened so far.
  package func make() async throws(CheckpointError) -> CheckpointReport {
    let result = await withCheckedContinuation { continuation in
      let isStopped = change { state in
        if !state.isStopping { state.waiters.append(continuation) }
        return state.isStopping
      }
      if isStopped { continuation.resume(returning: .failure(.abandoned)) }
    }
    return try result.get()
  }

  /// What came of the last attempt; `nil` before the first.
  package var last: Result<CheckpointReport, CheckpointError>? { state.withLock { $0.last } }

  /// Ends the thread, behind a checkpoint that is being made; blocks.
  package func stop() {
    let thread = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    change { $0.isStopping = true }
    thread?.join()
  }

  private func change<R: Sendable>(_ body: (inout State) -> R) -> R {
    let (result, isWakeDue) = state.withLock { state in
      let result = body(&state)
      defer { state.isSignalled = true }
      return (result, !state.isSignalled)
    }
    if isWakeDue { alarm.signal() }
    return result
  }

  // MARK: Thread

  private func run(_ schedule: CheckpointSchedule, _ covered: LSN) {
    // On Linux this is about the calling thread alone.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
    var schedule = schedule
    var covered = covered
    while true {
      let (waiters, isStopping) = state.withLock { state in
        defer { state.waiters = [] }
        return (state.waiters, state.isStopping)
      }
      let log = measure(covered)
      if !waiters.isEmpty || schedule.isDue(appended: log.appended, bytes: log.bytes, at: time) {
        let result = attempt()
        if case .success(let report) = result {
          covered = report.manifest.coveredThrough
          schedule.noteMade(through: covered, at: time)
        } else {
          schedule.noteFailed(at: time)
        }
        state.withLock { $0.last = result }
        report(result)
        for waiter in waiters { waiter.resume(returning: result) }
      }
      if isStopping { break }
      if alarm.wait(milliseconds: Self.lookMilliseconds).contains(.signal) { state.withLock { $0.isSignalled = false } }
    }
    let late = state.withLock { state in
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in late { waiter.resume(returning: .failure(.abandoned)) }
  }

  private func attempt() -> Result<CheckpointReport, CheckpointError> {
    do throws(CheckpointError) {
      return .success(try checkpoint.make(at: clock.wall))
    } catch {
      return .failure(error)
    }
  }

  /// Monotonic time, to the length of a tick.
  private var time: Duration { .milliseconds(Int64(clock.now.rawValue) * Int64(Tick.milliseconds)) }
}
