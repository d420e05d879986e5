/// Some users of one shard with everything that must survive, as bytes.
package struct CapturedPage: Sendable {
  /// The shard that wrote it.
  package let shard: Int
  /// Every record about these users up to this one is in the page, and none behind it.
  package let through: LSN
  package let sessions: Int
  /// See ``PageFormat``.
  package let bytes: [UInt8]

  package init(shard: Int, through: LSN, sessions: Int, bytes: [UInt8]) {
    self.shard = shard
    self.through = through
    self.sessions = sessions
    self.bytes = bytes
  }
}

/// What becomes of a page that was offered.
package enum PageReception: Sendable, Hashable {
  case taken
  /// There is no room; the shard keeps the page and offers it again in a later turn.
  case full
  /// Nobody wants pages any more: the shard forgets the capture.
  case abandoned
}

/// What the engine needs of whoever writes snapshots.
///
/// ### Isolation
/// Called from all session shards at once, inside their turns; must not block.
package protocol SnapshotSink: Sendable {
  /// Offers a page. Those of one shard come in order, one at a time.
  func offer(_ page: CapturedPage) -> PageReception

  /// The shard has offered all its pages, and they were taken; `through` is its last record.
  func finish(shard: Int, through: LSN)
}

/// How much of a turn a capture may take.
package struct CapturePace: Sendable {
  /// After so long no further page is begun in the same turn.
  package var budget: Duration
  /// How many users or sessions make a page; the last user may exceed it.
  package var rows: Int
  /// Time that goes on within a turn, from anywhere on: the stopwatch of ``budget``.
  package var elapsed: @Sendable () -> Duration

  /// Makes a pace; 256 rows take well under 200 µs.
  package init(budget: Duration, rows: Int = 256, elapsed: @escaping @Sendable () -> Duration) {
    precondition(rows > 0, "a page has at least one row")
    self.budget = budget
    self.rows = rows
    self.elapsed = elapsed
  }

  /// One page a turn.
  package static func onePage(rows: Int = 256) -> CapturePace { CapturePace(budget: .zero, rows: rows) { .zero } }
}
