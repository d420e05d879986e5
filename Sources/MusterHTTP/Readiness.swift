import Hummingbird
import MusterJSON
import MusterModel
import Synchronization

/// Whether this server should be sent new clients, and if not, why.
///
/// ### Isolation
/// Callable from anywhere.
package final class Readiness: Sendable {
  private let reason: Mutex<String?>

  /// Starts as not ready.
  package init() {
    reason = Mutex("The server is starting.")
  }

  /// From now on new clients are welcome.
  package func begin() {
    reason.withLock { $0 = nil }
  }

  /// From now on they are not.
  package func end(_ why: String) {
    reason.withLock { $0 = why }
  }

  /// Why new clients are not welcome; `nil` when they are.
  package var obstacle: String? { reason.withLock { $0 } }
}

extension Router where Context == EdgeContext {
  /// Adds the two health checks.
  func addHealth(_ readiness: Readiness) {
    get("health/live") { _, _ in Response.json { $0.pair("status", string: "live") } }
    get("health/ready") { _, _ in
      if let obstacle = readiness.obstacle { throw Problem(.unavailable, obstacle) }
      return Response.json { $0.pair("status", string: "ready") }
    }
  }
}
