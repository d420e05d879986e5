import MusterEngine
import MusterModel
import MusterStorage
import MusterTestKit
import Testing

/// One run of an engine on a data directory, from recovery on, on real threads.
final class StorageLife: Sendable {
  let engine: PresenceEngine
  let storage: Storage
  let report: RecoveryReport

  init(
    on disk: any Disk, clock: ManualClock, planes: Int, seed: UInt64,
    engine configure: (inout EngineConfiguration) -> Void = { _ in },
    storage adjust: (inout StorageOptions) -> Void = { _ in }
  ) async throws {
    var options = StorageOptions()
    options.log.segmentBytes = 1 << 16
    options.log.queuedBytesMax = 1 << 14
    options.log.reserveBytes = 1 << 15
    adjust(&options)
    var configuration = EngineConfiguration()
    configure(&configuration)
    storage = Storage(try DataDirectory(disk), options: options)
    engine = PresenceEngine(
      configuration: configuration, executors: (0..<planes).map { _ in LoopbackExecutor() },
      sinks: (0..<planes).map { _ in RecordingSink() }, clock: clock, journal: storage.journal, random: SeededRandom(seed: seed))
    do {
      report = try await storage.recover(into: engine)
    } catch {
      engine.stop()
      throw error
    }
  }

  /// Serves from now on, and keeps what happens.
  func begin(_ report: @escaping @Sendable (Result<CheckpointReport, CheckpointError>) -> Void = { _ in }) {
    engine.start()
    do { try storage.begin(report: report) } catch { Issue.record(error) }
  }

  func open(_ user: String, _ device: Device = .web) async throws -> SessionID {
    try await engine.open(.member(.named(user)), Hello(credentials: .user(.named(user)), device: device)).session
  }

  func stop() { engine.stop() }
}
