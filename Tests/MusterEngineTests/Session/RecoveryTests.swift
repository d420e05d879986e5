import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// What a restart means for users: see "After a restart" in the semantics.
@Suite("Recovery")
struct RecoveryTests {
  private let alice = UserID.named("alice")
  private let bob = UserID.named("bob")
  private let carol = UserID.named("carol")

  /// Alice and bob are present in a room, carol has said goodbye; then the engine ends.
  private func before() throws -> (harness: EngineHarness, sessions: [UserID: SessionID]) {
    let harness = EngineHarness(planes: 2)
    var sessions: [UserID: SessionID] = [:]
    for user in [alice, bob, carol] {
      let client = try harness.login(user.text)
      client.join("room:1")
      sessions[user] = try client.session
      if user == carol { client.drop(.goodbye) }
    }
    harness.settle()
    return (harness, sessions)
  }

  @Test("whoever comes back within the window causes no event; the others leave with recovery_timeout", arguments: 1...3)
  func window(planes: Int) async throws {
    let (harness, sessions) = try before()
    let second = try await harness.recovered(from: await harness.snapshot(), records: [], planes: planes)
    #expect(second.stats.detached == 2)
    #expect(second.stats.dormant == 1)
    #expect(Set(second.roster(of: "room:1").keys) == [alice, bob])
    #expect(second.roster(of: "room:1") == harness.roster(of: "room:1"))
    let client = try second.resume(try #require(sessions[alice]), plane: planes - 1)
    second.advance(.seconds(29), beating: [client])
    #expect(second.detail(of: "room:1")?.seq == Seq(0), "nothing has happened in the room")
    #expect(Set(second.roster(of: "room:1").keys) == [alice, bob])
    second.advance(.seconds(5), beating: [client])
    #expect(second.journal.records.map(\.mutation) == [.dormant(try #require(sessions[bob]), .recoveryTimeout)])
    client.receive()
    #expect(client.view(of: "room:1")?.members.keys.map { $0 } == [alice])
    #expect(second.violations() == [])
  }

  @Test("what the log alone tells comes back as well, without any snapshot")
  func logAlone() async throws {
    let (harness, sessions) = try before()
    let second = try await harness.recovered(from: nil, records: harness.logged(), planes: 3)
    #expect(Set(second.roster(of: "room:1").keys) == [alice, bob])
    #expect(try second.resume(try #require(sessions[carol])).isOpen)
    #expect(Set(second.roster(of: "room:1").keys) == [alice, bob, carol])
    #expect(second.violations() == [])
  }

  @Test(
    "a dormant session keeps its idle deadline in wall time, whatever the clock did meanwhile",
    arguments: [
      (minutes: 20, jump: Int64(0), livesFor: 9...11), (minutes: 31, jump: 0, livesFor: 0...0),
      // Set forward by a day: everything idle is over. Set back: nobody was heard in the future, so one idle TTL is left.
      (minutes: 1, jump: 86_400_000, livesFor: 0...0), (minutes: 1, jump: -86_400_000, livesFor: 29...31),
    ])
  func idleDeadline(minutes: Int, jump: Int64, livesFor: ClosedRange<Int>) async throws {
    let (harness, sessions) = try before()
    let session = try #require(sessions[carol])
    let second = try await harness.recovered(
      from: await harness.snapshot(), records: [], planes: 2, after: .seconds(minutes * 60), wallJump: jump)
    second.advance(ticks: 1)
    func isThere() -> Bool { second.detail(ofUser: "carol")?.sessions.contains { $0.session == session } ?? false }
    #expect(isThere() == (livesFor.lowerBound > 0))
    if livesFor.lowerBound > 0 {
      second.advance(.seconds(livesFor.lowerBound * 60))
      #expect(isThere())
    }
    second.advance(.seconds((livesFor.upperBound - livesFor.lowerBound) * 60))
    #expect(!isThere())
    #expect(second.violations() == [])
  }

  @Test("a session that went dormant behind the snapshot counts as heard then, since heartbeats are not logged")
  func dormantBehindSnapshot() async throws {
    let harness = EngineHarness(planes: 1)
    let client = try harness.login("alice")
    let session = try client.session
    let snapshot = await harness.snapshot()
    harness.advance(.seconds(3_600), beating: [client])
    client.drop(.goodbye)
    harness.settle()
    let second = try await harness.recovered(from: snapshot, records: harness.logged(), planes: 1)
    second.advance(.seconds(25 * 60))
    #expect(try second.resume(session).isOpen, "an hour after the snapshot it was still heard")
  }

  @Test("bans, overrides and last seen come back, and end when they would have", arguments: [Int64(0), 86_400_000])
  func users(jump: Int64) async throws {
    let harness = EngineHarness(planes: 2)
    try harness.login("alice").drop(.goodbye)
    _ = try await banning(harness)
    let change = StatusChange(status: .dnd, text: Array("busy".utf8), scope: .user, forMilliseconds: 600_000)
    _ = try await overriding(harness, change)
    harness.settle()
    let second = try await harness.recovered(from: await harness.snapshot(), records: [], planes: 3, wallJump: jump)
    #expect(second.detail(ofUser: "mallory")?.ban == Ban(until: nil, reason: Array("spam".utf8)))
    #expect(second.presence(of: "alice") == harness.presence(of: "alice"))
    #expect(second.detail(ofUser: "bob")?.override == harness.detail(ofUser: "bob")?.override)
    second.advance(ticks: 1)
    #expect((second.detail(ofUser: "bob")?.override == nil) == (jump > 0))
    #expect(try second.login("mallory").refusal?.code == .banned)
    #expect(second.violations() == [])
  }

  private func banning(_ harness: EngineHarness) async throws -> Int {
    try await harness.engine.ban(.named("mallory"), for: nil, reason: "spam")
  }

  private func overriding(_ harness: EngineHarness, _ change: StatusChange) async throws -> UserPresence {
    try await harness.engine.overrideStatus(of: bob, change)
  }

  @Test("a record behind the snapshot about a session that nothing has granted is refused, and names its position")
  func unknownSession() async throws {
    let (harness, _) = try before()
    let ghost = SessionID(placement: alice.placement, random: 1, 2)
    let next = LSN(UInt64(harness.journal.records.count) + 1)
    let record = LoggedMutation(lsn: next, wall: harness.clock.wall, mutation: .dormant(ghost, .timeout))
    let snapshot = await harness.snapshot()
    await #expect(throws: RecoveryError.unknownSession(next, ghost)) {
      _ = try await harness.recovered(from: snapshot, records: [record], planes: 1)
    }
    var early = record
    early.lsn = snapshot.through
    _ = try await harness.recovered(from: snapshot, records: [early], planes: 1)
  }

  @Test("records that contradict what is known are refused, never applied and never a trap")
  func unfitting() async throws {
    let (harness, sessions) = try before()
    let snapshot = await harness.snapshot()
    let session = try #require(sessions[alice])
    let room = ChannelName.named("room:1")
    let elsewhere = ChannelName.named("room:2")
    for mutation in [
      Mutation.joined(session, room, meta: .empty), .left(session, elsewhere), .metaSet(session, elsewhere, meta: .empty),
    ] {
      let record = LoggedMutation(lsn: LSN(1_000), wall: harness.clock.wall, mutation: mutation)
      await #expect(throws: RecoveryError.self) {
        _ = try await harness.recovered(from: snapshot, records: [record], planes: 1)
      }
    }
  }
}
