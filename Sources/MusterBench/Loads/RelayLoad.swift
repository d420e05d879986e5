/// A chat backend that keeps the sessions of its users alive over a few connections, in binary batches.
package struct RelayLoad: Load {
  package static let command = "relay"
  /// The connections are those of the relay.
  package var settings: LoadSettings
  /// Sessions that are opened, over all connections.
  package var sessions: Int
  /// Heartbeats in one batch.
  package var batch: Int
  /// Heartbeats per second, over all connections.
  package var perSecond: Double
  package var warmUp: Duration
  package var duration: Duration

  package init(
    settings: LoadSettings, sessions: Int, batch: Int, perSecond: Double, warmUp: Duration, duration: Duration
  ) {
    self.settings = settings
    self.settings.dialect = .relay
    self.sessions = sessions
    self.batch = batch
    self.perSecond = perSecond
    self.warmUp = warmUp
    self.duration = duration
  }

  package var parameters: [Report.Field] {
    [
      .init("sessions", "sessions", .integer(sessions)),
      .init("batch", "heartbeats in a batch", .integer(batch)),
      .init("rate", "heartbeats", unit: "per second", .decimal(perSecond, digits: 1)),
      .init("warmup_s", "warm-up", unit: "s", .decimal(warmUp.inSeconds, digits: 1)),
      .init("duration_s", "measured for", unit: "s", .decimal(duration.inSeconds, digits: 1)),
    ]
  }

  package func validate() throws(LoadError) {
    try LoadRun.validate(warmUp: warmUp, duration: duration)
    try LoadSettings.check("--sessions", sessions, settings.connections...100_000_000)
    try LoadSettings.check("--batch", batch, 1...RelayBatch.entriesMax)
    guard perSecond > 0, perSecond <= 1e9 else {
      throw .plan("--rate \(perSecond) is not above 0 and at most a billion a second")
    }
    guard settings.identity.isOwn else { throw .plan("relay opens sessions of its own users, so --token makes no sense with it") }
  }

  package func measure(_ run: inout LoadRun) throws(LoadError) {
    guard case .user(let prefix) = settings.identity else { return }
    let share = sessions / settings.connections
    let opening = run.crew.phases { [batch] _, rows in
      RelayStepPhase(.open(prefix: prefix), rows: rows, share: share, batch: batch)
    }
    let opened = try step(opening, "open", &run)
    guard !run.isInterrupted else { return }
    let span = LoadRun.Span(warmUp: warmUp, duration: duration)
    let interval = Duration.seconds(Double(settings.connections * batch) / perSecond)
    let phases = run.crew.phases { [settings, batch] worker, _ in
      RelayBeatPhase(
        schedule: OpenLoopSchedule(
          start: span.start, interval: interval, lanes: settings.connections, first: worker, stride: settings.threads),
        measured: span.measured, batch: batch, sessions: opening[worker].with { $0.sessions })
    }
    let (usage, done) = try run.measure(phases, span, label: "relay", unit: "heartbeats")
    report(phases, usage, done, opened, &run)
    guard !run.isInterrupted else { return }
    let closing = run.crew.phases { [batch] worker, rows in
      RelayStepPhase(.close, rows: rows, share: share, batch: batch, sessions: opening[worker].with { $0.sessions })
    }
    _ = try step(closing, "close", &run)
  }

  /// Opens or closes all sessions.
  ///
  /// - Returns: What it took.
  private func step(
    _ phases: [Crew.Cell<RelayStepPhase>], _ label: String, _ run: inout LoadRun
  ) throws(LoadError) -> (count: Int, usage: Usage) {
    let meter = Meter(server: run.server)
    run.crew.board.begin(label, unit: "sessions", total: sessions)
    let end = try run.crew.leg(phases, until: .now().advanced(by: settings.timeout + .microseconds(sessions * 20)))
    let usage = meter.usage()
    run.crew.board.end()
    var (done, refused) = (0, 0)
    for phase in phases {
      phase.with {
        done += $0.done
        refused += $0.refused
      }
    }
    run.troubles.count(.reply, "\(label)_refused", "A session of a batch was refused.", times: refused)
    if end == .deadline { run.troubles.count(.timeout, label, "Not all sessions of the part '\(label)' were answered in time.") }
    return (done, usage)
  }

  private func report(
    _ phases: [Crew.Cell<RelayBeatPhase>], _ usage: Usage, _ done: Int, _ opened: (count: Int, usage: Usage),
    _ run: inout LoadRun
  ) {
    var (sent, skipped, unknown, outstanding) = (0, 0, 0, 0)
    var (latency, lateness) = (LatencyRecord(), SendLateness())
    for phase in phases {
      phase.with {
        sent += $0.sent
        skipped += $0.skipped
        unknown += $0.unknown
        outstanding += $0.outstanding
        latency.add($0.latency)
        lateness.add($0.lateness)
      }
    }
    run.countUnanswered(outstanding, outOfOrder: 0)
    run.troubles.count(.mismatch, "unknown_session", "The server did not know a session that it had opened.", times: unknown)
    run.sections.append(
      .init(
        "open", "opening sessions",
        [
          .init("sessions", "sessions opened", .integer(opened.count)),
          .init("seconds", "took", unit: "s", .decimal(opened.usage.seconds, digits: 2)),
        ] + opened.usage.fields(per: "session", count: opened.count)))
    var fields: [Report.Field] = [
      .init("asked_per_second", "asked for", unit: "per second", .decimal(perSecond, digits: 1)),
      .init(
        "achieved_per_second", "answered", unit: "per second",
        .decimal(usage.seconds > 0 ? Double(done) / usage.seconds : 0, digits: 1)),
      .init("sent", "heartbeats sent", .integer(sent)),
    ]
    fields += lateness.fields(skipped: skipped)
    if let server = usage.server, done > 0 {
      fields.append(
        .init(
          "server_cpu_ns_per_heartbeat", "server CPU per heartbeat", unit: "ns", .decimal(server / Double(done), digits: 1)))
    }
    fields += usage.fields(per: "heartbeat", count: done)
    if let summary = latency.summary { fields.append(.init("latency_us", "batch, due to reply", .latency(summary))) }
    run.sections.append(.init("relay", "heartbeats in batches", fields))
  }
}
