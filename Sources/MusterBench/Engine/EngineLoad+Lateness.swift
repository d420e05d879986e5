import Glibc
import MusterEngine
import MusterModel

extension EngineLoad {
  /// How many leases end in the measurement of lateness, and over how many ticks their ends are spread.
  package static let leases = 1_000_000
  private static let spreadTicks: UInt32 = 100

  /// Lets leases end in real time: a loop that sleeps to the next tick and then does what is due, slice by slice.
  ///
  /// Late is a lease from the beginning of the tick at which it is due, the first moment at which it could end, to the end of the
  /// slice that ended it.
  ///
  /// Takes ten seconds, and some more to open the sessions.
  package static func lateness(leases: Int = leases) -> LatenessFigures {
    var configuration = EngineConfiguration()
    configuration.httpLease = .milliseconds(Int(spreadTicks) * Tick.milliseconds)
    var load = EngineLoad(configuration)
    // Which session is due when has nothing to do with the order in which they were opened.
    _ = load.open(leases) { number in 1 + UInt32(truncatingIfNeeded: (number &* 7_919) % Int(spreadTicks)) }
    return load.endLeases(leases)
  }

  private mutating func endLeases(_ leases: Int) -> LatenessFigures {
    var lateness = LatencyRecord()
    var slices = Stretches()
    // The last heartbeat was at this tick; the first lease is over one later.
    let first = Self.spreadTicks
    let begin = MonotonicTime.now().advanced(by: .milliseconds(10))
    func time(of tick: UInt32) -> MonotonicTime {
      begin.advanced(by: .milliseconds(Int64(tick - first) * Int64(Tick.milliseconds)))
    }
    var tick = first
    while lateness.count < leases {
      tick += 1
      precondition(tick <= first + 10 * Self.spreadTicks, "\(leases - lateness.count) leases do not end")
      Self.sleep(until: time(of: tick))
      var isMoreDue = true
      while isMoreDue {
        let slice = ThreadUsage.now()
        var ended: [Tick: Int] = [:]
        isMoreDue = self.slice(at: moment(tick)) { _, deadline in ended[deadline, default: 0] += 1 }
        slices.add(since: slice)
        let now = MonotonicTime.now()
        for (deadline, count) in ended {
          lateness.record(now.nanoseconds(since: time(of: deadline.rawValue)), times: count)
        }
        // A slice that took long may have gone over to the next tick.
        while time(of: tick + 1) <= now { tick += 1 }
      }
    }
    guard let summary = lateness.summary else { preconditionFailure("no leases were measured") }
    return LatenessFigures(
      lateness: summary, longestSliceCPU: Double(slices.longestCPUNanoseconds) / 1e3,
      longestSliceWall: Double(slices.longestWallNanoseconds) / 1e3)
  }

  private static func sleep(until moment: MonotonicTime) {
    var time = timespec(
      tv_sec: Int(moment.nanoseconds / 1_000_000_000), tv_nsec: Int(moment.nanoseconds % 1_000_000_000))
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
  }
}
