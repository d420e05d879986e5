import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// Channels through the whole engine: who is in them, who may see them, and what is asked of them.
@Suite("Channels")
struct MembershipTests {
  private let room = ChannelName.named("room:1")
  private let alice = UserID.named("alice")

  private func shown(_ reply: Reply?) -> ChannelSnapshot? {
    if case .channel(let snapshot) = reply { snapshot } else { nil }
  }

  @Test("join answers with the channel, the member in it, and makes an observer", arguments: 1...3)
  func join(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    let client = try harness.login("alice", device: .ios, plane: planes - 1)
    client.set(.dnd, text: "busy")
    let snapshot = try #require(shown(client.join("room:1", meta: "{\"a\":1}")))
    #expect(snapshot.mode == .announce)
    #expect(snapshot.epoch == harness.engine.epoch)
    #expect(snapshot.occupancy == Occupancy(users: 1, guests: 0, sessions: 1))
    let member = try #require(snapshot.members.first)
    #expect(member.user == alice)
    #expect(member.kind == .member)
    #expect(member.status == .dnd)
    #expect(member.text == Array("busy".utf8))
    #expect(member.meta.text == "{\"a\":1}")
    #expect(member.devices == DeviceSet(.ios))
    #expect(member.since == harness.clock.wall)
    #expect(client.isObserving(room))
    #expect(harness.violations() == [])
  }

  @Test("joining again changes nothing, or sets the meta when there is another; leaving again says so")
  func idempotent() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    client.join("room:1", meta: "{\"a\":1,\"n\":null}")
    let records = harness.journal.records.count
    client.join("room:1", meta: "{\"a\":1}")
    client.join("room:1")
    #expect(harness.journal.records.count == records, "nothing happened, so nothing is logged")
    #expect(harness.roster(of: "room:1")[alice]?.meta.text == "{\"a\":1}", "null means absent")
    client.join("room:1", meta: "{\"b\":2}")
    #expect(harness.roster(of: "room:1")[alice]?.meta.text == "{\"b\":2}")
    #expect(harness.stats.observers == 1)
    #expect(harness.detail(of: "room:1")?.observers == 1)
    #expect(client.leave("room:1") == .left(changed: true))
    #expect(client.leave("room:1") == .left(changed: false))
    #expect(!client.isObserving(room))
    harness.advance(ticks: 2)
    #expect(harness.detail(of: "room:1") == nil)
    #expect(harness.violations() == [])
  }

  @Test("meta is the merge of the visible sessions', oldest member first; a newer one wins where both speak")
  func mergedMeta() throws {
    let harness = EngineHarness()
    let first = try harness.login("alice")
    let second = try harness.login("alice", device: .ios)
    let third = try harness.login("alice", device: .android)
    second.join("room:1", meta: "{\"a\":2,\"b\":2}")
    first.join("room:1", meta: "{\"a\":1,\"c\":{\"x\":1}}")
    third.join("room:1", meta: "{\"c\":{\"y\":3}}")
    func meta() -> String? { harness.roster(of: "room:1")[alice]?.meta.text }
    #expect(meta() == "{\"a\":1,\"b\":2,\"c\":{\"x\":1,\"y\":3}}")
    first.set(.invisible)
    #expect(meta() == "{\"a\":2,\"b\":2,\"c\":{\"y\":3}}", "what an invisible session says is not told")
    first.set(.online)
    first.update("room:1", patch: "{\"a\":null,\"c\":{\"x\":9}}")
    #expect(meta() == "{\"a\":2,\"b\":2,\"c\":{\"x\":9,\"y\":3}}")
    second.leave("room:1")
    #expect(meta() == "{\"c\":{\"x\":9,\"y\":3}}")
    #expect(harness.detail(of: "room:1")?.occupancy == Occupancy(users: 1, guests: 0, sessions: 2))
    #expect(harness.violations() == [])
  }

  @Test("update answers with a number, and the change is in the first diff with a greater one")
  func update() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    let bob = try harness.login("bob", plane: 1)
    bob.join("room:1")
    client.join("room:1", meta: "{\"a\":1}")
    harness.advance(ticks: 2)
    _ = bob.takeEvents()
    guard case .updated(let seq)? = client.update("room:1", patch: "{\"a\":2}") else {
      Issue.record("update was refused")
      return
    }
    harness.advance(ticks: 2)
    let diffs = bob.takeEvents().compactMap { if case .diff(let diff) = $0 { diff } else { nil } }
    let diff = try #require(diffs.first { $0.seq > seq })
    #expect(diff.updates.map(\.meta.text) == ["{\"a\":2}"])
    #expect(diff.joins.isEmpty)
    #expect(diff.leaves.isEmpty, "an update is never a leave and a join")
    #expect(client.update("room:2", patch: "{}")?.code == .notJoined)
  }

  @Test("meta of 2 KiB is taken, more is refused whole, also when only the patched meta would be too large")
  func metaLimit() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    func object(_ key: String, bytes: Int) -> String {
      "{\"\(key)\":\"" + String(repeating: "x", count: bytes - key.utf8.count - 7) + "\"}"
    }
    #expect(client.join("room:1", meta: object("k", bytes: 2_049))?.code == .tooLarge)
    #expect(harness.roster(of: "room:1").isEmpty)
    #expect(client.join("room:1", meta: object("k", bytes: 2_048))?.code == nil)
    #expect(client.update("room:1", patch: "{\"l\":1}")?.code == .tooLarge)
    #expect(client.join("room:1", meta: object("m", bytes: 2_049))?.code == .tooLarge)
    #expect(harness.roster(of: "room:1")[alice]?.meta.json.count == 2_048)
  }

  @Test("a session is in as many channels as allowed, over all its connections; a dormant one keeps them")
  func channelLimit() throws {
    let harness = EngineHarness { $0.channelsPerSessionMax = 3 }
    let client = try harness.login("alice")
    let session = try client.session
    let tab = try harness.resume(session, plane: 1)
    for index in 1...3 { #expect((index == 1 ? tab : client).join("room:\(index)")?.code == nil) }
    let refusal = client.join("room:4")?.refusal
    #expect(refusal?.code == .channelLimit)
    #expect(tab.join("room:1", meta: "{\"again\":1}")?.code == nil, "joining again is no further channel")
    #expect(client.leave("room:2") == .left(changed: true))
    #expect(client.join("room:4")?.code == nil)
    #expect(harness.stats.memberships == 3)
    client.drop(.goodbye)
    tab.drop(.goodbye)
    harness.advance(ticks: 2)
    #expect(harness.stats.memberships == 3)
    #expect(harness.stats.channels == 0)
    let again = try harness.resume(session)
    #expect(harness.stats.channels == 3)
    #expect(again.join("room:5")?.code == .channelLimit)
    #expect(harness.violations() == [])
  }

  @Test("observing needs no membership and makes none; unobserve ends it, leave too")
  func observing() throws {
    let harness = EngineHarness()
    let watcher = try harness.login("watcher", plane: 1)
    let client = try harness.login("alice")
    #expect(shown(watcher.observe("room:1"))?.members == [])
    client.join("room:1")
    harness.advance(ticks: 2)
    #expect(watcher.takeDiffs().joins == ["alice"])
    #expect(harness.roster(of: "room:1").count == 1)
    #expect(shown(watcher.observe("room:1"))?.members.count == 1, "observing again shows the channel again")
    #expect(harness.detail(of: "room:1")?.observers == 2)
    #expect(watcher.unobserve("room:1") == .empty)
    #expect(watcher.unobserve("room:1") == .empty)
    client.update("room:1", patch: "{\"a\":1}")
    harness.advance(ticks: 2)
    #expect(watcher.takeEvents() == [])
    watcher.observe("room:1")
    #expect(watcher.leave("room:1") == .left(changed: false))
    #expect(!watcher.isObserving(room))
    #expect(harness.violations() == [])
  }

  @Test("where observers are not allowed only members see: not observe, list, sync or resume; count is for all")
  func membersOnly() throws {
    let harness = EngineHarness { $0.namespaces["room"] = NamespaceSettings(observersAllowed: false) }
    let client = try harness.login("alice")
    client.join("room:1")
    let outsider = try harness.login("outsider", plane: 1) {
      $0.resume = [ResumePoint(channel: .named("room:1"), epoch: Epoch(rawValue: 1), seq: Seq(1))]
    }
    #expect(!outsider.isObserving(room))
    #expect(outsider.observe("room:1")?.code == .forbidden)
    #expect(outsider.ask(.list(room, limit: 1, cursor: nil))?.code == .forbidden)
    #expect(outsider.ask(.sync(room, epoch: harness.engine.epoch, seq: Seq(0)))?.code == .forbidden)
    #expect(outsider.ask(.count(room)) == .occupancy(Occupancy(users: 1, guests: 0, sessions: 1)))
    #expect(outsider.observe("lobby")?.code == nil, "other namespaces have their own settings")
    #expect(outsider.join("room:1")?.code == nil)
    #expect(outsider.ask(.list(room, limit: 1, cursor: nil))?.code == nil)
  }

  @Test("where observers are not allowed, a session that leaves through one tab sees nothing through its other tabs")
  func leavingEndsAllTabs() throws {
    let harness = EngineHarness { $0.namespaces["room"] = NamespaceSettings(observersAllowed: false) }
    let client = try harness.login("alice")
    client.join("room:1")
    client.join("lobby")
    let tab = try harness.resume(try client.session, plane: 1)
    #expect(tab.isObserving(room))
    client.leave("room:1")
    client.leave("lobby")
    #expect(!tab.isObserving(room))
    #expect(tab.isObserving(.named("lobby")))
    #expect(harness.violations() == [])
  }

  @Test("a connection observes as many channels as allowed; one it observes already is none more; joins have their own room")
  func observeLimit() throws {
    let harness = EngineHarness { $0.channelsPerSessionMax = 3 }
    let client = try harness.login("alice")
    for index in 1...3 { #expect(client.observe("room:\(index)")?.code == nil) }
    #expect(client.observe("room:4")?.code == .channelLimit)
    #expect(client.observe("room:1")?.code == nil)
    for index in 4...6 { #expect(client.join("room:\(index)")?.code == nil) }
    #expect(harness.stats.observers == 6)
    // Another tab leaves what this one goes on observing, so that the session has room again.
    let tab = try harness.resume(try client.session)
    for index in 4...6 { tab.leave("room:\(index)") }
    #expect(client.join("room:7")?.code == .channelLimit)
    client.unobserve("room:4")
    #expect(client.join("room:7")?.code == nil)
    #expect(harness.violations() == [])
  }

  @Test(
    "a list is paged by a cursor: whoever stays while others come and go is listed exactly once",
    arguments: scenarioSeeds(30))
  func paging(seed: UInt64) throws {
    let harness = EngineHarness(planes: 2, seed: seed)
    var others = try (0..<20).map { try harness.login("user\($0)", plane: $0 % 2) }
    for other in others { other.join("room:1") }
    let stayers = try (0..<10).map { try harness.login("stayer\($0)", plane: $0 % 2) }
    for stayer in stayers { stayer.join("room:1") }
    let reader = try harness.login("reader")
    var seen: [UserID] = []
    var cursor: Cursor?
    repeat {
      let limit = 1 + harness.random.below(4)
      guard case .members(let page)? = reader.ask(.list(room, limit: limit, cursor: cursor)) else {
        Issue.record("list was not answered")
        return
      }
      try #require(page.members.count <= limit)
      seen += page.members.map(\.user)
      cursor = page.next
      if harness.random.happens(percent: 60), !others.isEmpty {
        others.remove(at: harness.random.below(others.count)).leave("room:1")
      }
      if harness.random.happens(percent: 30) { try harness.login("late\(seen.count)").join("room:1") }
    } while cursor != nil && seen.count < 1_000
    for index in 0..<10 {
      try #require(seen.count { $0 == .named("stayer\(index)") } == 1, "seed \(seed)")
    }
    try #require(Set(seen).count == seen.count, "seed \(seed)")
  }

  @Test("list and join show at most as many members as asked, and where the rest begins")
  func listLimit() throws {
    let harness = EngineHarness { $0.pageMembersMax = 5 }
    for index in 0..<8 { try harness.login("user\(index)").join("room:1", list: 0) }
    let reader = try harness.login("reader")
    #expect(shown(reader.observe("room:1", list: 0))?.members == [])
    #expect(shown(reader.observe("room:1", list: 0))?.next != nil)
    let snapshot = try #require(shown(reader.observe("room:1", list: 1_000)))
    #expect(snapshot.members.count == 5)
    guard case .members(let page)? = reader.ask(.list(room, limit: 1_000, cursor: snapshot.next)) else {
      Issue.record("list was not answered")
      return
    }
    #expect(page.members.count == 3)
    #expect(page.next == nil)
    #expect(page.seq == snapshot.seq)
  }
}

extension NamespaceSettings {
  fileprivate init(observersAllowed: Bool) {
    self.init()
    self.observersAllowed = observersAllowed
  }
}
