/// What the calling thread has used up to a moment, beside the time on the wall.
///
/// On a busy machine a stretch of work can take long because somebody else ran, which is none of its doing: the thread's own clock
/// stands still then.
struct ThreadUsage: Sendable {
  let wallNanoseconds: UInt64
  /// The thread's CPU time, in the program and in the kernel for it.
  let cpuNanoseconds: UInt64

  /// Reads both clocks; about 300 ns, since the thread's own takes a system call.
  static func now() -> ThreadUsage {
    let cpu = ServerProcess.threadCPUNanoseconds()
    return ThreadUsage(wallNanoseconds: MonotonicTime.now().nanoseconds, cpuNanoseconds: cpu)
  }
}

/// Stretches of work on one thread: how long they took together, and the longest.
struct Stretches: Sendable {
  private(set) var cpuNanoseconds: UInt64 = 0
  private(set) var longestWallNanoseconds: UInt64 = 0
  private(set) var longestCPUNanoseconds: UInt64 = 0

  /// Takes in the stretch from `begin` to now.
  mutating func add(since begin: ThreadUsage) {
    let end = ThreadUsage.now()
    let cpu = end.cpuNanoseconds &- begin.cpuNanoseconds
    cpuNanoseconds += cpu
    longestCPUNanoseconds = max(longestCPUNanoseconds, cpu)
    longestWallNanoseconds = max(longestWallNanoseconds, end.wallNanoseconds &- begin.wallNanoseconds)
  }

  /// CPU time of one operation, when there were so many, in nanoseconds.
  func each(of count: Int) -> Double { Double(cpuNanoseconds) / Double(max(1, count)) }

  /// Takes in the stretches of another kind of work.
  mutating func add(_ other: Stretches) {
    cpuNanoseconds += other.cpuNanoseconds
    longestCPUNanoseconds = max(longestCPUNanoseconds, other.longestCPUNanoseconds)
    longestWallNanoseconds = max(longestWallNanoseconds, other.longestWallNanoseconds)
  }
}
