/// Joins and leaves: the traffic that changes state.
package struct ChurnLoad: Load {
  package static let command = "churn"
  package var settings: LoadSettings
  /// Joins and leaves per second, over all connections.
  package var perSecond: Double
  package var channels: Int
  /// How many of the channels each connection uses.
  package var channelsPerConnection: Int
  /// The channels are `prefix` and a number.
  package var channelPrefix: String
  package var seed: UInt64
  package var warmUp: Duration
  package var duration: Duration

  package init(
    settings: LoadSettings, perSecond: Double, channels: Int, channelsPerConnection: Int, channelPrefix: String,
    seed: UInt64, warmUp: Duration, duration: Duration
  ) {
    self.settings = settings
    self.perSecond = perSecond
    self.channels = channels
    self.channelsPerConnection = channelsPerConnection
    self.channelPrefix = channelPrefix
    self.seed = seed
    self.warmUp = warmUp
    self.duration = duration
  }

  package var parameters: [Report.Field] {
    [
      .init("rate", "joins and leaves", unit: "per second", .decimal(perSecond, digits: 1)),
      .init("channels", "channels", .integer(channels)),
      .init("channels_per_connection", "channels per connection", .integer(channelsPerConnection)),
      .init("channel_prefix", "channel prefix", .text(channelPrefix)),
      .init("seed", "seed", .text(String(seed))),
      .init("warmup_s", "warm-up", unit: "s", .decimal(warmUp.inSeconds, digits: 1)),
      .init("duration_s", "measured for", unit: "s", .decimal(duration.inSeconds, digits: 1)),
    ]
  }

  package func validate() throws(LoadError) {
    guard settings.dialect == .muster else { throw .plan("churn needs members and counts, which only Muster has") }
    try LoadRun.validate(warmUp: warmUp, duration: duration)
    try LoadSettings.checkRate("--rate", perSecond)
    try LoadSettings.check("--channels", channels, 1...100_000)
    try LoadSettings.check("--channels-per-connection", channelsPerConnection, 1...min(1_000, channels))
    try LoadRun.validate(channel: channelPrefix)
  }

  /// Every connection's turn comes as often as the rate makes it.
  private var interval: Duration { .seconds(Double(settings.connections) / perSecond) }

  package func measure(_ run: inout LoadRun) throws(LoadError) {
    let layout = ChurnPhase.Layout(
      channels: (0..<channels).map { Array("\(channelPrefix)\($0)".utf8) }, slots: channelsPerConnection, seed: seed)
    let span = LoadRun.Span(warmUp: warmUp, duration: duration)
    let phases = run.crew.phases { [settings, interval] worker, _ in
      ChurnPhase(
        schedule: OpenLoopSchedule(
          start: span.start, interval: interval, lanes: settings.connections, first: worker, stride: settings.threads),
        measured: span.measured, layout: layout)
    }
    let (usage, done) = try run.measure(phases, span, label: "churn", unit: "replies")
    var (sent, replies, skipped, outstanding, pushes) = (0, 0, 0, 0, 0)
    var (joins, leaves, lateness) = (LatencyRecord(), LatencyRecord(), SendLateness())
    var expected = Array(repeating: 0, count: channels)
    for (worker, phase) in phases.enumerated() {
      phase.with {
        sent += $0.sent
        replies += $0.replies
        skipped += $0.skipped
        outstanding += $0.outstanding
        pushes += $0.pushes
        joins.add($0.joins)
        leaves.add($0.leaves)
        lateness.add($0.lateness)
        let counts = $0.expected { worker + $0 * settings.threads }
        for channel in expected.indices { expected[channel] += counts[channel] }
      }
    }
    run.countUnanswered(outstanding, outOfOrder: 0)
    var fields: [Report.Field] = [
      .init("asked_per_second", "asked for", unit: "per second", .decimal(perSecond, digits: 1)),
      .init(
        "achieved_per_second", "answered", unit: "per second",
        .decimal(usage.seconds > 0 ? Double(done) / usage.seconds : 0, digits: 1)),
      .init("sent", "requests sent", .integer(sent)),
      .init("replies", "requests answered", .integer(replies)),
      .init("pushes", "events received", .integer(pushes)),
    ]
    fields += lateness.fields(skipped: skipped)
    fields += usage.fields(per: "request", count: done)
    for (key, title, record) in [("join_us", "join, due to reply", joins), ("leave_us", "leave, due to reply", leaves)] {
      if let summary = record.summary { fields.append(.init(key, title, .latency(summary))) }
    }
    fields += try verify(expected, layout, &run)
    run.sections.append(.init("churn", "joins and leaves", fields))
  }
}
