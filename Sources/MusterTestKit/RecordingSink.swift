import MusterEngine
package import MusterModel
import MusterThreads

/// Keeps what the engine tells its connections, for a test to look at, and notes what no edge should be told.
package final class RecordingSink: EventSink {
  /// One thing that a connection was told.
  package enum Told: Sendable {
    case reply(RequestID, Reply)
    case push(Push)
  }

  /// What happened to one connection.
  package struct Record: Sendable {
    /// Replies and pushes in the order in which they were sent, since they were last taken.
    package var told: [Told] = []
    package var pings = 0
    package var isReading = true
    /// Set when the engine closed it; the refusal is `nil` for a normal end.
    package var closing: (refusal: Refusal?, count: Int)?
    /// Answers to batches of a relay, in their order.
    package var relayed: [(id: UInt32, kind: RelayKind, reply: RelayReply)] = []
    fileprivate var answered: Set<RequestID> = []
    fileprivate var complaints: [String] = []
  }

  private let records = ContendedLock<[ConnectionID: Record]>([:])

  package init() {}

  /// What happened to a connection so far.
  package subscript(_ connection: ConnectionID) -> Record {
    records.withLock { $0[connection] ?? Record() }
  }

  /// What broke the contract: a request answered twice, a connection told something after its end, or ended twice.
  package var complaints: [String] {
    records.withLock { records in
      records.flatMap { connection, record in record.complaints.map { "connection \(connection.text) \($0)" } }
    }
  }

  /// Takes what was told since the last call.
  package func take(from connection: ConnectionID) -> [Told] {
    records.withLock { records in
      let told = records[connection]?.told ?? []
      records[connection]?.told = []
      return told
    }
  }

  package func send(_ reply: Reply, to request: RequestID, on connection: ConnectionID) {
    change(connection) { record in
      record.told.append(.reply(request, reply))
      guard request != .none, !record.answered.insert(request).inserted else { return }
      record.complaints.append("got a second answer to one request")
    }
  }

  package func push(_ push: Push, to connections: [ConnectionID]) {
    for connection in connections { change(connection) { $0.told.append(.push(push)) } }
  }

  package func ping(_ connection: ConnectionID) {
    change(connection) { $0.pings += 1 }
  }

  package func setReading(_ connection: ConnectionID, enabled: Bool) {
    change(connection) { $0.isReading = enabled }
  }

  package func close(_ connection: ConnectionID, refusal: Refusal?) {
    change(connection) { $0.closing = (refusal, ($0.closing?.count ?? 0) + 1) }
  }

  package func relay(_ reply: RelayReply, to id: UInt32, kind: RelayKind, on connection: ConnectionID) {
    change(connection) { $0.relayed.append((id, kind, reply)) }
  }

  private func change(_ connection: ConnectionID, _ body: (inout Record) -> Void) {
    records.withLock { records in
      if records[connection]?.closing != nil { records[connection]?.complaints.append("was told something after its end") }
      body(&records[connection, default: Record()])
    }
  }
}
