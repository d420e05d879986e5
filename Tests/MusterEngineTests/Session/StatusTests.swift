import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Status of a user")
struct StatusTests {
  /// What one session of the table does.
  private static let stances: [Status] = [.online, .away, .dnd, .invisible, .offline]
  private static let overrides: [Status?] = [nil, .online, .away, .dnd, .invisible]

  /// The table of the semantics, in other words than the engine's: `offline` stands for a dormant session.
  private func expected(_ sessions: [Status], override: Status?) -> Status {
    let present = sessions.filter { $0 != .offline }
    let visible = override == .invisible ? [] : override == nil ? present.filter { $0 != .invisible } : present
    if visible.isEmpty { return .offline }
    if let override { return override }
    return [.dnd, .online, .away].first { visible.contains($0) } ?? .offline
  }

  @Test("the table holds for all combinations of three sessions and an override", arguments: overrides)
  func table(override: Status?) throws {
    let harness = EngineHarness { configuration in
      configuration.requestsBurst = 1_000
    }
    var row = 0
    var wrong: [String] = []
    for first in Self.stances {
      for second in Self.stances {
        for third in Self.stances {
          row += 1
          let name = "user\(row)"
          let stances = [first, second, third]
          let clients = try stances.enumerated().map { index, stance in
            try harness.login(name, device: .web, plane: index % 2) { $0.status = stance == .offline ? nil : stance }
          }
          if let override { clients[row % 3].override(override) }
          for (client, stance) in zip(clients, stances) where stance == .offline { client.drop(.goodbye) }
          harness.settle()
          let found = harness.presence(of: name).status
          if found != expected(stances, override: override) { wrong.append("\(stances): \(found)") }
          for client in clients { client.drop(.goodbye) }
          harness.settle()
        }
      }
    }
    #expect(row == 125)
    #expect(wrong == [])
    #expect(harness.stats.members == 0)
    #expect(harness.violations() == [])
  }

  @Test("the number of visible sessions follows the same table")
  func visibleSessions() throws {
    let harness = EngineHarness()
    let clients = try [Status.online, .invisible, .dnd].map { status in
      try harness.login("alice", device: .ios) { $0.status = status }
    }
    #expect(harness.stats.devices[Int(Device.ios.rawValue)] == 2)
    clients[0].override(.online)
    #expect(harness.stats.devices[Int(Device.ios.rawValue)] == 3, "an override shows even an invisible session")
    clients[0].override(.invisible)
    #expect(harness.stats.devices[Int(Device.ios.rawValue)] == 0)
    #expect(harness.stats.members == 0)
    #expect(harness.stats.sessions == 3)
    #expect(harness.violations() == [])
  }

  @Test("idle turns into away after 300 s, not before; active turns it back at once")
  func idleness() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let bob = try harness.login("bob")
    bob.watch("alice")
    func wait(_ duration: Duration) {
      harness.advance(duration, beating: [alice, bob])
      bob.receive()
    }
    #expect(alice.ask(.activity(idle: true)) == .empty)
    wait(.milliseconds(299_800))
    #expect(bob.users[.named("alice")]?.status == .online)
    #expect(alice.ask(.activity(idle: true)) == .empty, "saying it again does not begin anew")
    wait(.milliseconds(400))
    #expect(bob.users[.named("alice")]?.status == .away)
    alice.ask(.activity(idle: false))
    bob.receive()
    #expect(bob.users[.named("alice")]?.status == .online)
    alice.ask(.activity(idle: true))
    wait(.seconds(200))
    alice.ask(.activity(idle: false))
    wait(.seconds(200))
    #expect(bob.users[.named("alice")]?.status == .online, "activity in between begins anew")
    #expect(harness.violations() == [])
  }

  @Test("idleness makes away only of online: dnd and invisible stay, and another active session keeps the user online")
  func idlenessOfOthers() throws {
    let harness = EngineHarness { $0.awayAfter = .seconds(2) }
    let dnd = try harness.login("dora") { $0.status = .dnd }
    let hidden = try harness.login("ivan") { $0.status = .invisible }
    let desk = try harness.login("alice")
    let phone = try harness.login("alice", device: .ios)
    for client in [dnd, hidden, desk] { client.ask(.activity(idle: true)) }
    harness.advance(.seconds(3))
    #expect(harness.presence(of: "dora").status == .dnd)
    #expect(harness.presence(of: "ivan").status == .offline)
    #expect(harness.presence(of: "alice").status == .online)
    phone.ask(.activity(idle: true))
    harness.advance(.seconds(3))
    #expect(harness.presence(of: "alice").status == .away)
    desk.set(.online, text: "still idle")
    #expect(harness.presence(of: "alice").status == .away, "only activity ends idleness")
    desk.ask(.activity(idle: false))
    #expect(harness.presence(of: "alice").status == .online)
    #expect(harness.violations() == [])
  }

  @Test("an override with for_ms ends by itself; a later one replaces it; null lifts it")
  func overrideExpires() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let reply = alice.override(.dnd, text: "until noon", forMilliseconds: 5_000)
    guard case .presence(let presence) = reply else {
      Issue.record("\(String(describing: reply))")
      return
    }
    #expect(presence.status == .dnd)
    #expect(presence.text == Array("until noon".utf8))
    harness.advance(.milliseconds(4_900))
    #expect(harness.presence(of: "alice").status == .dnd)
    harness.advance(.milliseconds(200))
    #expect(harness.presence(of: "alice").status == .online)
    #expect(harness.presence(of: "alice").text == [])

    alice.override(.dnd, forMilliseconds: 2_000)
    alice.override(.away, forMilliseconds: 20_000)
    harness.advance(.seconds(3))
    #expect(harness.presence(of: "alice").status == .away, "the first one's end means nothing any more")
    alice.override(nil)
    #expect(harness.presence(of: "alice").status == .online)
    #expect(harness.detail(ofUser: "alice")?.override == nil)
    harness.advance(.seconds(20))
    #expect(harness.presence(of: "alice").status == .online)

    alice.override(.away)
    harness.advance(.seconds(600), beating: [alice])
    #expect(harness.presence(of: "alice").status == .away, "without for_ms it stays until it is lifted")
    #expect(harness.violations() == [])
  }

  @Test("an override outlives the sessions it was set by, and a wall clock that is set back does not end it early")
  func overrideStays() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    alice.override(.dnd, forMilliseconds: 60_000)
    alice.ask(.bye(logout: true, graceMilliseconds: 0))
    #expect(harness.presence(of: "alice").status == .offline)
    _ = try harness.login("alice")
    #expect(harness.presence(of: "alice").status == .dnd)
    harness.clock.jumpWall(milliseconds: -30_000)
    harness.leap(.seconds(70))
    #expect(harness.detail(ofUser: "alice")?.override != nil, "it ends at its wall time")
    harness.leap(.seconds(30))
    #expect(harness.detail(ofUser: "alice")?.override == nil)
    #expect(harness.violations() == [])
  }

  @Test("the override's text wins; else the newest visible session that has one; an empty text clears")
  func texts() throws {
    let harness = EngineHarness()
    let old = try harness.login("alice")
    let new = try harness.login("alice", device: .ios)
    func text() -> String { String(decoding: harness.presence(of: "alice").text, as: UTF8.self) }
    old.set(nil, text: "old")
    #expect(text() == "old")
    new.set(nil, text: "new")
    #expect(text() == "new")
    old.override(.away, text: "over")
    #expect(text() == "over")
    old.override(.away)
    #expect(text() == "new", "an override without a text leaves the sessions' own")
    old.override(nil)
    new.set(nil, text: "")
    #expect(text() == "old")
    new.set(.invisible, text: "secret")
    #expect(text() == "old")
    new.set(.online)
    #expect(text() == "secret", "a status without a text leaves the text")
    new.drop(.goodbye)
    harness.settle()
    #expect(text() == "old")
    old.drop(.goodbye)
    harness.settle()
    #expect(text() == "", "who is offline says nothing")
  }

  @Test("a text of 140 bytes is taken, one of 141 is refused whole; offline and a senseless for_ms are refused")
  func limits() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let longest = String(repeating: "ü", count: 70)
    #expect(alice.set(.dnd, text: longest)?.code == nil)
    #expect(harness.presence(of: "alice").text.count == 140)
    #expect(alice.set(.away, text: longest + "!")?.code == .tooLarge)
    #expect(alice.override(.away, text: longest + "!")?.code == .tooLarge)
    #expect(alice.set(.offline)?.code == .badRequest)
    #expect(alice.override(.offline)?.code == .badRequest)
    #expect(alice.override(.away, forMilliseconds: 0)?.code == .badRequest)
    #expect(alice.override(.away, forMilliseconds: -1)?.code == .badRequest)
    #expect(alice.override(.away, forMilliseconds: 367 * 86_400_000)?.code == .badRequest)
    #expect(alice.override(.away, forMilliseconds: .max)?.code == .badRequest)
    #expect(harness.presence(of: "alice").status == .dnd, "what was refused changed nothing")
    #expect(harness.presence(of: "alice").text.count == 140)
  }

  @Test("a hello with a status or a text that nobody may set is refused, for a new session and for a resumed one")
  func helloLimits() throws {
    let harness = EngineHarness()
    let long = [UInt8](repeating: 0x61, count: 141)
    #expect(try harness.login("alice") { $0.status = .offline }.refusal?.code == .badRequest)
    #expect(try harness.login("alice") { $0.text = long }.refusal?.code == .tooLarge)
    #expect(harness.stats.usersKnown == 0)
    let alice = try harness.login("alice")
    let session = try alice.session
    #expect(try harness.resume(session) { $0.text = long }.refusal?.code == .tooLarge)
    #expect(harness.detail(ofUser: "alice")?.sessions.first?.connections == [alice.connection])
    #expect(harness.violations() == [])
  }
}
