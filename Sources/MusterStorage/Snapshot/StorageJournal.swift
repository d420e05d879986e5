package import MusterEngine
package import MusterModel
import Synchronization

/// The journal of an engine that is made before its log can be: the log begins where recovery ends, and recovery needs the engine.
///
/// Before the log is there it takes nothing: nothing may be decided then.
///
/// ### Isolation
/// Callable from any thread.
package final class StorageJournal: MutationJournal {
  // SAFETY: written once, before `isOpen` is set, and read only behind it.
  nonisolated(unsafe) private var writer: LogWriter?
  private let isOpen = Atomic<Bool>(false)

  package init() {}

  /// Puts the log behind it; once.
  func open(_ writer: LogWriter) {
    precondition(!isOpen.load(ordering: .acquiring), "a journal is opened once")
    self.writer = writer
    isOpen.store(true, ordering: .releasing)
  }

  private var log: LogWriter? { isOpen.load(ordering: .acquiring) ? writer : nil }

  package func append(_ mutation: Mutation, at wall: WallTime) -> LSN {
    guard let log else { preconditionFailure("something was decided before the log was open") }
    return log.append(mutation, at: wall)
  }

  package func flush() {
    log?.flush()
  }

  package var durableThrough: LSN { log?.durableThrough ?? .zero }

  package var status: JournalStatus { log?.status ?? .full }
}
