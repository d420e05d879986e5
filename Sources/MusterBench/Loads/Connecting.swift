/// The first stage of every load: all connections come up, at several plateaus when the server's memory is to be measured.
struct Connecting: Sendable {
  /// The server's memory is read at so many levels; two would make a line, four show whether it is one.
  private static let plateaus = 4
  /// After so many failures the rest is not tried.
  private static let failuresMax = 100

  private var outcome = Outcome()
  /// Whether load may follow: all were tried, and nobody asked to stop.
  private var isThrough = true

  /// Connects everybody.
  ///
  /// - Returns: Whether load may follow.
  /// - Throws: ``LoadError/refused(_:)`` when not a single connection came up.
  static func run(_ run: inout LoadRun) throws(LoadError) -> Bool {
    let (settings, crew, server) = (run.settings, run.crew, run.server)
    var stage = Connecting()
    let perWorker = settings.connectsPerSecond.map { $0 / Double(settings.threads * settings.share.count) }
    let atOnce = max(1, settings.connectAtOnceMax / settings.threads)
    let phases = crew.phases { _, rows in
      ConnectPhase(
        count: rows,
        pace: .init(perSecond: perWorker, atOnceMax: atOnce, timeout: settings.timeout, failuresMax: failuresMax),
        identity: settings.identity, greets: settings.greets)
    }
    crew.board.begin("connect", unit: "connections", total: settings.connections)
    let legs = server == nil ? 1 : min(plateaus, settings.connections)
    var cpu = 0.0
    for leg in 1...legs {
      let meter = Meter(server: server)
      try stage.climb(to: settings.connections * leg / legs, phases: phases, crew: crew)
      try run.pass(.plateau(leg))
      // What follows a hello on the server belongs to it, so the CPU is read after settling, too.
      if server != nil, stage.isThrough {
        let hold = crew.phases { _, _ in HoldPhase() }
        if try crew.leg(hold, until: .now().advanced(by: settings.settling)) == .stopped { stage.isThrough = false }
      }
      cpu += meter.usage().server ?? 0
      if let sample = server?.sample() {
        stage.outcome.plateaus.append(
          .init(
            connections: crew.readyCount, cpuNanoseconds: cpu, residentBytes: sample.residentBytes,
            privateBytes: sample.privateBytes))
      }
      try run.pass(.measured(leg))
      if !stage.isThrough { break }
    }
    crew.board.end()
    for phase in phases { phase.with { stage.take($0) } }
    let connected = crew.readyCount
    stage.outcome.counts[.connected] = connected
    if connected == 0, !StopSignal.isRaised {
      throw .refused(crew.tally.entries.first?.description ?? "without a word")
    }
    run.finish("connect", stage.outcome, section)
    return stage.isThrough
  }

  /// One leg: up to `target` connections, counted over all workers.
  private mutating func climb(to target: Int, phases: [Crew.Cell<ConnectPhase>], crew: Crew) throws(LoadError) {
    let began = MonotonicTime.now()
    let ownAtBegin = ServerProcess.ownCPUNanoseconds()
    for (worker, phase) in phases.enumerated() {
      phase.with { $0.raise(target: Crew.share(of: target, worker: worker, of: crew.count), at: began) }
    }
    if try crew.leg(phases, until: .never) == .stopped { isThrough = false }
    for phase in phases where phase.with({ $0.isGivenUp }) { isThrough = false }
    outcome.seconds += MonotonicTime.now().seconds(since: began)
    outcome.usage.own += Double(ServerProcess.ownCPUNanoseconds() - ownAtBegin)
  }

  private mutating func take(_ phase: borrowing ConnectPhase) {
    outcome.latencies[.tcp, default: LatencyRecord()].add(phase.tcp)
    outcome.latencies[.upgrade, default: LatencyRecord()].add(phase.upgrade)
    outcome.latencies[.hello, default: LatencyRecord()].add(phase.hello)
    if let wanted = phase.heartbeatMilliseconds { outcome.counts[.heartbeatMilliseconds] = wanted }
  }

  /// The section of the report.
  @Sendable static func section(_ outcome: Outcome) -> Report.Section {
    let seconds = outcome.seconds
    var fields: [Report.Field] = [
      .init("connections", "connections", .integer(outcome[.connected])),
      .init("seconds", "took", unit: "s", .decimal(seconds, digits: 2)),
    ]
    if seconds > 0 {
      fields += [
        .init(
          "connections_per_second", "connections per second", .decimal(Double(outcome[.connected]) / seconds, digits: 1)),
        .init(
          "generator_cpu_percent", "generator CPU", unit: "% of a core",
          .decimal(outcome.usage.own / 1e7 / seconds, digits: 1)),
      ]
    }
    if let milliseconds = outcome.counts[.heartbeatMilliseconds] {
      fields.append(
        .init("server_heartbeat_interval_ms", "the server wants a heartbeat every", unit: "ms", .integer(milliseconds)))
    }
    fields += slopes(outcome.plateaus)
    fields += outcome.field("tcp_us", "TCP connect", .tcp)
    fields += outcome.field("upgrade_us", "upgrade", .upgrade)
    fields += outcome.field("hello_us", "hello", .hello)
    if !outcome.plateaus.isEmpty { fields.append(.init("plateaus", "plateaus", .rows(outcome.plateaus.map(row)))) }
    return .init("connect", "connecting", fields)
  }

  /// What one more connection costs the server.
  private static func slopes(_ plateaus: [Outcome.Plateau]) -> [Report.Field] {
    func slope(
      _ key: String, _ title: String, unit: String, digits: Int, _ value: (Outcome.Plateau) -> Double?
    ) -> [Report.Field] {
      let points = plateaus.compactMap { plateau in value(plateau).map { (x: Double(plateau.connections), y: $0) } }
      guard points.count >= 2, let line = LineFit(points) else { return [] }
      return [
        .init(key, title, unit: unit, .decimal(line.slope, digits: digits)),
        .init(key + "_r2", "  r² of the line", .decimal(line.fit, digits: 4)),
      ]
    }
    return slope("server_cpu_us_per_connection", "server CPU per connection", unit: "µs", digits: 1) { $0.cpuNanoseconds / 1e3 }
      + slope("server_private_bytes_per_connection", "server memory per connection, private", unit: "bytes", digits: 0) {
        $0.privateBytes.map(Double.init)
      }
      + slope("server_resident_bytes_per_connection", "server memory per connection, resident", unit: "bytes", digits: 0) {
        Double($0.residentBytes)
      }
  }

  private static func row(_ plateau: Outcome.Plateau) -> [Report.Field] {
    var row: [Report.Field] = [
      .init("connections", "connections", .integer(plateau.connections)),
      .init("server_cpu_ms", "CPU so far", unit: "ms", .decimal(plateau.cpuNanoseconds / 1e6, digits: 1)),
      .init("server_resident_bytes", "resident", unit: "bytes", .integer(plateau.residentBytes)),
    ]
    if let owned = plateau.privateBytes {
      row.append(.init("server_private_bytes", "private", unit: "bytes", .integer(owned)))
    }
    return row
  }
}
