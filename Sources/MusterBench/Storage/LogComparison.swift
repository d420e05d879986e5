import Glibc

/// What durability costs: Muster and Redis, each way of keeping what changes, with few and with many clients.
package struct LogComparison: Sendable {
  /// When a change is answered.
  package enum Mode: String, Sendable, CaseIterable {
    /// When it survives a loss of power.
    case commit
    /// At once; what happened within the last second may be lost.
    case interval
    /// At once; nothing is synced.
    case none

    /// What Muster is told.
    var musterArguments: [String] {
      switch self {
      case .commit: ["--durability", "commit"]
      case .interval: ["--durability", "interval=1000"]
      case .none: ["--durability", "none"]
      }
    }

    /// What Redis is told, and how it calls that.
    var redis: (arguments: [String], title: String) {
      switch self {
      case .commit: (["--appendonly", "yes", "--appendfsync", "always"], "appendfsync always")
      case .interval: (["--appendonly", "yes", "--appendfsync", "everysec"], "appendfsync everysec")
      case .none: (["--appendonly", "no"], "no append-only file")
      }
    }
  }

  /// What is measured, and how much of it.
  package struct Plan: Sendable {
    package var clients = [1, 64, 1_000]
    package var modes = Mode.allCases
    package var rounds = 3
    package var duration: Duration = .seconds(5)
    package var warmUp: Duration = .seconds(1)
    /// Whether Redis takes part.
    package var comparesRedis = true
    /// Where servers keep what they keep; on a disk.
    package var directory = "/tmp"

    package init() {}

    /// Relates the plan to its bounds.
    package func validate() throws(LoadError) {
      guard !clients.isEmpty, !modes.isEmpty else { throw .plan("--clients or --modes names nothing") }
      for count in clients { try LoadSettings.check("--clients", count, 1...20_000) }
      try LoadSettings.check("--rounds", rounds, 1...100)
      try LoadSettings.check("--duration", duration, LoadSettings.Bounds.span)
    }
  }

  let plan: Plan
  let tools: PeerTools
  let processors: Processors
  let tell: @Sendable (String) -> Void

  /// Prepares a comparison; `tell` is told what happens, a line at a time.
  package init(plan: Plan, tools: PeerTools, processors: Processors, tell: @escaping @Sendable (String) -> Void) {
    self.plan = plan
    self.tools = tools
    self.processors = processors
    self.tell = tell
  }

  /// Runs all of it; blocks the calling thread.
  ///
  /// - Returns: What came out, also when a signal cut it short: then with the cells that were complete.
  /// - Throws: ``LoadError`` when the directory is in memory, or Muster is not there.
  package func run() throws(LoadError) -> LogResult {
    try plan.validate()
    let fileSystem = FileSystemFacts.of(plan.directory)
    guard !fileSystem.isInMemory else {
      throw .plan("\(plan.directory) is \(fileSystem.text), where a sync costs nothing: give --directory on a disk")
    }
    if let reason = tools.reasonWithout(.muster) { throw .plan(reason) }
    var result = LogResult(fileSystem: fileSystem)
    var peers: [Peer] = [.muster]
    if plan.comparesRedis {
      if let reason = tools.reasonWithout(.redis) {
        tell("Redis is left out: \(reason)")
        result.notes.append("Redis was left out: \(reason)")
      } else {
        peers.append(.redis)
        result.redisVersion = tools.version(of: .redis)
      }
    }
    processors.pinGenerator()
    for round in 1...plan.rounds {
      try measureDisk(&result)
      for mode in plan.modes {
        for peer in peers where !StopSignal.isRaised {
          tell("round \(round) of \(plan.rounds): \(LogResult.title(peer, mode))")
          do {
            try measure(peer, mode, &result)
          } catch {
            tell("\(LogResult.title(peer, mode)): \(error)")
            result.troubles.append("\(LogResult.title(peer, mode)), round \(round): \(error)")
          }
        }
      }
      if StopSignal.isRaised { break }
    }
    return result
  }

  /// One server in one mode, with each number of clients in turn.
  private func measure(_ peer: Peer, _ mode: Mode, _ result: inout LogResult) throws(LoadError) {
    let arguments =
      peer == .muster
      // A closed loop of one connection is faster than what one client is allowed by default.
      ? mode.musterArguments + ["--set", "requests_per_second=1000000", "--set", "requests_burst=1000000"] : mode.redis.arguments
    let server = try PeerServer(peer, tools: tools, processor: processors.server, arguments: arguments, in: plan.directory)
    for clients in plan.clients where !StopSignal.isRaised {
      var settings = LoadSettings()
      settings.dialect = peer.dialect
      settings.serverPID = server.pid
      settings.url = server.channelURL
      settings.connections = clients
      settings.connectsPerSecond = nil
      settings.settling = .milliseconds(300)
      let report = try ChangeLoad(settings: settings, warmUp: plan.warmUp, duration: plan.duration).run()
      if report.isInterrupted { return }
      result.add(report, LogResult.subject(peer, mode, clients: clients))
      if !report.isClean {
        let what = report.troubles.entries.map { "\($0) (\($0.count) times)" }.joined(separator: "; ")
        tell("\(LogResult.title(peer, mode)), \(clients) clients: \(what)")
        result.troubles.append("\(LogResult.title(peer, mode)), \(clients) clients: \(what)")
      }
    }
  }

  /// What the disk takes for the least that can be made durable: no server can answer a single client sooner.
  private func measureDisk(_ result: inout LogResult) throws(LoadError) {
    let directory = try TemporaryDirectory(in: plan.directory)
    let record = try SyncProbe.run("\(directory.path)/probe")
    result.addDisk(record)
  }
}

/// Writes and syncs a file as a log does, and nothing else.
enum SyncProbe {
  private static let count = 200
  private static let bytes = 4 << 10

  /// How long writes of 4 KiB with a sync take, one after another, in a file whose room is taken in advance.
  static func run(_ path: String) throws(LoadError) -> LatencyRecord {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw .system("open \(path)") }
    defer {
      close(file)
      unlink(path)
    }
    let page = [UInt8](repeating: 0x5a, count: bytes)
    for number in 0..<count { _ = pwrite(file, page, bytes, off_t(number * bytes)) }
    guard fsync(file) == 0 else { throw .system("fsync \(path)") }
    var record = LatencyRecord()
    for number in 0..<count where !StopSignal.isRaised {
      let began = MonotonicTime.now()
      guard pwrite(file, page, bytes, off_t(number * bytes)) == bytes, fdatasync(file) == 0 else {
        throw .system("fdatasync \(path)")
      }
      record.record(MonotonicTime.now().nanoseconds(since: began))
    }
    return record
  }
}
