import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@testable import MusterStorage

/// One log on one simulated disk over many lives, and what an oracle knows about it.
///
/// It drives the front half and the state of the writer as the thread does, step by step.
final class LogWorld {
  struct Entry: Equatable {
    var mutation: Mutation
    var wall: WallTime
  }

  let disk: SimulatedDisk
  let random: SeededRandom
  let seed: UInt64
  var settings = LogSettings()
  /// What was appended, by LSN from 1; cut to what recovery has found.
  var appended: [Entry] = []
  /// Nobody may lose anything through here.
  var acknowledged = 0
  /// Whether the last word of the log was said behind all that was acknowledged.
  var isMarked = true
  var checkpoint = LogCheckpoint.none
  /// What the checkpoint covers is not replayed.
  private let mutations: [Mutation]

  /// Some mutations of each kind, made once: making them takes longer than logging them.
  static let pool: [Mutation] = {
    let source = RandomMutations(seed: 77)
    return (0..<4 * RandomMutations.kinds).map { source.make(kind: $0 % RandomMutations.kinds) }
  }()

  init(seed: UInt64) {
    self.seed = seed
    disk = SimulatedDisk(seed: seed)
    random = SeededRandom(seed: seed &* 31 &+ 7)
    mutations = Self.pool
    settings.segmentBytes = 4_096
    settings.reserveBytes = 1_024
    settings.queuedBytesMax = 1_024
  }

  /// What recovery gives, strictly or not.
  func recover(_ mode: RecoveryMode = .strict) throws(LogRecoveryError) -> (LogRecoveryReport, [RecoveredPart]) {
    var parts: [RecoveredPart] = []
    var recovery = LogRecovery(on: disk, behind: checkpoint, mode: mode)
    let report = try recovery.run { parts.append($0) }
    return (report, parts)
  }

  /// Why what was recovered is not what the oracle says; `nil` when it is.
  func objection(to report: LogRecoveryReport, _ parts: [RecoveredPart]) -> String? {
    var next = checkpoint.coveredThrough.rawValue + 1
    for part in parts {
      guard case .records(let records) = part else { return "strict recovery lost something" }
      for record in records {
        guard record.lsn.rawValue == next else { return "record \(record.lsn.rawValue) where \(next) should be" }
        guard next <= UInt64(appended.count), appended[Int(next) - 1] == Entry(mutation: record.mutation, wall: record.wall)
        else { return "record \(next) is not what was appended" }
        next += 1
      }
    }
    if report.start.nextLSN.rawValue != next { return "the log goes on with \(report.start.nextLSN), not \(next)" }
    if next <= acknowledged { return "acknowledged through \(acknowledged), recovered to \(next)" }
    return nil
  }

  /// Begins another life behind what was recovered.
  func accept(_ report: LogRecoveryReport) {
    appended.removeLast(appended.count - Int(report.lastLSN.rawValue))
    acknowledged = appended.count
    isMarked = true
  }

  /// Lets a writer live for a while, until it is told to stop or the disk dies under it.
  func live(_ start: LogStart, steps: Int) {
    guard var state = try? LogWriterState(on: disk, at: start, settings: settings, random: random) else { return }
    var queue = LogQueue(nextLSN: start.nextLSN)
    var backlog: [QueuedGroup] = []
    for _ in 0..<steps {
      for _ in 0..<random.below(4) {
        let entry = Entry(mutation: mutations[random.below(mutations.count)], wall: WallTime(milliseconds: Int64(appended.count)))
        let lsn = queue.append(entry.mutation, at: entry.wall)
        appended.append(entry)
        precondition(lsn.rawValue == UInt64(appended.count), "positions are dense")
      }
      queue.take(into: &backlog)
      queue.recycle(state.write(&backlog))
      if settings.durability == .commit || random.happens(percent: 30) { state.sync() }
      acknowledge(state.synced)
      if random.happens(percent: 60) {
        state.mark()
        isMarked = state.failure == nil
      }
      state.prepare()
      if random.happens(percent: 10), backlog.isEmpty, state.rotate() { takeCheckpoint(&state) }
      if state.failure != nil { return }
    }
    if random.happens(percent: 10) {
      state.close()
      acknowledge(state.synced)
      isMarked = state.failure == nil
    }
  }

  private func acknowledge(_ lsn: LSN) {
    if Int(lsn.rawValue) > acknowledged {
      acknowledged = Int(lsn.rawValue)
      isMarked = false
    }
  }

  private func takeCheckpoint(_ state: inout LogWriterState) {
    acknowledge(state.synced)
    isMarked = true
    guard random.happens(percent: 50) else { return }
    let before = Int(checkpoint.coveredThrough.rawValue)
    let covered = before + random.below(Int(state.synced.rawValue) - before + 1)
    checkpoint = LogCheckpoint(coveredThrough: LSN(UInt64(covered)), durableThrough: state.synced)
    state.removeSegments(through: checkpoint.coveredThrough)
  }
}
