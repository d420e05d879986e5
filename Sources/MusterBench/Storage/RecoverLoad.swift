import Glibc
import MusterEngine
import MusterModel
import MusterStorage

/// Measures snapshots and recovery in this process, through the same files, threads and turns as the server's.
///
/// For each size: the log of as many sessions is written, and replayed into an empty engine; a snapshot of it is made while some
/// sessions change; it ends as a server does, with another snapshot; and an empty engine recovers from the directory.
package struct RecoverLoad: Sendable {
  /// What is measured, and how much of it.
  package struct Plan: Sendable {
    /// How many sessions, size by size.
    package var sizes = [1_000_000, 10_000_000]
    package var dataBytes = 100
    /// How many planes the engine has.
    package var planes = 2
    /// Changes of data while a snapshot is made.
    package var changesPerSecond = 1_000
    /// How often each size recovers from the same files.
    package var rounds = 3
    /// Whether Redis is measured with as many keys.
    package var comparesRedis = false
    /// Where directories are made.
    package var directory = "/tmp"
    /// How hard snapshots are compressed, as zstd counts.
    package var level: Int32 = StorageOptions().level

    package init() {}

    /// Relates the plan to its bounds.
    package func validate() throws(LoadError) {
      guard !sizes.isEmpty else { throw .plan("--sessions names no size") }
      for size in sizes { try LoadSettings.check("--sessions", size, 100...50_000_000) }
      try LoadSettings.check("--data-bytes", dataBytes, 0...8_192)
      try LoadSettings.check("--planes", planes, 1...64)
      try LoadSettings.check("--changes", changesPerSecond, 0...100_000)
      try LoadSettings.check("--rounds", rounds, 1...100)
      try LoadSettings.check("--level", level, -20...19)
    }
  }

  let plan: Plan
  let tell: @Sendable (String) -> Void

  /// Prepares a run; `tell` is told what happens, a line at a time.
  package init(plan: Plan, tell: @escaping @Sendable (String) -> Void) {
    self.plan = plan
    self.tell = tell
  }

  /// Runs all of it.
  ///
  /// - Throws: ``LoadError`` when a file or a process cannot be made; what storage says is a trouble of the result.
  package func run() async throws(LoadError) -> RecoverResult {
    try plan.validate()
    var result = RecoverResult(fileSystem: FileSystemFacts.of(plan.directory), dataBytes: plan.dataBytes)
    for size in plan.sizes where !StopSignal.isRaised {
      let directory = try TemporaryDirectory(in: plan.directory)
      let sessions = SampleSessions(count: size, dataBytes: plan.dataBytes)
      do {
        try await measure(sessions, "\(directory.path)/data", into: &result)
      } catch {
        tell("\(size) sessions: \(error)")
        result.troubles.append("\(size) sessions: \(error)")
      }
    }
    if plan.comparesRedis {
      for size in plan.sizes where !StopSignal.isRaised {
        do {
          try RedisRecovery(plan: plan, tell: tell).measure(size, into: &result)
        } catch {
          tell("Redis, \(size) keys: \(error)")
          result.troubles.append("Redis, \(size) keys: \(error)")
        }
      }
    }
    return result
  }

  private var options: StorageOptions {
    var options = StorageOptions()
    // Nothing waits for the disk but the log's own thread; what is measured is not the disk.
    options.log.durability = .none
    options.level = plan.level
    // Checkpoints are made when they are asked for.
    options.checkpointLogBytes = .max
    options.checkpointInterval = .seconds(86_400)
    return options
  }

  // MARK: One size

  private func measure(_ sessions: SampleSessions, _ path: String, into result: inout RecoverResult) async throws {
    let subject = RecoverResult.muster(sessions.count)
    tell("\(subject.title): writing the log")
    try writeLog(of: sessions, path)
    tell("\(subject.title): replaying the log")
    try await life(path, sessions, subject, &result, captures: true)
    for round in 1...plan.rounds where !StopSignal.isRaised {
      tell("\(subject.title): recovering, round \(round) of \(plan.rounds)")
      try await life(path, sessions, subject, &result, captures: false)
    }
  }

  /// Two records of each session, as a server would have written them.
  private func writeLog(of sessions: SampleSessions, _ path: String) throws {
    let directory = try DataDirectory(path: path)
    let writer = try directory.makeWriter(at: .beginning, settings: options.log)
    writer.start {}
    let (clock, configuration) = (ProcessClock(), EngineConfiguration())
    for number in 0..<sessions.count {
      if StopSignal.isRaised { throw LoadError.process("it was interrupted") }
      let now = clock.wall
      while !writer.isAccepting {
        guard writer.status != .failed, !StopSignal.isRaised else { break }
        usleep(500)
      }
      _ = writer.append(.granted(sessions.grant(number, at: now, configuration)), at: now)
      if let data = sessions.data(number) {
        _ = writer.append(
          .dataSet(sessions.session(number), SessionData(public: data, private: .empty, version: 1)), at: now)
      }
    }
    guard writer.close() else { throw LoadError.process("the log could not be written to \(path)") }
  }

  /// One life of an engine, from its recovery to its end.
  private func life(
    _ path: String, _ sessions: SampleSessions, _ subject: FigureTable.Subject, _ result: inout RecoverResult, captures: Bool
  ) async throws {
    MemoryWatch.settle()
    let memoryBefore = MemoryWatch.anonymousBytes()
    let meter = Meter(server: nil)
    let storage = Storage(try DataDirectory(path: path), options: options)
    let benched = BenchedEngine(planes: plan.planes, journal: storage.journal)
    defer { benched.stop() }
    let report = try await storage.recover(into: benched.engine)
    let usage = meter.usage()
    let found = report.snapshotSessions + report.counts.applied
    let grown = zip(memoryBefore, MemoryWatch.anonymousBytes()).map { Double($1 - $0) / Double(sessions.count) }
    if report.manifest == nil {
      result.table.add(usage.seconds, "replay_seconds", of: subject)
      result.table.add(Double(report.log.bytesRead) / 1_048_576, "log_mib", of: subject)
      result.table.add(Double(report.counts.applied) / usage.seconds, "replay_records_per_second", of: subject)
      result.table.add(Double(report.counts.applied) / (usage.own / 1e9), "replay_records_per_cpu_second", of: subject)
    } else {
      guard report.counts.sessions >= sessions.count else {
        throw LoadError.process("\(report.counts.sessions) of \(sessions.count) sessions came back, \(found) found")
      }
      result.table.add(usage.seconds, "recovery_seconds", of: subject)
      result.table.add(usage.own / 1e9, "recovery_cpu_seconds", of: subject)
      result.table.add(report.loading.inSeconds, "loading_seconds", of: subject)
      result.table.add(report.finishing.inSeconds, "finishing_seconds", of: subject)
      result.table.add(Double(sessions.count) / (usage.own / 1e9), "recovered_per_cpu_second", of: subject)
      result.table.add(grown, "recovered_bytes", of: subject)
    }
    if captures {
      benched.engine.start()
      try storage.begin()
      try await capture(sessions, storage, benched, subject, &result)
    } else {
      // Without its threads it ends as it is: nothing has changed.
      _ = await storage.close()
    }
  }
}

/// Both, if both are there.
private func zip<First, Second>(_ first: First?, _ second: Second?) -> (First, Second)? {
  first.flatMap { first in second.map { (first, $0) } }
}
