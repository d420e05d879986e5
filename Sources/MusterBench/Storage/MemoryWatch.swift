import CLinux
import Glibc
import MusterThreads
import Synchronization

/// How much memory this process has of its own, and the most that it had in between.
///
/// Anonymous memory that is resident: what the page cache keeps of files is not in it. It is read from counters of the kernel,
/// which takes microseconds, where adding up the process's mappings would stop its page faults for as long as it takes.
///
/// ### Isolation
/// Of one thread; it has a thread of its own that looks, until ``stop()``.
final class MemoryWatch {
  private static let interval: useconds_t = 2_000
  private let shared = Shared()
  private let thread: SystemThread

  private final class Shared: Sendable {
    let most = Atomic<Int>(0)
    let isOver = Atomic<Bool>(false)

    func look() {
      most.max(MemoryWatch.anonymousBytes() ?? 0, ordering: .relaxed)
    }
  }

  /// Begins to watch, after what was freed has been given back.
  init() throws(LoadError) {
    Self.settle()
    shared.look()
    thread = try .started { [shared] in
      while !shared.isOver.load(ordering: .acquiring) {
        shared.look()
        usleep(MemoryWatch.interval)
      }
    }
  }

  /// Ends watching.
  ///
  /// - Returns: The most that there was, in bytes.
  func stop() -> Int {
    shared.isOver.store(true, ordering: .releasing)
    thread.join()
    shared.look()
    return shared.most.load(ordering: .relaxed)
  }

  /// Gives back to the system what the allocator keeps for later, so that growth shows.
  static func settle() {
    _ = malloc_trim(0)
  }

  /// What is there now, in bytes; `nil` where the kernel does not say.
  static func anonymousBytes() -> Int? {
    ServerProcess.text(of: "/proc/self/status").flatMap { ServerProcess.kilobytes("RssAnon", in: $0) }.map { $0 * 1_024 }
  }
}
