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
  /// What no turn of the engine may take.
  static let longNanoseconds: UInt64 = 2_000_000

  private(set) var cpuNanoseconds: UInt64 = 0
  private(set) var wallNanoseconds: UInt64 = 0
  /// How many took longer than ``longNanoseconds`` by the wall.
  private(set) var longCount = 0
  /// The CPU time of each, in nanoseconds, 4 s at most; in the order in which they came.
  private(set) var each: [UInt32] = []
  private(set) var longestWallNanoseconds: UInt64 = 0
  private(set) var longestCPUNanoseconds: UInt64 = 0

  /// Takes in the stretch from `begin` to now.
  mutating func add(since begin: ThreadUsage) {
    let end = ThreadUsage.now()
    let cpu = end.cpuNanoseconds &- begin.cpuNanoseconds
    let wall = end.wallNanoseconds &- begin.wallNanoseconds
    cpuNanoseconds += cpu
    wallNanoseconds += wall
    each.append(UInt32(clamping: cpu))
    if wall > Self.longNanoseconds { longCount += 1 }
    longestCPUNanoseconds = max(longestCPUNanoseconds, cpu)
    longestWallNanoseconds = max(longestWallNanoseconds, wall)
  }

  /// CPU time of one operation, when there were so many, in nanoseconds.
  func each(of count: Int) -> Double { Double(cpuNanoseconds) / Double(max(1, count)) }

  /// How many stretches in a second took longer than ``longNanoseconds``.
  var longPerSecond: Double { Double(longCount) * 1e9 / Double(max(1, wallNanoseconds)) }

  /// What the machine does to a thread that does nothing but read the clocks, for so long: stretches of some 20 µs.
  ///
  /// A guest stands still whenever its host lets others run, and its kernel has work of its own. No program can have fewer pauses.
  static func ofIdling(nanoseconds: UInt64) -> Stretches {
    var stretches = Stretches()
    while stretches.wallNanoseconds < nanoseconds {
      let begin = ThreadUsage.now()
      while MonotonicTime.now().nanoseconds &- begin.wallNanoseconds < 20_000 {}
      stretches.add(since: begin)
    }
    return stretches
  }

  /// Takes in the stretches of another kind of work.
  mutating func add(_ other: Stretches) {
    cpuNanoseconds += other.cpuNanoseconds
    wallNanoseconds += other.wallNanoseconds
    longCount += other.longCount
    each += other.each
    longestCPUNanoseconds = max(longestCPUNanoseconds, other.longestCPUNanoseconds)
    longestWallNanoseconds = max(longestWallNanoseconds, other.longestWallNanoseconds)
  }
}
