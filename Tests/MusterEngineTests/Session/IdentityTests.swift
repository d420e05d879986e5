import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Three levels of identity, counted exactly")
struct IdentityTests {
  @Test("devices are sessions, tabs are connections, guests are counted apart from members", arguments: 1...3)
  func levels(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    _ = try harness.login("alice", device: .ios)
    let laptop = try harness.login("alice", device: .web, plane: planes - 1)
    let tab = try harness.resume(try laptop.session)
    _ = try harness.login("bob", device: .web)
    _ = try harness.visit(device: .web)
    _ = try harness.visit(device: .android, plane: planes - 1)

    var stats = harness.stats
    #expect([stats.members, stats.guests, stats.sessions, stats.connections] == [2, 2, 5, 6])
    #expect([stats.attached, stats.detached, stats.dormant] == [5, 0, 0])
    #expect(stats.devices == [3, 1, 1, 0, 0, 0])
    #expect(harness.violations() == [])

    tab.drop()
    harness.settle()
    stats = harness.stats
    #expect([stats.sessions, stats.connections, stats.attached] == [5, 5, 5], "a tab less is no session less")

    laptop.drop(.goodbye)
    harness.settle()
    stats = harness.stats
    #expect([stats.members, stats.sessions, stats.connections, stats.dormant] == [2, 5, 4, 1], "alice has her phone")
    #expect(stats.devices == [2, 1, 1, 0, 0, 0], "a dormant session is not counted as visible")
    #expect(harness.violations() == [])
  }

  @Test("every counter is zero again when all sessions have ended and all users are forgotten", arguments: 1...3)
  func backToZero(planes: Int) throws {
    let harness = EngineHarness(planes: planes) { configuration in
      configuration.sessionIdleTTL = .seconds(60)
      configuration.lastSeenRetention = .seconds(120)
    }
    var clients: [ManualClient] = []
    for index in 0..<9 {
      let plane = index % planes
      let client = try index % 3 == 0 ? harness.visit(plane: plane) : harness.login("user\(index % 4)", plane: plane)
      client.join("room:\(index % 2)", meta: "{\"a\":\(index)}")
      client.observe("lobby")
      client.watch("user0", "user1", "nobody")
      client.set(.dnd, text: "busy")
      client.ask(.data(patch: Payload(text: "{\"k\":\(index)}"), ifVersion: nil))
      client.override(.away, forMilliseconds: 1_000)
      clients.append(client)
    }
    #expect(harness.violations() == [])
    for (index, client) in clients.enumerated() {
      switch index % 3 {
      case 0: client.ask(.bye(logout: true, graceMilliseconds: 0))
      case 1: client.drop(.lost)
      default: client.drop(.goodbye)
      }
    }
    harness.settle()
    harness.advance(.seconds(90))
    #expect(harness.stats.sessions == 0)
    #expect(harness.stats.usersKnown > 0, "last seen is kept for a while")
    harness.leap(.seconds(200))

    let stats = harness.stats
    #expect([stats.members, stats.guests, stats.sessions, stats.connections, stats.usersKnown] == [0, 0, 0, 0, 0])
    #expect([stats.attached, stats.detached, stats.dormant, stats.memberships, stats.observers] == [0, 0, 0, 0, 0])
    #expect([stats.watches, stats.channels, stats.sessionTimers, stats.connectionTimers] == [0, 0, 0, 0])
    #expect(stats.devices == [0, 0, 0, 0, 0, 0])
    #expect(stats.sessionsGranted == stats.sessionsEnded)
    #expect(harness.violations() == [])
  }

  @Test("a session id carries the placement bits of its user, and names the shard that holds it", arguments: 1...3)
  func placement(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    var placements: Set<UInt16> = []
    for index in 0..<40 {
      let edge = index % planes
      let client = try index % 2 == 0 ? harness.visit(plane: edge) : harness.login("user\(index)", plane: edge)
      let session = try client.session
      #expect(session.placement == (try client.letIn().user.placement))
      #expect(client.connection.shard == edge)
      let plane = Int(session.placement) % planes
      #expect(harness.sessions(plane) { $0.state.find(session) != nil })
      placements.insert(session.placement)
    }
    #expect(placements.count > 30, "the hash spreads")
  }

  @Test("a guest gets an id that no member may have; two guests are two users")
  func guests() throws {
    let harness = EngineHarness()
    let first = try harness.visit()
    let second = try harness.visit()
    first.receive()
    second.receive()
    let ids = [first, second].compactMap { $0.welcome?.user }
    #expect(Set(ids).count == 2)
    #expect(ids.allSatisfy { $0.text.hasPrefix("guest:") })
    #expect(first.welcome?.kind == .guest)
    let impostor = try harness.login(ids[0].text)
    #expect(impostor.refusal?.code == .unauthorized)
    #expect(impostor.closings == 1)
    #expect(harness.stats.sessions == 2)
  }

  @Test("where guests are not allowed they are refused, and nothing of them stays")
  func noGuests() throws {
    let harness = EngineHarness { $0.guestsAllowed = false }
    let guest = try harness.visit()
    #expect(guest.refusal?.code == .unauthorized)
    #expect(harness.stats.usersKnown == 0)
    #expect(harness.stats.connections == 0)
  }

  @Test("a guest resumes its session like anybody else and stays the same guest")
  func guestResumes() throws {
    let harness = EngineHarness()
    let guest = try harness.visit()
    let session = try guest.session
    guest.drop()
    harness.advance(.seconds(20))
    #expect(harness.stats.guests == 0)
    let again = try harness.resume(session, plane: 1)
    again.receive()
    #expect(again.welcome?.user == guest.welcome?.user)
    #expect(again.welcome?.kind == .guest)
    #expect(harness.stats.guests == 1)
  }

  @Test("a guest who was watched, banned or asked for before still counts as a guest")
  func guestKind() throws {
    let harness = EngineHarness()
    let bob = try harness.login("bob")
    bob.watch("guest:unknown")
    #expect(bob.users[.named("guest:unknown")]?.kind == .guest)
    bob.ask(.users([.named("guest:other"), .named("carol")]))
    #expect(bob.users[.named("guest:other")]?.kind == .guest)
    #expect(bob.users[.named("carol")]?.kind == .member)
  }

  @Test("a stale connection id never reaches the newer connection in its place")
  func staleConnection() throws {
    let harness = EngineHarness(planes: 1)
    let old = try harness.login("alice")
    old.drop(.goodbye)
    harness.settle()
    let new = try harness.login("bob")
    #expect(old.connection.slot == new.connection.slot, "the row is used again")
    #expect(old.connection != new.connection)
    old.drop()
    old.congest()
    #expect(old.ask(.beat) == nil)
    #expect(old.join("room:1") == nil)
    harness.settle()
    #expect(new.isOpen)
    #expect(new.isReading)
    #expect(harness.roster(of: "room:1").isEmpty)
    #expect(harness.stats.attached == 1)
    #expect(harness.violations() == [])
  }

  @Test("two spellings of one letter are two users")
  func identityIsBytes() throws {
    let harness = EngineHarness()
    let composed = try #require(UserID(utf8: [0xc3, 0xa9]))
    let decomposed = try #require(UserID(utf8: [0x65, 0xcc, 0x81]))
    #expect(composed.text == decomposed.text, "to Swift these are the same string")
    _ = try harness.login(composed.text)
    let connection = try harness.connect()
    connection.hello(.member(decomposed), Hello(credentials: .user(decomposed)))
    harness.settle()
    #expect(harness.stats.members == 2)
  }
}
