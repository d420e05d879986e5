import CLinux
package import MusterEngine

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The pages on their way from the session shards to the thread that compresses them.
///
/// ### Limits
/// Holds at most a given number of bytes; a shard that finds it full keeps its page, and is woken when there is room again.
///
/// ### Isolation
/// Callable from any thread; ``next()`` on one thread, which it blocks.
// SAFETY: all state is touched under the mutex, which lives as long as this object.
package final class PageQueue: SnapshotSink, @unchecked Sendable {
  private let bytesMax: Int
  private let shards: Int
  private let wake: @Sendable () -> Void
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let news: UnsafeMutablePointer<pthread_cond_t>
  private var pages: [CapturedPage] = []
  private var bytes = 0
  private var finished: [Int: LSN] = [:]
  private var isSomebodyWaiting = false
  private var isAbandoned = false

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
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    news = .allocate(capacity: 1)
    news.initialize(to: pthread_cond_t())
    pthread_cond_init(news, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    pthread_cond_destroy(news)
    news.deallocate()
  }

  private func withLock<R>(_ body: () -> R) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  package func offer(_ page: CapturedPage) -> PageReception {
    withLock {
      if isAbandoned { return .abandoned }
      guard bytes == 0 || bytes + page.bytes.count <= bytesMax else {
        isSomebodyWaiting = true
        return .full
      }
      pages.append(page)
      bytes += page.bytes.count
      pthread_cond_signal(news)
      return .taken
    }
  }

  package func finish(shard: Int, through: LSN) {
    withLock {
      finished[shard] = through
      pthread_cond_signal(news)
    }
  }

  /// Nobody wants pages any more.
  package func abandon() {
    withLock {
      isAbandoned = true
      pages = []
      bytes = 0
      pthread_cond_signal(news)
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
    let (next, isWakeDue) = withLock { () -> (Next, Bool) in
      while pages.isEmpty, !isAbandoned, finished.count < shards { pthread_cond_wait(news, mutex) }
      if isAbandoned { return (.abandoned, false) }
      if pages.isEmpty { return (.end(through: finished.values.max() ?? .zero), false) }
      let taken = pages
      pages = []
      bytes = 0
      defer { isSomebodyWaiting = false }
      return (.pages(taken), isSomebodyWaiting)
    }
    if isWakeDue { wake() }
    return next
  }
}
