import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// A capture goes over two tables, and users move from one to the other while it is going on.
@Suite("Capture of folded sessions")
struct CaptureFoldingTests {
  @Test(
    "users who come and go while pages are written are neither missed nor there twice, and are folded again afterwards",
    arguments: scenarioSeeds(40))
  func moving(seed: UInt64) async throws {
    let planes = 1 + Int(seed % 2)
    var rest = try Rest(seed: seed, planes: planes)
    for _ in 0..<20 { try await rest.step() }
    rest.harness.settle()
    let snapshot = MemorySnapshot(planes: planes)
    let start = LSN(UInt64(rest.harness.journal.records.count))
    try #require(await rest.harness.engine.beginCapture(into: snapshot, from: start, pace: .onePage(rows: 1)))
    var unfolded = 0
    var steps = 0
    while !snapshot.isFinished {
      snapshot.makeRoom(pages: rest.random.below(3))
      let before = rest.folded
      try await rest.step()
      if rest.folded < before { unfolded += 1 }
      rest.harness.turn(rest.random.below(planes))
      steps += 1
      try #require(steps < 10_000, "seed \(seed): a capture ends")
    }
    try #require(unfolded > 0, "seed \(seed): nobody moved")
    rest.harness.settle()
    let original = EngineImage(of: rest.harness, users: Rest.users, channels: Life.channels)
    snapshot.alter { rest.random.shuffle(&$0) }
    for first in [start.rawValue + 1, 1] {
      let second = try await rest.harness.recovered(
        from: snapshot, records: rest.harness.logged(from: first), planes: 1 + rest.random.below(3), configure: Rest.configure)
      let restored = EngineImage(of: second, users: Rest.users, channels: Life.channels)
      try #require(restored.users == original.users, "seed \(seed), from \(first)")
      try #require(restored.rosters == original.rosters, "seed \(seed), from \(first)")
      try #require(restored.stats == original.stats, "seed \(seed), from \(first)")
      try #require(second.violations() == [], "seed \(seed), from \(first)")
    }
    // Without a log: what was folded is folded.
    let third = try await rest.harness.recovered(
      from: await rest.harness.snapshot(), records: [], planes: planes, configure: Rest.configure)
    #expect(Rest.folded(in: third) >= rest.folded, "seed \(seed)")
    #expect(third.violations() == [], "seed \(seed)")
  }
}

/// Users who come, go, and have nothing most of the time.
private struct Rest {
  static let users = (0..<24).map { UserID.named("user\($0)") }

  let harness: EngineHarness
  let random: SeededRandom
  private var clients: [ManualClient] = []
  private var sessions: [SessionID] = []

  /// Everybody has been there and is at rest.
  init(seed: UInt64, planes: Int) throws {
    random = SeededRandom(seed: seed)
    harness = EngineHarness(planes: planes, seed: seed, configure: Self.configure)
    for user in Self.users {
      let client = try harness.login(user.text)
      sessions.append(try client.session)
      client.drop(.goodbye)
    }
    harness.settle()
  }

  static func configure(_ configuration: inout EngineConfiguration) {
    configuration.sessionsPerUserMax = 3
    configuration.requestsBurst = 10_000
  }

  /// How many sessions are one row.
  var folded: Int { Self.folded(in: harness) }

  static func folded(in harness: EngineHarness) -> Int {
    harness.engine.planes.indices.reduce(0) { $0 + harness.sessions($1) { $0.state.foldedCount } }
  }

  mutating func step() async throws {
    let plane = random.below(harness.executors.count)
    switch random.below(16) {
    case 0: note(try harness.login(random.pick(Self.users).text, plane: plane))
    case 1...6: if !sessions.isEmpty { note(try harness.resume(random.pick(sessions), plane: plane)) }
    case 7...11: if !clients.isEmpty { clients.remove(at: random.below(clients.count)).drop(random.pick([.goodbye, .lost])) }
    case 12:
      let channel = random.pick(Life.channels)
      if !clients.isEmpty {
        random.pick(clients).ask(random.happens(percent: 30) ? .join(channel, meta: .empty, list: 0) : .leave(channel))
      }
    case 13: _ = try? await harness.engine.kick(user: random.pick(Self.users), except: nil, message: "")
    default: harness.advance(.milliseconds(100 * (1 + random.below(60))), beating: clients)
    }
    clients.removeAll { !$0.isOpen }
  }

  private mutating func note(_ client: ManualClient) {
    client.receive()
    guard let welcome = client.welcome else { return }
    clients.append(client)
    sessions.append(welcome.session)
  }
}
