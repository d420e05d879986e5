package import MusterEngine
package import MusterModel

/// A whole engine on real threads, without sockets: manual time, everything else as in production.
///
/// ### Isolation
/// Callable from any task. ``stop()`` ends the threads.
package final class LoopbackHarness: Sendable {
  package let clock = ManualClock()
  package let journal = ManualJournal()
  package let executors: [LoopbackExecutor]
  package let sinks: [RecordingSink]
  package let engine: PresenceEngine

  package init(planes: Int = 2, seed: UInt64 = 1, configure: (inout EngineConfiguration) -> Void = { _ in }) {
    var configuration = EngineConfiguration()
    configure(&configuration)
    executors = (0..<planes).map { _ in LoopbackExecutor() }
    sinks = (0..<planes).map { _ in RecordingSink() }
    engine = PresenceEngine(
      configuration: configuration, executors: executors, sinks: sinks, clock: clock, journal: journal,
      random: SeededRandom(seed: seed))
    engine.start()
  }

  /// Runs a test on the engine, and ends the threads behind it.
  package func run(_ body: (LoopbackHarness) async throws -> Void) async rethrows {
    defer { stop() }
    try await body(self)
  }

  package func stop() {
    for executor in executors { executor.stop() }
  }

  /// Waits until whatever was sent so far has gone all its ways: each round is a turn of every plane, and no message crosses
  /// more than a few planes.
  package func settle(rounds: Int = 8) async {
    for _ in 0..<rounds {
      for executor in executors { executor.requestTurn() }
      // The job of the visit runs behind the turn.
      for plane in engine.planes { _ = await plane.connections.index(behindTurn: ()) }
    }
  }

  /// Lets time pass in leaps short enough for every timer to be looked at in time.
  package func advance(_ duration: Duration) async {
    var left = duration.ticks
    while left > 0 {
      let step = min(left, 10)
      clock.advance(ticks: step)
      left -= step
      await settle(rounds: 4)
    }
  }

  /// Opens a connection and says hello, without waiting for the answer.
  package func login(_ identity: Identity, _ hello: Hello, plane: Int) async -> ConnectionID? {
    let shard = engine.planes[plane].connections
    guard let connection = await shard.open(remote: "test") else { return nil }
    await shard.hello(connection, .integer(1), identity, hello)
    return connection
  }
}

extension ConnectionShard {
  /// A visit: it comes behind the turn that was asked for before.
  fileprivate func index(behindTurn: Void) -> Int { index }
}
