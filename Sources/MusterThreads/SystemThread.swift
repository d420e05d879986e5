#if os(Linux)
  import CLinux
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A thread of the system, for what blocks or spins and so has no place on the pool of the concurrency runtime.
///
/// Whoever begins one ends with exactly one of ``join()`` and ``detach()``.
///
/// ### Isolation
/// Callable from any thread.
// SAFETY: a handle is a name, which any thread may use; it is never changed.
package struct SystemThread: @unchecked Sendable {
  /// The system has no thread left.
  package struct Refused: Error {
    /// What `errno` would be.
    package let code: Int32
  }

  private let handle: pthread_t

  /// What a thread does, kept alive for it.
  private final class Work: Sendable {
    let name: String?
    let body: @Sendable () -> Void

    init(_ name: String?, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  /// Runs `body` on a thread of its own, which ends when it returns.
  ///
  /// - Parameters:
  ///   - name: What tools show, at most 15 bytes of it on Linux.
  ///   - body: May block.
  /// - Throws: ``Refused``, and `body` does not run.
  package init(named name: String? = nil, _ body: @escaping @Sendable () -> Void) throws(Refused) {
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    // SAFETY: retained once for the thread, which takes the reference over as its first act; or released here if there is none.
    let work = Unmanaged.passRetained(Work(name, body))
    let code = pthread_create(&thread, nil, { SystemThread.main($0) }, work.toOpaque())
    #if canImport(Darwin)
      guard code == 0, let thread else {
        work.release()
        throw Refused(code: code)
      }
    #else
      guard code == 0 else {
        work.release()
        throw Refused(code: code)
      }
    #endif
    handle = thread
  }

  /// The same for what cannot go on without its thread: traps when the system has none left.
  package static func needed(named name: String? = nil, _ body: @escaping @Sendable () -> Void) -> SystemThread {
    do throws(Refused) {
      return try SystemThread(named: name, body)
    } catch {
      preconditionFailure("the system has no thread left: error \(error.code)")
    }
  }

  private static func main(_ work: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let work else { return nil }
    // SAFETY: it is what `init` has retained for this thread.
    let taken = Unmanaged<Work>.fromOpaque(work).takeRetainedValue()
    if let name = taken.name {
      #if canImport(Darwin)
        pthread_setname_np(name)
      #else
        // A longer name would be refused as a whole.
        pthread_setname_np(pthread_self(), String(decoding: name.utf8.prefix(15), as: UTF8.self))
      #endif
    }
    taken.body()
    return nil
  }

  /// Waits until the thread has ended.
  ///
  /// Not on the thread itself.
  package func join() {
    pthread_join(handle, nil)
  }

  /// Lets the thread end by itself.
  package func detach() {
    pthread_detach(handle)
  }
}
