import MusterEngine
import MusterTestKit
import Synchronization
import Testing

@Suite("Executor with a thread of its own")
struct LoopbackExecutorTests {
  /// Lives on an executor.
  private actor Inhabitant {
    private let executor: LoopbackExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ executor: LoopbackExecutor) {
      self.executor = executor
    }

    func visit() {}

    nonisolated func call() { assumeIsolated { _ in } }
  }

  @Test("turns come soon after they are asked for, at least every 100 ms, and always on the one thread")
  func turns() async {
    let executor = LoopbackExecutor()
    defer { executor.stop() }
    let inhabitant = Inhabitant(executor)
    let (turns, continuation) = AsyncStream.makeStream(of: Void.self)
    executor.start {
      inhabitant.call()
      continuation.yield()
    }
    var count = 0
    for await _ in turns {
      count += 1
      // The first turns are asked for, the others come by themselves.
      if count < 3 { executor.requestTurn() }
      if count == 6 { break }
    }
    #expect(count == 6)
  }

  @Test("a turn that was asked for before a visit runs before it")
  func order() async {
    let executor = LoopbackExecutor()
    defer { executor.stop() }
    let inhabitant = Inhabitant(executor)
    let counter = Counter()
    executor.start { counter.add() }
    for _ in 0..<200 {
      let before = counter.value
      executor.requestTurn()
      await inhabitant.visit()
      #expect(counter.value > before)
    }
  }

  private final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add() {
      count.add(1, ordering: .relaxed)
    }
  }
}
