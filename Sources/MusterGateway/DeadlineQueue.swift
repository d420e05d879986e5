import NIOCore

/// Deadlines that all lie the same time ahead, so that the order of arming is the order of firing.
///
/// What no longer matters when its time comes is not taken out; its owner recognises that itself. So arming costs an append and
/// cancelling nothing, where a scheduled task of the loop would cost a search through all others.
struct DeadlineQueue<Element> {
  private let delay: TimeAmount
  private var entries: [(deadline: NIODeadline, element: Element)] = []
  private var first = 0

  init(delay: TimeAmount) {
    self.delay = delay
  }

  /// Arms an element.
  ///
  /// - Complexity: O(1) amortised.
  mutating func arm(_ element: Element, now: NIODeadline) {
    entries.append((now + delay, element))
  }

  /// Takes the next element that is due, or `nil`.
  ///
  /// - Complexity: O(1) amortised.
  mutating func next(now: NIODeadline) -> Element? {
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
