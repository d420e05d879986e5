import MusterModel

/// The recent diffs of one channel, for observers that missed some.
///
/// - Invariant: I1. Each diff builds on the one before it: its `prev` is the other's `seq`, and each `seq` is one more than
///   its `prev`.
/// - Invariant: I2. `changes` is the sum of the diffs' changes, and within the limit that ``append(_:at:changesMax:)`` was given
///   last.
struct DiffRing {
  private struct Entry {
    var told: Tick
    var diff: Diff
  }

  private var entries = CircularQueue<Entry>()
  /// How many member changes the diffs hold together.
  private(set) var changes = 0

  /// A ring that remembers nothing.
  init() {}

  var isEmpty: Bool { entries.isEmpty }
  var count: Int { entries.count }

  /// When the oldest diff was told.
  var oldest: Tick? { entries.first?.told }

  subscript(_ offset: Int) -> Diff { entries[offset].diff }

  /// Remembers a diff, and forgets the oldest ones as the limit demands.
  ///
  /// A diff that is over the limit all alone leaves the ring empty: remembering only what came before it would bring
  /// nobody up to date.
  ///
  /// - Complexity: O(1), amortised.
  mutating func append(_ diff: Diff, at tick: Tick, changesMax: Int) {
    guard diff.changes <= changesMax else { return removeAll() }
    entries.append(Entry(told: tick, diff: diff))
    changes += diff.changes
    while changes > changesMax { dropFirst() }
  }

  /// Forgets the diffs that were told at a tick or before.
  mutating func drop(through tick: Tick) {
    while let told = oldest, told <= tick { dropFirst() }
  }

  mutating func removeAll() {
    entries.removeAll()
    changes = 0
  }

  /// What was told after a sequence number, or `nil` when the ring does not reach back that far.
  ///
  /// - Complexity: O(diffs returned).
  func diffs(after seq: Seq) -> [Diff]? {
    guard let first = entries.first?.diff.prev, seq >= first else { return nil }
    let skipped = seq.rawValue - first.rawValue
    guard skipped < UInt64(count) else { return nil }
    return (Int(skipped)..<count).map { self[$0] }
  }

  private mutating func dropFirst() {
    guard let entry = entries.popFirst() else { return }
    changes -= entry.diff.changes
    // An emptied ring gives its buffer back: most channels are quiet most of the time.
    if entries.isEmpty { removeAll() }
  }
}
