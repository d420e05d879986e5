/// What a worker does with its connections for a while: it decides what is sent when, and takes in what comes.
///
/// A value without sockets or a clock of its own: the table drives it and is handed to it.
package protocol LoadPhase: Sendable {
  /// Sends what is due at `now`, a bounded part of it.
  ///
  /// - Returns: When more will be due; ``MonotonicTime/never`` when only the server can bring it on.
  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime

  /// A connection has reached another stage: `upgrading` (TCP is there), `greeting` (the WebSocket is open).
  mutating func advanced(row: Int, at now: MonotonicTime, on table: inout ConnectionTable)

  /// A message came; errors are in the table's tally already.
  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable)

  /// A connection has ended; if unexpectedly, the tally knows.
  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable)

  /// Whether nothing is left to do.
  var isComplete: Bool { get }

  /// How much is done, in the unit that the progress line names.
  var done: Int { get }
}

extension LoadPhase {
  package mutating func advanced(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {}

  package mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {}
}

/// So many messages a phase sends before it lets the worker read again.
let sendsPerTurnMax = 256

/// Nothing but answering pings, until the time is up or nobody is left.
struct HoldPhase: LoadPhase {
  /// Whether the progress line shows who is still there; not while another part of a load merely pauses.
  var isCounted = false
  private(set) var done = 0
  private(set) var isComplete = false

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    if isCounted { done = table.readyCount }
    isComplete = table.readyCount == 0
    return .never
  }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {}
}
