/// What a worker does, and how it is told.
package struct LoadStyle: Sendable, Hashable {
  /// Of how many sessions a worker keeps hold.
  package var sessionsMax = 8
  /// Whether it bans, logs out, says goodbye, comes back; else it changes what is there.
  package var changesSessions = true
  /// How many requests of one connection are on their way at once, at the most.
  package var pipelined = 3
  /// Bytes that a data patch carries besides its number.
  package var fillerBytes = 0
  /// Whether `unavailable` is an answer to be expected.
  package var toleratesUnavailable = false
  /// Whether it does one thing and waits for the answer, for as long as ``LoadGate`` lets it.
  package var operationsMax: Int?

  package init() {}
}

/// One thread's share of the load, between rounds: its users, what it was told, and how it goes on.
///
/// A value: a round hands it to a thread and takes back what has become of it.
package struct Worker: Sendable {
  package let index: Int
  package var ledger: Ledger
  package var random: SeededRandom
  package var style = LoadStyle()
  /// What no server should have done.
  package var troubles: [String] = []
  /// Sessions that could not be resumed although they were acknowledged.
  package var losses: [Loss] = []

  /// The channels that all workers share.
  package static let channels = (0..<8).map { "drill:\($0)" }

  package init(index: Int, users: Int = 4, random: SeededRandom) {
    self.index = index
    self.random = random
    ledger = Ledger(users: (0..<users).map { "drill-\(index)-\($0)" })
  }
}

/// The next thing that a session does, planned from the ledger and the seed alone.
package enum Step: Sendable, Hashable {
  case join(channel: String, number: Int64)
  case leave(channel: String)
  case update(channel: String, number: Int64)
  case status(ShownStatus)
  case data(name: String, value: JSONValue, ifVersion: Int64?)
}

extension Worker {
  /// Plans the next step of a session.
  package mutating func planStep(for entry: SessionEntry, number: Int64) -> Step {
    let channel = Self.channels[Int.random(in: 0..<Self.channels.count, using: &random)]
    let membership = entry.memberships[channel]?.expected ?? .outside
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<45:
      guard membership != .outside else { return .join(channel: channel, number: number) }
      return random.happens(50) ? .leave(channel: channel) : .update(channel: channel, number: number)
    case 45..<65:
      let status = ["online", "away", "dnd"][Int.random(in: 0..<3, using: &random)]
      return .status(ShownStatus(status: status, text: random.happens(50) ? "drill \(number)" : ""))
    default:
      // After many answers of `unavailable` too much data may be there; a status has the last word whatever was before it.
      guard entry.data.possible.count < 16 else {
        return .status(ShownStatus(status: "online", text: "drill \(number)"))
      }
      let name = "k\(Int.random(in: 0..<3, using: &random))"
      let filler = String(repeating: "x", count: style.fillerBytes)
      let value: JSONValue = style.fillerBytes > 0 ? .string("\(number)\(filler)") : .integer(number)
      // Only where the version is known can it be asked for.
      let isCertain = entry.data.possible.count == 1
      return .data(
        name: style.fillerBytes > 0 ? "k0" : name, value: value,
        ifVersion: isCertain && random.happens(50) ? entry.data.expected.version : nil)
    }
  }
}

extension Ledger {
  /// Notes that a step is on its way.
  package mutating func send(_ step: Step, of session: String, _ ticket: Ticket) {
    update(session) { entry in
      switch step {
      case .join(let channel, let number), .update(let channel, let number):
        entry.memberships[channel, default: Register(.outside)].send(.inside(number), ticket)
      case .leave(let channel):
        entry.memberships[channel, default: Register(.outside)].send(.outside, ticket)
      case .status(let status): entry.status.send(status, ticket)
      case .data(let name, let value, _):
        for base in entry.data.possible.sorted(by: { $0.version < $1.version }) {
          entry.data.send(base.patched(name, value), ticket)
        }
      }
    }
  }

  /// Notes that a step was acknowledged, with the data that the answer shows.
  package mutating func acknowledge(_ step: Step, of session: String, _ ticket: Ticket, data: DataValue?) {
    countAcknowledged()
    update(session) { entry in
      switch step {
      case .join(let channel, _), .update(let channel, _), .leave(let channel):
        entry.memberships[channel]?.acknowledge(ticket)
      case .status: entry.status.acknowledge(ticket)
      case .data: entry.data.acknowledge(ticket, as: data)
      }
    }
  }

  /// Notes that a step was refused and changed nothing.
  package mutating func refuse(_ step: Step, of session: String, _ ticket: Ticket) {
    update(session) { entry in
      switch step {
      case .join(let channel, _), .update(let channel, _), .leave(let channel):
        entry.memberships[channel]?.refuse(ticket)
      case .status: entry.status.refuse(ticket)
      case .data: entry.data.refuse(ticket)
      }
    }
  }
}
