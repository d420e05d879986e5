import Synchronization

/// What the conductor of a round and its workers tell each other.
final class LoadGate: Sendable {
  private let arrived = Atomic<Int>(0)
  private let left = Atomic<Int>(0)
  private let open = Atomic<Bool>(false)
  private let over = Atomic<Bool>(false)
  private let endExpected = Atomic<Bool>(false)
  private let acknowledged = Atomic<Int>(0)
  private let refused = Atomic<Int>(0)

  /// Notes that a worker has resumed its sessions, or has failed to.
  func arrive() { arrived.add(1, ordering: .acquiringAndReleasing) }

  /// Waits until so many workers have arrived.
  func waitForArrivals(_ count: Int, by deadline: Moment) throws(DrillError) {
    try wait("the sessions to be resumed", by: deadline) { arrived.load(ordering: .acquiring) >= count }
  }

  /// Notes that a worker has nothing more to do.
  func leave() { left.add(1, ordering: .acquiringAndReleasing) }

  /// Waits until so many workers have nothing more to do.
  func waitForLeaves(_ count: Int, by deadline: Moment) throws(DrillError) {
    try wait("the workers to have their answers", by: deadline) { left.load(ordering: .acquiring) >= count }
  }

  private func wait(_ what: String, by deadline: Moment, until isTrue: () -> Bool) throws(DrillError) {
    while !isTrue() {
      if StopWish.isRaised { return }
      if deadline.hasPassed { throw .timedOut(what) }
      Moment.wait(until: .after(.milliseconds(1)))
    }
  }

  /// Lets the workers begin.
  func begin() { open.store(true, ordering: .releasing) }

  /// Waits for ``begin()``.
  func waitUntilOpen() {
    while !open.load(ordering: .acquiring), !isOver { Moment.wait(until: .after(.milliseconds(1))) }
  }

  /// Asks the workers to end, each with its last answer.
  func end() { over.store(true, ordering: .releasing) }

  var isOver: Bool { over.load(ordering: .acquiring) || StopWish.isRaised }

  /// From here on a connection that ends is no surprise.
  func expectEnd() { endExpected.store(true, ordering: .releasing) }

  var isEndExpected: Bool { endExpected.load(ordering: .acquiring) || StopWish.isRaised }

  /// Counts answers, for whoever watches.
  func count(acknowledged more: Int = 0, refused moreRefused: Int = 0) {
    if more > 0 { acknowledged.add(more, ordering: .relaxed) }
    if moreRefused > 0 { refused.add(moreRefused, ordering: .relaxed) }
  }

  var acknowledgedCount: Int { acknowledged.load(ordering: .relaxed) }
  var refusedCount: Int { refused.load(ordering: .relaxed) }
}
