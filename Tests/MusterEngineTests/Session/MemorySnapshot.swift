import MusterEngine
import MusterModel
import MusterTestKit
import MusterThreads

/// A snapshot in memory: takes pages, has no room when the test says so, and gives them back in any order.
final class MemorySnapshot: SnapshotSink, SnapshotSource {
  private struct State {
    var pages: [CapturedPage] = []
    var finished: [Int: LSN] = [:]
    var reception = PageReception.taken
    /// How many pages more are taken; `nil` for any number.
    var room: Int?
  }

  private let state = ContendedLock(State())
  let planes: Int

  init(planes: Int) {
    self.planes = planes
  }

  func offer(_ page: CapturedPage) -> PageReception {
    state.withLock { state in
      guard state.room != 0 else { return .full }
      if state.reception == .taken {
        state.pages.append(page)
        state.room? -= 1
      }
      return state.reception
    }
  }

  func finish(shard: Int, through: LSN) {
    state.withLock { $0.finished[shard] = through }
  }

  /// What becomes of pages from now on.
  func answer(_ reception: PageReception) {
    state.withLock { $0.reception = reception }
  }

  /// Takes so many pages from now on, and is full then.
  func makeRoom(pages: Int) {
    state.withLock { $0.room = pages }
  }

  var isFinished: Bool { state.withLock { $0.finished.count == planes } }
  var pages: [CapturedPage] { state.withLock { $0.pages } }

  /// Changes the pages, before they are read.
  func alter(_ body: (inout [CapturedPage]) -> Void) {
    state.withLock { body(&$0.pages) }
  }

  // Reading: one frame for each page, those of a shard together.

  var through: LSN { state.withLock { $0.finished.values.max() ?? .zero } }

  func frames(of shard: Int) -> Range<Int> {
    let sorted = pages.sorted { $0.shard < $1.shard }
    let first = sorted.firstIndex { $0.shard == shard } ?? 0
    return first..<first + sorted.count { $0.shard == shard }
  }

  func frame(_ index: Int) throws -> [UInt8] {
    pages.sorted { $0.shard < $1.shard }[index].bytes
  }
}

/// Everything that must survive, of a whole engine, in a form that can be compared.
struct EngineImage: Equatable {
  var users: [UserID: UserDetail] = [:]
  var rosters: [ChannelName: [UserID: Member]] = [:]
  var stats = EngineStats()

  init(of harness: EngineHarness, users names: [UserID], channels: [ChannelName]) {
    let moment = harness.clock.moment
    for plane in harness.engine.planes.indices {
      let found = harness.sessions(plane) { shard in
        var found: [UserID: UserDetail] = [:]
        for name in names where harness.engine.placement.plane(of: name) == plane {
          guard var detail = shard.state.detail(of: name, at: moment) else { continue }
          for index in detail.sessions.indices { detail.sessions[index].forgetWhatHeartbeatsRestore() }
          found[name] = detail
        }
        return (found, shard.state.stats)
      }
      users.merge(found.0) { first, _ in first }
      stats.add(ShardImage.lasting(found.1))
    }
    for channel in channels { rosters[channel] = harness.roster(of: channel.text) }
    // They count from the start.
    stats.mutations = 0
    stats.sessionsGranted = 0
    stats.sessionsEnded = 0
  }
}

extension EngineHarness {
  /// A second engine at the same moment, which has recovered from a snapshot and the log of the first.
  func recovered(
    from snapshot: MemorySnapshot?, records: [LoggedMutation], planes: Int, after: Duration = .zero, wallJump: Int64 = 0,
    configure: (inout EngineConfiguration) -> Void = { _ in }
  ) async throws -> EngineHarness {
    let second = EngineHarness(planes: planes, seed: 7, configure: configure)
    // The second one's ticks begin high enough for ages of some days, as those of a server do.
    second.clock.advance(ticks: 1 << 22)
    second.clock.jumpWall(milliseconds: clock.wall.milliseconds + after.milliseconds - second.clock.wall.milliseconds + wallJump)
    if let snapshot { _ = try await second.engine.load(snapshot) }
    _ = try await second.engine.replay(records, fuzzyThrough: snapshot?.through ?? .zero)
    await second.engine.finishRecovery(through: records.last?.lsn ?? .zero)
    let moment = second.clock.moment
    for plane in 0..<planes { second.connections(plane) { $0.begin(moment) } }
    return second
  }

  /// The records of the journal as the log would give them back, from one position on.
  func logged(from first: UInt64 = 1) -> [LoggedMutation] {
    journal.records.enumerated().compactMap { index, record in
      let lsn = LSN(UInt64(index) + 1)
      return lsn.rawValue < first ? nil : LoggedMutation(lsn: lsn, wall: record.wall, mutation: record.mutation)
    }
  }

  /// Takes a whole snapshot now.
  func snapshot() async -> MemorySnapshot {
    let snapshot = MemorySnapshot(planes: engine.planes.count)
    let start = LSN(UInt64(journal.records.count))
    _ = await engine.beginCapture(into: snapshot, from: start, pace: .onePage())
    settle()
    return snapshot
  }
}

extension SeededRandom {
  /// Puts elements into a random order.
  func shuffle<Element>(_ elements: inout [Element]) {
    for index in elements.indices.dropFirst() { elements.swapAt(index, below(index + 1)) }
  }
}
