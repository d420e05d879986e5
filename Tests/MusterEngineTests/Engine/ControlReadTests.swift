import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("What operators ask")
struct ControlReadTests {
  private let alice = UserID.named("alice")

  @Test("a user with all sessions; nothing for one who is not known", arguments: 1...3)
  func user(planes: Int) async throws {
    let harness = EngineHarness(planes: planes)
    let desk = try harness.login("alice", plane: planes - 1) { $0.text = Array("hi".utf8) }
    let phone = try harness.login("alice", device: .ios)
    desk.join("room:1")
    desk.join("lobby")
    phone.drop()
    harness.settle()
    let detail = try #require(await harness.engine.user(alice, includeInvisible: false))
    #expect(detail.presence.devices == [DeviceSet(.web), DeviceSet(.ios)])
    #expect(detail.sessions.map(\.phase) == [.attached, .detached])
    #expect(detail.sessions[0].connections == [desk.connection])
    #expect(detail.sessions[0].channels.map(\.text) == ["room:1", "lobby"])
    #expect(detail.sessions[1].deadline == WallTime(milliseconds: harness.clock.wall.milliseconds + 15_000))
    #expect(await harness.engine.user(.named("nobody"), includeInvisible: true) == nil)
    let found = await harness.engine.users([.named("nobody"), alice, .named("nobody")], includeInvisible: false)
    #expect(found.map(\.user.text) == ["nobody", "alice", "nobody"])
    #expect(found.map(\.status) == [.offline, .online, .offline])
  }

  @Test("a session by its id, until it ends", arguments: 1...3)
  func session(planes: Int) async throws {
    let harness = EngineHarness(planes: planes)
    let client = try harness.visit(device: .bot)
    let session = try client.session
    let detail = try #require(await harness.engine.session(session))
    #expect(detail.session == session)
    #expect(detail.kind == .guest)
    #expect(detail.device == .bot)
    #expect(detail.data == .none)
    client.ask(.bye(logout: true, graceMilliseconds: 0))
    #expect(await harness.engine.session(session) == nil)
  }

  @Test("explain says why a user is shown or not: each session, its connections, overrides and bans")
  func explain() async throws {
    let harness = EngineHarness()
    #expect(await harness.engine.explain(alice).sentences == ["Nothing is known of alice."])
    let desk = try harness.login("alice", plane: 1)
    let hidden = try harness.login("alice", device: .ios) { $0.status = .invisible }
    var explanation = await harness.engine.explain(alice)
    #expect(explanation.sentences.first == "alice is shown as online, through 1 of 2 sessions.")
    #expect(explanation.connections.count == 2)
    #expect(explanation.sentences.count == 5)
    desk.override(.dnd)
    desk.congest()
    explanation = await harness.engine.explain(alice)
    #expect(explanation.sentences.contains("An override sets the status to dnd until it is lifted."))
    #expect(explanation.sentences.contains { $0.hasSuffix("it does not take what it is sent.") })
    desk.override(nil)
    desk.drop(.goodbye)
    harness.settle()
    explanation = await harness.engine.explain(alice)
    #expect(explanation.sentences.first == "alice is shown as offline, because every present session is invisible.")
    hidden.drop(.goodbye)
    harness.settle()
    explanation = await harness.engine.explain(alice)
    #expect(explanation.sentences.first == "alice is shown as offline, because all 2 sessions are dormant.")
    _ = try await harness.engine.ban(alice, for: nil, reason: "spam")
    explanation = await harness.engine.explain(alice)
    #expect(
      explanation.sentences == [
        "alice is shown as offline, because there is no session.", "The user is banned until it is lifted: spam",
      ])
  }

  @Test("channels by prefix, in the order of their names, page by page over all planes", arguments: 1...3)
  func channels(planes: Int) async throws {
    let harness = EngineHarness(planes: planes)
    let client = try harness.login("alice")
    for index in 10..<40 { client.join("room:\(index)", list: 0) }
    client.join("lobby")
    client.observe("empty")
    var names: [String] = []
    var after: ChannelName?
    repeat {
      let page = await harness.engine.channels(prefix: Array("room:".utf8), after: after, limit: 7)
      #expect(page.count <= 7)
      names += page.map(\.channel.text)
      after = page.last?.channel
    } while after != nil
    #expect(names == (10..<40).map { "room:\($0)" })
    #expect(await harness.engine.channels(prefix: [], after: nil, limit: 100).count == 32)
    let empty = try #require(await harness.engine.channel(.named("empty")))
    #expect(empty.occupancy == Occupancy())
    #expect(empty.observers == 1)
    #expect(await harness.engine.channel(.named("nowhere")) == nil)
    #expect(await harness.engine.members(of: .named("nowhere"), cursor: nil, limit: 5) == nil)
    #expect(await harness.engine.members(of: .named("lobby"), cursor: nil, limit: 5)?.members.map(\.user) == [alice])
  }

  @Test("the counters are the sums over all shards, and agree with what the shards say", arguments: 1...3)
  func stats(planes: Int) async throws {
    let harness = EngineHarness(planes: planes)
    let clients = try (0..<6).map { try harness.login("user\($0)", plane: $0 % planes) }
    _ = try harness.visit()
    for client in clients {
      client.join("room:1")
      client.heard()
    }
    _ = clients[0].update("nowhere", patch: "{}")
    let stats = await harness.engine.stats()
    #expect(stats == harness.stats)
    #expect([stats.members, stats.guests, stats.sessions, stats.connections] == [6, 1, 7, 7])
    #expect([stats.channels, stats.memberships, stats.observers] == [1, 6, 6])
    #expect(stats.heartbeats == 6)
    #expect(stats.requests == 14)
    #expect(stats.refused == 1)
    #expect(stats.mutations == UInt64(harness.journal.records.count))
    #expect(stats.turns > 0)
  }

  @Test("an override by a server is told to all, and lifted again")
  func overrideStatus() async throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    let watcher = try harness.login("watcher", plane: 1)
    watcher.watch("alice")
    let change = StatusChange(status: .dnd, text: Array("in court".utf8), scope: .user, forMilliseconds: 5_000)
    #expect(try await harness.engine.overrideStatus(of: alice, change).status == .dnd)
    harness.settle()
    watcher.receive()
    #expect(watcher.users[alice]?.text == Array("in court".utf8))
    #expect(try await harness.engine.overrideStatus(of: alice, StatusChange(status: nil, scope: .user)).status == .online)
    let refusal = await #expect(throws: Refusal.self) {
      try await harness.engine.overrideStatus(of: alice, StatusChange(status: .offline, scope: .user))
    }
    #expect(refusal?.code == .badRequest)
    #expect(try await harness.engine.overrideStatus(of: .named("absent"), change).status == .offline)
    #expect(client.isOpen)
    harness.advance(.seconds(6))
    #expect(harness.stats.usersKnown == 2, "an override that is over leaves nothing of an absent user")
    #expect(harness.violations() == [])
  }
}
