import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// The seam to the log: a reply that depends on a record is sent when the record is durable, not before.
@Suite("Waiting for the log")
struct DurabilityTests {
  private let alice = UserID.named("alice")
  private let room = ChannelName.named("room:1")

  @Test("no reply that depends on a record is sent before it is durable; one that depends on none is sent at once")
  func heldBack() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    let bob = try harness.login("bob", plane: 1)
    client.receive()
    harness.journal.hold()
    let requests: [Request] = [
      .status(StatusChange(status: .dnd)), .data(patch: Payload(text: "{\"a\":1}"), ifVersion: nil),
      .join(room, meta: .empty, list: 1), .update(room, patch: Payload(text: "{\"b\":1}")), .leave(room),
    ]
    let ids = requests.map { client.send($0) }
    harness.settle()
    client.receive()
    #expect(ids.allSatisfy { client.answers[$0] == nil })
    #expect(client.ask(.beat) != nil, "a beat depends on nothing")
    #expect(bob.ask(.unwatch([])) == .empty)
    harness.journal.sync()
    harness.advance(ticks: 1)
    client.receive()
    #expect(ids.allSatisfy { client.answers[$0] != nil && client.answers[$0]?.code == nil })
    #expect(harness.violations() == [])
  }

  @Test("a welcome waits for its grant, and what was pipelined behind it waits with it")
  func welcome() throws {
    let harness = EngineHarness(planes: 3)
    harness.journal.hold()
    let client = try harness.connect(plane: 1)
    client.hello(.member(alice), Hello(credentials: .user(alice)))
    let join = client.send(.join(room, meta: .empty, list: 1))
    harness.settle()
    client.receive()
    #expect(client.welcome == nil)
    harness.journal.sync()
    harness.advance(ticks: 1)
    client.receive()
    #expect(client.welcome != nil)
    harness.journal.sync()
    harness.advance(ticks: 1)
    client.receive()
    #expect(client.answers[join]?.code == nil && client.answers[join] != nil)
  }

  @Test(
    "replies become free one by one with their records, in the order of the connection, each once",
    arguments: scenarioSeeds(60))
  func order(seed: UInt64) throws {
    let harness = EngineHarness(planes: 1 + Int(seed % 3), seed: seed)
    let client = try harness.login("alice", plane: harness.random.below(harness.executors.count))
    harness.journal.hold()
    var ids: [RequestID] = []
    for index in 0..<20 {
      switch harness.random.below(4) {
      case 0: ids.append(client.send(.status(StatusChange(status: index % 2 == 0 ? .dnd : .away))))
      case 1: ids.append(client.send(.data(patch: Payload(text: "{\"n\":\(index)}"), ifVersion: nil)))
      case 2: ids.append(client.send(.data(patch: nil, ifVersion: nil)))
      default: ids.append(client.send(.users([alice])))
      }
      if harness.random.happens(percent: 40) { harness.turn(harness.random.below(harness.executors.count)) }
      if harness.random.happens(percent: 20) { harness.journal.sync(records: 1) }
    }
    harness.settle()
    for _ in 0..<30 {
      harness.journal.sync(records: 1)
      harness.advance(ticks: 1)
    }
    client.receive()
    let answered = client.answered.filter { ids.contains($0) }
    try #require(answered.count == ids.count, "seed \(seed): each once")
    // Users are gathered on another way than the rest, but nothing overtakes what was there before it came back.
    let direct = answered.filter { if case .users = client.answers[$0] { false } else { true } }
    try #require(direct == ids.filter { direct.contains($0) }, "seed \(seed)")
    try #require(harness.violations() == [], "seed \(seed)")
  }

  @Test("users that are gathered from several shards do not overtake what is held back", arguments: 1...3)
  func gathered(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    let client = try harness.login("alice")
    client.receive()
    harness.journal.hold()
    let status = client.send(.status(StatusChange(status: .dnd)))
    harness.settle()
    let users = client.send(.users([alice, .named("bob"), .named("carol"), .named("dave")]))
    let watch = client.send(.watch([.named("bob")]))
    harness.settle()
    client.receive()
    #expect(client.answered == [.integer(1)])
    _ = try harness.login("bob", plane: planes - 1)
    #expect(client.takeEvents() == [], "nor do changes overtake the snapshot")
    harness.journal.release()
    harness.advance(ticks: 1)
    client.receive()
    #expect(client.answered.prefix(2) == [.integer(1), status])
    #expect(Set(client.answered.dropFirst(2)) == [users, watch], "these two come on ways of their own")
    #expect(client.users[alice]?.status == .dnd)
    #expect(client.users[.named("bob")]?.status == .online)
    #expect(harness.violations() == [])
  }

  @Test("what is held back for a connection that closes is never sent, and what it stood for is given back")
  func closedMeanwhile() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    client.receive()
    harness.journal.hold()
    client.send(.join(room, meta: .empty, list: 1))
    client.send(.status(StatusChange(status: .dnd)))
    harness.settle()
    client.drop(.goodbye)
    harness.settle()
    let newcomer = try harness.connect()
    #expect(newcomer.connection.slot == client.connection.slot)
    harness.journal.sync()
    harness.advance(ticks: 2)
    #expect(client.takeEvents() == [])
    #expect(client.answered == [.integer(1)])
    newcomer.receive()
    #expect(newcomer.answered == [])
    #expect(harness.stats.observers == 0)
    #expect(harness.detail(of: "room:1") == nil)
    #expect(harness.stats.dormant == 1)
    #expect(harness.violations() == [])
  }

  @Test("a connection that closes while its welcome is held back leaves a session that is not held for ever")
  func closedDuringWelcome() throws {
    let harness = EngineHarness()
    harness.journal.hold()
    let client = try harness.connect(plane: 1)
    client.hello(.member(alice), Hello(credentials: .user(alice)))
    harness.settle()
    client.drop()
    harness.journal.release()
    harness.advance(ticks: 2)
    #expect(harness.stats.detached == 1)
    harness.advance(.seconds(16))
    #expect(harness.stats.dormant == 1)
    #expect(harness.violations() == [])
  }

  /// A channel goes on while the reply that shows it is held back.
  ///
  ///     alice        session        channel        bob
  ///     join ──────▶ record 7 ────▶ seq 4, observe
  ///       (held back until 7 is durable)
  ///                                 seq 5 ◀─────── update
  ///     7 durable: reply seq 4, then the diff of seq 5
  @Test(
    "events that pass while the reply to observe is held back come behind it, and nobody gets a snapshot for them",
    arguments: 1...3)
  func eventsMeanwhile(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    let bob = try harness.login("bob", plane: planes - 1)
    bob.join("room:1")
    let client = try harness.login("alice")
    let sleeper = try harness.login("sleeper")
    sleeper.join("room:1")
    sleeper.drop()
    harness.advance(.seconds(16), beating: [bob, client])
    harness.journal.hold()
    client.send(.join(room, meta: .empty, list: 10))
    let resumed = try harness.resume(try sleeper.session, plane: planes - 1)
    harness.advance(ticks: 2)
    bob.send(.update(room, patch: Payload(text: "{\"late\":1}")))
    harness.advance(ticks: 2)
    client.receive()
    resumed.receive()
    #expect(client.view(of: "room:1") == nil)
    #expect(resumed.view(of: "room:1") == nil)
    harness.journal.release()
    harness.advance(ticks: 2)
    for late in [client, resumed] {
      late.receive()
      harness.settle()
      late.receive()
      #expect(late.view(of: "room:1")?.members == harness.roster(of: "room:1"))
      #expect(late.view(of: "room:1")?.seq == harness.detail(of: "room:1")?.seq)
    }
    #expect(client.events.allSatisfy { if case .snapshot = $0 { false } else { true } })
    #expect(harness.stats.conflated == 0)
    #expect(harness.violations() == [])
  }

  @Test(
    "of events that pass while a reply is held back as many wait as requests may be in flight; for more there is one snapshot"
  )
  func eventsBeyondTheLimit() throws {
    let harness = EngineHarness(planes: 1) { configuration in
      configuration.requestsInFlightMax = 4
      configuration.requestsBurst = 1_000
    }
    let others = try (0..<20).map { index in
      let other = try harness.login("user\(index)")
      other.join("room:1")
      return other
    }
    let client = try harness.login("alice")
    client.observe("room:1")
    _ = client.takeEvents()
    harness.journal.hold()
    client.send(.status(StatusChange(status: .dnd)))
    harness.settle()
    for (index, other) in others.enumerated() {
      other.send(.update(room, patch: Payload(text: "{\"n\":\(index)}")))
      harness.advance(ticks: 2)
    }
    #expect(client.takeEvents() == [])
    #expect(harness.stats.conflated >= 16)
    harness.journal.release()
    harness.advance(ticks: 2)
    // What had its place is dropped as well once something behind it was missed: the snapshot has it.
    let told = client.takeEvents()
    #expect(told.count { if case .snapshot = $0 { true } else { false } } == 1)
    #expect(told.count == 1)
    #expect(client.view(of: "room:1")?.members == harness.roster(of: "room:1"))
    #expect(client.view(of: "room:1")?.seq == harness.detail(of: "room:1")?.seq)
    #expect(harness.violations() == [])
  }

  @Test("events that wait are limited over all connections too, so that they take no room from replies")
  func eventsBeyondTheLimitOfAll() throws {
    let harness = EngineHarness(planes: 1) { configuration in
      configuration.mailboxMessagesMax = 64
      configuration.requestsBurst = 1_000
    }
    let bob = try harness.login("bob")
    bob.join("room:1")
    let clients = try (0..<10).map { index in
      let client = try harness.login("user\(index)")
      client.observe("room:1")
      return client
    }
    harness.journal.hold()
    for client in clients { client.send(.status(StatusChange(status: .dnd))) }
    harness.settle()
    for index in 0..<20 {
      bob.sendWithoutID(.update(room, patch: Payload(text: "{\"n\":\(index)}")))
      harness.advance(ticks: 2)
    }
    #expect(try harness.login("late").refusal == nil, "there is room for whoever comes")
    harness.journal.release()
    harness.advance(ticks: 4)
    for client in clients {
      client.receive()
      #expect(client.view(of: "room:1")?.seq == harness.detail(of: "room:1")?.seq)
      #expect(client.view(of: "room:1")?.members == harness.roster(of: "room:1"))
    }
    #expect(harness.violations() == [])
  }

  @Test("while the log stands still requests pile up to the limit in flight, signals too, and no further")
  func bounded() throws {
    let harness = EngineHarness { configuration in
      configuration.requestsInFlightMax = 8
      configuration.requestsBurst = 1_000
    }
    let client = try harness.login("alice")
    let bob = try harness.login("bob")
    harness.journal.hold()
    let ids = (0..<20).map { client.send(.status(StatusChange(status: $0 % 2 == 0 ? .dnd : .away))) }
    harness.settle()
    client.receive()
    #expect(ids.prefix(8).allSatisfy { client.answers[$0] == nil })
    #expect(ids.dropFirst(8).allSatisfy { client.answers[$0]?.code == .overloaded })
    for _ in 0..<50 { bob.ask(.signal(.user(alice), data: [0x31])) }
    harness.journal.release()
    harness.advance(ticks: 1)
    client.receive()
    #expect(client.signals.isEmpty)
    #expect(client.ask(.status(StatusChange(status: .online)))?.code == nil)
    #expect(harness.violations() == [])
  }

  @Test("what is held back for connections that come and go is limited too: then nobody new is let in")
  func boundedOverConnections() throws {
    let harness = EngineHarness(planes: 1) { $0.mailboxMessagesMax = 64 }
    harness.journal.hold()
    for index in 0..<65 { try harness.login("user\(index)").drop() }
    harness.settle()
    #expect(try harness.login("late").refusal?.code == .overloaded)
    harness.journal.release()
    harness.advance(ticks: 1)
    #expect(try harness.login("late").isOpen)
    #expect(harness.violations() == [])
  }

  @Test("requests over HTTP and changes by operators wait for the log as well", arguments: 1...2)
  func controlPlane(planes: Int) async throws {
    try await LoopbackHarness(planes: planes).run { harness in
      let user = alice
      let session = try await harness.engine.open(.member(user), Hello(credentials: .user(user))).session
      harness.journal.hold()
      let answers = Answers()
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          _ = await harness.engine.request(session, .data(patch: Payload(text: "{\"a\":1}"), ifVersion: nil))
          await answers.note("request")
        }
        group.addTask {
          _ = try? await harness.engine.patchData(of: session, public: nil, private: Payload(text: "{\"b\":1}"), ifVersion: nil)
          await answers.note("patch")
        }
        group.addTask {
          _ = try? await harness.engine.ban(.named("mallory"), for: nil, reason: "")
          await answers.note("ban")
        }
        while harness.journal.records.count < 4 { await harness.settle() }
        await harness.settle()
        #expect(await answers.noted == [])
        #expect(await harness.engine.session(session)?.data.version == 2, "they were carried out all the same")
        harness.journal.release()
      }
      #expect(await answers.noted == ["ban", "patch", "request"])
    }
  }
}

/// Who has got an answer so far.
private actor Answers {
  private var names: Set<String> = []

  var noted: [String] { names.sorted() }

  func note(_ name: String) {
    names.insert(name)
  }
}
