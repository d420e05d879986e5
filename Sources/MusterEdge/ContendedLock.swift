#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A value behind the system's lock, for what several threads really do fight for.
///
/// `Synchronization.Mutex` lives in a library that the thread sanitizer does not see into, so that it reports races where there
/// are none; this lock it knows.
package final class ContendedLock<Value>: @unchecked Sendable {
  // SAFETY: the value is reached through `withLock` only, one thread at a time. The mutex has an address of its own, as it must,
  // from `init` to `deinit`.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value

  package init(_ value: sending Value) {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    let code = pthread_mutex_init(mutex, nil)
    precondition(code == 0, "a lock cannot be made: error \(code)")
    self.value = value
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Runs `body` while no other thread can see the value.
  ///
  /// Not reentrant; `body` must be short and must not wait for anything.
  package func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> sending Result) throws(Failure)
    -> sending Result
  {
    let code = pthread_mutex_lock(mutex)
    precondition(code == 0, "a lock cannot be taken: error \(code)")
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value)
  }
}
