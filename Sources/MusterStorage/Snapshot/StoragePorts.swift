import MusterEngine
import MusterThreads

/// The engine, as a checkpoint sees it.
struct CapturedPresence: CapturedEngine {
  let engine: PresenceEngine
  let budget: Duration

  var shards: Int { engine.planes.count }

  func beginCapture(into queue: PageQueue, from start: LSN) -> Bool {
    let clock = ContinuousClock()
    let begin = clock.now
    let pace = CapturePace(budget: budget) { clock.now - begin }
    return Delivery.wait { [engine] in
      // One that was given up when its disk failed may still be waiting for a turn.
      await engine.abandonCapture()
      return await engine.beginCapture(into: queue, from: start, pace: pace)
    }
  }

  func wake() {
    engine.requestTurns()
  }
}

extension LogWriter: CheckpointedLog {
  package func cut() -> LogCut {
    let delivery = Delivery<LogCut>()
    rotate { delivery.deliver($0) }
    return delivery.wait()
  }
}

/// Hands what is read of the log to the engine, one batch ahead of it.
struct ReplayFeed {
  private let engine: PresenceEngine
  private let fuzzyThrough: LSN
  private let progress: @Sendable (RecoveryStage) -> Void
  private var running: Delivery<Result<RecoveryCounts, RecoveryError>>?
  private var counts = RecoveryCounts()
  private var failure: RecoveryError?
  private var records = 0
  private var hasGaps = false

  init(engine: PresenceEngine, fuzzyThrough: LSN, progress: @escaping @Sendable (RecoveryStage) -> Void) {
    self.engine = engine
    self.fuzzyThrough = fuzzyThrough
    self.progress = progress
  }

  /// Takes a part of the log, and waits for the part before it.
  mutating func take(_ part: RecoveredPart) {
    switch part {
    case .lost: hasGaps = true
    case .records(let batch):
      settle()
      guard failure == nil else { return }
      let delivery = Delivery<Result<RecoveryCounts, RecoveryError>>()
      Task { [engine, fuzzyThrough, hasGaps] in
        do {
          delivery.deliver(.success(try await engine.replay(batch, fuzzyThrough: fuzzyThrough, hasGaps: hasGaps)))
        } catch let error as RecoveryError {
          delivery.deliver(.failure(error))
        } catch {
          preconditionFailure("replaying threw what it cannot: \(error)")
        }
      }
      running = delivery
      records += batch.count
      progress(.replaying(records: records))
    }
  }

  /// Waits for the last part.
  mutating func finish() -> Result<RecoveryCounts, StorageError> {
    settle()
    return failure.map { .failure(.engine($0)) } ?? .success(counts)
  }

  private mutating func settle() {
    switch running?.wait() {
    case .success(let done): counts.add(done)
    case .failure(let error): failure = failure ?? error
    case nil: break
    }
    running = nil
  }
}

/// Adds up how many frames are loaded.
final class ProgressCounter: Sendable {
  private let loaded = ContendedLock(0)
  private let total: Int
  private let progress: @Sendable (RecoveryStage) -> Void

  init(total: Int, _ progress: @escaping @Sendable (RecoveryStage) -> Void) {
    self.total = total
    self.progress = progress
  }

  func add(_ frames: Int) {
    let loaded = loaded.withLock { loaded in
      loaded += frames
      return loaded
    }
    // With another number of planes each reads all of them.
    progress(.loading(frames: min(loaded, total), of: total))
  }
}
