import MusterEngine
import MusterModel

/// An engine of this process without any edge, whose turns are timed.
///
/// ### Lifetime
/// ``stop()`` must be called, or its threads and its memory live as long as the process.
final class BenchedEngine: Sendable {
  let engine: PresenceEngine
  private let executors: [TurnExecutor]

  init(planes: Int, journal: any MutationJournal) {
    let executors = (0..<planes).map { _ in TurnExecutor() }
    self.executors = executors
    var configuration = EngineConfiguration()
    // Nobody comes back here; without this all sessions would fall dormant while they are captured.
    configuration.recoveryWindow = .seconds(3_600)
    engine = PresenceEngine(
      configuration: configuration, executors: executors, sinks: executors.map { _ in NoEdge() }, clock: ProcessClock(),
      journal: journal, random: SystemRandom())
  }

  /// Ends the threads and waits for them, so that the engine's memory goes with the last reference to it; once.
  func stop() {
    engine.stop()
    // Those that were never started hold no turn, but have a thread.
    for executor in executors { executor.stop() }
    for executor in executors { executor.join() }
  }

  /// What all planes took of the processor so far, in nanoseconds.
  var cpuNanoseconds: UInt64 { executors.reduce(0) { $0 + $1.cpuNanoseconds } }

  /// The longest turn of any plane since the last call.
  func takeLongest() -> TurnExecutor.Longest {
    executors.reduce(into: TurnExecutor.Longest()) { longest, executor in
      let one = executor.takeLongest()
      longest.elapsed = max(longest.elapsed, one.elapsed)
      longest.cpu = max(longest.cpu, one.cpu)
      longest.turns += one.turns
    }
  }
}

/// Nobody is connected.
private struct NoEdge: EventSink {
  func send(_ reply: Reply, to request: RequestID, on connection: ConnectionID) {}
  func push(_ push: Push, to connections: [ConnectionID]) {}
  func ping(_ connection: ConnectionID) {}
  func setReading(_ connection: ConnectionID, enabled: Bool) {}
  func close(_ connection: ConnectionID, refusal: Refusal?) {}
}

/// The clocks of this process.
struct ProcessClock: EngineClock {
  /// High enough for the ages of what is recovered.
  private static let firstTick: UInt64 = 1 << 28
  private let start = MonotonicTime.now()

  var now: Tick {
    let ticks = MonotonicTime.now().nanoseconds(since: start) / UInt64(Tick.milliseconds * 1_000_000)
    return Tick(UInt32(clamping: Self.firstTick + ticks))
  }

  var wall: WallTime {
    WallTime(milliseconds: WallClock.milliseconds())
  }
}
