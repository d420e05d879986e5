import MusterModel

/// A capture of one shard, between the turns in which it goes on.
///
/// ### Isolation
/// Belongs to its shard and never leaves it.
final class ShardCapture {
  let sink: any SnapshotSink
  let pace: CapturePace
  /// Every record up to here was applied before the capture began.
  let start: LSN
  var pages: PageCapture
  /// A page for which the sink had no room.
  var pending: CapturedPage?

  init(sink: any SnapshotSink, pace: CapturePace, start: LSN, pages: consuming PageCapture) {
    self.sink = sink
    self.pace = pace
    self.start = start
    self.pages = pages
  }
}

@available(*, unavailable)
extension ShardCapture: Sendable {}

// MARK: Capturing

extension SessionShard {
  /// Begins to write pages, at the end of the next turns.
  ///
  /// - Returns: Whether it began; not while another capture is going on.
  func beginCapture(into sink: any SnapshotSink, from start: LSN, pace: CapturePace) -> Bool {
    guard capture == nil else { return false }
    state.postponesFolding = true
    capture = ShardCapture(sink: sink, pace: pace, start: start, pages: PageCapture(of: state, rowsMax: pace.rows))
    return true
  }

  /// Forgets a capture that is going on.
  func abandonCapture() {
    endCapture()
    executor.requestTurn()
  }

  private func endCapture() {
    capture = nil
    state.postponesFolding = false
  }

  /// How many sessions a turn folds that could not be folded during a capture; one takes about as long as a login.
  private static var foldsPerTurn: Int { 128 }

  /// Goes on with a capture: at least one page, and more while the turn's budget for it lasts; then with what it has held up.
  ///
  /// - Returns: Whether to go on soon; not while the sink is full, which asks for a turn itself when it has room.
  func continueCapture() -> Bool {
    guard let capture else { return state.foldPostponed(limit: Self.foldsPerTurn) }
    let begin = capture.pace.elapsed()
    repeat {
      switch step(capture) {
      case .taken: break
      case .full: return false
      case .abandoned:
        endCapture()
        return true
      }
      if capture.pages.isAtEnd, capture.pending == nil {
        endCapture()
        capture.sink.finish(shard: index, through: current(capture))
        return true
      }
    } while capture.pace.elapsed() - begin < capture.pace.budget
    return true
  }

  private func step(_ capture: ShardCapture) -> PageReception {
    if capture.pending == nil {
      let through = current(capture)
      guard let (bytes, sessions) = state.capture(&capture.pages, through: through, at: now) else { return .taken }
      capture.pending = CapturedPage(shard: index, through: through, sessions: sessions, bytes: bytes)
    }
    guard let page = capture.pending else { return .taken }
    let reception = capture.sink.offer(page)
    if reception == .taken { capture.pending = nil }
    return reception
  }

  /// The record through which this shard is current.
  private func current(_ capture: ShardCapture) -> LSN {
    max(appendedThrough, capture.start)
  }
}

// MARK: Recovering

/// What one shard has done of a recovery.
package struct ShardRecovery: Sendable, Hashable {
  package var pages = 0
  package var sessions = 0
  package var applied = 0
  package var known = 0
  package var ended = 0
  package var unfitting = 0

  package init() {}
}

extension SessionShard {
  /// Makes room for so many sessions, before the first is loaded.
  func reserve(sessions: Int) {
    state.reserve(sessions: sessions)
  }

  /// Loads what is for this shard of some frames.
  func load(
    _ frames: Range<Int>, of source: any SnapshotSource, moment: Moment
  ) throws -> ShardRecovery {
    begin(moment)
    ledger.begin(fuzzyThrough: source.through)
    var done = ShardRecovery()
    for frame in frames {
      let bytes = try source.frame(frame)
      // SAFETY: the bytes are only read, and copied into the tables, before the array is let go.
      try bytes.withUnsafeBytes { frame in try load(frame, &done) }
    }
    return done
  }

  /// Loads a frame: pages behind one another, each beginning with its length.
  private func load(_ frame: UnsafeRawBufferPointer, _ done: inout ShardRecovery) throws(RecoveryError) {
    var offset = 0
    while offset < frame.count {
      guard let length = PageHeader.length(of: frame, at: offset) else { throw .page(.cutShort) }
      // SAFETY: the length was checked against what is left, and the page is read while the frame is there.
      let page = UnsafeRawBufferPointer(rebasing: frame[offset..<offset + length])
      done.sessions += try state.restore(page, placement: context.placement, ledger: &ledger, at: now)
      done.pages += 1
      offset += length
    }
  }

  /// Replays records of this shard, in their order; with gaps in the log, as far as they fit.
  func replay(
    _ records: [LoggedMutation], fuzzyThrough: LSN, hasGaps: Bool, moment: Moment
  ) throws(RecoveryError) -> ShardRecovery {
    begin(moment)
    ledger.begin(fuzzyThrough: fuzzyThrough)
    var done = ShardRecovery()
    for record in records {
      do throws(RecoveryError) {
        switch try replay(record) {
        case .applied: done.applied += 1
        case .known: done.known += 1
        case .ended: done.ended += 1
        }
      } catch {
        guard hasGaps, error.isOfGaps else { throw error }
        done.unfitting += 1
      }
    }
    return done
  }

  /// Begins this life with what was recovered: see ``SessionState/finishRecovery(at:random:)``.
  func finishRecovery(through recovered: LSN, moment: Moment) {
    begin(moment)
    state.finishRecovery(at: moment, random: context.random)
    begin(behind: recovered)
    ledger = RecoveryLedger()
  }

  /// What channels have to know, some users at a time: see ``SessionState/tellAgain(from:limit:into:)``.
  func tellAgain(from user: Slot, limit: Int) -> (puts: [ChannelMessage], next: Slot?) {
    var puts: [ChannelMessage] = []
    let next = state.tellAgain(from: user, limit: limit, into: &puts)
    return (puts, next)
  }
}

extension RecoveryError {
  /// Whether a record that is missing before it can be the cause.
  fileprivate var isOfGaps: Bool {
    switch self {
    case .unknownSession, .unfitting: true
    case .page, .noRoom: false
    }
  }
}
