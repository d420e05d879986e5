import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Relays")
struct RelayTests {
  /// A backend with one connection.
  private final class Relay {
    let harness: EngineHarness
    let connection: ConnectionID
    private var lastID: UInt32 = 0

    init(_ harness: EngineHarness, plane: Int = 0) throws {
      self.harness = harness
      let connection = try #require(harness.connections(plane) { $0.open(remote: "backend") })
      self.connection = connection
      let became = harness.connections(plane) { $0.beginRelay(connection) }
      #expect(became)
    }

    @discardableResult
    func send(_ request: RelayRequest) -> UInt32 {
      lastID += 1
      harness.connections(connection.shard) { [connection, lastID] in $0.relay(connection, lastID, request) }
      return lastID
    }

    /// The answer to a batch, or `nil` when there is none yet.
    func answer(to id: UInt32) -> RelayReply? {
      harness.sinks[connection.shard][connection].relayed.first { $0.id == id }?.reply
    }

    func ask(_ request: RelayRequest) -> RelayReply? {
      let id = send(request)
      harness.settle()
      return answer(to: id)
    }

    func open(_ users: [String]) throws -> [SessionID] {
      let reply = ask(.opens(users.map { RelayOpen(user: .named($0), device: .web) }))
      guard case .opens(let opened) = reply else { throw Unexpected() }
      return try opened.map { try $0.get() }
    }

    struct Unexpected: Error {}
  }

  private func names(_ count: Int) -> [String] { (0..<count).map { "user\($0)" } }

  @Test("sessions opened in a batch are present, held by heartbeats, and dormant when those stop")
  func life() throws {
    let harness = EngineHarness()
    let relay = try Relay(harness)
    let sessions = try relay.open(names(50))
    #expect(Set(sessions).count == 50)
    #expect(harness.stats.attached == 50 && harness.stats.members == 50)
    for _ in 0..<5 {
      harness.advance(.seconds(30))
      #expect(relay.ask(.heartbeats(sessions)) == .heartbeats(unknown: []))
    }
    #expect(harness.presence(of: "user7").status == .online)
    harness.advance(.seconds(61), beating: [])
    #expect(harness.stats.attached == 0 && harness.stats.dormant == 50 && harness.stats.members == 0)
    #expect(harness.violations() == [])
  }

  @Test("a heartbeat wakes a dormant session; unknown ones are named by their positions")
  func wakes() throws {
    let harness = EngineHarness()
    let relay = try Relay(harness)
    let sessions = try relay.open(names(6))
    #expect(relay.ask(.closes([RelayClose(session: sessions[1], how: .leave)])) == .closes(unknown: []))
    #expect(relay.ask(.closes([RelayClose(session: sessions[3], how: .logout)])) == .closes(unknown: []))
    #expect(harness.stats.dormant == 1 && harness.stats.sessions == 5)
    #expect(relay.ask(.heartbeats(sessions)) == .heartbeats(unknown: [3]))
    #expect(harness.stats.attached == 5)
    #expect(relay.ask(.closes([RelayClose(session: sessions[3], how: .leave)])) == .closes(unknown: [0]))
    #expect(harness.violations() == [])
  }

  @Test("every entry of a batch is judged by itself: bans, guests, limits")
  func policy() async throws {
    let harness = EngineHarness {
      $0.loginPolicy = .reject
      $0.sessionsPerUserMax = 2
      $0.guestsAllowed = false
    }
    let relay = try Relay(harness)
    _ = try await harness.engine.ban(.named("mallory"), for: .seconds(60), reason: "spam")
    let opens = ["ada", "ada", "mallory", "ada", "bob"].map { RelayOpen(user: .named($0), device: .web) }
    let reply = relay.ask(.opens(opens + [RelayOpen(user: nil, device: .web), RelayOpen(user: .named("guest:x"), device: .web)]))
    guard case .opens(let opened) = reply else {
      Issue.record("\(String(describing: reply))")
      return
    }
    let codes = opened.map { result in if case .failure(let code) = result { code } else { nil } } as [ErrorCode?]
    #expect(codes == [nil, nil, .banned, .sessionLimit, nil, .unauthorized, .unauthorized])
  }

  @Test("logins are answered when they are durable")
  func durable() throws {
    let journal = ManualJournal()
    let harness = EngineHarness(journal: journal)
    let relay = try Relay(harness)
    journal.hold()
    let id = relay.send(.opens([RelayOpen(user: .named("ada"), device: .web)]))
    harness.settle()
    #expect(relay.answer(to: id) == nil)
    journal.release()
    harness.advance(ticks: 1)
    guard case .opens? = relay.answer(to: id) else {
      Issue.record("there is no answer")
      return
    }
  }

  @Test("while the log takes nothing every entry that it would need is unavailable, and heartbeats go on")
  func fullLog() throws {
    let harness = EngineHarness(planes: 1)
    let relay = try Relay(harness)
    let sessions = try relay.open(names(4))
    #expect(relay.ask(.closes([RelayClose(session: sessions[1], how: .leave)])) == .closes(unknown: []))
    let records = harness.journal.records.count
    harness.journal.become(.full)
    let unavailable = Result<SessionID, ErrorCode>.failure(.unavailable)
    #expect(
      relay.ask(.opens(["ada", "bob"].map { RelayOpen(user: .named($0), device: .web) })) == .opens([unavailable, unavailable]))
    let strange = SessionID(high: 1, low: 2)
    let closes = [
      RelayClose(session: sessions[0], how: .logout), RelayClose(session: sessions[1], how: .leave),
      RelayClose(session: strange, how: .leave), RelayClose(session: sessions[2], how: .leave),
    ]
    #expect(relay.ask(.closes(closes)) == .closes(unknown: [2], unavailable: [0, 3]))
    for _ in 0..<4 {
      harness.advance(.seconds(30))
      #expect(relay.ask(.heartbeats([strange] + sessions)) == .heartbeats(unknown: [0], unavailable: [2]))
    }
    #expect(harness.stats.attached == 3 && harness.journal.records.count == records)
    harness.journal.become(.accepting)
    #expect(relay.ask(.heartbeats(sessions)) == .heartbeats(unknown: []))
    #expect(harness.stats.attached == 4)
    harness.journal.hold()
    let lost = relay.send(.closes([RelayClose(session: sessions[0], how: .logout)]))
    harness.settle()
    harness.journal.become(.failed)
    harness.advance(ticks: 1)
    #expect(relay.answer(to: lost) == .refused(.unavailable))
    #expect(harness.violations() == [])
  }

  @Test("after a restart sessions are one row each as before; those that are not heard leave with recovery_timeout")
  func restart() async throws {
    let harness = EngineHarness(planes: 2)
    let sessions = try Relay(harness).open(names(20))
    let second = try await harness.recovered(from: await harness.snapshot(), records: [], planes: 3)
    func folded() -> Int { (0..<3).reduce(0) { $0 + second.sessions($1) { $0.state.foldedCount } } }
    #expect(folded() == 20 && second.stats.detached == 20 && second.stats.members == 20)
    let relay = try Relay(second)
    #expect(relay.ask(.heartbeats(Array(sessions.dropFirst(5)))) == .heartbeats(unknown: []))
    second.advance(.seconds(34))
    #expect(Set(second.journal.records.map(\.mutation)) == Set(sessions.prefix(5).map { Mutation.dormant($0, .recoveryTimeout) }))
    #expect(folded() == 20 && second.violations() == [])
  }

  @Test("a large batch is carried out in slices, and answered once")
  func slices() throws {
    let harness = EngineHarness(planes: 1)
    let relay = try Relay(harness)
    let id = relay.send(.opens(names(10_000).map { RelayOpen(user: .named($0), device: .web) }))
    harness.turn(0)
    var before = harness.stats.sessions
    #expect(before <= 512)
    var turns = 1
    while relay.answer(to: id) == nil, turns < 100 {
      harness.turn(0)
      let opened = harness.stats.sessions
      #expect(opened - before <= 512, "one turn opened \(opened - before) sessions")
      before = opened
      turns += 1
    }
    #expect(turns >= 10_000 / 512)
    harness.settle()
    #expect(harness.stats.sessions == 10_000)
    #expect(harness.sinks[0][relay.connection].relayed.count == 1)
  }

  @Test("more batches than may be unanswered are refused, and so is everything while draining")
  func limits() async throws {
    let harness = EngineHarness(planes: 1)
    let relay = try Relay(harness)
    let ids = (0..<17).map { _ in relay.send(.heartbeats([SessionID(high: 1, low: 2)])) }
    #expect(relay.answer(to: ids[16]) == .refused(.overloaded))
    harness.settle()
    #expect(relay.answer(to: ids[0]) == .heartbeats(unknown: [0]))
    harness.connections(0) { $0.beginDraining(reason: "stop", spread: .seconds(1)) }
    #expect(relay.ask(.heartbeats([SessionID(high: 1, low: 2)])) == .refused(.drain))
    harness.connections(0) { $0.finishDraining() }
    #expect(harness.sinks[0][relay.connection].closing?.refusal?.code == .drain)
    #expect(harness.sinks[0][relay.connection].told.isEmpty, "a relay reads batches only")
  }

  @Test("a relay that is kicked is closed, and told nothing else")
  func kicked() throws {
    let harness = EngineHarness(planes: 1)
    let relay = try Relay(harness)
    let wasThere = harness.connections(0) { [connection = relay.connection] in $0.kick(connection, message: "out") }
    #expect(wasThere)
    #expect(harness.sinks[0][relay.connection].closing?.refusal == Refusal(.kicked, "out"))
    #expect(harness.sinks[0][relay.connection].told.isEmpty)
  }

  @Test("a relay that goes while its batch is carried out leaves nothing behind")
  func gone() throws {
    let harness = EngineHarness()
    let relay = try Relay(harness)
    relay.send(.opens(names(2_000).map { RelayOpen(user: .named($0), device: .web) }))
    harness.turn(0)
    harness.connections(0) { [connection = relay.connection] in $0.closed(connection, .lost) }
    harness.settle()
    #expect(harness.stats.sessions == 2_000)
    #expect(harness.violations() == [])
  }

  @Test("a relay is silent no longer than any connection")
  func silence() throws {
    let harness = EngineHarness()
    let relay = try Relay(harness)
    harness.advance(.seconds(34))
    #expect(harness.sinks[0][relay.connection].pings == 1)
    harness.advance(.seconds(2))
    #expect(harness.sinks[0][relay.connection].closing?.refusal?.code == .heartbeatTimeout)
    #expect(harness.sinks[0][relay.connection].told.isEmpty)
  }

  @Test("who is no relay cannot send batches, and who has said hello cannot become one")
  func others() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let became = harness.connections(0) { [connection = alice.connection] in $0.beginRelay(connection) }
    #expect(!became)
    harness.connections(0) { [connection = alice.connection] in $0.relay(connection, 1, .opens([])) }
    harness.settle()
    #expect(harness.sinks[0][alice.connection].relayed.isEmpty)
  }
}
