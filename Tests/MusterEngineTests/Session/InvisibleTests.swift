import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// `invisible` is offline in lists, counts, events, watches and in timing; only the user's own sessions and servers that ask for
/// it are told.
@Suite("Invisible users")
struct InvisibleTests {
  private let alice = UserID.named("alice")

  /// Somebody who sees and hears all that others can.
  private func spy(_ harness: EngineHarness, observing channel: String = "room:1") throws -> ManualClient {
    let spy = try harness.login("spy", plane: 1)
    spy.join(channel)
    spy.watch("alice")
    harness.advance(.seconds(2))
    _ = spy.takeEvents()
    return spy
  }

  @Test("whoever comes, acts and goes as invisible is never noticed by anybody", arguments: 1...3)
  func neverNoticed(planes: Int) throws {
    let harness = EngineHarness(planes: max(2, planes))
    let spy = try spy(harness)
    let before = harness.detail(of: "room:1")
    let hidden = try harness.login("alice") { $0.status = .invisible }
    let session = try hidden.session
    hidden.join("room:1", meta: "{\"a\":1}")
    hidden.update("room:1", patch: "{\"a\":2}")
    hidden.set(.invisible, text: "nobody reads this")
    hidden.ask(.activity(idle: true))
    let tab = try harness.resume(session, plane: 1)
    let phone = try harness.login("alice", device: .ios) { $0.status = .invisible }
    phone.join("room:1")
    phone.leave("room:1")
    harness.advance(.seconds(2))
    #expect(harness.roster(of: "room:1").keys.map(\.text) == ["spy"])
    #expect(harness.detail(of: "room:1")?.occupancy == before?.occupancy)
    for client in [hidden, tab, phone] { client.drop() }
    harness.advance(.seconds(20))
    #expect(spy.takeEvents() == [])
    #expect(harness.detail(of: "room:1")?.seq == before?.seq)
    #expect(harness.presence(of: "alice") == UserPresence(user: alice, kind: .member, status: .offline))
    #expect(harness.stats.members == 1)
    #expect(harness.violations() == [])
  }

  @Test("asked for, an invisible user looks like one who is offline: in lists, counts, users and signals")
  func asked() throws {
    let harness = EngineHarness()
    let spy = try spy(harness)
    let hidden = try harness.login("alice") { $0.status = .invisible }
    hidden.join("room:1")
    let channel = ChannelName.named("room:1")
    guard case .members(let page)? = spy.ask(.list(channel, limit: 10, cursor: nil)) else {
      Issue.record("list was not answered")
      return
    }
    #expect(page.members.map(\.user.text) == ["spy"])
    #expect(spy.ask(.count(channel)) == .occupancy(Occupancy(users: 1, guests: 0, sessions: 1)))
    #expect(spy.ask(.users([alice])) == .users([UserPresence(user: alice, kind: .member, status: .offline)]))
    #expect(spy.ask(.signal(.user(alice), data: [0x31])) == .delivered(0))
    #expect(spy.ask(.signal(.session(try hidden.session), data: [0x32])) == .delivered(0))
    hidden.receive()
    #expect(hidden.signals.map(\.data) == [[0x31], [0x32]], "it gets them all the same")
  }

  @Test("going invisible looks like leaving, coming back like a join; last seen moves to that moment and no further")
  func goingInvisible() throws {
    let harness = EngineHarness()
    let spy = try spy(harness)
    let client = try harness.login("alice")
    client.join("room:1")
    harness.advance(.seconds(1))
    _ = spy.takeEvents()

    client.set(.invisible)
    harness.advance(.seconds(1))
    let minute = harness.clock.wall.milliseconds / 60_000 * 60_000
    let left = spy.takeEvents()
    let leaves = left.compactMap { if case .diff(let diff) = $0 { diff.leaves } else { nil } }.flatMap { $0 }
    #expect(leaves == [Leave(user: alice, reason: .left)])
    #expect(spy.users[alice]?.status == .offline)
    #expect(spy.users[alice]?.lastSeen == WallTime(milliseconds: minute))

    harness.advance(.seconds(400), beating: [client, spy])
    client.set(.invisible, text: "still here")
    client.drop(.goodbye)
    harness.advance(.seconds(1))
    #expect(harness.presence(of: "alice").lastSeen == WallTime(milliseconds: minute), "it does not move while invisible")
    #expect(spy.takeEvents() == [])
    #expect(harness.violations() == [])
  }

  @Test("a dormant session that resumes as invisible is not shown, not even for a moment", arguments: 1...3)
  func resumesInvisible(planes: Int) throws {
    let harness = EngineHarness(planes: max(2, planes))
    let spy = try spy(harness)
    let client = try harness.login("alice")
    let session = try client.session
    client.join("room:1")
    client.drop(.goodbye)
    harness.advance(.seconds(90), beating: [spy])
    _ = spy.takeEvents()
    let lastSeen = harness.presence(of: "alice").lastSeen
    let seq = harness.detail(of: "room:1")?.seq

    let again = try harness.resume(session, plane: planes - 1) { $0.status = .invisible }
    harness.advance(.seconds(2))
    again.receive()
    #expect(again.view(of: "room:1")?.members.keys.map(\.text) == ["spy"])
    #expect(spy.takeEvents() == [])
    #expect(harness.detail(of: "room:1")?.seq == seq)
    #expect(harness.presence(of: "alice").lastSeen == lastSeen)
    #expect(harness.violations() == [])
  }

  @Test("an override to invisible hides every session, one to online shows an invisible one")
  func overrides() throws {
    let harness = EngineHarness()
    let spy = try spy(harness)
    let client = try harness.login("alice")
    client.join("room:1")
    client.override(.invisible, forMilliseconds: 10_000)
    #expect(harness.presence(of: "alice").status == .offline)
    #expect(harness.roster(of: "room:1").count == 1)
    harness.advance(.seconds(11))
    #expect(harness.presence(of: "alice").status == .online)
    client.set(.invisible)
    client.override(.online)
    harness.advance(.seconds(1))
    spy.receive()
    #expect(spy.users[alice]?.status == .online)
    #expect(spy.view(of: "room:1")?.members.count == 2)
    #expect(harness.violations() == [])
  }

  @Test("the user's own sessions see it: in the reply, asked for, and in what they watch")
  func ownSessions() throws {
    let harness = EngineHarness()
    let desk = try harness.login("alice")
    let phone = try harness.login("alice", device: .ios, plane: 1)
    phone.watch("alice")
    #expect(phone.users[alice]?.status == .online)
    desk.set(.invisible)
    phone.receive()
    #expect(phone.users[alice]?.status == .online, "the phone itself is still visible")
    guard case .presence(let presence)? = phone.set(.invisible, text: "hidden") else {
      Issue.record("status was not answered")
      return
    }
    #expect(presence.status == .invisible)
    #expect(presence.devices == [DeviceSet(.web), DeviceSet(.ios)])
    phone.receive()
    #expect(phone.users[alice]?.status == .invisible)
    #expect(phone.users[alice]?.text == Array("hidden".utf8))
    desk.drop(.goodbye)
    harness.settle()
    phone.receive()
    #expect(phone.users[alice]?.devices == DeviceSet(.ios), "what others must not notice, own sessions are told")
    phone.ask(.users([alice]))
    #expect(phone.users[alice]?.status == .invisible)
    phone.override(.invisible, text: "over")
    phone.receive()
    #expect(phone.users[alice]?.text == Array("over".utf8))
    #expect(phone.ask(.signal(.user(alice), data: [0x31])) == .delivered(1), "own sessions count for oneself")
  }

  @Test("a server sees it when it asks for invisible users, and no trace of it when it does not")
  func servers() async throws {
    let harness = EngineHarness()
    let hidden = try harness.login("alice", device: .ios) { $0.status = .invisible }
    #expect(await harness.engine.user(alice, includeInvisible: false) == nil, "like somebody who was never here")
    let asked = try #require(await harness.engine.user(alice, includeInvisible: true))
    #expect(asked.presence.status == .invisible)
    #expect(asked.presence.devices == DeviceSet(.ios))
    #expect(asked.sessions.count == 1)
    #expect(await harness.engine.users([alice], includeInvisible: false).map(\.status) == [.offline])
    #expect(await harness.engine.users([alice], includeInvisible: true).map(\.status) == [.invisible])
    let desk = try harness.login("alice", device: .desktop)
    #expect(await harness.engine.user(alice, includeInvisible: false)?.sessions.count == 1)
    desk.override(.invisible)
    let detail = try #require(await harness.engine.user(alice, includeInvisible: false))
    #expect(detail.override == nil)
    #expect(detail.sessions == [])
    #expect(detail.ownStatus == .offline)
    #expect(detail.presence.lastSeen != nil)
    #expect(hidden.isOpen)
  }
}
