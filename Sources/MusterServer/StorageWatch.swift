import Logging
import MusterEngine
import MusterHTTP
import ServiceLifecycle

/// Tells the world when the log takes nothing any more, and ends the server when it never will again.
struct StorageWatch: Service {
  /// How often the log is looked at.
  ///
  /// The engine refuses by itself, at once; this is for load balancers and operators.
  private static let interval = Duration.milliseconds(200)
  /// How long clients are still answered, with `unavailable`, before a server whose disk has failed ends.
  private static let farewell = Duration.milliseconds(500)

  let journal: any MutationJournal
  let readiness: Readiness
  let logger: Logger
  /// Called once, when the log has failed for good.
  let onFailure: @Sendable () -> Void

  func run() async throws {
    await cancelWhenGracefulShutdown { await watch() }
    // A service that returns ends the others; this one has nothing to do until they end.
    try? await gracefulShutdown()
  }

  private func watch() async {
    var last = JournalStatus.accepting
    while (try? await Task.sleep(for: Self.interval)) != nil {
      let status = journal.status
      guard status != last else { continue }
      last = status
      switch status {
      case .accepting:
        logger.notice("the log takes changes again")
        readiness.begin()
      case .full:
        logger.error("the log has no room: changes are refused with 'unavailable' until there is; reads and heartbeats go on")
        readiness.end("The log has no room.")
      case .failed:
        logger.critical("the log has failed: nothing can be acknowledged any more; the server ends")
        readiness.end("The log has failed.")
        try? await Task.sleep(for: Self.farewell)
        return onFailure()
      }
    }
  }
}
