import MusterThreads
import Synchronization

/// Runs pieces of work on threads of their own, and waits for all of them.
///
/// Blocking sockets have no business on Swift's cooperative threads.
enum Crew {
  /// Calls `body` with each input on a thread of its own, `conduct` on this one, and waits for all.
  ///
  /// - Returns: What the bodies return, in the order of the inputs.
  /// - Throws: When a thread cannot be started, or what `conduct` throws; after those that were started have ended.
  static func run<Input: Sendable, Output: Sendable>(
    _ inputs: [Input], _ body: @escaping @Sendable (Input) -> Output, conduct: () throws(DrillError) -> Void
  ) throws(DrillError) -> [Output] {
    let outputs = Outputs<Output>()
    var threads: [SystemThread] = []
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
    for thread in threads { thread.join() }
    if let failure { throw failure }
    return outputs.values.withLock { values in inputs.indices.compactMap { values[$0] } }
  }

  private final class Outputs<Output: Sendable>: Sendable {
    let values = Mutex<[Int: Output]>([:])
  }

  private static func start(_ body: @escaping @Sendable () -> Void) throws(DrillError) -> SystemThread {
    do throws(SystemThread.Refused) {
      return try SystemThread(body)
    } catch {
      throw .call("start a thread", error.code)
    }
  }
}
