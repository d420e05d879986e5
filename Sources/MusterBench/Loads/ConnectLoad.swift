/// Connects, holds, and does nothing else.
package struct ConnectLoad: Load {
  package static let command = "connect"
  package var settings: LoadSettings
  /// How long the connections are kept, doing nothing but answer pings.
  package var hold: Duration

  package init(settings: LoadSettings, hold: Duration) {
    self.settings = settings
    self.hold = hold
  }

  package var parameters: [Report.Field] {
    [
      .init("hold_s", "hold", unit: "s", .decimal(hold.inSeconds, digits: 1)),
      .init("hello", "says hello", .flag(settings.greets && settings.dialect.hasGreeting)),
    ]
  }

  package var isDivisible: Bool { true }

  package func section(_ key: String, of outcome: Outcome) -> Report.Section? {
    key == "hold" ? section(outcome) : nil
  }

  package func validate() throws(LoadError) {
    try LoadSettings.check("--hold", hold, .zero...LoadSettings.Bounds.span.upperBound)
    guard settings.greets || settings.dialect.isWebSocket else {
      throw .plan("--no-hello: in the dialect \(settings.dialect.rawValue) nothing comes before the hello")
    }
  }

  package func measure(_ run: inout LoadRun) throws(LoadError) {
    guard hold > .zero else { return }
    let before = run.crew.readyCount
    let meter = Meter(server: run.server)
    let end = MonotonicTime.now().advanced(by: hold)
    run.crew.board.begin("hold", unit: "connections", total: before, ends: end)
    try run.crew.leg(run.crew.phases { _, _ in HoldPhase(isCounted: true) }, until: end)
    run.crew.board.end()
    let usage = meter.usage()
    var pongs = 0
    run.crew.forEachTable { pongs += $1.pongsSent }
    var outcome = Outcome(usage)
    outcome.counts[.connected] = run.crew.readyCount
    outcome.counts[.replies] = pongs
    run.finish("hold", outcome, section)
  }

  @Sendable private func section(_ outcome: Outcome) -> Report.Section {
    let fields: [Report.Field] = [
      .init("seconds", "held", unit: "s", .decimal(outcome.usage.seconds, digits: 1)),
      .init("still_connected", "still connected", .integer(outcome[.connected])),
      .init("pings_answered", "pings answered", .integer(outcome[.replies])),
    ]
    return .init("hold", "holding", fields + outcome.usage.fields(per: "connection", count: 0))
  }
}
