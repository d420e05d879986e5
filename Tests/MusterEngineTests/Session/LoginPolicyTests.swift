import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Login policy")
struct LoginPolicyTests {
  private func harness(
    _ policy: LoginPolicy, sessions: Int = 2, devices: [Device: Int] = [:], planes: Int = 2
  ) -> EngineHarness {
    EngineHarness(planes: planes) { configuration in
      configuration.loginPolicy = policy
      configuration.sessionsPerUserMax = sessions
      configuration.sessionsPerDeviceMax = devices
    }
  }

  private func expectReplaced(_ client: ManualClient, sourceLocation: SourceLocation = #_sourceLocation) {
    client.receive()
    #expect(client.ended == .replaced, sourceLocation: sourceLocation)
    #expect(client.refusal?.code == .replaced, sourceLocation: sourceLocation)
    #expect(client.closings == 1, sourceLocation: sourceLocation)
  }

  @Test("reject: the login over the limit is refused with session_limit and closed; the others stay")
  func reject() throws {
    let harness = harness(.reject)
    let first = try harness.login("alice")
    let second = try harness.login("alice", device: .ios, plane: 1)
    let third = try harness.login("alice", device: .android)
    #expect(third.refusal?.code == .sessionLimit)
    #expect(first.isOpen)
    #expect(second.isOpen)
    #expect(harness.stats.sessions == 2)
    #expect(try harness.login("bob").isOpen, "the limit is one user's")
    #expect(harness.violations() == [])
  }

  @Test("reject: a session inside its grace still counts, a logged out one does not")
  func rejectCountsDetached() throws {
    let harness = harness(.reject, sessions: 1)
    let first = try harness.login("alice")
    let session = try first.session
    first.drop()
    harness.settle()
    #expect(try harness.login("alice").refusal?.code == .sessionLimit)
    let again = try harness.resume(session)
    #expect(again.isOpen, "resuming is no login")
    again.ask(.bye(logout: true, graceMilliseconds: 0))
    #expect(try harness.login("alice").isOpen)
  }

  @Test("replace_oldest: the oldest session ends as replaced, on all its connections, with 4505", arguments: 1...3)
  func replaceOldest(planes: Int) throws {
    let harness = harness(.replaceOldest, planes: planes)
    let first = try harness.login("alice")
    let tab = try harness.resume(try first.session, plane: planes - 1)
    let second = try harness.login("alice", device: .ios)
    let third = try harness.login("alice", device: .ios, plane: planes - 1)
    expectReplaced(first)
    expectReplaced(tab)
    #expect(second.isOpen)
    #expect(third.isOpen)
    #expect(harness.stats.sessions == 2)
    #expect(harness.stats.connections == 2)
    #expect(harness.violations() == [])
  }

  @Test("replace_oldest with a limit of one: others see the user leave its channels as replaced, never as offline")
  func replaceOnlySession() throws {
    let harness = harness(.replaceOldest, sessions: 1)
    let bob = try harness.login("bob")
    bob.join("room:1")
    bob.watch("alice")
    let first = try harness.login("alice")
    first.join("room:1")
    harness.advance(ticks: 2)
    _ = bob.takeEvents()
    let second = try harness.login("alice", plane: 1)
    harness.advance(ticks: 2)
    expectReplaced(first)
    let events = bob.takeEvents()
    let leaves = events.compactMap { if case .diff(let diff) = $0 { diff.leaves } else { nil } }.flatMap { $0 }
    #expect(leaves == [Leave(user: .named("alice"), reason: .replaced)])
    for case .presence(let users) in events { #expect(users.allSatisfy { $0.status == .online }) }
    #expect(harness.presence(of: "alice").status == .online)
    #expect(second.isOpen)
  }

  @Test("replace_same_device: the oldest on the same class of device goes; without one the login is refused")
  func replaceSameDevice() throws {
    let harness = harness(.replaceSameDevice, sessions: 3)
    let phone = try harness.login("alice", device: .ios)
    let old = try harness.login("alice", device: .web)
    let young = try harness.login("alice", device: .web)
    let new = try harness.login("alice", device: .web, plane: 1)
    expectReplaced(old)
    #expect(phone.isOpen, "the oldest of all is on another device")
    #expect(young.isOpen)
    #expect(new.isOpen)
    let other = try harness.login("alice", device: .desktop)
    #expect(other.refusal?.code == .sessionLimit)
    #expect(harness.stats.sessions == 3)
    #expect(harness.violations() == [])
  }

  @Test("a limit of a device class holds beside that of the user", arguments: LoginPolicy.allCases)
  func deviceLimit(policy: LoginPolicy) throws {
    let harness = harness(policy, sessions: 5, devices: [.ios: 1])
    let web = try harness.login("alice", device: .web)
    let first = try harness.login("alice", device: .ios)
    let second = try harness.login("alice", device: .ios, plane: 1)
    if policy == .reject {
      #expect(second.refusal?.code == .sessionLimit)
      #expect(first.isOpen)
    } else {
      expectReplaced(first)
      #expect(second.isOpen)
    }
    #expect(web.isOpen)
    #expect(try harness.login("alice", device: .web).isOpen, "other devices have no limit of their own")
    #expect(harness.stats.sessions == 3)
  }

  @Test("dormant sessions make room first, oldest first, whatever the policy", arguments: LoginPolicy.allCases)
  func dormantFirst(policy: LoginPolicy) throws {
    let harness = harness(policy, sessions: 3)
    let present = try harness.login("alice", device: .web)
    var dormant: [SessionID] = []
    for _ in 0..<2 {
      let client = try harness.login("alice", device: .ios)
      dormant.append(try client.session)
      client.drop(.goodbye)
      harness.settle()
    }
    let first = try harness.login("alice", device: .desktop)
    #expect(first.isOpen)
    #expect(present.isOpen)
    #expect(try harness.resume(dormant[0]).refusal?.code == .sessionExpired, "the older one made room")
    let second = try harness.login("alice", device: .desktop)
    #expect(second.isOpen)
    #expect(present.isOpen)
    #expect(try harness.resume(dormant[1]).refusal?.code == .sessionExpired)
    #expect(harness.stats.sessions == 3)
    #expect(harness.violations() == [])
  }

  @Test("who takes the place of an own session needs no further room in the table")
  func replacingInAFullTable() throws {
    let harness = EngineHarness(planes: 1) { configuration in
      configuration.sessionsPerUserMax = 1
      configuration.sessionsPerShardMax = 1
    }
    let first = try harness.login("alice")
    let second = try harness.login("alice")
    expectReplaced(first)
    #expect(second.isOpen)
    #expect(try harness.login("bob").refusal?.code == .overloaded)
    second.ask(.bye(logout: true, graceMilliseconds: 0))
    #expect(try harness.login("bob").isOpen, "users who are remembered take no session's room")
    #expect(harness.violations() == [])
  }

  @Test("the table of sessions has no say in how many connections a session may have")
  func manyTabs() throws {
    let harness = EngineHarness(planes: 1) { $0.sessionsPerShardMax = 1 }
    let first = try harness.login("alice")
    let session = try first.session
    for _ in 0..<20 { #expect(try harness.resume(session).isOpen) }
    #expect(harness.stats.connections == 21)
    #expect(harness.stats.sessions == 1)
    #expect(harness.violations() == [])
  }
}
