/// Brings connections up: TCP, upgrade and, unless told otherwise, hello, at a bounded rate and so many at once.
///
/// It works in legs: each raises `target`, so that a server can be measured at several plateaus.
struct ConnectPhase: LoadPhase {
  /// How the connections come.
  struct Pace: Sendable {
    /// At most so many are opened per second by this worker; `nil` as fast as `atOnceMax` allows.
    var perSecond: Double?
    /// At most so many are between their first packet and the answer to their hello.
    var atOnceMax: Int
    /// After so long without progress one is given up.
    var timeout: Duration
    /// After so many failures no more are tried: the server has said it clearly enough.
    var failuresMax: Int
  }

  private let pace: Pace
  private let identity: Requests.Identity
  /// Whether a hello is said, where there is one.
  private let greets: Bool
  /// Rows below it are to be open.
  private(set) var target = 0
  private(set) var opened = 0
  private(set) var failures = 0
  private var underWay = 0
  /// When each row's present step began; a row is under way if it is not `never`.
  private var stepBegan: [MonotonicTime]
  /// All rows before it are finished: where a search for overdue ones begins.
  private var oldest = 0
  private var legBegan = MonotonicTime(nanoseconds: 0)
  private var legFirst = 0

  private(set) var tcp = LatencyRecord()
  private(set) var upgrade = LatencyRecord()
  private(set) var hello = LatencyRecord()
  /// From the beginning of the leg until each was let in: what they wait that all come at once.
  private(set) var sinceLeg = LatencyRecord()
  /// How many sessions went on with their token.
  private(set) var resumed = 0
  /// How often the server wants a heartbeat, as it said.
  private(set) var heartbeatMilliseconds: Int?
  private(set) var done = 0

  init(count: Int, pace: Pace, identity: Requests.Identity, greets: Bool = true) {
    self.pace = pace
    self.greets = greets
    self.identity = identity
    stepBegan = Array(repeating: .never, count: count)
  }

  /// Begins a leg.
  mutating func raise(target: Int, at now: MonotonicTime) {
    self.target = min(target, stepBegan.count)
    legBegan = now
    legFirst = opened
  }

  var isComplete: Bool { isGivenUp || (opened >= target && underWay == 0) }

  /// Whether so many failed that the rest is not tried.
  var isGivenUp: Bool { failures >= pace.failuresMax && underWay == 0 }

  mutating func fire(at now: MonotonicTime, on table: inout ConnectionTable) -> MonotonicTime {
    giveUpOverdue(at: now, on: &table)
    var budget = 64
    while opened < target, underWay < pace.atOnceMax, failures < pace.failuresMax {
      let due = due(opened)
      if due > now { return due }
      if budget == 0 { return now }
      budget -= 1
      let row = opened
      opened += 1
      if table.open(row: row) {
        underWay += 1
        stepBegan[row] = .now()
      } else {
        failures += 1
      }
    }
    return .never
  }

  mutating func advanced(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    let took = now.nanoseconds(since: stepBegan[row])
    stepBegan[row] = now
    if table.stage(of: row) == .upgrading {
      tcp.record(took)
    } else {
      if table.dialect.isWebSocket { upgrade.record(took) }
      if table.dialect.hasGreeting, greets {
        table.send(.hello(identity, sessionToken: table.sessionTokens[row]), to: row)
      } else {
        welcome(row, at: now, on: &table)
      }
    }
  }

  mutating func received(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, on table: inout ConnectionTable
  ) {
    guard stepBegan[row] != .never else { return }
    switch head {
    case .ok(0, let body):
      hello.record(now.nanoseconds(since: stepBegan[row]))
      if heartbeatMilliseconds == nil { heartbeatMilliseconds = view.integer("heartbeat_interval_ms", at: body) }
      if table.keepsSessionTokens {
        if view.flag("resumed", at: body) { resumed += 1 }
        if let token = view.text("session_token", at: body) { table.sessionTokens[row] = Array(token.utf8) }
      }
      welcome(row, at: now, on: &table)
    case .inTurn:
      hello.record(now.nanoseconds(since: stepBegan[row]))
      welcome(row, at: now, on: &table)
    case .failed:
      fail(row)
      table.drop(row: row)
    case .ok, .push, .unknown: break
    }
  }

  mutating func lost(row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    if stepBegan[row] != .never { fail(row) }
  }

  /// The server has let it in.
  private mutating func welcome(_ row: Int, at now: MonotonicTime, on table: inout ConnectionTable) {
    finish(row)
    done += 1
    sinceLeg.record(now.nanoseconds(since: legBegan))
    table.markReady(row: row)
  }

  private func due(_ row: Int) -> MonotonicTime {
    guard let perSecond = pace.perSecond else { return legBegan }
    return legBegan.advanced(by: .seconds(Double(row - legFirst) / perSecond))
  }

  private mutating func giveUpOverdue(at now: MonotonicTime, on table: inout ConnectionTable) {
    while oldest < opened {
      let began = stepBegan[oldest]
      if began != .never {
        guard now.nanoseconds(since: began) > UInt64(pace.timeout.nanoseconds) else { return }
        table.giveUp(row: oldest, "The server did not answer within \(Int(pace.timeout.inSeconds)) s.")
        fail(oldest)
      }
      oldest += 1
    }
  }

  private mutating func finish(_ row: Int) {
    stepBegan[row] = .never
    underWay -= 1
  }

  private mutating func fail(_ row: Int) {
    finish(row)
    failures += 1
  }
}
