/// One thing that a server keeps, as far as a client can know it from outside.
///
/// What was acknowledged must be there. What was sent and not answered may be there or not: requests about one thing are
/// carried out in the order in which they were sent, and a crash may come between any two.
///
/// - Invariant: I1. `pending` is in the order of sending.
/// - Invariant: I2. `trail` holds every value that was settled or sent since the last ``mark()``, and the one settled then.
package struct Register<Value: Hashable & Sendable>: Sendable {
  /// What was acknowledged last.
  package private(set) var settled: Value
  private var pending: [(ticket: Ticket, value: Value)] = []
  private var trail: [Value]

  package init(_ value: Value) {
    settled = value
    trail = [value]
  }

  /// Whether something was sent that has no answer.
  package var isUncertain: Bool { !pending.isEmpty }

  /// Everything that may be there now: what was acknowledged, and what was sent since.
  package var possible: Set<Value> { Set([settled] + pending.map(\.value)) }

  /// What will be there when everything that was sent is done.
  package var expected: Value { pending.last?.value ?? settled }

  /// Notes a request that will replace the value.
  ///
  /// What comes of a request may depend on whether those before it were carried out; then it is sent once for each outcome,
  /// under one ticket.
  package mutating func send(_ value: Value, _ ticket: Ticket) {
    pending.append((ticket, value))
    trail.append(value)
  }

  /// Notes that a request was acknowledged, and with it the end of every one before it.
  ///
  /// - Parameters:
  ///   - ticket: The request; one that is not pending changes nothing.
  ///   - value: What the server says is there now, if it says so.
  package mutating func acknowledge(_ ticket: Ticket, as value: Value? = nil) {
    guard let index = pending.lastIndex(where: { $0.ticket == ticket }) else { return }
    settled = value ?? pending[index].value
    trail.append(settled)
    pending.removeSubrange(...index)
  }

  /// Notes that a request was refused and changed nothing.
  package mutating func refuse(_ ticket: Ticket) {
    pending.removeAll { $0.ticket == ticket }
  }

  /// From here on, what is sent counts as "may or may not" for ``Strictness/sinceMark``.
  package mutating func mark() {
    trail = [settled] + pending.map(\.value)
  }

  /// Whether a server that keeps its promises can have this.
  package func allows(_ value: Value, _ strictness: Strictness) -> Bool {
    allows(where: { $0 == value }, strictness)
  }

  /// Whether a server that keeps its promises can have something of this kind.
  package func allows(where fits: (Value) -> Bool, _ strictness: Strictness) -> Bool {
    switch strictness {
    case .acknowledged: fits(settled) || pending.contains { fits($0.value) }
    case .sinceMark: trail.contains(where: fits)
    }
  }

  /// Takes what a server has after a restart as what was acknowledged: it has read it from its disk.
  package mutating func settle(_ value: Value) {
    settled = value
    pending = []
    trail.append(value)
  }
}

/// Names one request of one worker.
package struct Ticket: Hashable, Sendable {
  private let rawValue: Int

  package init(_ rawValue: Int) {
    self.rawValue = rawValue
  }
}

/// What a server is held to.
package enum Strictness: Sendable {
  /// Everything that was acknowledged must be there.
  case acknowledged
  /// Everything that was acknowledged before the mark must be there; what came behind it may be cut off anywhere, as it is when
  /// a disk lost the end of a file.
  case sinceMark
}
