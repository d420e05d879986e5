import MusterThreads
import Synchronization

/// Where other planes put what they have for this one: ordered by sender, taken whole.
///
/// A sender hands over a batch once per turn, so the lock is taken per turn and not per message.
///
/// ### Limits
/// The mailbox itself refuses nothing, since what was applied must be told. It is bounded because whoever takes requests in
/// looks at ``depth`` first: above the limit new requests are refused with `overloaded`, and timers wait. A request that was let
/// in leads to a bounded number of messages (at most one for each channel of its session and for each connection it ends).
package final class Mailbox: Sendable {
  private let messages = ContendedLock<[PlaneMessage]>([])
  private let waiting = Atomic<Int>(0)

  package init() {}

  /// How many messages wait.
  ///
  /// May be a moment old.
  package var depth: Int { waiting.load(ordering: .relaxed) }

  /// Adds a batch and empties it.
  ///
  /// - Returns: Whether the mailbox was empty, so that its owner has to be woken.
  package func post(_ batch: inout [PlaneMessage]) -> Bool {
    let wasEmpty = messages.withLock { messages in
      let wasEmpty = messages.isEmpty
      if wasEmpty {
        swap(&messages, &batch)
      } else {
        messages.append(contentsOf: batch)
      }
      waiting.store(messages.count, ordering: .relaxed)
      return wasEmpty
    }
    batch.removeAll(keepingCapacity: true)
    return wasEmpty
  }

  /// Takes everything.
  ///
  /// `batch` must be empty; its room is used for what comes next.
  package func take(into batch: inout [PlaneMessage]) {
    precondition(batch.isEmpty, "a mailbox is taken into an empty batch")
    guard depth > 0 else { return }
    messages.withLock { messages in
      swap(&messages, &batch)
      waiting.store(0, ordering: .relaxed)
    }
  }
}
