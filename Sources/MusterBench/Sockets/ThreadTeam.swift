import MusterThreads

/// Runs the shares of one piece of work on threads of their own, and waits for all of them.
///
/// Fork and join, for work that spins and blocks on its own sockets; Swift's cooperative threads are for neither.
package enum ThreadTeam {
  /// Calls `body` with 0 up to `count`; 0 on this thread, which with one share is all there is.
  ///
  /// - Throws: ``LoadError/system(call:reason:)`` when a thread cannot be started; those that were are waited for.
  package static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws(LoadError) {
    var threads: [SystemThread] = []
    var failure: LoadError?
    for index in 1..<max(1, count) {
      do throws(LoadError) {
        threads.append(try .started { body(index) })
      } catch {
        failure = error
        break
      }
    }
    if failure == nil { body(0) }
    for thread in threads { thread.join() }
    if let failure { throw failure }
  }
}

extension SystemThread {
  /// A thread that somebody will wait for.
  ///
  /// - Throws: ``LoadError/system(call:reason:)`` when the system has none left.
  static func started(_ body: @escaping @Sendable () -> Void) throws(LoadError) -> SystemThread {
    do throws(Refused) {
      return try SystemThread(body)
    } catch {
      throw .system(call: "pthread_create", reason: LoadError.reason(error.code))
    }
  }
}
