/// How cost grows: the same load against fresh servers, with more and more of one thing.
package struct Scaling: Sendable {
  /// What is varied, and how far.
  package struct Plan: Sendable {
    package var peers: [Peer] = [.floor, .muster]
    package var connections = [1_000, 2_000, 5_000, 10_000, 19_000]
    package var observers = [10, 100, 1_000, 10_000]
    package var threads = [1, 2]
    package var rounds = 1
    package var duration: Duration = .seconds(2)
    package var warmUp: Duration = .milliseconds(500)

    package init() {}

    /// Relates the plan to its bounds.
    package func validate() throws(LoadError) {
      try LoadSettings.check("--rounds", rounds, 1...100)
      try LoadSettings.check("--duration", duration, LoadSettings.Bounds.span)
      for count in connections { try LoadSettings.check("--connections", count, 100...1_000_000) }
      for count in observers { try LoadSettings.check("--observers", count, LoadSettings.Bounds.connections) }
      for count in threads { try LoadSettings.check("--threads", count, LoadSettings.Bounds.threads) }
    }
  }

  let plan: Plan
  let tools: PeerTools
  let processors: Processors
  let tell: @Sendable (String) -> Void

  /// Prepares it; see ``Comparison``.
  package init(plan: Plan, tools: PeerTools, processors: Processors, tell: @escaping @Sendable (String) -> Void) {
    self.plan = plan
    self.tools = tools
    self.processors = processors
    self.tell = tell
  }

  /// Runs all of it; blocks the calling thread.
  ///
  /// - Returns: What came out, also when it was cut short by a signal.
  /// - Throws: ``LoadError`` when a server cannot be started.
  package func run() throws(LoadError) -> ScalingResult {
    try plan.validate()
    var result = ScalingResult()
    var peers: [Peer] = []
    for peer in plan.peers {
      if let reason = tools.reasonWithout(peer) { tell("\(peer.title) is left out: \(reason)") } else { peers.append(peer) }
    }
    processors.pinGenerator()
    for round in 1...plan.rounds {
      for connections in plan.connections {
        for peer in peers where !StopSignal.isRaised {
          tell("round \(round) of \(plan.rounds): \(peer.title), \(connections) connections")
          try beat(peer, connections, &result)
        }
      }
      for observers in plan.observers {
        for peer in peers where !StopSignal.isRaised {
          tell("round \(round) of \(plan.rounds): \(peer.title), \(observers) observers")
          try fanout(peer, observers, &result)
        }
      }
      for threads in plan.threads where !StopSignal.isRaised && peers.contains(.muster) {
        tell("round \(round) of \(plan.rounds): Muster with \(threads) threads")
        try pipeline(threads, &result)
      }
    }
    return result
  }

  private func settings(_ peer: Peer, _ server: borrowing PeerServer, connections: Int) -> LoadSettings {
    var settings = LoadSettings()
    settings.dialect = peer.dialect
    settings.serverPID = server.pid
    settings.url = server.beatURL
    settings.connections = connections
    settings.connectsPerSecond = nil
    settings.settling = .milliseconds(300)
    return settings
  }

  private func beat(_ peer: Peer, _ connections: Int, _ result: inout ScalingResult) throws(LoadError) {
    let server = try PeerServer(peer, tools: tools, processor: processors.server)
    let load = CompositeLoad(
      settings: settings(peer, server, connections: connections), interval: .seconds(1), warmUp: plan.warmUp,
      duration: plan.duration, storms: true)
    let report = try load.run()
    note(report, peer, "\(connections) connections", &result)
    let x = Double(connections)
    result.add(.beat, peer.title, x, report.figure("beat", "server_cpu_us_per_heartbeat"))
    result.add(.beat, "\(peer.title), without reply", x, report.figure("silent", "server_cpu_us_per_heartbeat"))
    result.add(.latency, "\(peer.title), p50", x, report.latency("beat", "latency_us")?.p50)
    result.add(.latency, "\(peer.title), p99", x, report.latency("beat", "latency_us")?.p99)
    let last = report.outcomes.first { $0.key == "connect" }?.outcome.plateaus.last
    result.add(.memory, peer.title, x, last?.privateBytes.map { Double($0) / 1_048_576 })
    result.add(.connect, peer.title, x, report.figure("connect", "server_cpu_us_per_connection"))
    result.add(.storm, peer.title, x, report.figure("storm", "seconds_to_full"))
  }

  private func fanout(_ peer: Peer, _ observers: Int, _ result: inout ScalingResult) throws(LoadError) {
    let server = try PeerServer(peer, tools: tools, processor: processors.server)
    var settings = settings(peer, server, connections: observers)
    settings.url = server.channelURL
    // About as many deliveries at each point, within what makes sense.
    let perSecond = min(200, max(2, 20_000 / Double(observers)))
    let load = FanoutLoad(
      settings: settings, observers: observers, actors: 4, perSecond: perSecond, channel: "bench:scale", warmUp: plan.warmUp,
      duration: plan.duration)
    let report = try load.run()
    note(report, peer, "\(observers) observers", &result)
    let x = Double(observers)
    result.add(.delivery, peer.title, x, report.figure("fanout", "server_cpu_us_per_delivery"))
    result.add(.reach, "\(peer.title), p50", x, report.latency("fanout", "latency_us")?.p50)
    result.add(.reach, "\(peer.title), p99", x, report.latency("fanout", "latency_us")?.p99)
  }

  private func pipeline(_ threads: Int, _ result: inout ScalingResult) throws(LoadError) {
    // With several threads the server needs several processors, and on a small machine it shares one with the generator.
    let server = try PeerServer(.muster, tools: tools, processor: threads == 1 ? processors.server : nil, threads: threads)
    let load = BeatLoad(
      settings: settings(.muster, server, connections: 64), mode: .pipelined(depth: 16), warmUp: plan.warmUp,
      duration: plan.duration)
    let report = try load.run()
    note(report, .muster, "\(threads) threads", &result)
    result.add(.throughput, "Muster", Double(threads), report.figure("beat", "achieved_per_second"))
    result.add(.threads, "Muster", Double(threads), report.figure("beat", "server_cpu_us_per_heartbeat"))
  }

  private func note(_ report: Report, _ peer: Peer, _ what: String, _ result: inout ScalingResult) {
    for entry in report.troubles.entries {
      tell("\(peer.title), \(what): \(entry) (\(entry.count) times)")
      result.troubles.append("\(peer.title), \(what): \(entry) (\(entry.count) times)")
    }
  }
}
