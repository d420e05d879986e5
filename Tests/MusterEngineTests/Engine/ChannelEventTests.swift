import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// When a user joins and leaves in the eyes of others, and with which reason.
@Suite("Channel events")
struct ChannelEventTests {
  private let room = ChannelName.named("room:1")
  private let alice = UserID.named("alice")

  /// Somebody who observes, and has heard all there is to hear.
  private func observer(_ harness: EngineHarness) throws -> ManualClient {
    let observer = try harness.login("observer", plane: harness.executors.count - 1)
    observer.observe("room:1")
    return observer
  }

  private func settle(_ harness: EngineHarness) {
    harness.advance(ticks: 3)
  }

  @Test(
    "join fires on the first visible session and leave on the last: no event for a second tab, phone or reload",
    arguments: 1...3)
  func firstAndLast(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    let observer = try observer(harness)
    let first = try harness.login("alice")
    let session = try first.session
    first.join("room:1")
    settle(harness)
    #expect(observer.takeDiffs().joins == ["alice"])

    let tab = try harness.resume(session, plane: planes - 1)
    let second = try harness.login("alice", plane: planes - 1)
    second.join("room:1")
    tab.drop()
    settle(harness)
    #expect(observer.takeEvents() == [], "a second tab, a second session on the same kind of device")

    first.drop()
    settle(harness)
    let reloaded = try harness.resume(session)
    settle(harness)
    #expect(observer.takeEvents() == [], "a reload")

    let phone = try harness.login("alice", device: .ios)
    phone.join("room:1")
    settle(harness)
    let told = observer.takeDiffs()
    #expect(told.joins == [])
    #expect(told.leaves == [])
    #expect(told.updates == ["alice"], "another kind of device is an update, since members show their devices")

    for client in [reloaded, second] { client.leave("room:1") }
    settle(harness)
    #expect(observer.takeDiffs().leaves == [])
    phone.leave("room:1")
    settle(harness)
    #expect(observer.takeDiffs().leaves == [Leave(user: alice, reason: .left)])
    #expect(harness.violations() == [])
  }

  @Test("coming and going within one window is told to nobody")
  func cancels() throws {
    let harness = EngineHarness()
    let observer = try observer(harness)
    let client = try harness.login("alice")
    settle(harness)
    client.send(.join(room, meta: .empty, list: 0))
    client.send(.leave(room))
    harness.settle()
    settle(harness)
    let told = observer.takeDiffs()
    // Its own join reply has shown the member, so the pair may be told; but then whole.
    #expect(told.joins.count <= 1)
    #expect(harness.roster(of: "room:1").isEmpty)
  }

  /// One way to leave.
  enum Way: String, CaseIterable {
    case leave, goodbye, bye, logout, loss, silence, lifetime, kick, kickUser, ban, replaced

    var reason: LeaveReason {
      switch self {
      case .leave, .goodbye, .bye, .logout: .left
      case .loss, .silence: .timeout
      case .lifetime: .expired
      case .kick, .kickUser: .kicked
      case .ban: .banned
      case .replaced: .replaced
      }
    }
  }

  @Test("each way to leave is told with its reason", arguments: Way.allCases)
  func reasons(way: Way) async throws {
    let harness = EngineHarness { configuration in
      configuration.sessionsPerUserMax = 1
      configuration.awayAfter = .seconds(1_000)
    }
    let observer = try observer(harness)
    let client = try harness.login("alice") { $0.lifetimeMilliseconds = way == .lifetime ? 20_000 : nil }
    client.join("room:1")
    settle(harness)
    _ = observer.takeEvents()
    switch way {
    case .leave: client.leave("room:1")
    case .goodbye: client.drop(.goodbye)
    case .bye: client.ask(.bye(logout: false, graceMilliseconds: 0))
    case .logout: client.ask(.bye(logout: true, graceMilliseconds: 0))
    case .loss: client.drop(.lost)
    case .silence: break
    case .lifetime: harness.advance(.seconds(21), beating: [client, observer])
    case .kick: _ = try await harness.engine.kick(session: try client.session, message: "")
    case .kickUser: _ = try await harness.engine.kick(user: alice, except: nil, message: "")
    case .ban: _ = try await harness.engine.ban(alice, for: nil, reason: "")
    case .replaced: _ = try harness.login("alice")
    }
    harness.settle()
    if way == .loss || way == .silence { harness.advance(.seconds(way == .loss ? 16 : 51), beating: [observer]) }
    settle(harness)
    #expect(observer.takeDiffs().leaves == [Leave(user: alice, reason: way.reason)])
    #expect(harness.roster(of: "room:1").isEmpty)
    #expect(harness.violations() == [])
  }

  @Test("a dormant session that expires causes no second leave")
  func dormantExpires() throws {
    let harness = EngineHarness { $0.sessionIdleTTL = .seconds(60) }
    let observer = try observer(harness)
    let client = try harness.login("alice")
    client.join("room:1")
    client.drop(.goodbye)
    harness.advance(.seconds(70), beating: [observer])
    #expect(harness.stats.sessions == 1)
    #expect(observer.takeDiffs().leaves == [Leave(user: alice, reason: .left)])
  }

  @Test("through all modes: every change, then the net change of a window, then counts only, and back with hysteresis")
  func modes() throws {
    let harness = EngineHarness { configuration in
      configuration.defaultNamespace.announceMax = 4
      configuration.defaultNamespace.intervalMax = 8
    }
    let observer = try observer(harness)
    var members: [ManualClient] = []
    func grow(to count: Int) throws {
      while members.count < count {
        let member = try harness.login("user\(members.count)")
        member.join("room:1", list: 0)
        members.append(member)
      }
      harness.advance(.seconds(2), beating: members + [observer])
    }
    func shrink(to count: Int) {
      while members.count > count { members.removeLast().leave("room:1") }
      harness.advance(.seconds(2), beating: members + [observer])
    }
    func mode() -> ChannelMode? { harness.detail(of: "room:1")?.mode }

    try grow(to: 4)
    #expect(mode() == .announce)
    #expect(observer.takeDiffs().joins.count == 4)
    try grow(to: 5)
    #expect(mode() == .interval)
    _ = observer.takeEvents()
    members[0].update("room:1", patch: "{\"n\":1}")
    harness.advance(ticks: 3)
    members[0].update("room:1", patch: "{\"n\":2}")
    #expect(observer.takeEvents() == [], "the window is a second long")
    harness.advance(ticks: 10)
    let diffs = observer.takeEvents().compactMap { if case .diff(let diff) = $0 { diff } else { nil } }
    #expect(diffs.count == 1)
    #expect(diffs.first?.updates.map(\.meta.text) == ["{\"n\":2}"], "the latest wins")
    try grow(to: 9)
    #expect(mode() == .count)
    observer.receive()
    #expect(observer.view(of: "room:1")?.mode == .count)
    #expect(observer.view(of: "room:1")?.occupancy.users == 9)
    shrink(to: 7)
    #expect(mode() == .count, "not before it is below 80 % of the threshold")
    shrink(to: 6)
    #expect(mode() == .interval)
    observer.receive()
    #expect(observer.view(of: "room:1")?.members == harness.roster(of: "room:1"), "on the way back there is a snapshot")
    shrink(to: 3)
    #expect(mode() == .announce)
    observer.receive()
    #expect(observer.view(of: "room:1")?.members == harness.roster(of: "room:1"))
    #expect(harness.violations() == [])
  }

  @Test("who comes back with its point gets the missed diffs; from another epoch or too far back, a snapshot")
  func resumePoint() throws {
    let harness = EngineHarness { $0.defaultNamespace.ringChangesMax = 4 }
    let client = try harness.login("alice")
    let session = try client.session
    client.join("room:1")
    let bob = try harness.login("bob", plane: 1)
    bob.join("room:1")
    settle(harness)
    client.receive()
    let view = try #require(client.view(of: "room:1"))
    let point = ResumePoint(channel: room, epoch: view.epoch, seq: view.seq)
    client.drop()
    for index in 0..<3 {
      bob.update("room:1", patch: "{\"n\":\(index)}")
      settle(harness)
    }
    let again = try harness.resume(session) { $0.resume = [point] }
    let missed = again.takeEvents().compactMap { if case .diff(let diff) = $0 { diff } else { nil } }
    #expect(missed.map(\.updates.first?.meta.text) == ["{\"n\":0}", "{\"n\":1}", "{\"n\":2}"])
    #expect(missed.first?.prev == view.seq)
    let current = try #require(missed.last?.seq)
    #expect(again.ask(.sync(room, epoch: view.epoch, seq: current)) == .diffs([]))

    again.drop()
    let foreign = ResumePoint(channel: room, epoch: Epoch(rawValue: view.epoch.rawValue &+ 1), seq: current)
    let third = try harness.resume(session) { $0.resume = [foreign] }
    guard case .snapshot(let snapshot)? = third.takeEvents().first else {
      Issue.record("another epoch got no snapshot")
      return
    }
    #expect(snapshot.members.count == 2)

    for index in 0..<6 {
      bob.update("room:1", patch: "{\"m\":\(index)}")
      settle(harness)
    }
    guard case .snapshot(let late)? = bob.ask(.sync(room, epoch: view.epoch, seq: view.seq)) else {
      Issue.record("too far back was not answered by a snapshot")
      return
    }
    #expect(late.members.count == 2)
    #expect(harness.violations() == [])
  }

  @Test("a resume names further channels: they are observed again, as many as allowed and only where observers are")
  func resumeObserved() throws {
    let harness = EngineHarness { configuration in
      configuration.channelsPerSessionMax = 3
      configuration.namespaces["closed"] = {
        var settings = NamespaceSettings()
        settings.observersAllowed = false
        return settings
      }()
    }
    let client = try harness.login("alice")
    client.join("room:1")
    let names = ["closed:1", "room:2", "room:3", "room:4"]
    let points = names.map { ResumePoint(channel: .named($0), epoch: harness.engine.epoch, seq: Seq(0)) }
    client.drop()
    let again = try harness.resume(try client.session, plane: 1) { $0.resume = points }
    let observed = (["room:1"] + names).filter { again.isObserving(.named($0)) }
    #expect(observed == ["room:1", "room:2", "room:3"])
    #expect(harness.violations() == [])
  }
}
