/// Changes that must survive, one under way on each connection: joins and leaves of a channel of its own, or keys that are set.
package struct ChangeLoad: Load {
  package static let command = "change"
  package var settings: LoadSettings
  package var warmUp: Duration
  package var duration: Duration

  package init(settings: LoadSettings, warmUp: Duration, duration: Duration) {
    self.settings = settings
    self.warmUp = warmUp
    self.duration = duration
  }

  package var parameters: [Report.Field] {
    [
      .init("warmup_s", "warm-up", unit: "s", .decimal(warmUp.inSeconds, digits: 1)),
      .init("duration_s", "measured for", unit: "s", .decimal(duration.inSeconds, digits: 1)),
    ]
  }

  package func validate() throws(LoadError) {
    guard settings.dialect.hasLastingChange else {
      throw .plan("in the dialect \(settings.dialect.rawValue) there is nothing that a server would have to keep")
    }
    try LoadRun.validate(warmUp: warmUp, duration: duration)
  }

  package func measure(_ run: inout LoadRun) throws(LoadError) {
    let span = LoadRun.Span(warmUp: warmUp, duration: duration)
    let phases = run.crew.phases { [settings] worker, rows in
      ChangeLoopPhase(
        channels: (0..<rows).map { Array("bench:log-\(worker + $0 * settings.threads)".utf8) }, measured: span.measured)
    }
    let (usage, done) = try run.measure(phases, span, label: "change", unit: "replies")
    var latency = LatencyRecord()
    var (outstanding, outOfOrder) = (0, 0)
    for phase in phases {
      phase.with {
        latency.add($0.latency)
        outstanding += $0.outstanding
        outOfOrder += $0.outOfOrder
      }
    }
    run.countUnanswered(outstanding, outOfOrder: outOfOrder)
    var fields: [Report.Field] = [
      .init(
        "achieved_per_second", "answered", unit: "per second",
        .decimal(usage.seconds > 0 ? Double(done) / usage.seconds : 0, digits: 1)),
      .init("replies", "changes answered", .integer(done)),
    ]
    fields += usage.fields(per: "change", count: done)
    if let summary = latency.summary { fields.append(.init("latency_us", "sent to reply", .latency(summary))) }
    run.sections.append(.init("change", "changes that must survive, closed loop", fields))
  }
}
