import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Kicks and bans")
struct KickAndBanTests {
  private let alice = UserID.named("alice")

  private func expectEnded(
    _ client: ManualClient, _ reason: LeaveReason, _ code: ErrorCode, message: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    client.receive()
    #expect(client.ended == reason, sourceLocation: sourceLocation)
    #expect(client.refusal == Refusal(code, message), sourceLocation: sourceLocation)
    #expect(client.closings == 1, sourceLocation: sourceLocation)
  }

  @Test("a kicked connection is closed with the message; its session goes on without it")
  func kickConnection() async throws {
    let harness = EngineHarness()
    let first = try harness.login("alice")
    let second = try harness.resume(try first.session, plane: 1)
    #expect(await harness.engine.kick(connection: second.connection, message: "too many tabs"))
    harness.settle()
    expectEnded(second, .kicked, .kicked, message: "too many tabs")
    #expect(first.isOpen)
    #expect(harness.stats.attached == 1)
    #expect(await harness.engine.kick(connection: first.connection, message: ""))
    harness.settle()
    expectEnded(first, .kicked, .kicked, message: ErrorCode.kicked.sentence)
    #expect(harness.stats.detached == 1)
    #expect(await harness.engine.kick(connection: first.connection, message: "") == false, "there is no such connection")
    #expect(await harness.engine.kick(connection: ConnectionID(rawValue: .max), message: "") == false)
    #expect(harness.violations() == [])
  }

  @Test("a kicked session ends on all its connections, others of the user stay", arguments: 1...3)
  func kickSession(planes: Int) async throws {
    let harness = EngineHarness(planes: planes)
    let first = try harness.login("alice")
    let session = try first.session
    let tab = try harness.resume(session, plane: planes - 1)
    let phone = try harness.login("alice", device: .ios)
    first.join("room:1")
    phone.join("room:1")
    #expect(try await harness.engine.kick(session: session, message: "out"))
    harness.settle()
    expectEnded(first, .kicked, .kicked, message: "out")
    expectEnded(tab, .kicked, .kicked, message: "out")
    #expect(phone.isOpen)
    #expect(harness.roster(of: "room:1").count == 1)
    #expect(try harness.resume(session).refusal?.code == .sessionExpired)
    #expect(try await harness.engine.kick(session: session, message: "out") == false)
    #expect(harness.violations() == [])
  }

  @Test("all sessions of a user but one", arguments: 1...3)
  func kickAllButOne(planes: Int) async throws {
    let harness = EngineHarness(planes: planes)
    let clients = try (0..<4).map { try harness.login("alice", plane: $0 % planes) }
    let bob = try harness.login("bob")
    #expect(try await harness.engine.kick(user: alice, except: try clients[2].session, message: "elsewhere") == 3)
    harness.settle()
    for (index, client) in clients.enumerated() where index != 2 {
      expectEnded(client, .kicked, .kicked, message: "elsewhere")
    }
    #expect(clients[2].isOpen)
    #expect(try await harness.engine.kick(user: alice, except: nil, message: "") == 1)
    #expect(try await harness.engine.kick(user: alice, except: nil, message: "") == 0)
    #expect(try await harness.engine.kick(user: .named("nobody"), except: nil, message: "") == 0)
    harness.settle()
    #expect(bob.isOpen)
    #expect(harness.stats.sessions == 1)
    #expect(harness.violations() == [])
  }

  @Test("a ban ends every session with the reason, and keeps new logins and resumes out until it is over")
  func ban() async throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    let asleep = try harness.login("alice", device: .ios)
    let session = try asleep.session
    asleep.drop(.goodbye)
    harness.settle()
    #expect(try await harness.engine.ban(alice, for: .seconds(60), reason: "spam") == 2)
    harness.settle()
    expectEnded(client, .banned, .banned, message: "spam")
    #expect(harness.stats.sessions == 0)

    let refused = try harness.login("alice")
    #expect(refused.refusal == Refusal(.banned, "spam", retryAfterMilliseconds: 60_000))
    #expect(refused.closings == 1)
    #expect(try harness.resume(session).refusal?.code == .sessionExpired)
    #expect(try harness.login("bob").isOpen)
    harness.advance(.milliseconds(59_900))
    #expect(try harness.login("alice").refusal == Refusal(.banned, "spam", retryAfterMilliseconds: 100))
    harness.advance(.milliseconds(200))
    #expect(try harness.login("alice").isOpen)
    #expect(harness.detail(ofUser: "alice")?.ban == nil, "a ban that is over is forgotten")
    #expect(harness.violations() == [])
  }

  @Test("a ban without an end lasts until it is lifted, of users who were never here too")
  func unban() async throws {
    let harness = EngineHarness()
    #expect(try await harness.engine.ban(alice, for: nil, reason: "") == 0)
    harness.leap(.seconds(400 * 86_400))
    #expect(try harness.login("alice").refusal == Refusal(.banned))
    #expect(try await harness.engine.unban(alice))
    #expect(try await harness.engine.unban(alice) == false)
    #expect(harness.stats.usersKnown == 0, "nothing is kept of who is neither banned nor seen")
    #expect(try harness.login("alice").isOpen)
  }

  @Test("a later ban replaces an earlier one")
  func banAgain() async throws {
    let harness = EngineHarness()
    _ = try await harness.engine.ban(alice, for: .seconds(10), reason: "first")
    _ = try await harness.engine.ban(alice, for: .seconds(100), reason: "second")
    harness.advance(.seconds(11))
    #expect(try harness.login("alice").refusal?.message == "second")
    _ = try await harness.engine.ban(alice, for: .seconds(1), reason: "third")
    harness.advance(.seconds(2))
    #expect(try harness.login("alice").isOpen)
  }

  @Test("a reason of 123 bytes fits a close frame; a longer one is refused and bans nobody")
  func reasonLimit() async throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    let refusal = await #expect(throws: Refusal.self) {
      try await harness.engine.ban(alice, for: nil, reason: String(repeating: "x", count: 124))
    }
    #expect(refusal?.code == .tooLarge)
    #expect(client.isOpen)
    #expect(try await harness.engine.ban(alice, for: nil, reason: String(repeating: "x", count: 123)) == 1)
  }

  @Test("a login that races a ban is either let in and ended, or refused", arguments: scenarioSeeds(40))
  func race(seed: UInt64) async throws {
    let harness = EngineHarness(planes: 3, seed: seed)
    let client = try harness.connect(plane: harness.random.below(3))
    client.hello(.member(alice), Hello(credentials: .user(alice)))
    for _ in 0..<harness.random.below(4) { harness.turn(harness.random.below(3)) }
    _ = try await harness.engine.ban(alice, for: .seconds(5), reason: "race")
    harness.settle()
    try #require(client.refusal?.code == .banned, "seed \(seed)")
    try #require(client.closings == 1, "seed \(seed)")
    try #require(harness.stats.sessions == 0, "seed \(seed)")
    try #require(harness.stats.connections == 0, "seed \(seed)")
    try #require(harness.violations() == [], "seed \(seed)")
  }
}
