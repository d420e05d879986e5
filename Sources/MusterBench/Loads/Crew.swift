import Synchronization

/// The workers of one load: a table of connections each, driven side by side.
///
/// Work is done in legs, forked and joined: between two legs nothing runs, so counters of the server can be read and results
/// taken without a race.
final class Crew: Sendable {
  /// What one worker owns during a leg, and nobody between legs.
  final class Cell<Value: ~Copyable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: consuming sending Value) {
      self.value = Mutex(value)
    }

    /// Takes the value for a while.
    func with<Result: Sendable>(_ body: (inout sending Value) -> Result) -> Result {
      value.withLock { body(&$0) }
    }
  }

  private let tables: [Cell<ConnectionTable>]
  let board: ProgressBoard

  /// Makes as many workers as there are threads; connection `n` belongs to worker `n` modulo their number.
  ///
  /// - Throws: ``LoadError`` when the address or the descriptors do not suffice.
  init(_ settings: LoadSettings) throws(LoadError) {
    let address = try ServerAddress(url: settings.url)
    guard settings.sources == 1 || address.isLoopback else {
      throw .address("--sources needs a server on 127.0.0.0/8; this one is at \(address.host)")
    }
    try DescriptorLimit.ensure(connections: settings.connections, threads: settings.threads)
    var tables: [Cell<ConnectionTable>] = []
    for worker in 0..<settings.threads {
      let count = Self.share(of: settings.connections, worker: worker, of: settings.threads)
      tables.append(
        Cell(
          try ConnectionTable(
            address: address, dialect: settings.dialect, count: count, first: settings.share.first + worker,
            stride: settings.threads,
            sources: settings.sources, apiKey: settings.apiKey)))
    }
    self.tables = tables
    board = ProgressBoard(style: settings.progress)
  }

  /// How many workers there are.
  var count: Int { tables.count }

  /// How many of `total` things, dealt out in turn, one worker gets.
  static func share(of total: Int, worker: Int, of workers: Int) -> Int {
    max(0, (total - worker + workers - 1) / workers)
  }

  /// Makes one phase for each worker.
  func phases<Phase: LoadPhase>(_ make: (_ worker: Int, _ rows: Int) -> sending Phase) -> [Cell<Phase>] {
    tables.indices.map { worker in
      let rows = tables[worker].with { $0.count }
      return Cell(make(worker, rows))
    }
  }

  /// Drives a phase on every worker until it is complete there, the time is up or a stop was asked for.
  ///
  /// - Throws: ``LoadError/system(call:reason:)`` when a thread cannot be started.
  @discardableResult
  func leg<Phase: LoadPhase>(_ phases: [Cell<Phase>], until deadline: MonotonicTime) throws(LoadError) -> LegEnd {
    let outcomes = tables.map { _ in Cell(LegEnd.complete) }
    try ThreadTeam.run(count) { [tables, board] worker in
      let end = tables[worker].with { table in
        phases[worker].with { phase in
          table.drive(&phase, until: deadline, on: board, isReporter: worker == 0)
        }
      }
      outcomes[worker].with { $0 = end }
    }
    let ended = outcomes.map { $0.with { $0 } }
    if ended.contains(.stopped) { return .stopped }
    return ended.contains(.deadline) ? .deadline : .complete
  }

  /// Looks at each table between two legs.
  func forEachTable(_ body: (_ worker: Int, _ table: inout ConnectionTable) -> Void) {
    for (worker, cell) in tables.enumerated() { cell.with { body(worker, &$0) } }
  }

  /// What went wrong so far, on all workers.
  var tally: Tally {
    var all = Tally()
    forEachTable { all.add($1.tally) }
    return all
  }

  /// How many connections are ready.
  var readyCount: Int {
    var all = 0
    forEachTable { all += $1.readyCount }
    return all
  }
}
