import MusterEngine
import MusterModel
import Synchronization

/// Changes of sessions' data at a bounded rate, while something else is measured: what clients do, and how long they wait.
///
/// One change at a time, so an engine that stalls gets fewer, and each of them tells of the stall.
final class ChangeStream: Sendable {
  private struct Seen {
    var latency = LatencyRecord()
    var failed = 0
  }

  private static let pause: Duration = .milliseconds(10)
  private let seen = Mutex(Seen())
  private let isOver = Atomic<Bool>(false)
  private let sessions: SampleSessions
  private let perSecond: Int

  init(of sessions: SampleSessions, perSecond: Int) {
    self.sessions = sessions
    self.perSecond = perSecond
  }

  /// Makes changes until ``stop()``.
  func run(on engine: PresenceEngine) async {
    let began = MonotonicTime.now()
    var done = 0
    while !isOver.load(ordering: .acquiring) {
      let due = Int(MonotonicTime.now().seconds(since: began) * Double(perSecond))
      // What a stall has kept back is not made up for in one go.
      for _ in 0..<min(max(0, due - done), max(1, perSecond / 10)) {
        done += 1
        await change(done, on: engine)
      }
      done = max(done, due)
      try? await Task.sleep(for: Self.pause)
    }
  }

  private func change(_ turn: Int, on engine: PresenceEngine) async {
    let number = turn &* 7_919 % sessions.count
    let session = sessions.session(number)
    let data = sessions.data(number, version: UInt64(turn)) ?? .empty
    let began = MonotonicTime.now()
    var isDone = true
    do throws(Refusal) {
      _ = try await engine.patchData(of: session, public: data, private: nil, ifVersion: nil)
    } catch {
      isDone = false
    }
    let took = MonotonicTime.now().nanoseconds(since: began)
    seen.withLock { seen in
      if isDone { seen.latency.record(took) } else { seen.failed += 1 }
    }
  }

  func stop() {
    isOver.store(true, ordering: .releasing)
  }

  /// How long changes took since the last call, and how many were refused.
  func take() -> (latency: LatencySummary?, count: Int, failed: Int) {
    seen.withLock { seen in
      defer { seen = Seen() }
      return (seen.latency.summary, seen.latency.count, seen.failed)
    }
  }
}
