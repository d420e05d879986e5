/// Heartbeats, the traffic that a presence server has most of.
package struct BeatLoad: Load {
  /// How heartbeats follow each other.
  package enum Mode: Sendable, Equatable {
    /// Open loop: each connection once per interval, with an id, so that it is answered.
    case answered(every: Duration)
    /// Open loop, as empty text frames, which get no reply.
    case silent(every: Duration)
    /// Closed loop: so many in flight on each connection.
    case pipelined(depth: Int)
  }

  package static let command = "beat"
  package var settings: LoadSettings
  /// The name of its section.
  package var key: String
  package var mode: Mode
  package var warmUp: Duration
  package var duration: Duration

  package init(settings: LoadSettings, mode: Mode, warmUp: Duration, duration: Duration, key: String = "beat") {
    self.key = key
    self.settings = settings
    self.mode = mode
    self.warmUp = warmUp
    self.duration = duration
  }

  package var parameters: [Report.Field] {
    let fields: [Report.Field] =
      switch mode {
      case .answered(let interval):
        [.init("interval_s", "heartbeat every", unit: "s", .decimal(interval.inSeconds, digits: 3)), Self.modeField("answered")]
      case .silent(let interval):
        [.init("interval_s", "heartbeat every", unit: "s", .decimal(interval.inSeconds, digits: 3)), Self.modeField("silent")]
      case .pipelined(let depth):
        [.init("in_flight", "in flight per connection", .integer(depth)), Self.modeField("pipelined")]
      }
    return fields + [
      .init("warmup_s", "warm-up", unit: "s", .decimal(warmUp.inSeconds, digits: 1)),
      .init("duration_s", "measured for", unit: "s", .decimal(duration.inSeconds, digits: 1)),
    ]
  }

  private static func modeField(_ name: String) -> Report.Field { .init("mode", "mode", .text(name)) }

  package func validate() throws(LoadError) {
    guard settings.dialect != .relay else { throw .plan("heartbeats of a relay come in batches: use bench relay") }
    if case .silent = mode, !settings.dialect.hasSilentBeat {
      throw .plan("--no-reply: there is no unanswered heartbeat in the dialect \(settings.dialect.rawValue)")
    }
    try LoadRun.validate(warmUp: warmUp, duration: duration)
    switch mode {
    case .answered(let interval), .silent(let interval):
      try LoadSettings.check("--interval", interval, LoadSettings.Bounds.span)
      try LoadSettings.checkRate("--connections per --interval of", Double(settings.connections) / interval.inSeconds)
    case .pipelined(let depth):
      try LoadSettings.check("--pipeline", depth, 1...1_000)
      guard settings.connections * depth <= 10_000_000 else {
        throw .plan("--connections times --pipeline is more than 10000000 heartbeats in flight")
      }
    }
  }

  package func measure(_ run: inout LoadRun) throws(LoadError) {
    switch mode {
    case .answered(let interval): try paced(every: interval, isSilent: false, &run)
    case .silent(let interval): try paced(every: interval, isSilent: true, &run)
    case .pipelined(let depth): try pipelined(depth: depth, &run)
    }
  }

  package var isDivisible: Bool { true }

  package func section(_ key: String, of outcome: Outcome) -> Report.Section? {
    guard key == self.key else { return nil }
    switch mode {
    case .answered(let interval): return pacedSection(outcome, every: interval, isSilent: false)
    case .silent(let interval): return pacedSection(outcome, every: interval, isSilent: true)
    case .pipelined: return pipelinedSection(outcome)
    }
  }

  private func paced(every interval: Duration, isSilent: Bool, _ run: inout LoadRun) throws(LoadError) {
    try run.pass(.part(key))
    let span = LoadRun.Span(warmUp: warmUp, duration: duration)
    let phases = run.crew.phases { [settings] worker, _ in
      BeatPhase(
        schedule: OpenLoopSchedule(
          start: span.start, interval: interval, lanes: settings.connections, first: worker, stride: settings.threads),
        measured: span.measured, isSilent: isSilent)
    }
    let (usage, done) = try run.measure(phases, span, label: "beat", unit: isSilent ? "heartbeats" : "replies")
    var outcome = Outcome(usage)
    outcome.counts[.done] = done
    var (outstanding, outOfOrder) = (0, 0)
    for phase in phases {
      phase.with {
        outcome.counts[.sent, default: 0] += $0.sent
        outcome.counts[.replies, default: 0] += $0.replies
        outcome.counts[.skipped, default: 0] += $0.skipped
        outcome.counts[.late, default: 0] += $0.lateness.late
        outstanding += $0.outstanding
        outOfOrder += $0.outOfOrder
        outcome.latencies[.reply, default: LatencyRecord()].add($0.latency)
        outcome.latencies[.lateness, default: LatencyRecord()].add($0.lateness.record)
      }
    }
    run.countUnanswered(outstanding, outOfOrder: outOfOrder)
    if isSilent, let fence = try fence(&run) { outcome.latencies[.fence] = fence }
    run.finish(key, outcome) { pacedSection($0, every: interval, isSilent: isSilent) }
  }

  private func pacedSection(_ outcome: Outcome, every interval: Duration, isSilent: Bool) -> Report.Section {
    let asked = Double(settings.share.total ?? settings.connections) / interval.inSeconds
    var fields: [Report.Field] = [
      .init("asked_per_second", "asked for", unit: "per second", .decimal(asked, digits: 1)),
      .init(
        "achieved_per_second", isSilent ? "sent" : "answered", unit: "per second", .decimal(outcome.donePerSecond, digits: 1)),
      .init("sent", "heartbeats sent", .integer(outcome[.sent])),
    ]
    if !isSilent { fields.append(.init("replies", "heartbeats answered", .integer(outcome[.replies]))) }
    fields += outcome.punctuality
    fields += outcome.usage.fields(per: "heartbeat", count: outcome[.done])
    fields += outcome.field("latency_us", "due to reply", .reply)
    fields += outcome.field("fence_us", "one answered beat, after", .fence)
    return .init(key, isSilent ? "heartbeats without reply" : "heartbeats", fields)
  }

  /// One answered heartbeat on each connection, after silent ones.
  ///
  /// It shows that the server took them all, and how far behind it was.
  private func fence(_ run: inout LoadRun) throws(LoadError) -> LatencyRecord? {
    guard !run.isInterrupted else { return nil }
    let rows = run.readyRows()
    let phases = run.crew.phases { worker, _ in RequestPhase(rows[worker].map { .init(row: $0, compose: .beat) }) }
    return try run.request(phases, label: "fence")
  }

  private func pipelined(depth: Int, _ run: inout LoadRun) throws(LoadError) {
    try run.pass(.part(key))
    let span = LoadRun.Span(warmUp: warmUp, duration: duration)
    let phases = run.crew.phases { _, rows in PipelinePhase(count: rows, depth: depth, measured: span.measured) }
    let (usage, done) = try run.measure(phases, span, label: "beat", unit: "replies")
    var outcome = Outcome(usage)
    outcome.counts[.done] = done
    var (outstanding, outOfOrder) = (0, 0)
    for phase in phases {
      phase.with {
        outstanding += $0.outstanding
        outOfOrder += $0.outOfOrder
        outcome.latencies[.reply, default: LatencyRecord()].add($0.latency)
      }
    }
    run.countUnanswered(outstanding, outOfOrder: outOfOrder)
    run.finish(key, outcome, pipelinedSection)
  }

  private func pipelinedSection(_ outcome: Outcome) -> Report.Section {
    var fields: [Report.Field] = [
      .init("achieved_per_second", "answered", unit: "per second", .decimal(outcome.donePerSecond, digits: 1)),
      .init("replies", "heartbeats answered", .integer(outcome.latencies[.reply]?.count ?? 0)),
    ]
    fields += outcome.usage.fields(per: "heartbeat", count: outcome[.done])
    fields += outcome.field("latency_us", "sent to reply", .reply)
    return .init(key, "heartbeats, closed loop", fields)
  }
}
