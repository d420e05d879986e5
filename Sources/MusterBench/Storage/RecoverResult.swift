import MusterJSON

/// What was found out about snapshots and recovery, size by size.
package struct RecoverResult: StorageResult {
  package var table = FigureTable(RecoverResult.figures)
  package let fileSystem: FileSystemFacts
  package let dataBytes: Int
  /// What went wrong, in sentences.
  package var troubles: [String] = []
  /// What was not measured, and why.
  package var notes: [String] = []
  /// How Redis names itself.
  package var redisVersion: String?

  package init(fileSystem: FileSystemFacts, dataBytes: Int) {
    self.fileSystem = fileSystem
    self.dataBytes = dataBytes
  }

  /// Muster with so many sessions.
  package static func muster(_ sessions: Int) -> FigureTable.Subject {
    .init(key: "muster_\(sessions)", title: "Muster, \(ChartScale.label(Double(sessions))) sessions")
  }

  /// Redis with so many keys.
  package static func redis(_ keys: Int) -> FigureTable.Subject {
    .init(key: "redis_\(keys)", title: "Redis, \(ChartScale.label(Double(keys))) keys")
  }

  /// The figures, in the order of the table.
  package static let figures: [FigureTable.Figure] = [
    .init("snapshot_seconds", "snapshot under load, until it counts", unit: "s", digits: 2),
    .init("snapshot_cpu_seconds", "its CPU", unit: "s", digits: 2),
    .init("capture_cpu_seconds", "of it on the planes' threads, with the load", unit: "s", digits: 2),
    .init("snapshot_per_cpu_second", "sessions per CPU second, all of it", unit: "per s", digits: 0),
    .init("captured_per_cpu_second", "sessions per CPU second, on the planes' threads", unit: "per s", digits: 0),
    .init("calm_turn_us", "longest turn before it", unit: "µs", digits: 0),
    .init("longest_pause_us", "longest pause: a turn while it is made, or the fork", unit: "µs", digits: 0),
    .init("longest_pause_cpu_us", "the same, CPU", unit: "µs", digits: 0),
    .init("calm_change_p99_us", "a change before it, p99", unit: "µs", digits: 0),
    .init("change_p99_us", "a change or a ping while it is made, p99", unit: "µs", digits: 0),
    .init("change_max_us", "the same, longest", unit: "µs", digits: 0),
    .init("snapshot_extra_mib", "extra memory while it is made", unit: "MiB", digits: 1),
    .init("file_mib", "size of the file", unit: "MiB", digits: 1),
    .init("compression", "uncompressed to compressed", unit: "", digits: 2),
    .init("last_snapshot_seconds", "the last snapshot, without load", unit: "s", digits: 2),
    .init("last_snapshot_per_cpu_second", "its sessions per CPU second", unit: "per s", digits: 0),
    .init("recovery_seconds", "recovery from the snapshot", unit: "s", digits: 2),
    .init("recovery_cpu_seconds", "its CPU", unit: "s", digits: 2),
    .init("loading_seconds", "of it loading", unit: "s", digits: 2),
    .init("finishing_seconds", "of it timers and channels", unit: "s", digits: 2),
    .init("recovered_per_cpu_second", "sessions per CPU second", unit: "per s", digits: 0),
    .init("recovered_bytes", "memory of the recovered, for each", unit: "bytes", digits: 0),
    .init("replay_seconds", "recovery from a log without a snapshot", unit: "s", digits: 2),
    .init("replay_records_per_second", "its records per second", unit: "per s", digits: 0),
    .init("replay_records_per_cpu_second", "its records per CPU second", unit: "per s", digits: 0),
    .init("log_mib", "size of that log", unit: "MiB", digits: 1),
  ]

  /// The budgets, for the largest number of sessions.
  package var budgets: [FigureBudget] {
    guard let subject = table.subjects.last(where: { $0.key.hasPrefix("muster_") }) else { return [] }
    func budget(_ what: String, _ key: String, atMost bound: Double? = nil, atLeast least: Double? = nil) -> FigureBudget {
      let figure = Self.figures.first { $0.key == key }
      let unit = figure?.unit ?? ""
      let value = table.spread(key, of: subject)?.median
      let isKept = value.map { value in bound.map { value <= $0 } ?? least.map { value >= $0 } ?? true }
      return FigureBudget(
        what: what, bound: (bound.map { "≤ \(ChartScale.label($0))" } ?? "≥ \(ChartScale.label(least ?? 0))") + " \(unit)",
        measured: value.flatMap { Report.Value.fixed($0, digits: figure?.digits ?? 0) }.map { "\($0) \(unit)" }, isKept: isKept)
    }
    var budgets = [
      budget("snapshot: longest pause, on the clock", "longest_pause_us", atMost: 1_000),
      budget("snapshot: longest pause, CPU", "longest_pause_cpu_us", atMost: 1_000),
      budget("snapshot: extra memory", "snapshot_extra_mib", atMost: 64),
      budget("snapshot: sessions per CPU second on the planes", "captured_per_cpu_second", atLeast: 5e6),
      budget("snapshot: sessions per CPU second, compressed and read back", "snapshot_per_cpu_second", atLeast: 5e6),
    ]
    // The bound is for ten million; it says nothing about another number.
    if subject == Self.muster(10_000_000) {
      budgets.append(budget("recovery of 10 M, page cache warm", "recovery_seconds", atMost: 2))
    }
    return budgets
  }

  /// The result as a page.
  package func markdown(_ facts: RunFacts, plots: [String] = []) -> String {
    var text = facts.markdown
    text += "- directory: \(fileSystem.text)\n- data of a session, value of a key: \(dataBytes) bytes\n"
    if let redisVersion { text += "- \(redisVersion)\n" }
    text +=
      "\nMedians; with several rounds the least and the most in brackets. CPU is user and system time of the whole process. "
    text +=
      "The longest pause of\nMuster is the longest turn of a plane while the snapshot is made, with what it does for the load; "
    text += "on the clock it includes what\nother threads took of the processor. That of Redis is its `fork`; the CPU of its "
    text += "snapshot is that of the child.\n\n"
    text += table.markdown(rows: .figures)
    let budgets = budgets
    if !budgets.isEmpty { text += "\n## Budgets\n\n" + FigureBudget.markdown(budgets) }
    return text + closing(plots: plots)
  }

  /// The result as one JSON object with every raw value.
  package func json(_ facts: RunFacts) -> String { json(facts) { $0.pair("data_bytes", integer: dataBytes) } }

  /// How snapshot and recovery grow with the number of sessions; nothing for a single size.
  package func plots() -> [ComparisonResult.Plot] {
    let questions = [
      ("recovery", "Until everything is back, by sessions", "recovery_seconds"),
      ("snapshot", "Until a snapshot counts, by sessions", "snapshot_seconds"),
      ("pause", "The longest pause during a snapshot, by sessions", "longest_pause_us"),
    ]
    return questions.compactMap { name, title, key in
      let lines = [("Muster", "muster_"), ("Redis", "redis_")].compactMap { server, prefix -> LineChart.Series? in
        let points = table.points(key, prefix: prefix)
        return points.isEmpty ? nil : .init(name: server, points: points)
      }
      guard lines.contains(where: { $0.points.count > 1 }) else { return nil }
      let isTime = key.hasSuffix("_seconds")
      let chart = LineChart(
        title: title, subtitle: "Median of all rounds; \(dataBytes) bytes of data each; page cache warm.",
        xTitle: "sessions, or keys", yTitle: isTime ? "s" : "µs", yKind: isTime ? .linear : .logarithmic, series: lines)
      return ComparisonResult.Plot(name: name, svg: chart.svg)
    }
  }
}
