/// Sends a list of requests, each once, so many at a time, and waits for the answers.
///
/// What a load needs done before and after it measures: joins, counts, a last beat on each connection.
struct RequestPhase: LoadPhase {
  /// One request: who sends it and what it is.
  ///
  /// Its id is its place in the list.
  struct Item: Sendable {
    var row: Int
    var compose: Composition
  }

  /// What a request says.
  enum Composition: Sendable {
    case beat
    case channel(Requests.ChannelOp, [UInt8])
  }

  private let items: [Item]
  private let atOnceMax: Int
  private let keepsAnswers: Bool
  private var sent = 0
  private var underWay = 0
  private(set) var done = 0
  /// The replies to the items, where they are kept and were not errors.
  private(set) var answers: [Int: [UInt8]] = [:]
  private(set) var latency = LatencyRecord()
  /// `never` for what is not under way.
  private var sentAt: [MonotonicTime]
  /// What each row was asked last, where replies carry no id.
  private var oldest: [Int: Int] = [:]

  /// Prepares to send a list of requests.
  ///
  /// - Parameters:
  ///   - items: What to send; bounded by whoever makes the list.
  ///   - atOnceMax: At most so many wait for their answer.
  ///   - keepsAnswers: Whether the whole replies are wanted.
  init(_ items: [Item], atOnceMax: Int = 256, keepsAnswers: Bool = false) {
    self.items = items
    self.atOnceMax = atOnceMax
    self.keepsAnswers = keepsAnswers
    sentAt = Array(repeating: .never, count: items.count)
  }

  var isComplete: Bool { done >= items.count }

  /// How many are neither answered nor given up.
  var missing: Int { items.count - done }

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    while sent < items.count, underWay < atOnceMax {
      let id = sent
      let item = items[id]
      sent += 1
      let request: LoadRequest =
        switch item.compose {
        case .beat: .beat(id: id)
        case .channel(let op, let channel): .channel(op, id: id, channel)
        }
      let isSent = table.send(request, to: item.row)
      if isSent {
        sentAt[id] = now
        underWay += 1
        if !table.dialect.hasRequestIDs { oldest[item.row] = id }
      } else {
        done += 1
      }
    }
    return .never
  }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {
    switch head {
    case .ok(let id, _):
      guard let began = finish(id, row: row) else { return }
      latency.record(now.nanoseconds(since: began))
      if keepsAnswers { answers[id] = Array(view.bytes) }
    case .failed(let id?, _): finish(id, row: row)
    // Servers without ids are asked one thing at a time on each connection.
    case .inTurn, .failed(nil, _):
      guard let id = oldest.removeValue(forKey: row), let began = finish(id, row: row) else { return }
      latency.record(now.nanoseconds(since: began))
    case .push, .unknown: break
    }
  }

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    for id in 0..<sent where items[id].row == row { finish(id, row: row) }
  }

  /// Takes a request off the list of those under way.
  ///
  /// - Returns: When it was sent, or `nil` when it was not under way.
  @discardableResult
  private mutating func finish(_ id: Int, row: Int) -> MonotonicTime? {
    guard items.indices.contains(id), items[id].row == row, sentAt[id] != .never else { return nil }
    defer { sentAt[id] = .never }
    underWay -= 1
    done += 1
    return sentAt[id]
  }
}
