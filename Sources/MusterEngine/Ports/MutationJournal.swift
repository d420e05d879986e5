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

/// What the engine needs of a log.
///
/// ### Durability
/// After ``append(_:at:)`` nothing is promised yet. What was appended survives a crash once ``durableThrough`` has reached its
/// position; until then the engine keeps back every reply that depends on it.
///
/// ### Isolation
/// Called from all session shards at once. ``append(_:at:)`` must not block; waiting is the business of whoever holds the reply.
package protocol MutationJournal: Sendable {
  /// Queues a record of what happened at a wall time, and gives it its position.
  func append(_ mutation: Mutation, at wall: WallTime) -> LSN

  /// The last position that is known to survive a crash. Only grows.
  var durableThrough: LSN { get }
}

/// Counts records and keeps none: everything is "durable" at once and gone at exit.
package final class MemoryJournal: MutationJournal {
  private let last = Atomic<UInt64>(0)

  package init() {}

  package func append(_ mutation: Mutation, at wall: WallTime) -> LSN {
    LSN(last.add(1, ordering: .relaxed).newValue)
  }

  package var durableThrough: LSN { LSN(last.load(ordering: .relaxed)) }
}
