import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// The states of a session and the published timeline, with manual time.
@Suite("Life of a session")
struct SessionLifeTests {
  @Test("hello grants an attached session, and the counters say so")
  func helloAttaches() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice", device: .ios)
    let welcome = try alice.letIn()
    #expect(welcome.user == .named("alice"))
    #expect(welcome.kind == .member)
    #expect(!welcome.resumed)
    #expect(welcome.session.placement == UserID.named("alice").placement)
    #expect(welcome.heartbeatIntervalMilliseconds == 25_000)
    #expect(welcome.resumeWindowMilliseconds == 15_000)
    let stats = harness.stats
    #expect(stats.members == 1)
    #expect(stats.guests == 0)
    #expect(stats.attached == 1)
    #expect(stats.connections == 1)
    #expect(stats.devices[Int(Device.ios.rawValue)] == 1)
    #expect(harness.violations() == [])
  }

  @Test("a lost connection is detached for 15 s, still shown, then leaves with timeout; 30 min later the session is gone")
  func lossTimeline() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let bob = try harness.login("bob", plane: 1)
    bob.join("room:1")
    alice.join("room:1")
    harness.advance(.seconds(1))
    bob.receive()
    #expect(bob.view(of: "room:1")?.members.count == 2)

    alice.drop()
    harness.settle()
    #expect(harness.stats.detached == 1)
    bob.heard()
    harness.advance(.milliseconds(14_800))
    bob.receive()
    #expect(bob.view(of: "room:1")?.members.count == 2, "inside the grace nothing is told")
    #expect(harness.presence(of: "alice").status == .online)

    bob.heard()
    harness.advance(.milliseconds(400))
    bob.receive()
    #expect(bob.view(of: "room:1")?.members.count == 1)
    let leaves = bob.events.compactMap { if case .diff(let diff) = $0 { diff.leaves } else { nil } }.flatMap { $0 }
    #expect(leaves == [Leave(user: .named("alice"), reason: .timeout)])
    #expect(harness.stats.dormant == 1)
    #expect(harness.presence(of: "alice").status == .offline)
    #expect(harness.presence(of: "alice").lastSeen != nil)

    for _ in 0..<200 {
      bob.heard()
      harness.advance(.seconds(10))
    }
    #expect(harness.stats.sessions == 1, "the idle TTL of 30 min is over")
    #expect(harness.violations() == [])
  }

  @Test("a silent connection is pinged, and dropped after 35 s; the visible leave comes after 50 s, not before")
  func silenceTimeline() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    alice.join("room:1")
    harness.advance(.milliseconds(27_400))
    #expect(alice.pings == 0, "a client that beats every 25 s is never pinged")
    harness.advance(.milliseconds(200))
    #expect(alice.pings == 1)
    harness.advance(.milliseconds(7_300))
    #expect(!alice.isClosed)
    harness.advance(.milliseconds(300))
    #expect(alice.refusal?.code == .heartbeatTimeout)
    #expect(harness.stats.detached == 1)
    harness.advance(.milliseconds(14_600))
    #expect(harness.roster(of: "room:1").count == 1)
    harness.advance(.milliseconds(600))
    #expect(harness.roster(of: "room:1").count == 0)
    #expect(harness.violations() == [])
  }

  @Test(
    "a client that does nothing but answer pings stays, however short its interval is beside the timeout",
    arguments: [1, 2, 4, 5, 10, 25])
  func answersPings(interval: Int) throws {
    let harness = EngineHarness { $0.heartbeatInterval = .seconds(interval) }
    let alice = try harness.login("alice")
    var answered = 0
    var longest = 0
    var silence = 0
    for _ in 0..<1_200 {
      harness.advance(.milliseconds(100))
      silence += 1
      guard alice.pings > answered else { continue }
      try #require(alice.pings == answered + 1, "one ping for each silence")
      answered = alice.pings
      longest = max(longest, silence)
      silence = 0
      alice.heard()
    }
    #expect(!alice.isClosed)
    #expect(answered >= 120 / (interval + 3), "\(answered) pings in two minutes")
    #expect(longest <= interval * 10 + 27, "most of the timeout is left to answer each of them: \(longest) ticks of silence")
    harness.advance(.seconds(interval + 11))
    #expect(alice.refusal?.code == .heartbeatTimeout)
    #expect(harness.violations() == [])
  }

  @Test("heartbeats keep a connection without ever touching the timers' truth")
  func heartbeatsKeep() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    for _ in 0..<40 {
      harness.advance(.seconds(25))
      alice.heard()
    }
    #expect(!alice.isClosed)
    #expect(alice.pings == 0)
    #expect(harness.stats.attached == 1)
  }

  @Test("close 1000 on the last connection leaves at once; on one of two it changes nothing")
  func goodbye() throws {
    let harness = EngineHarness()
    let first = try harness.login("alice")
    let session = try first.session
    let second = try harness.resume(session, plane: 1)
    first.join("room:1")
    first.drop(.goodbye)
    harness.settle()
    #expect(harness.stats.attached == 1)
    #expect(harness.roster(of: "room:1").count == 1)
    second.drop(.goodbye)
    harness.settle()
    #expect(harness.stats.dormant == 1)
    #expect(harness.roster(of: "room:1").count == 0)
  }

  @Test("bye with a grace stays visible for it; bye with logout ends the session")
  func bye() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    alice.join("room:1")
    #expect(alice.ask(.bye(logout: false, graceMilliseconds: 5_000)) == .empty)
    #expect(alice.isClosed)
    #expect(alice.refusal == nil)
    harness.advance(.milliseconds(4_800))
    #expect(harness.stats.detached == 1)
    harness.advance(.milliseconds(400))
    #expect(harness.stats.dormant == 1)
    let bob = try harness.login("bob")
    #expect(bob.ask(.bye(logout: true, graceMilliseconds: 0)) == .empty)
    #expect(harness.stats.sessions == 1)
    #expect(harness.violations() == [])
  }

  @Test("bye on one of two tabs changes nothing; a logout ends the other tab too, with logged_out")
  func byeWithTabs() throws {
    let harness = EngineHarness()
    let first = try harness.login("alice")
    let session = try first.session
    let second = try harness.resume(session, plane: 1)
    let third = try harness.resume(session, plane: 1)
    first.ask(.bye(logout: false, graceMilliseconds: 0))
    #expect(first.isClosed)
    #expect(first.refusal == nil)
    #expect(harness.stats.attached == 1)
    #expect(second.ask(.bye(logout: true, graceMilliseconds: 0)) == .empty)
    #expect(second.refusal == nil, "who asked for it is closed normally")
    third.receive()
    #expect(third.ended == .left)
    #expect(third.refusal?.code == .loggedOut)
    #expect(harness.stats.sessions == 0)
    #expect(try harness.resume(session).refusal?.code == .sessionExpired)
    #expect(harness.violations() == [])
  }

  @Test("a grace named in bye is at most the configured window, and a resume within it takes it back")
  func byeThenResume() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let session = try alice.session
    alice.ask(.bye(logout: false, graceMilliseconds: 3_600_000))
    harness.advance(.seconds(14))
    #expect(harness.stats.detached == 1)
    let again = try harness.resume(session)
    harness.advance(.seconds(20), beating: [again])
    #expect(harness.stats.attached == 1)
    again.ask(.bye(logout: false, graceMilliseconds: .max))
    harness.advance(.milliseconds(15_100))
    #expect(harness.stats.dormant == 1)
  }

  @Test("the idle TTL slides with each heartbeat: a dormant session lives on from the last one, and resuming begins anew")
  func idleTTLSlides() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice") { $0.idleTTLMilliseconds = 120_000 }
    let session = try alice.session
    harness.advance(.seconds(300), beating: [alice])
    alice.drop(.goodbye)
    harness.advance(.milliseconds(109_800))
    #expect(harness.stats.dormant == 1, "the last heartbeat was 10 s before the goodbye")
    let again = try harness.resume(session)
    again.drop(.goodbye)
    harness.advance(.milliseconds(119_800))
    #expect(harness.stats.dormant == 1)
    harness.advance(.milliseconds(400))
    #expect(harness.stats.sessions == 0)
    #expect(harness.violations() == [])
  }

  @Test("a resume within the grace causes no event; out of it one join, and memberships, status and data are as they were")
  func resume() throws {
    let harness = EngineHarness()
    let bob = try harness.login("bob")
    bob.join("room:1")
    var alice = try harness.login("alice")
    let session = try alice.session
    alice.join("room:1")
    alice.ask(.status(StatusChange(status: .dnd, text: Array("in a call".utf8))))
    alice.ask(.data(patch: Payload(validated: Array("{\"a\":1}".utf8)), ifVersion: nil))
    harness.advance(.seconds(1))
    bob.receive()
    let known = bob.events.count

    alice.drop()
    harness.advance(.seconds(10))
    alice = try harness.resume(session, plane: 1)
    harness.advance(.seconds(10))
    bob.receive()
    #expect(bob.events.count == known, "no event for a reload")

    bob.heard()
    alice.drop()
    harness.advance(.seconds(16))
    bob.receive()
    #expect(bob.view(of: "room:1")?.members.count == 1)
    bob.heard()
    alice = try harness.resume(session, plane: 0)
    harness.advance(.seconds(1))
    alice.receive()
    bob.receive()
    #expect(alice.welcome?.resumed == true)
    let member = bob.view(of: "room:1")?.members[.named("alice")]
    #expect(member?.status == .dnd)
    #expect(member?.text == Array("in a call".utf8))
    #expect(alice.view(of: "room:1")?.members.count == 2, "a resumed session observes its channels without asking")
    #expect(
      alice.ask(.data(patch: nil, ifVersion: nil))
        == .data(SessionDataView(version: 1, data: Payload(validated: Array("{\"a\":1}".utf8)))))
    #expect(harness.violations() == [])
  }

  @Test("an ended or unknown session cannot be resumed")
  func resumeOfNothing() throws {
    let harness = EngineHarness()
    let nobody = try harness.resume(SessionID(high: 1, low: 2))
    #expect(nobody.refusal?.code == .sessionExpired)
  }

  @Test("a session ends at its lifetime whatever it does")
  func lifetime() throws {
    let harness = EngineHarness { configuration in
      configuration.sessionLifetime = .seconds(3_600)
    }
    let alice = try harness.login("alice") { $0.lifetimeMilliseconds = 120_000 }
    for _ in 0..<11 {
      harness.advance(.seconds(10))
      alice.heard()
    }
    #expect(!alice.isClosed)
    harness.advance(.milliseconds(10_200))
    alice.receive()
    #expect(alice.ended == .expired)
    #expect(alice.refusal?.code == .sessionExpired)
    #expect(harness.stats.sessions == 0)
    #expect(harness.violations() == [])
  }

  @Test("no hello within 5 s closes with hello_timeout")
  func helloTimeout() throws {
    let harness = EngineHarness()
    let silent = try harness.connect()
    harness.advance(.milliseconds(4_900))
    #expect(!silent.isClosed)
    harness.advance(.milliseconds(300))
    #expect(silent.refusal?.code == .helloTimeout)
    #expect(harness.stats.connections == 0)
  }
}
