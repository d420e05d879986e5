#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A thread that nobody waits for.
package enum DetachedThread {
  /// What a thread does, kept alive for it.
  private final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Runs `body` on a thread of its own, which ends when it returns.
  ///
  /// ### Isolation
  /// Callable from any thread. `body` may block.
  ///
  /// - Returns: Whether the system had a thread; if not, `body` does not run.
  package static func begin(_ body: @escaping @Sendable () -> Void) -> Bool {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    // SAFETY: retained once for the thread, and released by it, or here if there is none.
    let box = Unmanaged.passRetained(Work(body))
    let code = pthread_create(&thread, &attributes, { DetachedThread.main($0) }, box.toOpaque())
    if code != 0 { box.release() }
    return code == 0
  }

  private static func main(_ box: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let box else { return nil }
    // SAFETY: it is what `begin` has retained for this thread.
    Unmanaged<Work>.fromOpaque(box).takeRetainedValue().body()
    return nil
  }
}
