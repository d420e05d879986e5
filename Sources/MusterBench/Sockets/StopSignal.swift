import Glibc
import Synchronization

/// SIGINT and SIGTERM as a wish to end early and report what was measured so far.
///
/// The first one is noted; a second one ends the process as usual.
package enum StopSignal {
  private static let wasReceived = Atomic<Bool>(false)

  /// Whether somebody wants the load to end.
  package static var isRaised: Bool { wasReceived.load(ordering: .relaxed) }

  /// Begins to take the signals, for the rest of the process.
  package static func install() {
    // Touched here once: a first access inside the handler would initialise it there.
    wasReceived.store(false, ordering: .relaxed)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in StopSignal.wasReceived.store(true, ordering: .relaxed) }
    action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
    for signal in [SIGINT, SIGTERM] { sigaction(signal, &action, nil) }
  }
}
