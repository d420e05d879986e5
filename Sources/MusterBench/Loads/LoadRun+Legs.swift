extension LoadRun {
  /// Drives a load through warm-up, measurement and the wait for what is still under way.
  ///
  /// - Returns: What was used during the measurement, and how much was done in it.
  func measure<Phase: LoadPhase>(
    _ phases: [Crew.Cell<Phase>], _ span: Span, label: String, unit: String
  ) throws(LoadError) -> (usage: Usage, done: Int) {
    crew.board.begin("warm-up", unit: unit, ends: span.measured.lowerBound)
    try crew.leg(phases, until: span.measured.lowerBound)
    crew.board.end()
    let before = done(phases)
    let meter = Meter(server: server)
    crew.board.begin(label, unit: unit, ends: span.measured.upperBound)
    try crew.leg(phases, until: span.measured.upperBound)
    let usage = meter.usage()
    let after = done(phases)
    try crew.leg(phases, until: .now().advanced(by: settings.timeout))
    crew.board.end()
    return (usage, after - before)
  }

  /// Sends a list of requests and waits for their answers; what is not answered in time is a trouble.
  ///
  /// - Returns: How long they took.
  @discardableResult
  mutating func request(_ phases: [Crew.Cell<RequestPhase>], label: String) throws(LoadError) -> LatencyRecord {
    crew.board.begin(label, unit: "requests")
    let end = try crew.leg(phases, until: .now().advanced(by: settings.timeout * 3))
    crew.board.end()
    var latency = LatencyRecord()
    var missing = 0
    for phase in phases {
      phase.with {
        latency.add($0.latency)
        missing += $0.missing
      }
    }
    if end != .stopped {
      troubles.count(.timeout, "no_reply", "Requests of the part '\(label)' were not answered in time.", times: missing)
    }
    return latency
  }

  /// The rows that are ready, worker by worker.
  func readyRows() -> [[Int]] {
    var rows: [[Int]] = []
    crew.forEachTable { _, table in
      var ready: [Int] = []
      for row in 0..<table.count where table.stage(of: row) == .ready { ready.append(row) }
      rows.append(ready)
    }
    return rows
  }

  /// Counts what never came, or came out of turn, unless the run was cut short.
  mutating func countUnanswered(_ unanswered: Int, outOfOrder: Int) {
    let patience = settings.timeout
    if !isInterrupted {
      troubles.count(.timeout, "no_reply", "Requests were not answered within \(patience).", times: unanswered)
    }
    troubles.count(.protocol, "out_of_order", "Replies came twice or out of turn.", times: outOfOrder)
  }

  private func done<Phase: LoadPhase>(_ phases: [Crew.Cell<Phase>]) -> Int {
    phases.reduce(0) { sum, phase in sum + phase.with { $0.done } }
  }
}

extension SendLateness {
  /// How punctual the generator was, for a section.
  func fields(skipped: Int) -> [Report.Field] {
    var fields: [Report.Field] = [.init("late_sends", "sent more than 1 ms late", .integer(late))]
    if skipped > 0 { fields.append(.init("skipped", "due on a connection that had ended", .integer(skipped))) }
    if let summary = record.summary { fields.append(.init("lateness_us", "due to sent", .latency(summary))) }
    return fields
  }
}
