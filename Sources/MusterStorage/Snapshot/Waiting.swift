import CLinux

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// One value that a thread waits for, and somebody else brings.
///
/// ### Isolation
/// Callable from any thread. ``wait()`` blocks, so it belongs on a thread of one's own, never on the pool of the concurrency runtime.
// SAFETY: all state is touched under the mutex, which lives as long as this object.
final class Delivery<Value: Sendable>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let news: UnsafeMutablePointer<pthread_cond_t>
  private var value: Value?

  init() {
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

  /// Brings the value; once.
  func deliver(_ value: Value) {
    pthread_mutex_lock(mutex)
    self.value = value
    pthread_cond_broadcast(news)
    pthread_mutex_unlock(mutex)
  }

  /// Waits for the value.
  func wait() -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let value { return value }
      pthread_cond_wait(news, mutex)
    }
  }

  /// Waits, on this thread, for what is done elsewhere.
  static func wait(for body: @escaping @Sendable () async -> Value) -> Value {
    let delivery = Delivery()
    Task { delivery.deliver(await body()) }
    return delivery.wait()
  }
}

/// Runs what blocks on a thread of its own, and waits for it without blocking.
func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    _ = WriterThread { continuation.resume(returning: body()) }
  }
}
