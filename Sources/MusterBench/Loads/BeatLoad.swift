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
  package var mode: Mode
  package var warmUp: Duration
  package var duration: Duration

  package init(settings: LoadSettings, mode: Mode, warmUp: Duration, duration: Duration) {
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

  private func paced(every interval: Duration, isSilent: Bool, _ run: inout LoadRun) throws(LoadError) {
    let span = LoadRun.Span(warmUp: warmUp, duration: duration)
    let phases = run.crew.phases { [settings] worker, _ in
      BeatPhase(
        schedule: OpenLoopSchedule(
          start: span.start, interval: interval, lanes: settings.connections, first: worker, stride: settings.threads),
        measured: span.measured, isSilent: isSilent)
    }
    let (usage, done) = try run.measure(phases, span, label: "beat", unit: isSilent ? "heartbeats" : "replies")

    var (sent, replies, skipped, outstanding, outOfOrder) = (0, 0, 0, 0, 0)
    var (latency, lateness) = (LatencyRecord(), SendLateness())
    for phase in phases {
      phase.with {
        sent += $0.sent
        replies += $0.replies
        skipped += $0.skipped
        outstanding += $0.outstanding
        outOfOrder += $0.outOfOrder
        latency.add($0.latency)
        lateness.add($0.lateness)
      }
    }
    run.countUnanswered(outstanding, outOfOrder: outOfOrder)
    var fields: [Report.Field] = [
      .init(
        "asked_per_second", "asked for", unit: "per second",
        .decimal(Double(settings.connections) / interval.inSeconds, digits: 1)),
      .init(
        "achieved_per_second", isSilent ? "sent" : "answered", unit: "per second",
        .decimal(usage.seconds > 0 ? Double(done) / usage.seconds : 0, digits: 1)),
      .init("sent", "heartbeats sent", .integer(sent)),
    ]
    if !isSilent { fields.append(.init("replies", "heartbeats answered", .integer(replies))) }
    fields += lateness.fields(skipped: skipped)
    fields += usage.fields(per: "heartbeat", count: done)
    if let summary = latency.summary { fields.append(.init("latency_us", "due to reply", .latency(summary))) }
    if isSilent, let summary = try fence(&run) {
      fields.append(.init("fence_us", "one answered beat, after", .latency(summary)))
    }
    run.sections.append(.init("beat", "heartbeats", fields))
  }

  /// One answered heartbeat on each connection, after silent ones.
  ///
  /// It shows that the server took them all, and how far behind it was.
  private func fence(_ run: inout LoadRun) throws(LoadError) -> LatencySummary? {
    guard !run.isInterrupted else { return nil }
    let rows = run.readyRows()
    let phases = run.crew.phases { worker, _ in RequestPhase(rows[worker].map { .init(row: $0, compose: .beat) }) }
    return try run.request(phases, label: "fence").summary
  }

  private func pipelined(depth: Int, _ run: inout LoadRun) throws(LoadError) {
    let span = LoadRun.Span(warmUp: warmUp, duration: duration)
    let phases = run.crew.phases { _, rows in PipelinePhase(count: rows, depth: depth, measured: span.measured) }
    let (usage, done) = try run.measure(phases, span, label: "beat", unit: "replies")
    var (outstanding, outOfOrder) = (0, 0)
    var latency = LatencyRecord()
    for phase in phases {
      phase.with {
        outstanding += $0.outstanding
        outOfOrder += $0.outOfOrder
        latency.add($0.latency)
      }
    }
    run.countUnanswered(outstanding, outOfOrder: outOfOrder)
    var fields: [Report.Field] = [
      .init(
        "achieved_per_second", "answered", unit: "per second",
        .decimal(usage.seconds > 0 ? Double(done) / usage.seconds : 0, digits: 1)),
      .init("replies", "heartbeats answered", .integer(latency.count)),
    ]
    fields += usage.fields(per: "heartbeat", count: done)
    if let summary = latency.summary { fields.append(.init("latency_us", "sent to reply", .latency(summary))) }
    run.sections.append(.init("beat", "heartbeats, closed loop", fields))
  }
}
