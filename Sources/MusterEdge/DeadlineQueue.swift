/// Deadlines that all lie the same time ahead, so that the order of arming is the order of firing.
///
/// Times are nanoseconds of a monotonic clock, the same for all calls. What no longer matters when its time comes is not taken
/// out; its owner recognises that itself. So arming costs an append and cancelling nothing, where a scheduled task of an event
/// loop would cost a search through all others.
package struct DeadlineQueue<Element> {
  private let delay: UInt64
  private var entries: [(deadline: UInt64, element: Element)] = []
  private var first = 0

  /// An empty queue whose deadlines lie `delay` ahead.
  package init(delay: Duration) {
    let (seconds, attoseconds) = delay.components
    self.delay = UInt64(clamping: seconds) * 1_000_000_000 + UInt64(clamping: attoseconds / 1_000_000_000)
  }

  /// Arms an element.
  ///
  /// - Complexity: O(1) amortised.
  package mutating func arm(_ element: Element, now: UInt64) {
    entries.append((now + delay, element))
  }

  /// Takes the next element that is due, or `nil`.
  ///
  /// - Complexity: O(1) amortised.
  package mutating func next(now: UInt64) -> Element? {
    guard first < entries.count, entries[first].deadline <= now else {
      if first == entries.count { removeTaken() }
      return nil
    }
    let element = entries[first].element
    first += 1
    if first >= 64, first * 2 >= entries.count { removeTaken() }
    return element
  }

  private mutating func removeTaken() {
    guard first > 0 else { return }
    entries.removeFirst(first)
    first = 0
  }
}
