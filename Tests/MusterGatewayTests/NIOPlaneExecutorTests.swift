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

  @Test("requests before a turn make one turn, and none is run inside the request")
  func coalescing() async throws {
    try await withExecutor { executor in
      let turns = Turns()
      executor.start { turns.note() }
      let made = executor.eventLoop.makePromise(of: Int.self)
      let before = try await executor.eventLoop.submit {
        let before = turns.total
        for _ in 0..<100 { executor.requestTurn() }
        // Tasks run in their order, so this one comes behind whatever the requests have led to.
        executor.eventLoop.execute { made.succeed(turns.total - before) }
        return turns.total - before
      }.get()
      #expect(before == 0)
      // The clock's own turn may fall between.
      #expect((1...2).contains(try await made.futureResult.get()))
    }
  }

  @Test("a request within a turn leads to another")
  func again() async throws {
    try await withExecutor { executor in
      let turns = Turns()
      let made = executor.eventLoop.makePromise(of: Int.self)
      executor.start {
        turns.note()
        guard turns.total == 1 else { return }
        executor.requestTurn()
        // Tasks run in their order, so this one comes behind the turn that was asked for.
        executor.eventLoop.execute { made.succeed(turns.total) }
      }
      let total = try await made.futureResult.get()
      #expect(total >= 2)
    }
  }
}
