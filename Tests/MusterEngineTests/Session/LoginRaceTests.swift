import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// Logins that reach their shard through different planes, at once.
///
///     plane 0   hello ──┐                 ┌─▶ welcome, ended (replaced)
///     plane 1   hello ──┼─▶ plane of user ┼─▶ welcome
///     plane 2   hello ──┘                 └─▶ session_limit
@Suite("Simultaneous logins")
struct LoginRaceTests {
  @Test("of simultaneous logins exactly the limit survives, in any order of turns", arguments: scenarioSeeds(150))
  func exactlyTheLimit(seed: UInt64) throws {
    let random = SeededRandom(seed: seed)
    let planes = 1 + random.below(3)
    let limit = 1 + random.below(4)
    let policy = random.pick(LoginPolicy.allCases)
    let harness = EngineHarness(planes: planes, seed: seed) { configuration in
      configuration.loginPolicy = policy
      configuration.sessionsPerUserMax = limit
    }
    var clients: [ManualClient] = []
    for _ in 0..<(limit + 1 + random.below(8)) {
      let client = try harness.connect(plane: random.below(planes))
      let user = UserID.named("alice")
      client.hello(.member(user), Hello(credentials: .user(user), device: random.pick([.web, .ios])))
      clients.append(client)
      while random.happens(percent: 40) { harness.turn(random.below(planes)) }
    }
    harness.settle()
    try #require(harness.violations() == [], "seed \(seed)")
    try #require(harness.stats.sessions == limit, "seed \(seed)")
    try #require(harness.stats.attached == limit, "seed \(seed)")
    for client in clients { client.receive() }
    let open = clients.filter(\.isOpen)
    try #require(open.count == limit, "seed \(seed)")
    try #require(Set(open.compactMap { $0.welcome?.session }).count == limit, "seed \(seed)")
    for client in clients where !client.isOpen {
      let isReplaced = client.refusal?.code == .replaced && client.ended == .replaced && client.welcome != nil
      let isRefused = client.refusal?.code == .sessionLimit && client.welcome == nil
      try #require(policy == .reject ? isRefused : isReplaced || isRefused && policy == .replaceSameDevice, "seed \(seed)")
      try #require(client.closings == 1, "seed \(seed)")
    }
  }

  @Test("of simultaneous logins on real threads exactly the limit survives", arguments: LoginPolicy.allCases)
  func onThreads(policy: LoginPolicy) async {
    let limit = 3
    let harness = LoopbackHarness(planes: 3) { configuration in
      configuration.loginPolicy = policy
      configuration.sessionsPerUserMax = limit
    }
    await harness.run { harness in
      let users = ["alice", "bob", "carol"].map { UserID.named($0) }
      await withTaskGroup(of: Void.self) { group in
        for round in 0..<60 {
          group.addTask {
            let user = users[round % users.count]
            _ = await harness.login(.member(user), Hello(credentials: .user(user), device: .web), plane: round / 3 % 3)
          }
        }
      }
      await harness.settle()
      let stats = await harness.engine.stats()
      #expect(stats.sessions == limit * users.count)
      #expect(stats.attached == limit * users.count)
      #expect(stats.connections == limit * users.count)
      #expect(stats.members == users.count)
      for plane in harness.engine.planes {
        #expect(await plane.sessions.violations(at: harness.clock.now) == [])
        #expect(await plane.connections.violations() == [])
      }
    }
  }
}

extension SessionShard {
  fileprivate func violations(at now: Tick) -> [String] { state.invariantViolations(at: now) }
}

extension ConnectionShard {
  fileprivate func violations() -> [String] { state.invariantViolations() }
}
