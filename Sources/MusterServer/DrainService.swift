import Logging
import MusterEdge
import MusterEngine
import MusterHTTP
import ServiceLifecycle

/// Sends the clients away, in peace, when the server is asked to stop.
///
/// It is the last of the services, so it stops first: while it does, both ports still answer, and a load balancer sees that the
/// server is not ready any more.
struct DrainService: Service {
  /// How much longer than the spread it may take.
  static let patience = Duration.seconds(2)
  /// How often it is looked whether the last socket has gone.
  private static let pollInterval = Duration.milliseconds(20)

  let engine: PresenceEngine
  let judge: UpgradeJudge
  let admission: Admission
  let readiness: Readiness
  let spread: Duration
  let logger: Logger

  func run() async throws {
    do {
      try await gracefulShutdown()
    } catch is CancellationError {
      // Another service failed; there is nothing left to be peaceful about.
      return
    }
    readiness.end("The server is stopping.")
    judge.stopAdmitting()
    logger.notice("draining", metadata: ["websockets": "\(admission.sockets.webSockets)"])
    let deadline = ContinuousClock.now + spread + Self.patience
    // Tasks of their own: the engine does not stop half-way, but the process must not wait for it for ever.
    let (drained, signal) = AsyncStream.makeStream(of: Never.self)
    Task {
      await engine.drain(reason: "shutdown", spread: spread)
      signal.finish()
    }
    Task {
      try? await Task.sleep(until: deadline)
      signal.finish()
    }
    for await _ in drained {}
    // The engine has forgotten its connections; their close frames may still be on the way.
    while admission.sockets.webSockets > 0, ContinuousClock.now < deadline {
      guard (try? await Task.sleep(for: Self.pollInterval)) != nil else { return }
    }
    logger.notice("drained", metadata: ["websockets": "\(admission.sockets.webSockets)"])
  }
}
