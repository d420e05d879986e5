#if canImport(Glibc)
  package import Glibc
#elseif canImport(Musl)
  package import Musl
#else
  package import Darwin
#endif

/// A value behind the system's lock, for what several threads really do fight for.
///
/// `Synchronization.Mutex` lives in a library that the thread sanitizer does not see into, so that it reports races where there
/// are none as soon as one thread has to wait for another; this lock it knows.
// SAFETY: the value is reached through `withLock` only, one thread at a time.
package final class ContendedLock<Value: ~Copyable>: @unchecked Sendable {
  // SAFETY: a mutex must have an address of its own: it has, from `init` to `deinit`.
  @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
  @usableFromInline var value: Value

  package init(_ value: consuming sending Value) {
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
  @inlinable
  @inline(__always)
  package func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value)
  }
}
