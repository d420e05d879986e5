/// A worker at work: one thread, its connections, and the worker's ledger.
///
/// ### Isolation
/// Made, used and dropped by one thread; only ``LoadGate`` is shared.
final class Shift {
  /// A request whose answer is still to come.
  struct InFlight {
    let id: Int64
    let ticket: Ticket
    let step: Step
  }

  private(set) var worker: Worker
  let publicAddress: SocketAddress
  let gate: LoadGate
  let admin: HTTPClient
  /// By session.
  private var connections: [String: PresenceClient] = [:]
  /// Sessions that came back while the server may not have noticed yet that their old socket is gone.
  ///
  /// What they say goodbye with is then not their last connection, and they stay present, as they should.
  var maybeTwiceConnected: Set<String> = []
  private var number: Int64 = 0

  init(_ worker: Worker, public: SocketAddress, admin: SocketAddress, gate: LoadGate) {
    self.worker = worker
    publicAddress = `public`
    self.admin = HTTPClient(admin)
    self.gate = gate
  }

  /// Resumes the sessions, waits for the gate, and works until it is over or the server is gone.
  ///
  /// - Returns: What has become of the worker.
  static func run(_ worker: Worker, public: SocketAddress, admin: SocketAddress, gate: LoadGate) -> Worker {
    let shift = Shift(worker, public: `public`, admin: admin, gate: gate)
    defer { gate.leave() }
    var hasArrived = false
    do throws(DrillError) {
      try shift.resumeAll()
      gate.arrive()
      hasArrived = true
      gate.waitUntilOpen()
      try shift.work()
    } catch {
      if !hasArrived { gate.arrive() }
      if error != .disconnected || !gate.isEndExpected { shift.trouble("\(error)") }
    }
    return shift.worker
  }

  func trouble(_ text: String) {
    if worker.troubles.count < 20 { worker.troubles.append("worker \(worker.index): \(text)") }
  }

  private func work() throws(DrillError) {
    var done = 0
    while !gate.isOver, done < worker.style.operationsMax ?? .max {
      let before = worker.ledger.acknowledged
      if connections.isEmpty || worker.style.changesSessions && worker.random.happens(12) {
        try changeSessions()
      } else {
        try burst()
      }
      done += max(1, worker.ledger.acknowledged - before)
    }
  }

  // MARK: What sessions do

  /// Sends a few requests on every connection, then waits for all answers.
  private func burst() throws(DrillError) {
    var flights: [(session: String, requests: [InFlight])] = []
    do throws(DrillError) {
      for (session, connection) in connections.sorted(by: { $0.key < $1.key }) {
        flights.append((session, []))
        for _ in 0..<Int.random(in: 1...worker.style.pipelined, using: &worker.random) {
          guard let entry = worker.ledger[session: session] else { continue }
          number += 1
          let step = worker.planStep(for: entry, number: number)
          let ticket = worker.ledger.nextTicket()
          worker.ledger.send(step, of: session, ticket)
          flights[flights.count - 1].requests.append(InFlight(id: -1, ticket: ticket, step: step))
          let id = try connection.send(step.op, step.members(label: entry.label))
          flights[flights.count - 1].requests.removeLast()
          flights[flights.count - 1].requests.append(InFlight(id: id, ticket: ticket, step: step))
        }
      }
      for index in flights.indices {
        guard let connection = connections[flights[index].session] else { continue }
        while !flights[index].requests.isEmpty {
          let reply = try connection.receiveReply()
          guard let place = flights[index].requests.firstIndex(where: { $0.id == reply["re"].integer }) else {
            throw .server("a reply that nobody asked for: \(reply)")
          }
          take(reply, to: flights[index].requests.remove(at: place), of: flights[index].session)
        }
      }
    } catch {
      for flight in flights { for _ in flight.requests { worker.ledger.countUnanswered() } }
      throw error
    }
  }

  private func take(_ reply: JSONValue, to request: InFlight, of session: String) {
    if !reply["ok"].isNull {
      var data: DataValue?
      if case .data = request.step {
        let value = DataValue(version: reply["ok"]["version"].integer ?? -1, fields: reply["ok"]["data"].members)
        if worker.ledger[session: session]?.data.allows(value, .acknowledged) == false {
          trouble("data of \(session) was acknowledged as \(value), which nobody asked for")
        }
        data = value
      }
      worker.ledger.acknowledge(request.step, of: session, request.ticket, data: data)
      gate.count(acknowledged: 1)
      return
    }
    let name = reply["error"]["name"].string ?? "nothing"
    if name == "unavailable", worker.style.toleratesUnavailable {
      // Refused before or behind its change: it may come to light.
      worker.ledger.countUnanswered()
      gate.count(refused: 1)
      return
    }
    worker.ledger.refuse(request.step, of: session, request.ticket)
    // What it builds on may have been refused before it.
    if !(worker.style.toleratesUnavailable && ["not_joined", "conflict"].contains(name)) {
      trouble("\(request.step) of \(session) was answered with \(reply["error"])")
    }
  }

  // MARK: Where sessions come from

  private func resumeAll() throws(DrillError) {
    for entry in worker.ledger.sessions where entry.phase.settled == .present { try resume(entry) }
  }

  /// Connects with a session's token; a session that is not there any more is a loss.
  func resume(_ entry: SessionEntry) throws(DrillError) {
    let client = try PresenceClient(publicAddress)
    let ticket = worker.ledger.nextTicket()
    worker.ledger.update(entry.session) { if $0.phase.expected == .dormant { $0.phase.send(.present, ticket) } }
    let reply = try client.request("hello", ["token": .string(entry.token)])
    if reply["error"]["name"].string == "unavailable", worker.style.toleratesUnavailable {
      gate.count(refused: 1)
      return worker.ledger.countUnanswered()
    }
    guard reply["ok"]["resumed"].bool == true, reply["ok"]["session"].string == entry.session else {
      worker.losses.append(
        Loss(
          subject: "session \(entry.session) of \(entry.user)", part: "token", acknowledged: "resumable",
          found: "\(reply["error"])"))
      return worker.ledger.update(entry.session) { $0.phase.settle(.ended) }
    }
    worker.ledger.update(entry.session) { $0.phase.acknowledge(ticket) }
    worker.ledger.countAcknowledged()
    gate.count(acknowledged: 1)
    connections[entry.session] = client
  }

  /// Logs a user in on a new connection.
  func logIn(_ user: String) throws(DrillError) {
    let client = try PresenceClient(publicAddress)
    worker.ledger.update(user: user) { $0.unansweredLogins += 1 }
    let reply: JSONValue
    do throws(DrillError) {
      reply = try client.request("hello", ["user": .string(user), "device": "bot"])
    } catch {
      worker.ledger.countUnanswered()
      throw error
    }
    if reply["error"]["name"].string == "unavailable", worker.style.toleratesUnavailable {
      gate.count(refused: 1)
      return worker.ledger.countUnanswered()
    }
    worker.ledger.update(user: user) { $0.unansweredLogins -= 1 }
    guard let session = reply["ok"]["session"].string, let token = reply["ok"]["session_token"].string else {
      return trouble("the hello of \(user) was answered with \(reply)")
    }
    number += 1
    worker.ledger.add(
      SessionEntry(session: session, token: token, user: user, label: "w\(worker.index)s\(session.suffix(8))"))
    worker.ledger.countAcknowledged()
    gate.count(acknowledged: 1)
    connections[session] = client
  }

  /// Changes the worker, which only its own shift may do.
  func update(_ change: (inout Worker) -> Void) { change(&worker) }

  /// The sessions that are connected, in a fixed order.
  var connected: [String] { connections.keys.sorted() }

  /// Takes a connection away; without further ado it is closed as a crashed client's.
  func takeConnection(_ session: String) -> PresenceClient? { connections.removeValue(forKey: session) }

  /// Draws from the worker's randomness.
  func pick<Element>(_ elements: [Element]) -> Element? { elements.randomElement(using: &worker.random) }
}

extension Step {
  /// The op of the protocol.
  var op: String {
    switch self {
    case .join: "join"
    case .leave: "leave"
    case .update: "update"
    case .status: "status"
    case .data: "data"
    }
  }

  /// What goes with it; a session's part of a meta stands under the session's label.
  func members(label: String) -> [String: JSONValue] {
    switch self {
    case .join(let channel, let number):
      ["channel": .string(channel), "meta": .object([label: .integer(number)]), "list": 0]
    case .leave(let channel): ["channel": .string(channel)]
    case .update(let channel, let number): ["channel": .string(channel), "patch": .object([label: .integer(number)])]
    case .status(let shown): ["status": .string(shown.status), "text": .string(shown.text), "scope": "session"]
    case .data(let name, let value, let version):
      ["patch": .object([name: value])].merging(version.map { ["if_version": .integer($0)] } ?? [:]) { $1 }
    }
  }
}
