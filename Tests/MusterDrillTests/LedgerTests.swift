import Testing

@testable import MusterDrill

@Suite("The ledger finds what was lost and what was invented")
struct LedgerTests {
  private let id = "1738"

  /// A user with one session in two channels, all of it acknowledged.
  private func makeLedger() -> Ledger {
    var ledger = Ledger(users: ["alice"])
    ledger.add(SessionEntry(session: id, token: "t", user: "alice", label: "l"))
    perform(.join(channel: "a", number: 1), on: &ledger)
    perform(.join(channel: "b", number: 2), on: &ledger)
    perform(.update(channel: "b", number: 3), on: &ledger)
    perform(.status(ShownStatus(status: "dnd", text: "x")), on: &ledger)
    perform(.data(name: "k", value: 7, ifVersion: nil), on: &ledger)
    ledger.mark()
    return ledger
  }

  private func perform(_ step: Step, on ledger: inout Ledger, answered: Bool = true) {
    let ticket = ledger.nextTicket()
    ledger.send(step, of: id, ticket)
    var data: DataValue?
    if case .data = step { data = ledger[session: id]?.data.expected }
    if answered { ledger.acknowledge(step, of: id, ticket, data: data) }
  }

  /// What a server shows that kept everything of ``makeLedger()``.
  private func makeObservation() -> Observation {
    var seen = Observation()
    seen.sessions[id] = Observation.Session(
      user: "alice", phase: .present, status: ShownStatus(status: "dnd", text: "x"),
      data: DataValue(version: 1, fields: ["k": 7]), channels: ["a", "b"])
    seen.users["alice"] = Observation.User(sessions: [id])
    seen.metas = ["a": ["alice": ["l": 1]], "b": ["alice": ["l": 3]]]
    return seen
  }

  @Test("a server that kept everything has lost nothing")
  func kept() {
    let ledger = makeLedger()
    #expect(ledger.losses(in: makeObservation(), .acknowledged).isEmpty)
    #expect(ledger.acknowledged == 5)
  }

  @Test(
    "each single thing that differs is found, and named",
    arguments: [
      "session", "user", "phase", "status", "text", "version", "field", "channel lost", "channel invented", "meta lost",
      "meta old", "ban", "stranger",
    ])
  func differences(_ what: String) throws {
    var seen = makeObservation()
    var session = try #require(seen.sessions[id])
    switch what {
    case "user": session.user = "bob"
    case "phase": session.phase = .dormant
    case "status": session.status.status = "online"
    case "text": session.status.text = ""
    case "version": session.data.version = 0
    case "field": session.data.fields = ["k": 6]
    case "channel lost": session.channels = ["b"]
    case "channel invented": session.channels = ["a", "b", "c"]
    case "meta lost": seen.metas["a"] = [:]
    case "meta old": seen.metas["b"] = ["alice": ["l": 2]]
    case "ban": seen.users["alice"]?.ban = "never said"
    case "stranger": seen.users["alice"]?.sessions.insert("9999")
    default: break
    }
    seen.sessions[id] = what == "session" ? nil : session
    let losses = makeLedger().losses(in: seen, .acknowledged)
    #expect(losses.count == 1, "\(losses)")
    #expect(losses.first?.subject.contains("alice") == true)
  }

  @Test("what was not answered may be there or not, a login included")
  func maybe() throws {
    var ledger = makeLedger()
    perform(.leave(channel: "a"), on: &ledger, answered: false)
    perform(.data(name: "k", value: 8, ifVersion: 1), on: &ledger, answered: false)
    ledger.update(user: "alice") { $0.unansweredLogins = 1 }
    var seen = makeObservation()
    #expect(ledger.losses(in: seen, .acknowledged).isEmpty)
    seen.sessions[id]?.channels = ["b"]
    seen.sessions[id]?.data = DataValue(version: 2, fields: ["k": 8])
    seen.users["alice"]?.sessions = [id, "77"]
    #expect(ledger.losses(in: seen, .acknowledged).isEmpty)
    #expect(ledger.strangers(in: seen) == ["77"])
    // A version without its data was never sent.
    seen.sessions[id]?.data = DataValue(version: 2, fields: ["k": 7])
    #expect(ledger.losses(in: seen, .acknowledged).count == 1)
  }

  @Test("a ban ends all sessions of the user: acknowledged, one that is still there is a loss")
  func bans() {
    var ledger = makeLedger()
    let ticket = ledger.nextTicket()
    ledger.sendBan(of: "alice", reason: "r", ticket)
    var seen = makeObservation()
    #expect(ledger.losses(in: seen, .acknowledged).isEmpty)
    ledger.acknowledgeBan(of: "alice", ticket)
    #expect(Set(ledger.losses(in: seen, .acknowledged).map(\.part)) == ["phase", "ban"])
    seen.sessions = [:]
    seen.users["alice"] = Observation.User(ban: "r")
    #expect(ledger.losses(in: seen, .acknowledged).isEmpty)
  }

  @Test("a session that ended and is back is found")
  func resurrected() {
    var ledger = makeLedger()
    let ticket = ledger.nextTicket()
    ledger.update(id) { $0.phase.send(.ended, ticket) }
    ledger.update(id) { $0.phase.acknowledge(ticket) }
    #expect(ledger.losses(in: makeObservation(), .acknowledged).map(\.part) == ["phase"])
  }

  @Test("a cut behind the mark may take whole sessions, one before it may not")
  func cut() {
    var ledger = makeLedger()
    ledger.add(SessionEntry(session: "55", token: "u", user: "alice", label: "m"))
    perform(.leave(channel: "b"), on: &ledger)
    let seen = makeObservation()
    #expect(ledger.losses(in: seen, .sinceMark).isEmpty)
    #expect(Set(ledger.losses(in: seen, .acknowledged).map(\.part)) == ["session", "channel b"])
    #expect(ledger.losses(in: Observation(), .sinceMark).map(\.part) == ["session"])
  }

  @Test("after settling nothing is uncertain, and what was seen is what must be there")
  func settling() {
    var ledger = makeLedger()
    perform(.join(channel: "c", number: 9), on: &ledger, answered: false)
    perform(.leave(channel: "a"), on: &ledger, answered: false)
    var seen = makeObservation()
    seen.sessions[id]?.channels = ["a", "b", "c"]
    seen.metas["c"] = ["alice": ["l": 9]]
    ledger.settle(to: seen)
    #expect(ledger.losses(in: seen, .acknowledged).isEmpty)
    #expect(Set(ledger.losses(in: makeObservation(), .acknowledged).map(\.part)) == ["channel c"])
    #expect(ledger.sessions.allSatisfy { !$0.phase.isUncertain && !$0.data.isUncertain })
  }

  @Test("ended sessions are remembered up to a limit, living ones always")
  func bounded() {
    var ledger = Ledger(users: ["u"])
    for number in 0..<200 {
      ledger.add(SessionEntry(session: "\(number)", token: "", user: "u", label: ""))
      if number > 0 { ledger.update("\(number)") { $0.phase.settle(.ended) } }
    }
    #expect(ledger.sessions.count <= Ledger.endedMax + 2)
    #expect(ledger[session: "0"] != nil)
    #expect(ledger[session: "199"] != nil)
  }
}
