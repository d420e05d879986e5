/// Everybody is gone at once and comes back at once: what a server lives through when its network fails for a moment.
///
/// All connections are dropped without a goodbye and opened again as fast as the generator can. All are due at the moment after
/// the drop, so each one's latency counts from there until it is let in again; it holds the wait for everybody before it.
package struct StormLoad: Load {
  package static let command = "storm"
  package var settings: LoadSettings
  /// Between the first packet and the answer to the hello at once; all of them, unless less is asked for.
  package var atOnceMax: Int
  /// Whether each goes on with the session it had.
  package var resumes: Bool

  package init(settings: LoadSettings, atOnceMax: Int, resumes: Bool) {
    self.settings = settings
    self.atOnceMax = atOnceMax
    self.resumes = resumes
  }

  package var keepsSessionTokens: Bool { resumes && settings.dialect == .muster }

  package var parameters: [Report.Field] {
    [
      .init("storm_at_once", "reconnecting at once", .integer(atOnceMax)),
      .init("resumes", "sessions go on", .flag(keepsSessionTokens)),
    ]
  }

  package func validate() throws(LoadError) {
    try LoadSettings.check("--storm-at-once", atOnceMax, LoadSettings.Bounds.connections)
  }

  package func measure(_ run: inout LoadRun) throws(LoadError) {
    let connections = run.crew.readyCount
    let phases = run.crew.phases { [settings, atOnceMax] _, rows in
      ConnectPhase(
        count: rows,
        pace: .init(
          perSecond: nil, atOnceMax: max(1, atOnceMax / settings.threads), timeout: settings.timeout, failuresMax: rows),
        identity: settings.identity)
    }
    try run.pass(.storm)
    let meter = Meter(server: run.server)
    run.crew.forEachTable { _, table in
      for row in 0..<table.count { table.drop(row: row) }
    }
    let began = MonotonicTime.now()
    for (worker, phase) in phases.enumerated() {
      phase.with { $0.raise(target: Crew.share(of: settings.connections, worker: worker, of: settings.threads), at: began) }
    }
    run.crew.board.begin("storm", unit: "connections", total: settings.connections)
    try run.crew.leg(phases, until: began.advanced(by: settings.timeout * 6))
    let seconds = MonotonicTime.now().seconds(since: began)
    // What follows a hello on the server belongs to it.
    try run.crew.leg(run.crew.phases { _, _ in HoldPhase() }, until: .now().advanced(by: settings.settling))
    let usage = meter.usage()
    run.crew.board.end()
    var outcome = Outcome(usage)
    outcome.counts[.dropped] = connections
    outcome.counts[.done] = run.crew.readyCount
    outcome.seconds = seconds
    for phase in phases {
      phase.with {
        outcome.counts[.resumed, default: 0] += $0.resumed
        outcome.latencies[.storm, default: LatencyRecord()].add($0.sinceLeg)
        outcome.latencies[.hello, default: LatencyRecord()].add($0.hello)
      }
    }
    if keepsSessionTokens, !run.isInterrupted {
      let fresh = outcome[.done] - outcome[.resumed]
      run.troubles.count(.mismatch, "not_resumed", "A session did not go on with its token.", times: fresh)
    }
    run.finish("storm", outcome, section)
  }

  package var isDivisible: Bool { true }

  package func section(_ key: String, of outcome: Outcome) -> Report.Section? {
    key == Self.command ? section(outcome) : nil
  }

  /// The section of the report.
  @Sendable private func section(_ outcome: Outcome) -> Report.Section {
    let back = outcome[.done]
    var fields: [Report.Field] = [
      .init("dropped", "connections dropped", .integer(outcome[.dropped])),
      .init("back", "connections back", .integer(back)),
      .init("seconds_to_full", "until all were back", unit: "s", .decimal(outcome.seconds, digits: 3)),
    ]
    if keepsSessionTokens { fields.append(.init("resumed", "sessions that went on", .integer(outcome[.resumed]))) }
    if outcome.seconds > 0 {
      fields.append(
        .init("reconnects_per_second", "reconnects", unit: "per second", .decimal(Double(back) / outcome.seconds, digits: 1)))
    }
    fields += outcome.usage.fields(per: "reconnect", count: back)
    for (key, title, name) in [
      ("latency_us", "drop to back", Outcome.Latency.storm), ("hello_us", "hello", .hello),
    ] {
      if let summary = outcome.latencies[name]?.summary { fields.append(.init(key, title, .latency(summary))) }
    }
    return .init("storm", "storm", fields)
  }
}
