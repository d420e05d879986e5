package import MusterEngine
package import MusterModel
import MusterThreads
import Synchronization

/// The write-ahead log of a running engine.
///
/// ``append(_:at:)`` is the front half: it gives out a position and encodes the record into memory, under one lock and without
/// waiting for anything. A thread of its own is the back half: it takes everything that was queued since it last did, writes it as
/// one group and syncs once, so the slower the disk is the larger the groups become. It is woken when a turn ends, not by a timer.
///
/// ### Durability
/// With ``LogDurability/commit`` ``durableThrough`` is what was synced. Else it is what was appended, while the log accepts;
/// what was appended while it did not waits until there is room.
///
/// ### Isolation
/// Callable from any thread. Blocking calls happen on the log's own thread, but for ``close()``.
///
/// ### Lifetime
/// Made behind recovery, started once, closed once; between them the thread holds a reference to it.
package final class LogWriter: MutationJournal {
  /// What somebody wants of the thread besides writing.
  private enum Request {
    case rotate(@Sendable (LogCut) -> Void)
    case remove(LSN)
  }

  /// What both halves share.
  private struct Shared: ~Copyable {
    var queue: LogQueue
    var requests: [Request] = []
    var isAsleep = false
    var isStopping = false
    var failure: DiskError?

    /// - Returns: Whether the thread sleeps and has not been woken yet, which is the caller's to do.
    mutating func wake() -> Bool {
      defer { isAsleep = false }
      return isAsleep
    }
  }

  /// What only the thread touches once it runs.
  private struct Back: ~Copyable {
    var state: LogWriterState
    /// Groups that were taken and not yet written, since there was no room.
    var backlog: [QueuedGroup] = []
    var written: [QueuedGroup] = []
    var requests: [Request] = []
  }

  /// How often a full disk is asked again whether there is room.
  private static let retryMilliseconds: Int32 = 250

  /// With so much in the queue the thread is woken before the end of a turn.
  private static let wakeBytesMax = 64 << 10

  private let settings: LogSettings
  private let wakeBytes: Int
  /// Whether something was appended since the last flush.
  private let isFlushDue = Atomic<Bool>(false)
  private let shared: ContendedLock<Shared>
  /// Under a lock of its own only so that the compiler is content; nobody ever waits for it.
  private let back: ContendedLock<Back>
  private let alarm: WriterAlarm
  private let thread = ContendedLock<SystemThread?>(nil)
  private let released: Atomic<UInt64>
  private let openBytes = Atomic<Int>(0)
  private let statusCode = Atomic<UInt8>(JournalStatus.accepting.rawValue)
  /// Whether somebody was told that there is news and has not looked since.
  private let isNewsOut = Atomic<Bool>(false)

  /// Opens a log behind what recovery has found: its first segment is there, and durable, on return.
  ///
  /// - Parameters:
  ///   - disk: The data directory, whose lock the caller has.
  ///   - start: Where to go on.
  ///   - settings: Without ``LogSettings/problems()``.
  ///   - random: Where salts come from.
  /// - Throws: When the first segment cannot be made.
  package init(
    on disk: any Disk, at start: LogStart, settings: LogSettings = LogSettings(), random: any RandomSource = SystemRandom()
  ) throws(DiskError) {
    self.settings = settings
    wakeBytes = min(Self.wakeBytesMax, settings.queuedBytesMax / 2)
    let interval: Duration? = if case .interval(let interval) = settings.durability { interval } else { nil }
    alarm = try WriterAlarm(interval: interval)
    back = ContendedLock(Back(state: try LogWriterState(on: disk, at: start, settings: settings, random: random)))
    shared = ContendedLock(Shared(queue: LogQueue(nextLSN: start.nextLSN)))
    released = Atomic(start.nextLSN.rawValue - 1)
  }

  /// Starts the thread.
  ///
  /// - Parameter whenDurable: Called on the log's thread when ``durableThrough`` or ``status`` has changed, and then not again
  ///   until somebody has looked at ``durableThrough``. It must not block.
  package func start(whenDurable: @escaping @Sendable () -> Void) {
    thread.withLock { thread in
      precondition(thread == nil, "a log is started once")
      thread = SystemThread.needed(named: "muster-log") { self.run(whenDurable) }
    }
  }

  // MARK: Front

  package func append(_ mutation: Mutation, at wall: WallTime) -> LSN {
    let (lsn, isWakeDue) = shared.withLock { shared in
      let lsn = shared.queue.append(mutation, at: wall)
      if shared.queue.queuedBytes > settings.queuedBytesMax, status == .accepting { store(.full) }
      if settings.durability != .commit, status == .accepting { released.store(lsn.rawValue, ordering: .releasing) }
      isFlushDue.store(true, ordering: .relaxed)
      return (lsn, shared.queue.queuedBytes > wakeBytes && shared.wake())
    }
    if isWakeDue { alarm.signal() }
    return lsn
  }

  /// Wakes the thread, if it sleeps and there is something to write.
  ///
  /// Not with each record: on a core that both threads share it would take over at once, and write the first record of a turn by
  /// itself.
  package func flush() {
    guard isFlushDue.load(ordering: .relaxed), isFlushDue.exchange(false, ordering: .relaxed) else { return }
    if shared.withLock({ !$0.queue.isEmpty && $0.wake() }) { alarm.signal() }
  }

  package var durableThrough: LSN {
    // First this, then the value: whoever changes the value later tells again.
    if isNewsOut.load(ordering: .relaxed) { isNewsOut.store(false, ordering: .sequentiallyConsistent) }
    return LSN(released.load(ordering: .sequentiallyConsistent))
  }

  package var status: JournalStatus {
    JournalStatus(rawValue: statusCode.load(ordering: .relaxed)) ?? .failed
  }

  /// What ended the log, once it has failed.
  package var failure: DiskError? { shared.withLock { $0.failure } }

  /// The last position given out.
  package var appendedThrough: LSN { shared.withLock { $0.queue.appendedThrough } }

  /// How long the open segment is, what is only preallocated not counted.
  package var bytesInOpenSegment: Int { openBytes.load(ordering: .relaxed) }

  /// Ends the open segment behind everything appended so far, and begins another, in any mode of durability.
  ///
  /// For a checkpoint: what it holds must be durable in the log before the checkpoint counts.
  ///
  /// - Parameter done: Called once on the log's thread. It must not block.
  package func rotate(_ done: @escaping @Sendable (LogCut) -> Void) {
    post(.rotate(done))
  }

  /// Removes the segments that hold nothing behind a position, which a checkpoint covers, and the one before it no longer needs.
  package func removeSegments(through lsn: LSN) {
    post(.remove(lsn))
  }

  /// Writes and syncs everything, in any mode, says so in the log, and ends the thread.
  ///
  /// Blocks until that is done. Nothing may be appended any more.
  ///
  /// - Returns: Whether all that was appended is durable; what is not, because there was no room or the log had failed, lies behind
  ///   ``durableThrough``.
  @discardableResult
  package func close() -> Bool {
    let thread = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    wake { $0.isStopping = true }
    // Without a thread the caller is the thread.
    if let thread { thread.join() } else { run({}) }
    return appendedThrough <= LSN(released.load(ordering: .acquiring)) && status != .failed
  }

  private func post(_ request: Request) {
    wake { $0.requests.append(request) }
  }

  private func wake(_ change: (inout Shared) -> Void) {
    let isWakeDue = shared.withLock { shared in
      change(&shared)
      return shared.wake()
    }
    if isWakeDue { alarm.signal() }
  }

  private func store(_ status: JournalStatus) {
    statusCode.store(status.rawValue, ordering: .relaxed)
  }

  // MARK: Back

  private func run(_ whenDurable: @Sendable () -> Void) {
    back.withLock { back in
      var isTick = false
      while !round(&back, isTick: isTick, whenDurable) { isTick = sleep(&back) }
    }
  }

  /// Waits until there is something to do.
  ///
  /// - Returns: Whether the interval between syncs is over.
  private func sleep(_ back: inout Back) -> Bool {
    let maySleep = shared.withLock { shared in
      shared.isAsleep = shared.queue.isEmpty && shared.requests.isEmpty && !shared.isStopping
      return shared.isAsleep
    }
    // A round may have taken long: then the tick is there already.
    let wake = alarm.wait(milliseconds: !maySleep ? 0 : back.state.status == .full ? Self.retryMilliseconds : -1)
    if !wake.contains(.signal) { shared.withLock { $0.isAsleep = false } }
    return wake.contains(.tick)
  }

  /// Takes what there is, writes it, syncs, tells.
  ///
  /// - Returns: Whether it was the last one.
  private func round(_ back: inout Back, isTick: Bool, _ whenDurable: @Sendable () -> Void) -> Bool {
    let isStopping = shared.withLock { shared in
      shared.queue.take(into: &back.backlog)
      swap(&shared.requests, &back.requests)
      return shared.isStopping
    }
    back.written = back.state.write(&back.backlog)
    if isTick || settings.durability == .commit { back.state.sync() }
    tell(&back, whenDurable)
    serve(&back)
    if isStopping {
      back.state.close()
    } else {
      // Whoever waits was told first; this is for later.
      if shared.withLock({ $0.queue.isEmpty }) { back.state.mark() }
      back.state.prepare()
    }
    tell(&back, whenDurable)
    return isStopping
  }

  /// Publishes how far it is, and how it is.
  private func tell(_ back: inout Back, _ whenDurable: @Sendable () -> Void) {
    let (disk, synced, failure) = (back.state.status, back.state.synced, back.state.failure)
    let written = back.written
    back.written = []
    openBytes.store(back.state.bytesInSegment, ordering: .relaxed)
    if failure != nil { back.backlog = [] }
    let isNews = shared.withLock { shared in
      shared.queue.recycle(written)
      if let failure, shared.failure == nil {
        shared.failure = failure
        shared.queue.discard()
      }
      // It must be clearly below before it counts as room, or it would change with every record.
      let isQueueFull =
        shared.queue.queuedBytes > settings.queuedBytesMax
        || status == .full && shared.queue.queuedBytes > settings.queuedBytesMax / 2
      let now: JournalStatus = disk == .accepting && isQueueFull ? .full : disk
      let before = (status, released.load(ordering: .relaxed))
      store(now)
      let releasable = settings.durability != .commit && now == .accepting ? shared.queue.appendedThrough : synced
      released.store(max(before.1, releasable.rawValue), ordering: .sequentiallyConsistent)
      return now != before.0 || releasable.rawValue > before.1
    }
    if isNews, !isNewsOut.exchange(true, ordering: .sequentiallyConsistent) { whenDurable() }
  }

  private func serve(_ back: inout Back) {
    for request in back.requests {
      switch request {
      case .remove(let lsn): back.state.removeSegments(through: lsn)
      case .rotate(let done):
        // What could not be written yet is behind this cut, and the caller must not take it for durable.
        let isDone = back.backlog.isEmpty && back.state.rotate()
        openBytes.store(back.state.bytesInSegment, ordering: .relaxed)
        done(isDone ? .made(through: back.state.synced) : back.state.failure.map { .failed($0) } ?? .full)
      }
    }
    back.requests.removeAll(keepingCapacity: true)
  }
}

/// What came of ending a segment.
package enum LogCut: Sendable, Hashable {
  /// Everything through this position is durable, in segments that are ended.
  case made(through: LSN)
  /// There is no room now; worth another attempt.
  case full
  case failed(DiskError)
}
