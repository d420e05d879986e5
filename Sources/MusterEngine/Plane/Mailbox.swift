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
  private let messages = ContendedLock(PlaneMail())
  private let waiting = Atomic<Int>(0)

  package init() {}

  /// How many messages wait.
  ///
  /// May be a moment old.
  package var depth: Int { waiting.load(ordering: .relaxed) }

  /// Adds what is in `mail`, and empties it.
  ///
  /// - Returns: Whether the mailbox was empty, so that its owner has to be woken.
  package func post(_ mail: inout PlaneMail) -> Bool {
    messages.withLock { messages in
      let wasEmpty = messages.isEmpty
      messages.take(&mail)
      waiting.store(messages.count, ordering: .relaxed)
      return wasEmpty
    }
  }

  /// Takes everything, behind what is in `mail`.
  package func take(into mail: inout PlaneMail) {
    guard depth > 0 else { return }
    messages.withLock { messages in
      mail.take(&messages)
      waiting.store(0, ordering: .relaxed)
    }
  }
}
