/// A first-in, first-out queue in one circular buffer.
///
/// An array that is emptied from its front either moves all its elements or keeps the dead ones; this does neither.
/// Whoever appends answers for the limit: the queue itself grows.
///
/// - Invariant: I1. `count` is at most the capacity, which is 0 or a power of two.
/// - Invariant: I2. Only the places of the queued elements hold a value, so what was taken out is let go at once.
/// - Complexity: O(1) for each operation, amortised over the doubling of the buffer for ``append(_:)``.
struct CircularQueue<Element> {
  private var places: [Element?] = []
  private var head = 0
  private(set) var count = 0

  /// An empty queue without a buffer.
  init() {}

  var isEmpty: Bool { count == 0 }

  /// The element that is next to be taken out.
  var first: Element? { count == 0 ? nil : places[head] }

  /// The element at a distance from the first.
  subscript(_ offset: Int) -> Element {
    precondition(offset >= 0 && offset < count, "the offset is outside of the queue")
    guard let element = places[(head + offset) & (places.count - 1)] else {
      preconditionFailure("a place of the queue lost its element")
    }
    return element
  }

  mutating func append(_ element: Element) {
    if count == places.count { double() }
    places[(head + count) & (places.count - 1)] = element
    count += 1
  }

  /// Puts an element in front of all others.
  mutating func prepend(_ element: Element) {
    if count == places.count { double() }
    head = (head - 1) & (places.count - 1)
    places[head] = element
    count += 1
  }

  mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    let element = places[head]
    places[head] = nil
    head = (head + 1) & (places.count - 1)
    count -= 1
    return element
  }

  /// Lets go of the elements and of the buffer.
  mutating func removeAll() {
    self = CircularQueue()
  }

  private mutating func double() {
    var larger: [Element?] = []
    larger.reserveCapacity(max(4, places.count * 2))
    for offset in 0..<count { larger.append(self[offset]) }
    while larger.count < max(4, places.count * 2) { larger.append(nil) }
    places = larger
    head = 0
  }
}
