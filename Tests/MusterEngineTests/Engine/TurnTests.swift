import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// What one turn does, and when it asks for another.
@Suite("Turns")
struct TurnTests {
  private let room = ChannelName.named("room:1")

  @Test("one turn carries a request out from its connection to its answer, and asks for no other")
  func wholeRequest() throws {
    let harness = EngineHarness(planes: 1)
    let client = try harness.login("alice")
    harness.settle()
    let id = client.send(.join(room, meta: .empty, list: 1))
    #expect(harness.executors[0].isTurnDue)
    harness.turn(0)
    client.receive()
    guard case .channel(let snapshot) = client.answers[id] else {
      Issue.record("the join was not answered")
      return
    }
    #expect(snapshot.occupancy.users == 1)
    #expect(!harness.executors[0].isTurnDue)
  }

  @Test("a turn has written what it decided, once")
  func flushes() throws {
    let harness = EngineHarness(planes: 1)
    let clients = try (0..<5).map { try harness.login("user-\($0)") }
    harness.settle()
    let (flushes, records) = (harness.journal.flushes, harness.journal.records.count)
    for client in clients { _ = client.send(.join(room, meta: .empty, list: 1)) }
    harness.turn(0)
    #expect(harness.journal.records.count == records + 5)
    #expect(harness.journal.flushes == flushes + 1)
  }

  @Test("a turn that finds nothing to do asks for no other")
  func idle() throws {
    let harness = EngineHarness(planes: 1)
    _ = try harness.login("alice")
    harness.settle()
    harness.turn(0)
    #expect(!harness.executors[0].isTurnDue)
  }

  @Test("what the control plane changes between turns asks for one")
  func between() async throws {
    let harness = EngineHarness(planes: 2)
    let client = try harness.login("alice")
    harness.settle()
    #expect(harness.executors.allSatisfy { !$0.isTurnDue })
    #expect(try await harness.engine.kick(user: .named("alice"), except: nil, message: "") == 1)
    let home = harness.engine.placement.plane(of: UserID.named("alice"))
    #expect(harness.executors[home].isTurnDue)
    harness.settle()
    client.receive()
    #expect(!client.isOpen)
  }

  @Test("what a turn had no time for is carried out in the next, which it asks for")
  func leftOver() throws {
    let harness = EngineHarness(planes: 1)
    let client = try harness.login("alice")
    harness.settle()
    let connection = client.connection
    let moment = harness.clock.moment
    harness.connections(0) { shard in
      var turn = shard.beginTurn(at: moment)
      turn.mail.connections = [.end(connection, .kicked, message: "")]
      shard.endTurn(turn)
    }
    client.receive()
    #expect(client.isOpen)
    #expect(harness.executors[0].isTurnDue)
    harness.turn(0)
    client.receive()
    #expect(!client.isOpen)
  }

  @Test("what a turn had no time for counts as waiting: above the limit nobody new is let in")
  func leftOverIsLimited() throws {
    let harness = EngineHarness(planes: 1) { $0.mailboxMessagesMax = 64 }
    let moment = harness.clock.moment
    let wasFull = harness.connections(0) { shard in
      var turn = shard.beginTurn(at: moment)
      turn.mail.sessions = Array(repeating: .unwatch(plane: 0, []), count: 65)
      shard.endTurn(turn)
      let next = shard.beginTurn(at: moment)
      defer { shard.endTurn(next) }
      return shard.areMailboxesFull
    }
    #expect(wasFull)
    harness.settle()
    let isFull = harness.connections(0) { $0.areMailboxesFull }
    #expect(!isFull)
  }

  @Test("mail that is taken comes behind what is there, for each shard in its order, and leaves nothing")
  func mailInOrder() {
    let users = (1...4).map { UserID.named("user-\($0)") }
    var mail = PlaneMail()
    var other = PlaneMail()
    mail.sessions = [.unwatch(plane: 0, [users[0]])]
    other.sessions = [.unwatch(plane: 0, [users[1]]), .unwatch(plane: 0, [users[2]])]
    other.channels = [.release(room, plane: 0, grants: 1)]
    mail.take(&other)
    #expect(other.isEmpty)
    #expect(mail.count == 4)
    let told = mail.sessions.flatMap { message -> [UserID] in
      if case .unwatch(_, let users) = message { users } else { [] }
    }
    #expect(told == Array(users[0...2]))
    #expect(mail.channels.count == 1)
  }

  @Test("an outbox gives each plane its own, and counts what is left")
  func outbox() {
    var outbox = Outbox(planes: 3)
    for plane in 0..<3 {
      for grants in 1...2 { outbox.append(.release(room, plane: plane, grants: grants), to: plane) }
    }
    var mine = PlaneMail()
    outbox.take(for: 1, into: &mine)
    #expect(outbox.count == 4)
    #expect(grants(mine) == [1, 2])
    var others = Array(repeating: PlaneMail(), count: 3)
    outbox.take(into: &others)
    #expect(outbox.count == 0)
    #expect(others.map(grants) == [[1, 2], [], [1, 2]])
    outbox.take(for: 0, into: &mine)
    #expect(mine.count == 2)
  }

  private func grants(_ mail: PlaneMail) -> [Int] {
    mail.channels.map { message in
      if case .release(_, _, let grants) = message { grants } else { 0 }
    }
  }
}
