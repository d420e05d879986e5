package import MusterModel
private import Synchronization

/// The dense position of a record in the log; 0 is "before any record".
package struct LSN: Sendable, Hashable, Comparable {
  package var rawValue: UInt64

  package init(_ rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// Durable from the beginning: what a reply carries that depends on no record.
  package static let zero = LSN(0)

  package static func < (left: LSN, right: LSN) -> Bool { left.rawValue < right.rawValue }
}

/// Whether a log can take what happens.
package enum JournalStatus: UInt8, Sendable, CaseIterable {
  /// What is appended now will become durable.
  case accepting = 0
  /// There is no room for more, on the disk or in the queue before it; it comes back to `accepting` by itself.
  ///
  /// What was appended stays queued and becomes durable once there is room. Only what was not yet decided is refused.
  case full = 1
  /// A write or a sync went wrong: nothing becomes durable any more, ever. Final.
  case failed = 2
}

/// What the engine needs of a log.
///
/// ### Durability
/// After ``append(_:at:)`` nothing is promised yet, and nothing need happen before ``flush()``. What was appended survives a crash
/// once ``durableThrough`` has reached its position; until then the engine keeps back every reply that depends on it.
///
/// ### Errors
/// A log never refuses a record, since what was decided is applied at once. Whoever is about to decide something asks
/// ``status`` before, and refuses with `unavailable` unless the log is accepting. What is appended all the same, because it was
/// under way or happens by itself as a timeout does, is kept while the log is full, and lost once it has failed.
///
/// ### Isolation
/// Called from all session shards at once. ``append(_:at:)`` must not block; waiting is the business of whoever holds the reply.
package protocol MutationJournal: Sendable {
  /// Queues a record of what happened at a wall time, and gives it its position.
  func append(_ mutation: Mutation, at wall: WallTime) -> LSN

  /// Has what was appended written; each turn of a plane ends with it, so that what was decided in one turn is written together.
  ///
  /// Callable from any thread. Must not block, and is cheap when nothing was appended.
  func flush()

  /// The last position that is known to survive a crash. Only grows.
  var durableThrough: LSN { get }

  /// Whether something new may be decided. Cheap: it is read for every request that changes something.
  var status: JournalStatus { get }
}

extension MutationJournal {
  /// Whether something new may be decided.
  package var isAccepting: Bool { status == .accepting }
}

/// What a log can promise at a moment: how far it is durable, and whether it ever will be further.
package struct Durability: Sendable, Hashable {
  /// The last record that survives a crash.
  package var through: LSN
  /// Nothing behind it will.
  package var isLost: Bool

  package init(through: LSN, isLost: Bool) {
    self.through = through
    self.isLost = isLost
  }

  /// Asks a journal.
  package init(of journal: any MutationJournal) {
    // In this order: what became durable before the failure must be seen as durable.
    isLost = journal.status == .failed
    through = journal.durableThrough
  }
}

/// Counts records and keeps none: everything is "durable" at once and gone at exit.
package final class MemoryJournal: MutationJournal {
  private let last = Atomic<UInt64>(0)

  package init() {}

  package func append(_ mutation: Mutation, at wall: WallTime) -> LSN {
    LSN(last.add(1, ordering: .relaxed).newValue)
  }

  package func flush() {}

  package var durableThrough: LSN { LSN(last.load(ordering: .relaxed)) }

  package var status: JournalStatus { .accepting }
}
