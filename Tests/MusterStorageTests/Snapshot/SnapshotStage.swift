import MusterEngine
import MusterModel
import MusterStorage
import MusterTestKit
import MusterThreads

/// An engine with a bit of everything that a snapshot holds, and its pages.
struct SnapshotStage {
  static let users = ["alice", "bob", "carol", "mallory"].map { UserID(unchecked: Array($0.utf8)) }

  let harness: EngineHarness
  let pages: [CapturedPage]
  let finished: [Int: LSN]

  init(planes: Int = 2) async throws {
    harness = EngineHarness(planes: planes)
    for (index, user) in Self.users.dropLast().enumerated() {
      for device in [Device.web, .ios].prefix(1 + index % 2) {
        let client = try harness.login(user.text, device: device) { $0.text = Array("hello from \(user.text)".utf8) }
        client.join("room:1")
        client.ask(.data(patch: Payload(validated: Array("{\"cart\":[1,2,3],\"page\":\"/shop/\(index)\"}".utf8)), ifVersion: nil))
        if index == 2 { client.drop(.goodbye) }
      }
    }
    _ = try await harness.engine.ban(Self.users[3], for: .seconds(3_600), reason: "spam")
    let change = StatusChange(status: .dnd, text: Array("busy".utf8), scope: .user)
    _ = try await harness.engine.overrideStatus(of: Self.users[0], change)
    harness.settle()
    let gathering = GatheringSink()
    let start = LSN(UInt64(harness.journal.records.count))
    _ = await harness.engine.beginCapture(into: gathering, from: start, pace: .onePage(rows: 2))
    harness.settle()
    pages = gathering.gathered.withLock { $0.pages }
    finished = gathering.gathered.withLock { $0.finished }
  }

  var details: [UserID: UserDetail] { Self.details(of: harness) }

  /// What is known of the users, without what a restart changes.
  static func details(of harness: EngineHarness) -> [UserID: UserDetail] {
    var found: [UserID: UserDetail] = [:]
    for user in users {
      guard var detail = harness.detail(ofUser: user.text) else { continue }
      for index in detail.sessions.indices {
        if detail.sessions[index].phase == .attached { detail.sessions[index].phase = .detached }
        detail.sessions[index].connections = []
        detail.sessions[index].lastHeard = WallTime(milliseconds: 0)
        detail.sessions[index].deadline = WallTime(milliseconds: 0)
      }
      found[user] = detail
    }
    return found
  }

  /// Writes the pages into a file.
  func write(_ name: String, on disk: any Disk, sequence: UInt64 = 1) throws -> SnapshotSummary {
    let queue = PageQueue(shards: harness.engine.planes.count, bytesMax: 1 << 20) {}
    offer(to: queue)
    let header = SnapshotHeader(
      planes: harness.engine.planes.count, sequence: sequence, coveredThrough: LSN(3),
      begun: WallTime(milliseconds: 1_800_000_000_000))
    var writer = try SnapshotWriter(try disk.create(name), header, level: 1)
    guard let summary = try writer.run(queue) else { throw CheckpointError.abandoned }
    return summary
  }

  func offer(to queue: PageQueue) {
    for page in pages { _ = queue.offer(page) }
    for (shard, through) in finished { queue.finish(shard: shard, through: through) }
  }

  /// A fresh engine at the same moment that has loaded a snapshot.
  func load(_ reader: SnapshotReader, planes: Int) async throws -> EngineHarness {
    let second = EngineHarness(planes: planes)
    second.clock.advance(ticks: harness.clock.now.ticks(since: second.clock.now))
    _ = try await second.engine.load(reader)
    await second.engine.finishRecovery(through: reader.through)
    return second
  }
}

private final class GatheringSink: SnapshotSink {
  struct Gathered {
    var pages: [CapturedPage] = []
    var finished: [Int: LSN] = [:]
  }

  let gathered = ContendedLock(Gathered())

  func offer(_ page: CapturedPage) -> PageReception {
    gathered.withLock { $0.pages.append(page) }
    return .taken
  }

  func finish(shard: Int, through: LSN) {
    gathered.withLock { $0.finished[shard] = through }
  }
}
