import MusterEngine
import MusterModel
import MusterStorage
import MusterTestKit
import Testing

/// Log, snapshots and engine together, on real threads and a simulated disk.
@Suite("Storage")
struct StorageTests {
  @Test(
    "what was acknowledged is there after any number of lives, ended by a crash or in order, with any number of planes",
    arguments: [UInt64(1), 2, 3, 4, 5, 6])
  func lives(seed: UInt64) async throws {
    let random = SeededRandom(seed: seed)
    let disk = SimulatedDisk(seed: seed)
    let clock = ManualClock()
    var known: [SessionID: SessionData] = [:]
    var gone: Set<SessionID> = []
    for life in 0..<6 {
      let planes = 1 + random.below(3)
      let life = try await StorageLife(on: disk, clock: clock, planes: planes, seed: seed &* 31 &+ UInt64(life))
      for (session, data) in known {
        try #require(await life.engine.session(session)?.data == data, "seed \(seed)")
      }
      for session in gone { try #require(await life.engine.session(session) == nil, "seed \(seed)") }
      life.begin()
      for _ in 0..<40 {
        switch random.below(8) {
        case 0...3:
          let user = UserID(unchecked: Array("user\(random.below(50))".utf8))
          let welcome = try await life.engine.open(.member(user), Hello(credentials: .user(user)))
          known[welcome.session] = SessionData.none
        case 4, 5:
          guard let session = known.keys.sorted(by: { $0.low < $1.low }).randomElement(using: random) else { continue }
          let patch = Payload(validated: Array("{\"n\":\(random.below(1_000))}".utf8))
          known[session] = try await life.engine.patchData(of: session, public: patch, private: nil, ifVersion: nil)
        case 6:
          guard let session = known.keys.sorted(by: { $0.low < $1.low }).randomElement(using: random) else { continue }
          try #require(try await life.engine.kick(session: session, message: ""))
          known[session] = nil
          gone.insert(session)
        default:
          if random.happens(percent: 30) { _ = try await life.storage.checkpoint() }
        }
      }
      if random.happens(percent: 40) {
        try #require(await life.storage.close())
        life.stop()
      } else {
        // Everything was answered, so everything is durable; what the process does from here on fails.
        disk.die(after: 0)
        _ = await life.storage.close()
        life.stop()
        disk.crash(random.happens(percent: 50) ? .process : .power)
      }
    }
  }

  @Test("a damaged snapshot is refused by name, and nothing is served")
  func damaged() async throws {
    let disk = SimulatedDisk(seed: 1)
    let clock = ManualClock()
    let covered = try await checkpointed(disk, clock)
    let manifest = try #require(try Manifest.read(from: disk))
    #expect(manifest.coveredThrough >= covered)
    disk.flip(manifest.snapshot, byte: manifest.snapshotBytes / 2, bit: 3)
    await #expect(throws: StorageError.self) { _ = try await StorageLife(on: disk, clock: clock, planes: 2, seed: 2) }
  }

  /// One life with one session and two checkpoints; through where the first one covers.
  private func checkpointed(_ disk: SimulatedDisk, _ clock: ManualClock) async throws -> LSN {
    let life = try await StorageLife(on: disk, clock: clock, planes: 2, seed: 1)
    life.begin()
    let user = UserID(unchecked: Array("alice".utf8))
    _ = try await life.engine.open(.member(user), Hello(credentials: .user(user)))
    let report = try await life.storage.checkpoint()
    try #require(await life.storage.close())
    life.stop()
    return report.manifest.coveredThrough
  }
}

extension Array {
  fileprivate func randomElement(using random: SeededRandom) -> Element? {
    isEmpty ? nil : self[random.below(count)]
  }
}
