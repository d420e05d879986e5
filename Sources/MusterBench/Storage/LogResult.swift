/// What durability was found to cost.
package struct LogResult: StorageResult {
  package private(set) var table = FigureTable(LogResult.figures)
  package let fileSystem: FileSystemFacts
  /// What went wrong, in sentences.
  package var troubles: [String] = []
  /// What was not measured, and why.
  package var notes: [String] = []
  package var redisVersion: String?

  package init(fileSystem: FileSystemFacts) {
    self.fileSystem = fileSystem
  }

  /// The figures, in the order of the table.
  package static let figures: [FigureTable.Figure] = [
    .init("per_second", "changes answered", unit: "per s", digits: 0),
    .init("p50_us", "p50", unit: "µs", digits: 0),
    .init("p99_us", "p99", unit: "µs", digits: 0),
    .init("cpu_us", "server CPU each", unit: "µs", digits: 1),
    .init("cpu_percent", "server CPU", unit: "% of a core", digits: 0),
    .init("per_cpu_second", "changes per CPU second", unit: "", digits: 0),
  ]

  static let disk = FigureTable.Subject(key: "disk", title: "the disk alone: 4 KiB written and synced")

  static func title(_ peer: Peer, _ mode: LogComparison.Mode) -> String {
    "\(peer.title), \(peer == .redis ? mode.redis.title : mode.rawValue)"
  }

  /// One server in one mode with so many clients.
  package static func subject(_ peer: Peer, _ mode: LogComparison.Mode, clients: Int) -> FigureTable.Subject {
    .init(
      key: "\(peer.rawValue)_\(mode.rawValue)_\(clients)",
      title: "\(title(peer, mode)), \(clients) \(clients == 1 ? "client" : "clients")")
  }

  /// Takes in one round of one of them.
  package mutating func add(_ report: Report, _ subject: FigureTable.Subject) {
    let latency = report.latency("change", "latency_us")
    let cpu = report.figure("change", "server_cpu_us_per_change")
    table.add(report.figure("change", "achieved_per_second"), "per_second", of: subject)
    table.add(latency?.p50, "p50_us", of: subject)
    table.add(latency?.p99, "p99_us", of: subject)
    table.add(cpu, "cpu_us", of: subject)
    table.add(report.figure("change", "server_cpu_percent"), "cpu_percent", of: subject)
    table.add(cpu.flatMap { $0 > 0 ? 1e6 / $0 : nil }, "per_cpu_second", of: subject)
  }

  /// Takes in what the disk alone took.
  mutating func addDisk(_ record: LatencyRecord) {
    guard let summary = record.summary, summary.mean > 0 else { return }
    table.add(1e6 / summary.mean, "per_second", of: Self.disk)
    table.add(summary.p50, "p50_us", of: Self.disk)
    table.add(summary.p99, "p99_us", of: Self.disk)
  }

  /// The budget: what a CPU second comes to with 64 clients.
  package var budgets: [FigureBudget] {
    let muster = Self.subject(.muster, .commit, clients: 64)
    let redis = Self.subject(.redis, .commit, clients: 64)
    func ratio(_ figure: String) -> String? {
      table.ratio(figure, of: muster, to: redis).map { "\(ChartScale.short($0)) ×" }
    }
    let cpu = table.ratio("per_cpu_second", of: muster, to: redis)
    return [
      FigureBudget(
        what: "durable changes per CPU second, `commit`, 64 clients, to Redis with `appendfsync always`", bound: "≥ 10 ×",
        measured: ratio("per_cpu_second"), isKept: cpu.map { $0 >= 10 }),
      FigureBudget(
        what: "the same per second on the clock (no budget)", bound: "–", measured: ratio("per_second"), isKept: nil),
    ]
  }

  /// The result as a page.
  package func markdown(_ facts: RunFacts, plots: [String] = []) -> String {
    var text = facts.markdown
    text += "- directory: \(fileSystem.text)\n"
    if let redisVersion { text += "- \(redisVersion)\n" }
    text +=
      "\nEvery client has one change under way: for Muster a `join` or a `leave` of a channel of its own over WebSocket, for "
    text +=
      "Redis a\n`SET key value EX` with 100 bytes, answered as the mode has it. Medians; with several rounds the least and the "
    text +=
      "most in brackets.\nCPU is user and system time of the whole server process on one core: the call that syncs is in it, "
    text += "waiting for the disk is not.\nThe clock has both. The generator has a core of its own.\n\n"
    text += table.markdown(rows: .subjects)
    text += "\n## Budgets\n\n" + FigureBudget.markdown(budgets)
    return text + closing(plots: plots)
  }

  /// The result as one JSON object with every raw value.
  package func json(_ facts: RunFacts) -> String { json(facts) { _ in } }

  /// How throughput and cost change with the number of clients; nothing for a single number.
  package func plots() -> [ComparisonResult.Plot] {
    let questions = [
      ("throughput", "Changes that must survive, by clients", "per_second", "changes answered a second"),
      ("cpu", "What a change costs that must survive, by clients", "cpu_us", "µs of server CPU"),
    ]
    return questions.compactMap { name, title, key, unit in
      var lines: [LineChart.Series] = []
      for peer in [Peer.muster, .redis] {
        for mode in LogComparison.Mode.allCases {
          let points = table.points(key, prefix: "\(peer.rawValue)_\(mode.rawValue)_")
          if !points.isEmpty { lines.append(.init(name: mode.label(peer), points: points)) }
        }
      }
      guard lines.contains(where: { $0.points.count > 1 }) else { return nil }
      let chart = LineChart(
        title: title, subtitle: "Median of all rounds, one change under way for each client; \(fileSystem.text).",
        xTitle: "clients", yTitle: unit, yKind: .logarithmic, series: lines)
      return ComparisonResult.Plot(name: name, svg: chart.svg)
    }
  }
}
