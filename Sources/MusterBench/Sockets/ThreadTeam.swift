import Glibc

/// Runs the shares of one piece of work on threads of their own, and waits for all of them.
///
/// Fork and join, for work that spins and blocks on its own sockets; Swift's cooperative threads are for neither.
package enum ThreadTeam {
  private final class Share: Sendable {
    let index: Int
    let body: @Sendable (Int) -> Void

    init(index: Int, body: @escaping @Sendable (Int) -> Void) {
      self.index = index
      self.body = body
    }
  }

  /// Calls `body` with 0 up to `count`; 0 on this thread, which with one share is all there is.
  ///
  /// - Throws: ``LoadError/system(call:reason:)`` when a thread cannot be started; those that were are waited for.
  package static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws(LoadError) {
    var threads: [pthread_t] = []
    var failure: LoadError?
    for index in 1..<max(1, count) {
      var thread = pthread_t()
      // SAFETY: retained here for the thread, which releases it as its first act; if no thread starts, it is released below.
      let share = Unmanaged.passRetained(Share(index: index, body: body))
      let outcome = pthread_create(
        &thread, nil,
        { pointer in
          if let pointer {
            // SAFETY: the pointer is the share that `pthread_create` was given, retained once for this thread.
            let share = Unmanaged<Share>.fromOpaque(pointer).takeRetainedValue()
            share.body(share.index)
          }
          return nil
        }, share.toOpaque())
      guard outcome == 0 else {
        share.release()
        failure = .system(call: "pthread_create", reason: LoadError.reason(outcome))
        break
      }
      threads.append(thread)
    }
    if failure == nil { body(0) }
    for thread in threads { pthread_join(thread, nil) }
    if let failure { throw failure }
  }
}
