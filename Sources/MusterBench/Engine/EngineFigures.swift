/// One thing that is measured about the engine's tables.
package enum EngineFigure: String, Sendable, CaseIterable {
  /// Opening a session: applied, with its user, its lease and its timer; and its first heartbeat.
  case open = "open_ns"
  /// A heartbeat whose row is known.
  case beatBySlot = "beat_by_slot_ns"
  /// What memory takes for it: one write to each of as many plain rows.
  case bareWrite = "bare_write_ns"
  /// A heartbeat by session id, in batches of 64, ids in no order that memory likes.
  case beatByID = "beat_by_id_ns"
  /// A lease that is over: the session falls dormant.
  case dormant = "dormant_ns"
  /// A dormant session that ends by its idle TTL.
  case expire = "expire_ns"
  /// A tick in which nothing is due.
  case idleTick = "idle_tick_ns"
  /// The memory of the tables when all sessions are dormant, per session.
  case tableBytes = "table_bytes"
  /// Growth of the process' private memory, per session; missing where the kernel does not show it.
  case privateBytes = "private_bytes"
  /// The longest slice of timers, while all leases are due in one tick.
  case sliceCPU = "longest_slice_cpu_us"
  case sliceWall = "longest_slice_us"
  /// The longest slice of opens, which may have grown every table.
  case opensCPU = "longest_opens_cpu_us"
  case opensWall = "longest_opens_us"
  /// Slices of either kind that took more than 2 ms by the wall, in each second of them.
  case longSlices = "slices_above_2ms_per_s"
  /// The same, and the longest, of a loop that does nothing but read the clocks: what the machine does by itself.
  case longPauses = "pauses_above_2ms_per_s"
  case pauseCPU = "longest_pause_cpu_us"
  case pauseWall = "longest_pause_us"

  /// What it is, with its unit.
  package var title: String {
    switch self {
    case .open: "open, ns"
    case .beatBySlot: "heartbeat by slot, ns"
    case .bareWrite: "one write to each of as many plain rows, ns"
    case .beatByID: "heartbeat by id in batches of \(EngineLoad.batch), ns"
    case .dormant: "lease over, ns"
    case .expire: "expiry, ns"
    case .idleTick: "tick with nothing due, ns"
    case .tableBytes: "tables, bytes for each dormant session"
    case .privateBytes: "process, bytes for each dormant session"
    case .sliceCPU: "longest slice of \(EngineLoad.timersPerSlice) timers, µs of CPU"
    case .sliceWall: "the same by the wall, µs"
    case .opensCPU: "longest slice of \(EngineLoad.batch) opens, µs of CPU"
    case .opensWall: "the same by the wall, µs"
    case .longSlices: "slices above 2 ms by the wall, in each second of them"
    case .longPauses: "stretches above 2 ms of a loop that only reads the clocks, in each second"
    case .pauseCPU: "longest of that loop, µs of CPU"
    case .pauseWall: "the same by the wall, µs"
    }
  }

  /// The most that it may be at ten million sessions, where there is a budget.
  package var budget: Double? {
    switch self {
    case .beatBySlot: 25
    case .beatByID: 100
    case .privateBytes: 96
    default: nil
    }
  }
}

/// Work that is cut into slices, so that none of them holds up a turn.
package enum SliceKind: String, Sendable, CaseIterable {
  case timers
  case opens

  /// The most CPU time that the work of one slice may take, in microseconds.
  package static let budget = 2_000.0

  /// What one slice is.
  package var title: String {
    switch self {
    case .timers: "\(EngineLoad.timersPerSlice) timers"
    case .opens: "\(EngineLoad.batch) opens"
    }
  }
}

/// What the engine costs at one size, measured once in this process without sockets, actors or a log.
package struct EngineFigures: Sendable, Hashable {
  /// How many sessions there were.
  package var sessions: Int
  package var values: [EngineFigure: Double]
  /// The CPU time of each slice, in nanoseconds, in the order of the work, which is the same in every round.
  package var slices: [SliceKind: [UInt32]]

  package init(sessions: Int, values: [EngineFigure: Double], slices: [SliceKind: [UInt32]] = [:]) {
    self.sessions = sessions
    self.values = values
    self.slices = slices
  }
}

/// How late leases ended that were driven in real time, once.
package struct LatenessFigures: Sendable, Equatable {
  /// From the tick at which a lease was due to the end of the slice that ended it, in microseconds.
  package var lateness: LatencySummary
  /// The longest slice of timers, in microseconds of CPU, and by the wall.
  package var longestSliceCPU: Double
  package var longestSliceWall: Double

  package init(lateness: LatencySummary, longestSliceCPU: Double, longestSliceWall: Double) {
    self.lateness = lateness
    self.longestSliceCPU = longestSliceCPU
    self.longestSliceWall = longestSliceWall
  }
}
