import Glibc
import Synchronization

/// Runs pieces of work on threads of their own, and waits for all of them.
///
/// Blocking sockets have no business on Swift's cooperative threads.
enum Crew {
  private final class Share: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
      self.body = body
    }
  }

  /// Calls `body` with each input on a thread of its own, `conduct` on this one, and waits for all.
  ///
  /// - Returns: What the bodies return, in the order of the inputs.
  /// - Throws: When a thread cannot be started, or what `conduct` throws; after those that were started have ended.
  static func run<Input: Sendable, Output: Sendable>(
    _ inputs: [Input], _ body: @escaping @Sendable (Input) -> Output, conduct: () throws(DrillError) -> Void
  ) throws(DrillError) -> [Output] {
    let outputs = Outputs<Output>()
    var threads: [pthread_t] = []
    var failure: DrillError?
    for (index, input) in inputs.enumerated() {
      do throws(DrillError) {
        threads.append(
          try start {
            // Not under the lock: the bodies run side by side.
            let output = body(input)
            outputs.values.withLock { $0[index] = output }
          })
      } catch {
        failure = error
        break
      }
    }
    do throws(DrillError) {
      if failure == nil { try conduct() }
    } catch {
      failure = error
    }
    for thread in threads { pthread_join(thread, nil) }
    if let failure { throw failure }
    return outputs.values.withLock { values in inputs.indices.compactMap { values[$0] } }
  }

  private final class Outputs<Output: Sendable>: Sendable {
    let values = Mutex<[Int: Output]>([:])
  }

  private static func start(_ body: @escaping @Sendable () -> Void) throws(DrillError) -> pthread_t {
    var thread = pthread_t()
    // SAFETY: retained here for the thread, which releases it as its first act; if no thread starts, it is released below.
    let share = Unmanaged.passRetained(Share(body))
    let outcome = pthread_create(
      &thread, nil,
      { pointer in
        // SAFETY: the pointer is the share that `pthread_create` was given, retained once for this thread.
        if let pointer { Unmanaged<Share>.fromOpaque(pointer).takeRetainedValue().body() }
        return nil
      }, share.toOpaque())
    guard outcome == 0 else {
      share.release()
      throw .call("start a thread", outcome)
    }
    return thread
  }
}
