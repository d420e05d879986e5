#if os(Linux)
  import Glibc

  /// How often one thread has allocated objects and counted references.
  struct RuntimeCounts: Hashable, CustomStringConvertible {
    var allocations = 0
    var retains = 0
    var releases = 0

    var description: String { "\(allocations) objects, \(retains) retains, \(releases) releases" }

    /// Counts what happens on this thread while the body runs.
    ///
    /// By the switch that the runtime has for instruments, which replaces its own entry points. Other threads go on uncounted.
    /// - Returns: `nil` when this runtime has no such switch.
    static func during(_ body: () -> Void) -> RuntimeCounts? {
      guard let hooks = Hooks.installed else { return nil }
      counted = RuntimeCounts()
      countedThread = pthread_self()
      hooks.isOn.pointee = true
      body()
      hooks.isOn.pointee = false
      countedThread = 0
      return counted
    }
  }

  // The hooks run in the middle of everything, so they touch nothing but these.

  // SAFETY: changed by the thread that is counted only, or before there is one.
  nonisolated(unsafe) private var counted = RuntimeCounts()
  // SAFETY: one test counts at a time, in a process of its own; other threads only compare.
  nonisolated(unsafe) private var countedThread = pthread_t()

  private typealias Retain = @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
  private typealias Release = @convention(c) (UnsafeMutableRawPointer?) -> Void
  private typealias Allocate = @convention(c) (UnsafeRawPointer?, Int, Int) -> UnsafeMutableRawPointer?

  // SAFETY: set once, before the runtime calls a hook.
  nonisolated(unsafe) private var originalRetain: Retain?
  // SAFETY: set once, before the runtime calls a hook.
  nonisolated(unsafe) private var originalRelease: Release?
  // SAFETY: set once, before the runtime calls a hook.
  nonisolated(unsafe) private var originalAllocate: Allocate?

  private let countingRetain: Retain = { object in
    if pthread_self() == countedThread { counted.retains += 1 }
    return originalRetain?(object)
  }

  private let countingRelease: Release = { object in
    if pthread_self() == countedThread { counted.releases += 1 }
    originalRelease?(object)
  }

  private let countingAllocate: Allocate = { metadata, size, alignmentMask in
    if pthread_self() == countedThread { counted.allocations += 1 }
    return originalAllocate?(metadata, size, alignmentMask)
  }

  private struct Hooks {
    let isOn: UnsafeMutablePointer<Bool>

    // SAFETY: made once; what it points to is the runtime's own, and lives as long as the process.
    nonisolated(unsafe) static let installed = Hooks()

    private init?() {
      func symbol<Value>(_ name: String, as: Value.Type) -> UnsafeMutablePointer<Value>? {
        dlsym(nil, name)?.assumingMemoryBound(to: Value.self)
      }
      guard
        let isOn = symbol("_swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly", as: Bool.self),
        let retain = symbol("_swift_retain", as: Retain.self), let release = symbol("_swift_release", as: Release.self),
        let allocate = symbol("_swift_allocObject", as: Allocate.self)
      else { return nil }
      self.isOn = isOn
      (originalRetain, originalRelease, originalAllocate) = (retain.pointee, release.pointee, allocate.pointee)
      retain.pointee = countingRetain
      release.pointee = countingRelease
      allocate.pointee = countingAllocate
    }
  }
#endif
