import Glibc
import MusterEngine
import MusterModel

/// Measures the state of one session shard in this process, size by size.
///
/// Times are wall time of single threads: run it on a quiet machine, pinned to one core, and compare ratios of one run only.
package struct EngineLoad: ~Copyable {
  /// From what fits into a cache to what a server is built for.
  package static let sizes = [10_000, 100_000, 1_000_000, 10_000_000]
  /// How many timers a slice fires: as many as one turn of the engine does.
  package static let timersPerSlice = EngineConfiguration().timersPerTurnMax
  private static let batch = 64
  private static let start = WallTime(milliseconds: 1_700_000_000_000)

  private let configuration = EngineConfiguration()
  private var state: SessionState

  /// Measures one size, 64 sessions at least.
  ///
  /// Takes some seconds at ten million, and about 1.5 GB of memory.
  package static func measure(sessions: Int) -> EngineFigures {
    precondition(sessions >= batch, "the engine is measured with \(batch) sessions or more")
    var load = EngineLoad()
    return load.run(sessions)
  }

  private init() {
    state = SessionState(shard: 0, configuration: configuration, now: Tick(0), hashKey: StableHash.Key(1, 2))
  }

  private func moment(_ tick: UInt32) -> Moment {
    Moment(
      tick: Tick(tick), wall: WallTime(milliseconds: Self.start.milliseconds + Int64(tick) * Int64(Tick.milliseconds)))
  }

  private mutating func run(_ sessions: Int) -> EngineFigures {
    let before = Self.privateBytes()
    let (opened, longestOpen) = open(sessions)
    let bySlot = beatBySlot(sessions)
    let byID = beatByID(sessions)
    let idle = idleTicks()
    // All leases were renewed at tick 1, so all are due in one tick.
    let leaseTicks = configuration.httpLease.ticks + 2
    let dormant = pass(to: leaseTicks)
    let after = Self.privateBytes()
    let tableBytes = Double(state.bytesReserved) / Double(sessions)
    let expired = pass(to: leaseTicks + configuration.sessionIdleTTL.ticks)
    return EngineFigures(
      sessions: sessions, openNanoseconds: opened, beatBySlotNanoseconds: bySlot, beatByIDNanoseconds: byID,
      dormantNanoseconds: dormant.each, expireNanoseconds: expired.each, idleTickNanoseconds: idle,
      tableBytesPerSession: tableBytes,
      privateBytesPerSession: before.flatMap { before in after.map { Double($0 - before) / Double(sessions) } },
      longestSliceNanoseconds: max(dormant.longest, expired.longest), longestOpenNanoseconds: longestOpen)
  }

  // MARK: Steps

  private mutating func open(_ sessions: Int) -> (each: Double, longest: Double) {
    let now = moment(0)
    var changes: [SessionChange] = []
    var spent: UInt64 = 0
    var longest: UInt64 = 0
    for number in 0..<sessions {
      let grant = grant(number)
      let begin = Self.nanoseconds()
      state.apply(.granted(grant), at: now, into: &changes)
      if let session = state.find(grant.session) { state.renew(session, at: now) }
      let took = Self.nanoseconds() - begin
      spent += took
      longest = max(longest, took)
    }
    return (Double(spent) / Double(sessions), Double(longest))
  }

  private mutating func beatBySlot(_ sessions: Int) -> Double {
    // Slots count from 0 without gaps, since nothing has been freed. A prime stride visits them in no order that memory likes.
    let begin = Self.nanoseconds()
    var slot = 0
    for _ in 0..<sessions {
      slot += 7_919
      while slot >= sessions { slot -= sessions }
      state.heard(Slot(UInt32(slot)), at: Tick(1))
    }
    return Double(Self.nanoseconds() - begin) / Double(sessions)
  }

  private mutating func beatByID(_ sessions: Int) -> Double {
    let now = moment(1)
    var left: [Int] = []
    var ids = [SessionID](repeating: SessionID(high: 0, low: 0), count: Self.batch * 256)
    var spent: UInt64 = 0
    var done = 0
    var number = 0
    while done < sessions {
      // Ids are made outside of the measured time, many batches at once.
      let count = min(ids.count, sessions - done)
      for place in 0..<count {
        number += 7_919
        while number >= sessions { number -= sessions }
        ids[place] = Self.session(number)
      }
      let begin = Self.nanoseconds()
      state.renew(ids.span.extracting(first: count), at: now, left: &left)
      spent += Self.nanoseconds() - begin
      done += count
    }
    precondition(left.isEmpty, "all sessions are known and attached")
    return Double(spent) / Double(sessions)
  }

  private mutating func idleTicks() -> Double {
    let ticks: UInt32 = 400
    let begin = Self.nanoseconds()
    for tick in 1...ticks { _ = state.advance(to: Tick(tick), limit: Self.timersPerSlice) }
    return Double(Self.nanoseconds() - begin) / Double(ticks)
  }

  /// Lets time pass, in slices, until nothing more is due.
  private mutating func pass(to tick: UInt32) -> (each: Double, longest: Double) {
    let now = moment(tick)
    var changes: [SessionChange] = []
    var (spent, longest, done, isMoreDue) = (UInt64(0), UInt64(0), 0, true)
    while isMoreDue {
      let begin = Self.nanoseconds()
      let due = state.advance(to: now.tick, limit: Self.timersPerSlice)
      for session in due.sessions {
        switch state.fire(session: session, at: now, into: &changes) {
        case .rearmed, .refreshed: continue
        case .becomesDormant(let id, let reason): state.apply(.dormant(id, reason), at: now, into: &changes)
        case .expires(let id): state.apply(.ended(id, .expired), at: now, into: &changes)
        }
        done += 1
      }
      isMoreDue = due.isMoreDue
      let took = Self.nanoseconds() - begin
      spent += took
      longest = max(longest, took)
    }
    return (Double(spent) / Double(max(1, done)), Double(longest))
  }

  // MARK: Numbers

  private static func session(_ number: Int) -> SessionID {
    let spread = UInt64(number) &* 0xd6e8_feb8_6659_fd93
    return SessionID(high: UInt64(number) << 20 ^ spread >> 32, low: spread)
  }

  private func grant(_ number: Int) -> SessionGrant {
    SessionGrant(
      session: Self.session(number), user: UserID(unchecked: Array("user-\(100_000_000 + number)".utf8)), kind: .member,
      device: .web, status: .online, text: [], created: Self.start,
      expires: WallTime(milliseconds: Self.start.milliseconds + configuration.sessionLifetime.milliseconds),
      idleTTL: configuration.sessionIdleTTL, resumeWindow: configuration.resumeWindow)
  }

  private static func nanoseconds() -> UInt64 { MonotonicTime.now().nanoseconds }

  private static func privateBytes() -> Int? {
    guard let rollup = ServerProcess.text(of: "/proc/self/smaps_rollup"),
      let clean = ServerProcess.kilobytes("Private_Clean", in: rollup),
      let dirty = ServerProcess.kilobytes("Private_Dirty", in: rollup)
    else { return nil }
    return (clean + dirty) * 1_024
  }
}
