import CLinux
import Glibc

/// Servers side by side: each is started, loaded and ended in turn, round after round, so that the machine's moods meet all alike.
package struct Comparison: Sendable {
  /// What is measured, and how much of it.
  package struct Plan: Sendable {
    package var peers: [Peer]
    package var rounds = 5
    /// Connections that send heartbeats, and that storm.
    package var connections = 10_000
    /// Observers of the fan-out.
    package var observers = 1_000
    /// Changes per second.
    package var changesPerSecond = 20.0
    /// How long each thing is measured.
    package var duration: Duration = .seconds(2)
    package var warmUp: Duration = .milliseconds(500)

    package init(peers: [Peer]) {
      self.peers = peers
    }

    /// Relates the plan to its bounds.
    package func validate() throws(LoadError) {
      guard !peers.isEmpty, Set(peers).count == peers.count else { throw .plan("--peers names nobody, or somebody twice") }
      try LoadSettings.check("--rounds", rounds, 1...100)
      try LoadSettings.check("--connections", connections, 100...LoadSettings.Bounds.connections.upperBound)
      try LoadSettings.check("--observers", observers, LoadSettings.Bounds.connections)
      try LoadSettings.check("--duration", duration, LoadSettings.Bounds.span)
    }
  }

  let plan: Plan
  let tools: PeerTools
  let processors: Processors
  let tell: @Sendable (String) -> Void

  /// Prepares a comparison.
  ///
  /// - Parameters:
  ///   - plan: What is measured.
  ///   - tools: What there is to start servers with.
  ///   - processors: Where server and generator run.
  ///   - tell: Is told what happens, a line at a time.
  package init(plan: Plan, tools: PeerTools, processors: Processors, tell: @escaping @Sendable (String) -> Void) {
    self.plan = plan
    self.tools = tools
    self.processors = processors
    self.tell = tell
  }

  /// Runs all of it; blocks the calling thread.
  ///
  /// - Returns: What came out, also when it was cut short by a signal: then without the round that was under way.
  /// - Throws: ``LoadError`` when there is nobody to compare.
  package func run() throws(LoadError) -> ComparisonResult {
    try plan.validate()
    var result = ComparisonResult(figures: Self.figures)
    var present: [Peer] = []
    for peer in plan.peers {
      if let reason = tools.reasonWithout(peer) {
        tell("\(peer.title) is left out: \(reason)")
        result.skipped.append(.init(peer: peer, reason: reason))
      } else {
        present.append(peer)
        result.versions[peer] = tools.version(of: peer)
      }
    }
    guard !present.isEmpty else { throw .plan("none of the servers to compare is there") }
    processors.pinGenerator()
    for round in 1...plan.rounds {
      var row: [(Peer, [String: Double])] = []
      for peer in present where !StopSignal.isRaised {
        tell("round \(round) of \(plan.rounds): \(peer.title)")
        do {
          row.append((peer, try measure(peer, &result)))
        } catch {
          // One that fails is reported and does not keep the others from being measured.
          tell("\(peer.title): \(error)")
          result.troubles.append("\(peer.title), round \(round): \(error)")
        }
      }
      if StopSignal.isRaised { break }
      for (peer, values) in row { result.add(values, of: peer) }
    }
    return result
  }

  /// One server's part of a round.
  private func measure(_ peer: Peer, _ result: inout ComparisonResult) throws(LoadError) -> [String: Double] {
    var values: [String: Double] = [:]
    let server = try PeerServer(peer, tools: tools, processor: processors.server)
    var settings = LoadSettings()
    settings.dialect = peer.dialect
    settings.serverPID = server.pid
    settings.url = server.beatURL
    settings.connections = plan.connections
    // As fast as it lets them in: what is measured is its CPU, and a pace would idle between.
    settings.connectsPerSecond = nil
    settings.settling = .milliseconds(300)
    let suite = CompositeLoad(
      settings: settings, interval: .seconds(1), warmUp: plan.warmUp, duration: plan.duration, storms: true)
    try take(["connect", "beat", "silent", "storm"], of: try suite.run(), peer, into: &values, &result)

    settings.connections = 64
    let pipeline = BeatLoad(
      settings: settings, mode: .pipelined(depth: 16), warmUp: plan.warmUp, duration: plan.duration, key: "pipeline")
    try take(["pipeline"], of: try pipeline.run(), peer, into: &values, &result)

    settings.url = server.channelURL
    let fanout = FanoutLoad(
      settings: settings, observers: plan.observers, actors: 4, perSecond: plan.changesPerSecond, channel: "bench:fanout",
      warmUp: plan.warmUp, duration: plan.duration)
    try take(["fanout"], of: try fanout.run(), peer, into: &values, &result)
    if peer.dialect.isWebSocket { try measureUpgrade(peer, into: &values, &result) }
    return values
  }

  /// What comes before the hello, on a server of its own: one that has had connections has their memory at hand.
  private func measureUpgrade(
    _ peer: Peer, into values: inout [String: Double], _ result: inout ComparisonResult
  ) throws(LoadError) {
    let server = try PeerServer(peer, tools: tools, processor: processors.server)
    var settings = LoadSettings()
    settings.dialect = peer.dialect
    settings.serverPID = server.pid
    settings.url = server.beatURL
    settings.connections = plan.connections
    settings.connectsPerSecond = nil
    settings.settling = .milliseconds(300)
    settings.greets = false
    let report = try ConnectLoad(settings: settings, hold: .zero).run()
    values["upgrade_us"] = report.figure("connect", "server_cpu_us_per_connection")
    try take([], of: report, peer, into: &values, &result)
  }

  /// Picks the figures out of some sections of a report.
  ///
  /// Every load connects, but only the first one does so to a fresh server.
  private func take(
    _ sections: Set<String>, of report: Report, _ peer: Peer, into values: inout [String: Double],
    _ result: inout ComparisonResult
  ) throws(LoadError) {
    for figure in Self.figures where sections.contains(figure.section) {
      if let latency = figure.percentile {
        if let summary = report.latency(figure.section, figure.field) { values[figure.key] = latency(summary) }
      } else if let value = report.figure(figure.section, figure.field) {
        values[figure.key] = value
      }
    }
    if !report.isClean, !report.isInterrupted {
      let what = report.troubles.entries.map { "\($0) (\($0.count) times)" }.joined(separator: "; ")
      tell("\(peer.title), \(report.command): \(what)")
      result.troubles.append("\(peer.title), \(report.command): \(what)")
    }
    // Below its offered rate a server was at its limit, and CPU per operation is no longer what one more would cost.
    for section in ["beat", "silent"] {
      guard let asked = report.figure(section, "asked_per_second"), let got = report.figure(section, "achieved_per_second"),
        got < asked * 0.95
      else { continue }
      result.saturated.insert(.init(peer: peer, section: section))
    }
  }
}

/// Which processor the server has and which the generator, so that they do not take each other's time.
package struct Processors: Sendable {
  /// The server's; `nil` where there is only one.
  package let server: Int?
  package let generator: Int?

  /// The first and the second of those that there are.
  package init() {
    let count = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    (server, generator) = count > 1 ? (0, 1) : (nil, nil)
  }

  /// Keeps the calling thread, and those it starts, on the generator's.
  package func pinGenerator() {
    if let generator { _ = muster_pin(Int32(generator)) }
  }
}
