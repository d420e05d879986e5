import Foundation
import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@testable import MusterStorage

/// Lives and crashes by the thousand, each tiny, each by its seed.
@Suite("The log against an oracle, on a disk that does its worst")
struct LogSimulationTests {
  static let batches = 32
  /// `MUSTER_LOG_RUNS` says how many, for whoever has more time or less.
  static let runs = ProcessInfo.processInfo.environment["MUSTER_LOG_RUNS"].flatMap { Int($0) } ?? 20_000

  private func seeds(_ batch: Int, of runs: Int) -> Range<UInt64> {
    let size = UInt64(runs / Self.batches)
    return UInt64(batch) * size..<UInt64(batch + 1) * size
  }

  @Test("nothing acknowledged is lost, no torn tail is refused, and the log goes on", arguments: 0..<batches)
  func crashes(batch: Int) throws {
    for seed in seeds(batch, of: Self.runs) {
      let world = LogWorld(seed: seed)
      for _ in 0..<2 {
        let start: LogStart
        do throws(LogRecoveryError) {
          let (report, parts) = try world.recover()
          if let objection = world.objection(to: report, parts) {
            Issue.record("seed \(seed): \(objection)")
            return
          }
          world.accept(report)
          start = report.start
        } catch {
          Issue.record("seed \(seed): refused: \(error)")
          return
        }
        if world.random.happens(percent: 60) { world.disk.die(after: world.random.below(40)) }
        world.live(start, steps: 1 + world.random.below(6))
        world.disk.crash(world.random.happens(percent: 70) ? .power : .process)
      }
      let objection = recoverTwice(world)
      if let objection {
        Issue.record("seed \(seed): \(objection)")
        return
      }
    }
  }

  /// Recovers, with an interruption now and then, and once more.
  private func recoverTwice(_ world: LogWorld) -> String? {
    if world.random.happens(percent: 20) {
      world.disk.die(after: world.random.below(12))
      _ = try? world.recover()
      world.disk.crash(.power)
    }
    do throws(LogRecoveryError) {
      let (first, parts) = try world.recover()
      if let objection = world.objection(to: first, parts) { return objection }
      world.disk.crash(.power)
      let (second, again) = try world.recover()
      guard parts == again, first.start.nextLSN == second.start.nextLSN, second.cuts.isEmpty else {
        return "a second recovery found something else"
      }
      return nil
    } catch {
      return "refused: \(error)"
    }
  }

  @Test("replies that do not wait lose at most what was not synced", arguments: 0..<batches)
  func lazyDurability(batch: Int) throws {
    for seed in seeds(batch, of: Self.runs / 10) {
      let world = LogWorld(seed: seed ^ 0xabc_0000)
      world.settings.durability = .interval(.seconds(1))
      for _ in 0..<2 {
        let (report, parts) = try world.recover()
        if let objection = world.objection(to: report, parts) {
          Issue.record("seed \(seed): \(objection)")
          return
        }
        world.accept(report)
        world.live(report.start, steps: 6)
        world.disk.crash(world.random.happens(percent: 70) ? .power : .process)
      }
      if let objection = recoverTwice(world) {
        Issue.record("seed \(seed): \(objection)")
        return
      }
    }
  }

  @Test(
    "a bit that flipped is never taken for what was written, and what was acknowledged is not cut for it", arguments: 0..<batches)
  func flips(batch: Int) throws {
    var refused = 0
    for seed in seeds(batch, of: Self.runs / 4) {
      let world = LogWorld(seed: seed ^ 0xf11b_0000)
      let (report, _) = try world.recover()
      world.live(report.start, steps: 2 + world.random.below(6))
      let isPower = world.random.happens(percent: 50)
      world.disk.crash(isPower ? .power : .process)
      let names = try world.disk.list().filter { $0.hasSuffix(".wal") }.sorted()
      guard !names.isEmpty else { continue }
      let name = names[world.random.below(names.count)]
      guard let bytes = world.disk.bytes(of: name) else { continue }
      let used = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
      world.disk.flip(name, byte: world.random.below(used), bit: world.random.below(8))
      let acknowledged = world.acknowledged
      // What power may have taken with it is the evidence for the last group only; then the loss is told. An earlier segment is
      // vouched for by the header of the next, which was durable before it had its name.
      let isProven = name != names.last || world.isMarked && !isPower
      world.acknowledged = isProven ? acknowledged : 0
      do throws(LogRecoveryError) {
        let (report, parts) = try world.recover()
        if let objection = world.objection(to: report, parts) {
          Issue.record("seed \(seed): \(objection)")
          return
        }
        if report.lastLSN.rawValue < acknowledged, report.cuts.isEmpty {
          Issue.record("seed \(seed): cut in silence")
          return
        }
      } catch {
        guard case .refused = error else {
          Issue.record("seed \(seed): \(error)")
          return
        }
        refused += 1
        if let objection = salvageObjection(world) {
          Issue.record("seed \(seed): \(objection)")
          return
        }
      }
    }
    #expect(refused > 0)
  }

  /// Salvage gives what is sound, says what is gone, and both together are all there was.
  private func salvageObjection(_ world: LogWorld) -> String? {
    guard let (report, parts) = try? world.recover(.salvage) else { return "salvage refused" }
    var next = world.checkpoint.coveredThrough.rawValue + 1
    for part in parts {
      switch part {
      case .lost(let range):
        guard range.lowerBound.rawValue == next else { return "salvage lost \(range) behind \(next)" }
        next = range.upperBound.rawValue + 1
      case .records(let records):
        for record in records {
          guard record.lsn.rawValue == next else { return "salvage gave \(record.lsn.rawValue) for \(next)" }
          guard world.appended[Int(next) - 1] == .init(mutation: record.mutation, wall: record.wall) else {
            return "salvage gave another record \(next)"
          }
          next += 1
        }
      }
    }
    guard next == report.start.nextLSN.rawValue else { return "salvage goes on with \(report.start.nextLSN), not \(next)" }
    guard !report.faults.isEmpty else { return "salvage names no fault" }
    return nil
  }
}
