import CLinux
import CMemory
import Glibc
import MusterEngine
import MusterModel

/// Measures the state of one session shard in this process, size by size.
///
/// What an operation costs is CPU time of the thread, since the machine may have other things to do; how long a slice of work
/// takes is said by the wall as well. Caches are shared with whoever else runs: quote what a quiet machine gave.
package struct EngineLoad: ~Copyable {
  /// From what fits into a cache to what a server is built for.
  package static let sizes = [10_000, 100_000, 1_000_000, 10_000_000]
  /// How many timers a slice fires: as many as one turn of the engine does.
  package static let timersPerSlice = EngineConfiguration().timersPerTurnMax
  /// How many heartbeats are in a batch, and opens in a slice.
  package static let batch = 64
  /// How long the machine's own pauses are watched at most, in nanoseconds; otherwise as long as slices took.
  private static let idlingMax: UInt64 = 10_000_000_000
  static let start = WallTime(milliseconds: 1_700_000_000_000)

  let configuration: EngineConfiguration
  var state: SessionState
  var changes: [SessionChange] = []

  /// Measures one size, 64 sessions at least.
  ///
  /// Takes some seconds at ten million, and about 1.5 GB of memory.
  package static func measure(sessions: Int) -> EngineFigures {
    precondition(sessions >= batch, "the engine is measured with \(batch) sessions or more")
    var load = EngineLoad(EngineConfiguration())
    return load.run(sessions)
  }

  init(_ configuration: EngineConfiguration) {
    self.configuration = configuration
    state = SessionState(shard: 0, configuration: configuration, now: Tick(0), hashKey: StableHash.Key(1, 2))
  }

  func moment(_ tick: UInt32) -> Moment {
    Moment(
      tick: Tick(tick), wall: WallTime(milliseconds: Self.start.milliseconds + Int64(tick) * Int64(Tick.milliseconds)))
  }

  private mutating func run(_ sessions: Int) -> EngineFigures {
    // Else what an earlier run gave back would serve this one, and it would seem to need less.
    _ = malloc_trim(0)
    let before = Self.privateBytes()
    let opens = open(sessions) { _ in 0 }
    var values: [EngineFigure: Double] = [.open: opens.each(of: sessions)]
    values[.beatBySlot] = beatBySlot(sessions)
    values[.bareWrite] = Self.bareWrites(sessions)
    values[.beatByID] = beatByID(sessions)
    values[.idleTick] = idleTicks()
    // All leases were renewed at tick 1, so all are due in one tick.
    let leaseTicks = configuration.httpLease.ticks + 2
    var slices = pass(to: leaseTicks)
    values[.dormant] = slices.each(of: sessions)
    let after = Self.privateBytes()
    values[.tableBytes] = Double(state.bytesReserved) / Double(sessions)
    if let before, let after { values[.privateBytes] = Double(after - before) / Double(sessions) }
    let expiry = pass(to: leaseTicks + configuration.sessionIdleTTL.ticks)
    precondition(state.stats.sessions == 0, "all sessions have been idle for too long")
    values[.expire] = expiry.each(of: sessions)
    slices.add(expiry)
    values[.sliceCPU] = Double(slices.longestCPUNanoseconds) / 1e3
    values[.sliceWall] = Double(slices.longestWallNanoseconds) / 1e3
    values[.opensCPU] = Double(opens.longestCPUNanoseconds) / 1e3
    values[.opensWall] = Double(opens.longestWallNanoseconds) / 1e3
    let each: [SliceKind: [UInt32]] = [.timers: slices.each, .opens: opens.each]
    slices.add(opens)
    let pauses = Stretches.ofIdling(nanoseconds: min(slices.wallNanoseconds, Self.idlingMax))
    values[.longSlices] = slices.longPerSecond
    values[.longPauses] = pauses.longPerSecond
    values[.pauseCPU] = Double(pauses.longestCPUNanoseconds) / 1e3
    values[.pauseWall] = Double(pauses.longestWallNanoseconds) / 1e3
    return EngineFigures(sessions: sessions, values: values, slices: each)
  }

  // MARK: Steps

  /// Opens sessions, slice by slice; `heardAt` is the tick of a session's first heartbeat.
  mutating func open(_ sessions: Int, heardAt: (Int) -> UInt32) -> Stretches {
    var stretches = Stretches()
    for first in stride(from: 0, to: sessions, by: Self.batch) {
      // Made outside of the measured time.
      let grants = (first..<min(sessions, first + Self.batch)).map { (grant($0), moment(heardAt($0))) }
      let begin = ThreadUsage.now()
      for (grant, now) in grants {
        state.apply(.granted(grant), at: now, into: &changes)
        if let session = state.find(grant.session) { state.renew(session, at: now) }
      }
      stretches.add(since: begin)
    }
    return stretches
  }

  private mutating func beatBySlot(_ sessions: Int) -> Double {
    // Slots count from 0 without gaps, since nothing has been freed.
    Self.eachInNoOrder(of: sessions) { state.heard(Slot(UInt32($0)), at: Tick(1)) }
  }

  /// Calls `body` with each number below `count`, in no order that memory likes: by a prime stride.
  ///
  /// - Returns: What one took, in nanoseconds of CPU.
  @inline(__always)
  private static func eachInNoOrder(of count: Int, _ body: (Int) -> Void) -> Double {
    let begin = ThreadUsage.now()
    var number = 0
    for _ in 0..<count {
      number += 7_919
      while number >= count { number -= count }
      body(number)
    }
    return Double(ThreadUsage.now().cpuNanoseconds - begin.cpuNanoseconds) / Double(count)
  }

  /// What the memory of this machine takes for the same: one write to each of as many rows of as many bytes, which lie behind one
  /// another in large pages, and are nothing else.
  private static func bareWrites(_ rows: Int) -> Double? {
    guard let rowBytes = SessionState.rowBytes["session"] else { return nil }
    let page = 2 << 20
    let bytes = (rows * rowBytes + page - 1) / page * page
    guard let memory = muster_map_large(UInt(bytes)) else { return nil }
    defer { munmap(memory, bytes) }
    // The first touch is the system's work.
    memory.initializeMemory(as: UInt8.self, repeating: 1, count: bytes)
    return eachInNoOrder(of: rows) { memory.storeBytes(of: 1, toByteOffset: $0 * rowBytes, as: UInt32.self) }
  }

  private mutating func beatByID(_ sessions: Int) -> Double {
    let now = moment(1)
    var left: [Int] = []
    var ids = [SessionID](repeating: SessionID(high: 0, low: 0), count: Self.batch * 256)
    var stretches = Stretches()
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
      let begin = ThreadUsage.now()
      for first in stride(from: 0, to: count, by: Self.batch) {
        state.renew(ids.span.extracting(first..<min(count, first + Self.batch)), at: now, left: &left)
      }
      stretches.add(since: begin)
      done += count
    }
    precondition(left.isEmpty, "all sessions are known and attached")
    return stretches.each(of: sessions)
  }

  private mutating func idleTicks() -> Double {
    let ticks: UInt32 = 400
    let begin = ThreadUsage.now()
    for tick in 1...ticks { _ = state.advance(to: Tick(tick), limit: Self.timersPerSlice) }
    return Double(ThreadUsage.now().cpuNanoseconds - begin.cpuNanoseconds) / Double(ticks)
  }

  /// Lets time pass, in slices, until nothing more is due.
  private mutating func pass(to tick: UInt32) -> Stretches {
    let now = moment(tick)
    var stretches = Stretches()
    var isMoreDue = true
    while isMoreDue {
      let begin = ThreadUsage.now()
      isMoreDue = slice(at: now) { _, _ in }
      stretches.add(since: begin)
    }
    return stretches
  }

  /// Does what is due, at most one slice of it, and tells of each session whose lease is over when it was due.
  ///
  /// - Returns: Whether more is due.
  mutating func slice(at now: Moment, _ ended: (Slot, Tick) -> Void) -> Bool {
    let due = state.advance(to: now.tick, limit: Self.timersPerSlice)
    for session in due.sessions {
      let deadline = state.deadline(of: session)
      switch state.fire(session: session, at: now, into: &changes) {
      case .rearmed, .refreshed: continue
      case .becomesDormant(let id, let reason):
        state.apply(.dormant(id, reason), at: now, into: &changes)
        ended(session, deadline)
      case .expires(let id): state.apply(.ended(id, .expired), at: now, into: &changes)
      }
    }
    changes.removeAll(keepingCapacity: true)
    return due.isMoreDue
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

  private static func privateBytes() -> Int? {
    guard let rollup = ServerProcess.text(of: "/proc/self/smaps_rollup"),
      let clean = ServerProcess.kilobytes("Private_Clean", in: rollup),
      let dirty = ServerProcess.kilobytes("Private_Dirty", in: rollup)
    else { return nil }
    return (clean + dirty) * 1_024
  }
}
