#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A thread that runs short errands one after another, for those who must not wait for them.
///
/// Nothing is promised about when an errand runs, or whether it does: with ``errandsMax`` waiting, another one is dropped. So it is
/// for what makes something quicker, never for what has to happen.
///
/// ### Isolation
/// Callable from any thread.
/// ### Lifetime
/// The thread begins with the first errand and lives as long as the process; so does whoever makes one.
package final class ErrandThread: Sendable {
  /// What a thread is asked to do.
  package typealias Errand = @Sendable () -> Void

  /// How many errands may wait.
  package static let errandsMax = 64

  private struct State {
    var waiting: [Errand] = []
    var hasThread = false
  }

  private let state = Monitor(State())

  /// A thread that has not begun.
  package init() {}

  /// Has an errand run soon.
  ///
  /// - Complexity: O(1): takes a lock that is never held for long.
  package func run(_ errand: @escaping Errand) {
    let isFirst = state.change { state in
      if state.waiting.count < Self.errandsMax { state.waiting.append(errand) }
      defer { state.hasThread = true }
      return !state.hasThread
    }
    if isFirst { begin() }
  }

  private func begin() {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    // SAFETY: retained once for the thread, which never ends. Without a thread errands wait, and are dropped in the end.
    let box = Unmanaged.passRetained(self)
    let code = pthread_create(&thread, &attributes, { ErrandThread.main($0) }, box.toOpaque())
    if code != 0 { box.release() }
  }

  private static func main(_ box: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let box else { return nil }
    // SAFETY: it is what `begin` has retained for this thread.
    let errands = Unmanaged<ErrandThread>.fromOpaque(box).takeRetainedValue()
    while true {
      let all = errands.state.wait { state -> [Errand]? in
        guard !state.waiting.isEmpty else { return nil }
        defer { state.waiting.removeAll(keepingCapacity: true) }
        return state.waiting
      }
      for errand in all { errand() }
    }
  }
}
