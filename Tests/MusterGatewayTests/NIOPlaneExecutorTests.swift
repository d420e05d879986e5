import MusterEngine
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import MusterGateway

private actor Shard {
  nonisolated let executor: NIOPlaneExecutor
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
  private var count = 0

  init(_ executor: NIOPlaneExecutor) {
    self.executor = executor
  }

  func add() -> Int {
    executor.eventLoop.preconditionInEventLoop()
    count += 1
    return count
  }
}

/// Counts turns, and lets a test wait for one.
private final class Turns: Sendable {
  private let count = Atomic<Int>(0)
  private let stream: AsyncStream<Int>
  private let continuation: AsyncStream<Int>.Continuation

  init() {
    (stream, continuation) = AsyncStream.makeStream()
  }

  func note() {
    continuation.yield(count.add(1, ordering: .relaxed).newValue)
  }

  var total: Int { count.load(ordering: .relaxed) }

  func next() async {
    var iterator = stream.makeAsyncIterator()
    _ = await iterator.next()
  }
}

@Suite("A plane on an event loop")
struct NIOPlaneExecutorTests {
  private func withExecutor(_ body: (NIOPlaneExecutor) async throws -> Void) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let executor = NIOPlaneExecutor(eventLoop: group.next())
    try await body(executor)
    executor.stop()
    try await group.shutdownGracefully()
  }

  @Test("an actor on it runs on the loop, and is reached from there without a hop")
  func isolation() async throws {
    try await withExecutor { executor in
      let shard = Shard(executor)
      for expected in 1...100 { #expect(await shard.add() == expected) }
      let direct = try await executor.eventLoop.submit { shard.assumeIsolated { $0.add() } }.get()
      #expect(direct == 101)
      #expect(executor.isIsolatingCurrentContext() == false)
    }
  }

  @Test("a turn comes after a request, and by itself at least every tick")
  func turns() async throws {
    try await withExecutor { executor in
      let turns = Turns()
      executor.start { turns.note() }
      executor.requestTurn()
      await turns.next()
      // Nobody asks for this one.
      await turns.next()
    }
  }

  @Test("requests before a turn make one turn, a request within a turn makes another")
  func coalescing() async throws {
    try await withExecutor { executor in
      let turns = Turns()
      executor.start {
        turns.note()
        if turns.total == 1 { executor.requestTurn() }
      }
      let made = try await executor.eventLoop.submit {
        for _ in 0..<100 { executor.requestTurn() }
        return turns.total
      }.get()
      #expect(made == 0, "a turn is never run inside the request for it")
      await turns.next()
      await turns.next()
      // The clock adds one each tick; a hundred requests would have added a hundred at once.
      #expect(turns.total < 10)
    }
  }
}
