/// Many observers of one channel in which a few actors change: the traffic that multiplies.
package struct FanoutLoad: Load {
  package static let command = "fanout"
  /// The connections are the observers; the actors come on top.
  package var settings: LoadSettings
  package var observers: Int
  package var actors: Int
  /// Changes per second, over all actors.
  package var perSecond: Double
  package var channel: String
  package var warmUp: Duration
  package var duration: Duration

  /// Plans a fan-out.
  ///
  /// - Parameters:
  ///   - settings: Its `connections` are replaced by observers and actors together.
  ///   - observers: How many watch.
  ///   - actors: How many change.
  ///   - perSecond: Changes per second, over all actors.
  ///   - channel: Where it happens.
  ///   - warmUp: What is not measured.
  ///   - duration: What is.
  package init(
    settings: LoadSettings, observers: Int, actors: Int, perSecond: Double, channel: String, warmUp: Duration,
    duration: Duration
  ) {
    self.settings = settings
    self.settings.connections = observers + actors
    self.observers = observers
    self.actors = actors
    self.perSecond = perSecond
    self.channel = channel
    self.warmUp = warmUp
    self.duration = duration
  }

  package var parameters: [Report.Field] {
    [
      .init("observers", "observers", .integer(observers)),
      .init("actors", "actors", .integer(actors)),
      .init("rate", "changes", unit: "per second", .decimal(perSecond, digits: 1)),
      .init("channel", "channel", .text(channel)),
      .init("warmup_s", "warm-up", unit: "s", .decimal(warmUp.inSeconds, digits: 1)),
      .init("duration_s", "measured for", unit: "s", .decimal(duration.inSeconds, digits: 1)),
    ]
  }

  package func validate() throws(LoadError) {
    guard settings.dialect != .relay else { throw .plan("a relay observes no channel") }
    try LoadRun.validate(warmUp: warmUp, duration: duration)
    try LoadSettings.checkRate("--rate", perSecond)
    try LoadSettings.check("--observers", observers, LoadSettings.Bounds.connections)
    try LoadSettings.check("--actors", actors, 1...64)
    try LoadRun.validate(channel: channel)
    guard settings.identity.isOwn else {
      throw .plan("fanout needs users of their own: changes of one user are merged, so --token cannot be used")
    }
  }

  package func measure(_ run: inout LoadRun) throws(LoadError) {
    try gather(&run)
    guard !run.isInterrupted else { return }
    let (phases, span) = makePhases(run)
    let meter = try drive(phases, span, run)
    let usage = meter.usage()
    try settle(phases, &run)
    run.sections.append(section(phases, usage: usage, &run))
  }

  /// Actors join, observers observe, and their first snapshots and diffs pass.
  private func gather(_ run: inout LoadRun) throws(LoadError) {
    let name = Array(channel.utf8)
    let rows = run.readyRows()
    let threads = settings.threads
    for isActing in [true, false] {
      guard isActing ? settings.dialect.actorsJoin : settings.dialect.observersSubscribe else { continue }
      let phases = run.crew.phases { [actors] worker, _ in
        RequestPhase(
          rows[worker].filter { (worker + $0 * threads < actors) == isActing }.map {
            .init(row: $0, compose: .channel(isActing ? .join : .observe, name))
          })
      }
      try run.request(phases, label: isActing ? "join" : "observe")
    }
    try run.crew.leg(run.crew.phases { _, _ in HoldPhase() }, until: .now().advanced(by: settings.settling))
  }

  private func makePhases(_ run: LoadRun) -> (phases: [Crew.Cell<FanoutPhase>], span: LoadRun.Span) {
    let span = LoadRun.Span(warmUp: warmUp, duration: duration)
    let interval = Duration.seconds(Double(actors) / perSecond)
    let phases = run.crew.phases { [settings, actors, channel] worker, rows in
      let actorRows = Crew.share(of: actors, worker: worker, of: settings.threads)
      let schedule =
        actorRows > 0
        ? OpenLoopSchedule(start: span.start, interval: interval, lanes: actors, first: worker, stride: settings.threads) : nil
      return FanoutPhase(
        rows: rows, actorRows: actorRows, actors: actors, schedule: schedule, origin: span.start, measured: span.measured,
        channel: Array(channel.utf8))
    }
    return (phases, span)
  }

  private func drive(
    _ phases: [Crew.Cell<FanoutPhase>], _ span: LoadRun.Span, _ run: LoadRun
  ) throws(LoadError) -> Meter {
    run.crew.board.begin("warm-up", unit: "deliveries", ends: span.measured.lowerBound)
    try run.crew.leg(phases, until: span.measured.lowerBound)
    run.crew.board.end()
    let meter = Meter(server: run.server)
    run.crew.board.begin("fanout", unit: "deliveries", ends: span.measured.upperBound)
    // What was sent last is on its way a little longer.
    try run.crew.leg(phases, until: span.measured.upperBound.advanced(by: settings.settling))
    return meter
  }

  /// Waits until every observer has seen every actor's last change; what never comes is a trouble.
  private func settle(_ phases: [Crew.Cell<FanoutPhase>], _ run: inout LoadRun) throws(LoadError) {
    defer { run.crew.board.end() }
    guard !run.isInterrupted else { return }
    var goal = Array(repeating: -1, count: actors)
    for phase in phases {
      let accepted = phase.with { $0.accepted }
      for actor in goal.indices { goal[actor] = max(goal[actor], accepted[actor]) }
    }
    run.crew.forEachTable { worker, table in
      phases[worker].with { $0.settle(goal: goal, on: table) }
    }
    try run.crew.leg(phases, until: .now().advanced(by: settings.timeout))
    guard !run.isInterrupted else { return }
    var (stale, unanswered) = (0, 0)
    for phase in phases {
      phase.with {
        stale += $0.staleViews
        unanswered += $0.outstanding
      }
    }
    run.countUnanswered(unanswered, outOfOrder: 0)
    run.troubles.count(
      .mismatch, "stale_view", "An observer was never told the last change of an actor.", times: stale)
  }

  private func section(_ phases: [Crew.Cell<FanoutPhase>], usage: Usage, _ run: inout LoadRun) -> Report.Section {
    var (sent, replies, skipped, deliveries, frames, snapshots, holes, missed) = (0, 0, 0, 0, 0, 0, 0, 0)
    var (latency, ack, lateness) = (LatencyRecord(), LatencyRecord(), SendLateness())
    for phase in phases {
      phase.with {
        sent += $0.sent
        replies += $0.replies
        skipped += $0.skipped
        deliveries += $0.deliveries
        frames += $0.frames
        snapshots += $0.snapshots
        holes += $0.holes
        missed += $0.missedSeqs
        latency.add($0.latency)
        ack.add($0.ack)
        lateness.add($0.lateness)
      }
    }
    let seconds = duration.inSeconds
    var fields: [Report.Field] = [
      .init("updates_sent", "changes sent", .integer(sent)),
      .init("updates_accepted", "changes accepted", .integer(replies)),
      .init("deliveries", "changes delivered to observers", .integer(deliveries)),
      .init("deliveries_per_second", "deliveries", unit: "per second", .decimal(Double(deliveries) / seconds, digits: 1)),
      .init("merged", "changes merged into later ones", .integer(max(0, replies * observers - deliveries))),
      .init("frames", "messages that carried them", .integer(frames)),
      .init("frames_per_second", "messages", unit: "per second", .decimal(Double(frames) / seconds, digits: 1)),
      .init("snapshots", "snapshots instead of diffs", .integer(snapshots)),
      .init("holes", "holes in the numbers", .integer(holes)),
      .init("missed_seqs", "numbers missed", .integer(missed)),
    ]
    fields += lateness.fields(skipped: skipped)
    fields += usage.fields(per: "delivery", count: deliveries)
    if let server = usage.server, frames > 0 {
      fields.append(
        .init(
          "server_cpu_us_per_frame", "server CPU per message", unit: "µs",
          .decimal(server / 1e3 / Double(frames), digits: 2)))
    }
    if let summary = latency.summary { fields.append(.init("latency_us", "due to delivered", .latency(summary))) }
    if let summary = ack.summary { fields.append(.init("ack_us", "due to reply", .latency(summary))) }
    return .init("fanout", "fan-out", fields)
  }
}
