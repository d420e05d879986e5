import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Last seen")
struct LastSeenTests {
  private func minute(_ wall: WallTime) -> WallTime {
    WallTime(milliseconds: wall.milliseconds / 60_000 * 60_000)
  }

  @Test("it is the minute in which the last visible session went, and is not told while the user is present")
  func quantised() throws {
    let harness = EngineHarness()
    let first = try harness.login("alice")
    let second = try harness.login("alice", device: .ios)
    harness.advance(.seconds(130), beating: [first, second])
    #expect(harness.presence(of: "alice").lastSeen == nil)
    first.drop(.goodbye)
    harness.advance(.seconds(70), beating: [second])
    #expect(harness.presence(of: "alice").lastSeen == nil, "there is another session")
    second.drop(.goodbye)
    harness.settle()
    let seen = minute(harness.clock.wall)
    harness.advance(.seconds(300))
    #expect(harness.presence(of: "alice").lastSeen == seen)
    #expect(seen.milliseconds % 60_000 == 0)
  }

  @Test("after a loss it is the end of the grace, when the leave is seen")
  func afterLoss() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    alice.drop()
    harness.advance(.seconds(14))
    #expect(harness.presence(of: "alice").lastSeen == nil)
    harness.advance(.seconds(2))
    #expect(harness.presence(of: "alice").lastSeen == minute(harness.clock.wall))
  }

  @Test("it is kept for 30 days, also when the sessions are long gone, and then forgotten with the user")
  func kept() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let bob = try harness.login("bob")
    alice.drop(.goodbye)
    harness.settle()
    let seen = minute(harness.clock.wall)
    bob.drop()
    harness.advance(.seconds(60))
    harness.leap(.seconds(30 * 86_400 - 180))
    #expect(harness.stats.sessions == 0)
    #expect(harness.presence(of: "alice").lastSeen == seen)
    harness.leap(.seconds(300))
    #expect(harness.presence(of: "alice").lastSeen == nil)
    #expect(harness.stats.usersKnown == 0)
    #expect(harness.violations() == [])
  }

  @Test("coming back begins the 30 days anew")
  func renewed() throws {
    let harness = EngineHarness()
    try harness.login("alice").drop(.goodbye)
    harness.leap(.seconds(20 * 86_400))
    let alice = try harness.login("alice")
    #expect(harness.presence(of: "alice").lastSeen == nil)
    alice.drop(.goodbye)
    harness.settle()
    let seen = minute(harness.clock.wall)
    harness.leap(.seconds(20 * 86_400))
    #expect(harness.presence(of: "alice").lastSeen == seen)
    #expect(harness.violations() == [])
  }

  @Test("a user who is watched is still known when last seen is forgotten; unwatched, nothing stays")
  func watched() throws {
    let harness = EngineHarness { $0.lastSeenRetention = .seconds(60) }
    let bob = try harness.login("bob")
    bob.watch("alice")
    try harness.login("alice").ask(.bye(logout: true, graceMilliseconds: 0))
    bob.receive()
    #expect(bob.users[.named("alice")]?.lastSeen != nil)
    harness.advance(.seconds(130), beating: [bob])
    #expect(harness.presence(of: "alice").lastSeen == nil)
    bob.receive()
    #expect(bob.users[.named("alice")]?.lastSeen == nil, "who watches is told")
    #expect(harness.stats.usersKnown == 2)
    bob.ask(.unwatch([.named("alice")]))
    #expect(harness.stats.usersKnown == 1)
    #expect(harness.violations() == [])
  }
}
