/// What server and generator used between two moments.
struct Meter: Sendable {
  /// Fewer clock ticks (of 10 ms each) say nothing about how the time is divided.
  private static let ticksMin = 20

  private let server: ServerProcess?
  private let began: MonotonicTime
  private let ownAtBegin: UInt64
  private let serverAtBegin: ProcessSample?

  /// Begins to measure.
  init(server: ServerProcess?) {
    self.server = server
    began = .now()
    ownAtBegin = ServerProcess.ownCPUNanoseconds()
    serverAtBegin = server?.sample()
  }

  /// Reads the counters again.
  func usage() -> Usage {
    var usage = Usage()
    usage.own = Double(ServerProcess.ownCPUNanoseconds() - ownAtBegin)
    if let before = serverAtBegin, let after = server?.sample() {
      usage.server = Double(after.cpuNanoseconds) - Double(before.cpuNanoseconds)
      let system = after.systemTicks - before.systemTicks
      let ticks = after.userTicks - before.userTicks + system
      if ticks >= Self.ticksMin { usage.kernelShare = Double(system) / Double(ticks) }
    }
    usage.seconds = MonotonicTime.now().seconds(since: began)
    return usage
  }
}
