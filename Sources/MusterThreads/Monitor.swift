#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A value behind the system's lock that threads can wait for to change.
///
/// ### Isolation
/// Callable from any thread. ``wait(until:)`` blocks, so it belongs on a thread of one's own, never on the pool of the concurrency
/// runtime.
// SAFETY: the value is touched only between lock and unlock, and mutex and condition live as long as this object.
package final class Monitor<Value: ~Copyable>: @unchecked Sendable {
  // SAFETY: both must have an address of their own: they have, from `init` to `deinit`.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let news: UnsafeMutablePointer<pthread_cond_t>
  private var value: Value

  package init(_ value: consuming sending Value) {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    news = .allocate(capacity: 1)
    news.initialize(to: pthread_cond_t())
    let code = pthread_mutex_init(mutex, nil) | pthread_cond_init(news, nil)
    precondition(code == 0, "a monitor cannot be made: error \(code)")
    self.value = value
  }

  deinit {
    pthread_cond_destroy(news)
    news.deallocate()
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Changes the value, and lets everybody who waits look at it again.
  ///
  /// Not reentrant; `body` must be short and must not wait for anything.
  package func change<Result>(_ body: (inout Value) -> sending Result) -> sending Result {
    pthread_mutex_lock(mutex)
    defer {
      pthread_cond_broadcast(news)
      pthread_mutex_unlock(mutex)
    }
    return body(&value)
  }

  /// Waits until `body` gives something; it is asked now, and after each change, while no other thread can see the value.
  package func wait<Result>(until body: (inout Value) -> sending Result?) -> sending Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&value) { return result }
      pthread_cond_wait(news, mutex)
    }
  }
}
