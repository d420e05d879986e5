import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Watch lists")
struct WatchTests {
  private let alice = UserID.named("alice")

  /// The changes that were pushed since the last call, batch by batch.
  private func batches(_ client: ManualClient) -> [[UserPresence]] {
    client.takeEvents().compactMap { if case .presence(let users) = $0 { users } else { nil } }
  }

  @Test("watch answers with a snapshot in the order asked, each user once; then changes come in batches", arguments: 1...3)
  func snapshotThenChanges(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    let client = try harness.login("alice", device: .ios)
    client.set(.dnd, text: "busy")
    let watcher = try harness.login("watcher", plane: planes - 1)
    let asked = ["carol", "alice", "bob", "alice"].map { UserID.named($0) }
    guard case .users(let found)? = watcher.ask(.watch(asked)) else {
      Issue.record("watch was not answered")
      return
    }
    #expect(Set(found.map(\.user)) == Set(asked))
    #expect(found.count == 3)
    var presence = UserPresence(
      user: alice, kind: .member, status: .dnd, text: Array("busy".utf8), devices: DeviceSet(.ios))
    #expect(found.first { $0.user == alice } == presence)
    #expect(found.first { $0.user == .named("bob") } == UserPresence(user: .named("bob"), kind: .member, status: .offline))

    client.send(.status(StatusChange(status: .away)))
    client.send(.status(StatusChange(status: .online)))
    harness.settle()
    let told = batches(watcher).flatMap { $0 }
    presence.status = .online
    #expect(told.last == presence)
    _ = try harness.login("bob")
    #expect(batches(watcher).flatMap { $0 }.map(\.user.text) == ["bob"], "one who was never here can be watched")
    client.drop(.goodbye)
    harness.settle()
    #expect(batches(watcher).flatMap { $0 }.map(\.status) == [.offline])
    #expect(watcher.users[alice]?.lastSeen != nil)
    #expect(harness.violations() == [])
  }

  @Test("changes of one turn come as one batch")
  func batched() throws {
    let harness = EngineHarness(planes: 1)
    let watcher = try harness.login("watcher")
    let clients = try (0..<5).map { try harness.login("user\($0)") }
    watcher.watch("user0", "user1", "user2", "user3", "user4")
    _ = batches(watcher)
    for client in clients { client.send(.status(StatusChange(status: .dnd))) }
    harness.settle()
    let told = batches(watcher)
    #expect(told.count == 1)
    #expect(told.first?.count == 5)
  }

  @Test("unwatch ends it for the users named; watching again shows what is")
  func unwatch() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    let watcher = try harness.login("watcher", plane: 1)
    watcher.watch("alice", "bob")
    #expect(watcher.ask(.unwatch([alice, .named("stranger")])) == .empty)
    client.set(.dnd)
    _ = try harness.login("bob")
    #expect(batches(watcher).flatMap { $0 }.map(\.user.text) == ["bob"])
    watcher.watch("alice")
    #expect(watcher.users[alice]?.status == .dnd)
    #expect(harness.stats.watches == 2)
    #expect(harness.violations() == [])
  }

  @Test("users asks once, for up to a thousand, and watches nobody")
  func users() throws {
    let harness = EngineHarness(planes: 3)
    _ = try harness.login("alice")
    let reader = try harness.login("reader", plane: 1)
    let ids = (0..<999).map { UserID.named("user\($0)") } + [alice]
    guard case .users(let found)? = reader.ask(.users(ids)) else {
      Issue.record("users was not answered")
      return
    }
    #expect(found.count == 1_000)
    #expect(found.count { $0.status == .online } == 1)
    #expect(reader.ask(.users([])) == .users([]))
    #expect(harness.stats.watches == 0)
    #expect(harness.stats.usersKnown == 2, "asking makes nobody known")
  }

  @Test("a connection watches 5,000 users at most; more are refused and none of them is watched")
  func limit() throws {
    let harness = EngineHarness(planes: 2)
    let watcher = try harness.login("watcher")
    let first = (0..<4_000).map { UserID.named("a\($0)") }
    #expect(watcher.ask(.watch(first))?.code == nil)
    let second = (0..<1_001).map { UserID.named("b\($0)") }
    #expect(watcher.ask(.watch(second))?.code == .tooLarge)
    #expect(harness.stats.watches == 4_000)
    #expect(watcher.ask(.watch(Array(second.dropFirst()) + first.prefix(10)))?.code == nil, "those watched already are none more")
    #expect(harness.stats.watches == 5_000)
    #expect(harness.stats.usersKnown == 5_001)
    #expect(watcher.ask(.watch([alice]))?.code == .tooLarge)
    watcher.drop()
    harness.settle()
    #expect(harness.stats.watches == 0)
    #expect(harness.stats.usersKnown == 1, "the watched are let go with the connection that watched them")
    #expect(harness.violations() == [])
  }

  @Test("several connections watch one user; each that goes takes its own watch only", arguments: 1...3)
  func shared(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    let watchers = try (0..<4).map { try harness.login("watcher\($0)", plane: $0 % planes) }
    for watcher in watchers { watcher.watch("alice") }
    watchers[0].drop()
    watchers[1].ask(.unwatch([alice]))
    harness.settle()
    #expect(harness.violations() == [])
    let client = try harness.login("alice")
    #expect(watchers.map { batches($0).flatMap { $0 }.count } == [0, 0, 1, 1])
    client.drop(.goodbye)
    for watcher in watchers.dropFirst() { watcher.drop() }
    harness.advance(ticks: 1)
    #expect(harness.stats.watches == 0)
    #expect(harness.violations() == [])
  }

  /// A change that happens while the parts of the snapshot are on their way from several shards is in one of them or behind it.
  ///
  ///     watcher          plane 0            plane 1
  ///     watch a, b ────▶ part a (online) ─▶
  ///                      a: dnd ──────────▶ (waits for the snapshot)
  ///                └──────────────────────▶ part b
  ///     snapshot a online, b … ; then a dnd
  @Test("no change is lost between the snapshot and the first push, in any order of turns", arguments: scenarioSeeds(150))
  func noLostChange(seed: UInt64) throws {
    let harness = EngineHarness(planes: 3, seed: seed)
    let names = ["a", "b", "c", "d", "e"]
    let clients = try names.map { try harness.login($0, plane: harness.random.below(3)) }
    let watcher = try harness.login("watcher", plane: harness.random.below(3))
    let statuses: [Status] = [.online, .away, .dnd, .invisible]
    for _ in 0..<12 {
      switch harness.random.below(5) {
      case 0: watcher.send(.watch(names.filter { _ in harness.random.happens(percent: 50) }.map { .named($0) }))
      case 1: watcher.send(.unwatch(names.filter { _ in harness.random.happens(percent: 20) }.map { .named($0) }))
      default: harness.random.pick(clients).send(.status(StatusChange(status: harness.random.pick(statuses))))
      }
      for _ in 0..<harness.random.below(4) { harness.turn(harness.random.below(3)) }
      if harness.random.happens(percent: 20) { watcher.receive() }
    }
    watcher.send(.watch(names.map { .named($0) }))
    harness.random.pick(clients).send(.status(StatusChange(status: harness.random.pick(statuses))))
    for _ in 0..<harness.random.below(4) { harness.turn(harness.random.below(3)) }
    harness.random.pick(clients).send(.status(StatusChange(status: harness.random.pick(statuses))))
    harness.settle()
    watcher.receive()
    for name in names {
      try #require(watcher.users[.named(name)] == harness.presence(of: name), "seed \(seed), \(name)")
    }
    try #require(harness.violations() == [], "seed \(seed)")
  }

  /// Two answers about one user, of which the first waits for another shard.
  ///
  ///     watcher               plane 0               plane 1
  ///     watch a, b ─────────▶ a online ─▶ ──────────(slow)
  ///     unwatch a
  ///                           a: dnd
  ///     watch a ────────────▶ a dnd ─▶
  ///                                   ◀─────────── b offline
  ///     a online, b offline; then a dnd
  @Test("answers about users come in the order in which they were asked for, even when an older one takes longer")
  func answersInOrder() throws {
    let harness = EngineHarness(planes: 3)
    func names(on plane: Int) -> String {
      (0...).lazy.map { "user\($0)" }.first { harness.engine.placement.plane(of: UserID.named($0)) == plane } ?? ""
    }
    let (near, far) = (names(on: 0), names(on: 1))
    let client = try harness.login(near, plane: 0)
    let watcher = try harness.login("watcher", plane: 2)
    watcher.receive()
    func exchange() {
      for plane in [2, 0, 2] { harness.turn(plane) }
      watcher.receive()
    }
    let first = watcher.send(.watch([.named(near), .named(far)]))
    exchange()
    watcher.send(.unwatch([.named(near)]))
    client.send(.status(StatusChange(status: .dnd)))
    exchange()
    let second = watcher.send(.watch([.named(near)]))
    exchange()
    #expect(watcher.answers[second] == nil)
    harness.settle()
    watcher.receive()
    #expect(watcher.answered.filter { [first, second].contains($0) } == [first, second])
    #expect(watcher.users[.named(near)]?.status == .dnd)
    #expect(harness.violations() == [])
  }

  /// A change that is left from a watch that was given up is older than the snapshot of the next one.
  ///
  ///     plane 2 (client)   plane 0 (user)   plane 1 (watcher)
  ///     away ────────────▶
  ///                                    ◀─── unwatch
  ///     dnd ─────────────▶                  watch (still here)
  ///                        away ───────────▶ noted for the new watch
  ///                        dnd: nobody watches
  ///                                    ◀─── watch
  ///                        snapshot dnd ───▶ dnd, and never again away
  @Test("a change left from a watch that was given up does not overtake the snapshot of the next one")
  func leftover() throws {
    let harness = EngineHarness(planes: 3)
    let name = (0...).lazy.map { "user\($0)" }.first { harness.engine.placement.plane(of: UserID.named($0)) == 0 } ?? ""
    let client = try harness.login(name, plane: 2)
    let watcher = try harness.login("watcher", plane: 1)
    watcher.watch(name)
    client.send(.status(StatusChange(status: .away)))
    harness.turn(2)
    watcher.send(.unwatch([.named(name)]))
    harness.turn(1)
    client.send(.status(StatusChange(status: .dnd)))
    harness.turn(2)
    watcher.send(.watch([.named(name)]))
    for plane in [0, 1, 0, 1] { harness.turn(plane) }
    harness.settle()
    watcher.receive()
    #expect(watcher.users[.named(name)]?.status == .dnd)
    #expect(harness.violations() == [])
  }

  @Test("while a connection is congested changes wait, and the latest comes when it drains")
  func conflated() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    let watcher = try harness.login("watcher", plane: 1)
    watcher.watch("alice")
    _ = batches(watcher)
    watcher.congest()
    for status in [Status.away, .dnd, .online, .away] {
      client.set(status)
      harness.advance(ticks: 1)
    }
    #expect(batches(watcher) == [])
    watcher.drain()
    harness.settle()
    #expect(batches(watcher).map { $0.map(\.status) } == [[.away]])
  }
}
