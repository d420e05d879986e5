import Glibc
import MusterEngine
import MusterModel
import MusterStorage

extension RecoverLoad {
  /// How long the engine is watched before the snapshot, for what its turns take without one.
  private static let calm: Duration = .milliseconds(500)

  /// Makes a snapshot under load, and the last one of a life.
  func capture(
    _ sessions: SampleSessions, _ storage: Storage, _ benched: BenchedEngine, _ subject: FigureTable.Subject,
    _ result: inout RecoverResult
  ) async throws {
    let stream = ChangeStream(of: sessions, perSecond: plan.changesPerSecond)
    let load = Task { await stream.run(on: benched.engine) }
    defer { load.cancel() }
    tell("\(subject.title): at rest")
    try await Task.sleep(for: Self.calm)
    _ = (benched.takeLongest(), stream.take())
    let calmMeter = Meter(server: nil)
    try await Task.sleep(for: Self.calm)
    let (calmUsage, calmTurns, calmChanges) = (calmMeter.usage(), benched.takeLongest(), stream.take())
    result.table.add(Double(calmTurns.elapsed) / 1e3, "calm_turn_us", of: subject)
    result.table.add(calmChanges.latency?.p99, "calm_change_p99_us", of: subject)

    tell("\(subject.title): a snapshot under load")
    let watch = try MemoryWatch()
    let memoryBefore = MemoryWatch.anonymousBytes() ?? 0
    let (meter, planesBefore) = (Meter(server: nil), benched.cpuNanoseconds)
    _ = (benched.takeLongest(), stream.take())
    let report: CheckpointReport
    do throws(CheckpointError) {
      report = try await storage.checkpoint()
    } catch {
      _ = watch.stop()
      stream.stop()
      throw error
    }
    let (usage, turns, changes) = (meter.usage(), benched.takeLongest(), stream.take())
    let planes = Double(benched.cpuNanoseconds - planesBefore)
    let most = watch.stop()
    stream.stop()
    await load.value
    if changes.failed > 0 { result.troubles.append("\(subject.title): \(changes.failed) changes were refused") }

    // The load goes on as before, so what it takes is known from before.
    let rest = calmUsage.seconds > 0 ? calmUsage.own / calmUsage.seconds * usage.seconds : 0
    let cpu = max(1, usage.own - rest) / 1e9
    result.table.add(usage.seconds, "snapshot_seconds", of: subject)
    result.table.add(cpu, "snapshot_cpu_seconds", of: subject)
    result.table.add(planes / 1e9, "capture_cpu_seconds", of: subject)
    result.table.add(Double(report.summary.sessions) / cpu, "snapshot_per_cpu_second", of: subject)
    result.table.add(Double(report.summary.sessions) / (planes / 1e9), "captured_per_cpu_second", of: subject)
    result.table.add(Double(turns.elapsed) / 1e3, "longest_pause_us", of: subject)
    result.table.add(Double(turns.cpu) / 1e3, "longest_pause_cpu_us", of: subject)
    result.table.add(changes.latency?.p99, "change_p99_us", of: subject)
    result.table.add(changes.latency?.max, "change_max_us", of: subject)
    result.table.add(Double(most - memoryBefore) / 1_048_576, "snapshot_extra_mib", of: subject)
    result.table.add(Double(report.summary.fileBytes) / 1_048_576, "file_mib", of: subject)
    result.table.add(Double(report.summary.plainBytes) / Double(report.summary.fileBytes), "compression", of: subject)

    tell("\(subject.title): the last snapshot, without load")
    let last = Meter(server: nil)
    guard await storage.close() else { throw LoadError.process("not all of the log is durable") }
    let lastUsage = last.usage()
    result.table.add(lastUsage.seconds, "last_snapshot_seconds", of: subject)
    result.table.add(Double(sessions.count) / (lastUsage.own / 1e9), "last_snapshot_per_cpu_second", of: subject)
  }
}
