package import MusterEngine
import MusterThreads

/// The pages on their way from the session shards to the thread that compresses them.
///
/// ### Limits
/// Holds at most a given number of bytes; a shard that finds it full keeps its page, and is woken when there is room again.
///
/// ### Isolation
/// Callable from any thread; ``next()`` on one thread, which it blocks.
package final class PageQueue: SnapshotSink {
  private struct State {
    var pages: [CapturedPage] = []
    var bytes = 0
    var finished: [Int: LSN] = [:]
    var isSomebodyWaiting = false
    var isAbandoned = false
  }

  private let bytesMax: Int
  private let shards: Int
  private let wake: @Sendable () -> Void
  private let state = Monitor(State())

  /// Makes a queue.
  ///
  /// - Parameters:
  ///   - shards: How many have to finish.
  ///   - bytesMax: A single page may exceed it.
  ///   - wake: Called when there is room again for shards that found none.
  package init(shards: Int, bytesMax: Int, wake: @escaping @Sendable () -> Void) {
    self.shards = shards
    self.bytesMax = bytesMax
    self.wake = wake
  }

  package func offer(_ page: CapturedPage) -> PageReception {
    state.change { [bytesMax] state in
      if state.isAbandoned { return .abandoned }
      guard state.bytes == 0 || state.bytes + page.bytes.count <= bytesMax else {
        state.isSomebodyWaiting = true
        return .full
      }
      state.pages.append(page)
      state.bytes += page.bytes.count
      return .taken
    }
  }

  package func finish(shard: Int, through: LSN) {
    state.change { $0.finished[shard] = through }
  }

  /// Nobody wants pages any more.
  package func abandon() {
    state.change { state in
      state.isAbandoned = true
      state.pages = []
      state.bytes = 0
    }
    wake()
  }

  /// What comes next.
  enum Next {
    case pages([CapturedPage])
    /// All shards have finished, and this is the last record of any of them.
    case end(through: LSN)
    case abandoned
  }

  /// Waits for pages and takes all of them.
  func next() -> Next {
    let (next, isWakeDue) = state.wait { [shards] state -> (Next, Bool)? in
      if state.isAbandoned { return (.abandoned, false) }
      guard state.pages.isEmpty else {
        let taken = state.pages
        state.pages = []
        state.bytes = 0
        defer { state.isSomebodyWaiting = false }
        return (.pages(taken), state.isSomebodyWaiting)
      }
      return state.finished.count < shards ? nil : (.end(through: state.finished.values.max() ?? .zero), false)
    }
    if isWakeDue { wake() }
    return next
  }
}
