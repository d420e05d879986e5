import Foundation
import MusterEngine
import MusterModel
import Testing

/// The convergence rule: after any pattern of loss, reconnects and restarts, once traffic stops, every observer's view
/// equals the server's.
@Suite("Convergence of a channel")
struct ChannelConvergenceTests {
  private static let seedsPerBatch: UInt64 = 170
  private static let batches: Range<UInt64> = 0..<12
  private static let steps = 160

  @Test("once traffic stops every view equals the roster, and every number a scan", arguments: batches)
  func converges(batch: UInt64) {
    var kinds: Set<String> = []
    for seed in batch * Self.seedsPerBatch..<(batch + 1) * Self.seedsPerBatch {
      kinds.formUnion(run(seed: seed))
    }
    // A run that never left one mode would prove little.
    #expect(kinds == ["diff", "count", "snapshot", "restart"], "batch \(batch)")
  }

  @Test("a seed of one's own: MUSTER_SEED=123", .enabled(if: ProcessInfo.processInfo.environment["MUSTER_SEED"] != nil))
  func ownSeed() throws {
    let text = try #require(ProcessInfo.processInfo.environment["MUSTER_SEED"])
    _ = run(seed: try #require(UInt64(text)))
  }

  private func run(seed: UInt64) -> Set<String> {
    let world = ChannelWorld(seed: seed)
    for step in 0..<Self.steps where world.complaints.isEmpty {
      world.step()
      if step % 16 == 0 { world.checkInvariants() }
    }
    world.comeToRest()
    world.checkInvariants()
    world.compareViews(lossy: false)
    world.syncLossy()
    world.compareViews(lossy: true)
    world.checkInvariants()
    #expect(world.complaints.isEmpty, "seed \(seed): \(world.complaints.prefix(5).joined(separator: "; "))")
    return world.kinds
  }
}
