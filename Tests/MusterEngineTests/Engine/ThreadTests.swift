import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// The same engine on real threads: what planes hand over to each other is not all handed over at one moment there.
@Suite("Real threads")
struct ThreadTests {
  @Test(
    "after everybody has done everything at once, nothing contradicts itself and nothing is left over",
    arguments: scenarioSeeds(6))
  func stress(seed: UInt64) async throws {
    let planes = 3
    let harness = LoopbackHarness(planes: planes, seed: seed) { configuration in
      configuration.sessionsPerUserMax = 3
      configuration.requestsBurst = 100_000
      configuration.requestsInFlightMax = 10_000
      configuration.resumeWindow = .zero
      configuration.defaultNamespace.announceMax = 3
      configuration.defaultNamespace.intervalMax = 6
    }
    await harness.run { harness in
      await withTaskGroup(of: Void.self) { group in
        for crowd in 0..<6 { group.addTask { await Self.bustle(harness, SeededRandom(seed: seed &* 100 &+ UInt64(crowd))) } }
        for _ in 0..<50 {
          harness.clock.advance(ticks: 3)
          await harness.settle(rounds: 2)
        }
      }
      await harness.settle(rounds: 20)
      await expectSound(harness)
      for plane in harness.engine.planes { await plane.connections.closeAll() }
      await harness.advance(.seconds(3))
      await expectSound(harness)
      let stats = await harness.engine.stats()
      #expect([stats.connections, stats.observers, stats.watches, stats.channels] == [0, 0, 0, 0], "seed \(seed)")
      #expect([stats.members, stats.guests, stats.attached, stats.detached] == [0, 0, 0, 0], "seed \(seed)")
      #expect(stats.sessions == stats.dormant, "seed \(seed)")
      #expect(stats.requests > 1_000 && stats.sessionsEnded > 0, "seed \(seed): there was something to get wrong")
    }
  }

  private func expectSound(_ harness: LoopbackHarness) async {
    for plane in harness.engine.planes {
      let tick = harness.clock.now
      #expect(await plane.sessions.violations(at: tick) == [])
      #expect(await plane.connections.violations() == [])
      #expect(await plane.channels.violations() == [])
    }
    #expect(harness.sinks.flatMap(\.complaints) == [])
  }

  /// Opens and closes connections and asks for everything, without waiting for any answer.
  private static func bustle(_ harness: LoopbackHarness, _ random: SeededRandom) async {
    let users = ["alice", "bob", "carol", "dave"].map { UserID.named($0) }
    var connections: [ConnectionID] = []
    for round in 0..<1_000 {
      if connections.count < 4 || random.happens(percent: 5) {
        let user = random.pick(users)
        let identity = random.happens(percent: 20) ? Identity.guest : .member(user)
        let hello = Hello(credentials: .user(user), device: random.pick([.web, .ios]))
        if let connection = await harness.login(identity, hello, plane: random.below(harness.executors.count)) {
          connections.append(connection)
        }
      }
      let index = random.below(connections.count)
      let connection = connections[index]
      let shard = harness.engine.connectionShards[connection.shard]
      switch random.below(20) {
      case 0:
        connections.remove(at: index)
        await shard.closed(connection, random.pick([.lost, .goodbye]))
      case 1: await shard.congested(connection)
      case 2, 3: await shard.drained(connection)
      default: await shard.request(connection, .integer(Int64(round + 2)), request(random, users))
      }
    }
  }

  private static func request(_ random: SeededRandom, _ users: [UserID]) -> Request {
    let channel = ChannelName.named("room:\(random.below(4))")
    switch random.below(12) {
    case 0, 1, 2: return .join(channel, meta: Payload(text: "{\"n\":\(random.below(9))}"), list: 5)
    case 3: return .leave(channel)
    case 4: return .observe(channel, list: 5)
    case 5: return .unobserve(channel)
    case 6: return .update(channel, patch: Payload(text: "{\"n\":\(random.below(9))}"))
    case 7: return .status(StatusChange(status: random.pick([.online, .dnd, .invisible])))
    case 8: return .watch(users)
    case 9: return .unwatch([random.pick(users)])
    case 10: return .signal(.user(random.pick(users)), data: [0x31])
    default: return .signal(.channel(channel), data: [0x31])
    }
  }
}

extension SessionShard {
  fileprivate func violations(at now: Tick) -> [String] { state.invariantViolations(at: now) }
}

extension ChannelShard {
  fileprivate func violations() -> [String] { state.invariantViolations() }
}

extension ConnectionShard {
  fileprivate func violations() -> [String] { state.invariantViolations() }

  fileprivate func closeAll() {
    for connection in state.connections { closed(connection, .lost) }
  }
}
