package import MusterEngine
package import MusterModel
import MusterThreads

/// A journal that keeps its records, is durable as far as the test says, and as healthy.
package final class ManualJournal: MutationJournal {
  /// One record.
  package struct Record: Sendable {
    package var mutation: Mutation
    package var wall: WallTime
  }

  private struct State {
    var records: [Record] = []
    var durable: UInt64 = 0
    var isHolding = false
    var flushes = 0
    var status = JournalStatus.accepting
  }

  private let state = ContendedLock(State())

  package init() {}

  package func append(_ mutation: Mutation, at wall: WallTime) -> LSN {
    state.withLock { state in
      state.records.append(Record(mutation: mutation, wall: wall))
      return LSN(UInt64(state.records.count))
    }
  }

  package func flush() {
    state.withLock { $0.flushes += 1 }
  }

  /// How often the engine has asked for what it appended to be written.
  package var flushes: Int { state.withLock { $0.flushes } }

  package var durableThrough: LSN {
    state.withLock { LSN($0.isHolding ? $0.durable : UInt64($0.records.count)) }
  }

  package var status: JournalStatus { state.withLock { $0.status } }

  /// From now on the journal says that it is in this state.
  ///
  /// Records are kept all the same, but nothing more becomes durable unless it is accepting.
  package func become(_ status: JournalStatus) {
    if status != .accepting { hold() }
    state.withLock { $0.status = status }
    if status == .accepting { release() }
  }

  /// All records so far, in their order.
  package var records: [Record] { state.withLock { $0.records } }

  /// From now on nothing more becomes durable.
  package func hold() {
    state.withLock {
      $0.durable = $0.isHolding ? $0.durable : UInt64($0.records.count)
      $0.isHolding = true
    }
  }

  /// From now on everything is durable at once again.
  package func release() {
    state.withLock { $0.isHolding = false }
  }

  /// Makes so many more records durable.
  package func sync(records count: Int = .max) {
    state.withLock { $0.durable = min(UInt64($0.records.count), $0.durable &+ UInt64(min(count, $0.records.count))) }
  }
}
