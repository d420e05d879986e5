/// When a reply may be sent, and what a crash may take.
package enum LogDurability: Sendable, Hashable {
  /// Replies wait for the sync of their group: nothing acknowledged is lost.
  case commit
  /// Replies go at once; a loss of power takes at most what happened since the last sync.
  case interval(Duration)
  /// Replies go at once; the log is synced only when a segment ends and when the server stops.
  case none
}

/// The limits of a log.
package struct LogSettings: Sendable, Hashable {
  package var durability = LogDurability.commit
  /// How long a segment becomes, and how much room is taken in advance for it.
  package var segmentBytes = 64 << 20
  /// Records that wait to be written; above it the log says that it is full.
  package var queuedBytesMax = 8 << 20
  /// How much room a segment still has when the next one must be there, so that a full disk shows itself while there is still
  /// room for what was appended.
  package var reserveBytes = 16 << 20

  package init() {}

  /// What cannot be, in words; empty when all is well.
  package func problems() -> [String] {
    var problems: [String] = []
    if segmentBytes < 4_096 || segmentBytes > 1 << 32 { problems.append("segment_bytes must be 4 KiB to 4 GiB") }
    if queuedBytesMax < 1_024 { problems.append("queued_bytes_max must be at least 1 KiB") }
    if reserveBytes > segmentBytes / 2 { problems.append("reserve_bytes must be at most half of segment_bytes") }
    if reserveBytes < queuedBytesMax { problems.append("reserve_bytes must be at least queued_bytes_max") }
    if case .interval(let interval) = durability, interval < .milliseconds(1) || interval > .seconds(3_600) {
      problems.append("the interval between syncs must be 1 ms to 1 h")
    }
    return problems
  }
}
