/// Where a drill takes place: its directory, its servers, its tallies.
///
/// ### Isolation
/// Used by the thread that runs the drill; workers on other threads see none of it.
final class Arena {
  let name: DrillName
  let settings: DrillSettings
  let progress: Progress
  /// Everything that the drill writes lies here.
  let directory: String
  /// How the server is started; scenarios change it.
  var plan: ServerPlan
  var result: DrillResult
  let ends: Moment
  private var hasStarted = false

  init(_ name: DrillName, _ settings: DrillSettings, _ progress: Progress) throws(DrillError) {
    self.name = name
    self.settings = settings
    self.progress = progress
    directory = try FileTree.makeTemporaryDirectory(under: settings.parent)
    plan = ServerPlan(binary: settings.binary, directory: "\(directory)/data", log: "\(directory)/server.log")
    plan.settings.merge(settings.serverSettings) { $1 }
    result = DrillResult(scenario: name.rawValue, seed: settings.seed)
    ends = .after(.seconds(settings.seconds ?? name.secondsDefault))
  }

  /// Whether another round may begin.
  func goesOn(after rounds: Int, of roundsDefault: Int? = nil) -> Bool {
    guard !StopWish.isRaised, result.losses.isEmpty, result.troubles.isEmpty, !ends.hasPassed else { return false }
    return rounds < settings.rounds ?? roundsDefault ?? .max
  }

  /// The source of everything that is random.
  var random: SeededRandom { SeededRandom(seed: settings.seed) }

  /// Workers with nothing behind them.
  func makeWorkers(_ count: Int? = nil, style: LoadStyle = LoadStyle(), users: Int = 4, generation: Int = 0) -> [Worker] {
    (0..<(count ?? settings.workers)).map { index in
      var worker = Worker(index: index, users: users, random: random.branch(generation << 8 | index))
      worker.style = style
      return worker
    }
  }

  /// Starts a server that must become ready, and notes how long it took.
  func start(_ plan: ServerPlan? = nil) throws(DrillError) -> ServerProcess {
    let server = try ServerProcess.start(plan ?? self.plan)
    // The first start of a directory recovers nothing.
    if hasStarted { result.recoveries.append(server.recovery) }
    hasStarted = true
    return server
  }

  /// The next start is on an empty directory and counts as no recovery.
  func beginAnew() { hasStarted = false }

  /// Kills a server and notes it.
  func crash(_ server: ServerProcess) {
    server.crash()
    result.kills += 1
  }

  /// Holds what a server has against the ledgers, and takes it over for the next round.
  func verify(
    _ workers: inout [Worker], on server: ServerProcess, _ strictness: Strictness = .acknowledged
  ) throws(DrillError) {
    let survey = Survey(server)
    for index in workers.indices {
      let seen = try survey.observe(workers[index].ledger)
      result.losses += workers[index].ledger.losses(in: seen, strictness)
      for stranger in workers[index].ledger.strangers(in: seen) { try survey.end(stranger) }
      workers[index].ledger.settle(to: seen)
      workers[index].ledger.mark()
    }
  }

  /// Looks without taking anything over.
  func losses(of workers: [Worker], on server: ServerProcess, _ strictness: Strictness) throws(DrillError) -> [Loss] {
    let survey = Survey(server)
    var losses: [Loss] = []
    for worker in workers { losses += worker.ledger.losses(in: try survey.observe(worker.ledger), strictness) }
    return losses
  }

  /// Makes sure that ledgers and server agree before anything is damaged: what differs now is no matter of recovery.
  func checkUndamaged(_ workers: [Worker], on server: ServerProcess) throws(DrillError) {
    for loss in try losses(of: workers, on: server, .acknowledged) {
      result.troubles.append("before any damage: \(loss)")
    }
  }

  /// Runs a load until `conduct` returns; the workers have resumed their sessions when it begins.
  ///
  /// - Parameters:
  ///   - workers: Whose load it is; they come back with what they were told.
  ///   - server: Takes the load.
  ///   - observer: Collects what the resuming of the sessions makes known; `nil` when nobody watches.
  ///   - conduct: Lasts as long as the load; it may kill the server.
  /// - Throws: What `conduct` throws, and when the sessions cannot be resumed in time.
  func load(
    _ workers: inout [Worker], on server: ServerProcess, observer: Observer? = nil,
    conduct: (LoadGate) throws(DrillError) -> Void
  ) throws(DrillError) {
    let gate = LoadGate()
    let addresses = (server.publicAddress, server.adminAddress)
    let count = workers.count
    workers = try Crew.run(workers) { worker in
      Shift.run(worker, public: addresses.0, admin: addresses.1, gate: gate)
    } conduct: { () throws(DrillError) in
      defer {
        gate.expectEnd()
        gate.end()
      }
      try gate.waitForArrivals(count, by: .after(.seconds(60)))
      if let observer { result.events = (result.events ?? 0) + (try observer.countEvents()) }
      gate.begin()
      try conduct(gate)
    }
    for index in workers.indices {
      result.losses += workers[index].losses
      result.troubles += workers[index].troubles
      workers[index].losses = []
      workers[index].troubles = []
    }
  }

  /// Waits during a load, and tells how it goes.
  func wait(until end: Moment, _ gate: LoadGate, _ what: String) {
    while !end.hasPassed, !StopWish.isRaised {
      Moment.wait(until: min(end, .after(.milliseconds(200))))
      let sum = acknowledgedBefore + gate.acknowledgedCount
      let refused = gate.refusedCount == 0 ? "" : ", \(gate.refusedCount) refused"
      progress.show(
        "\(name.rawValue): \(what), \(sum) acknowledged\(refused), \(result.kills) kills, \(result.losses.count) lost")
    }
  }

  /// What workers before the present load were told, for progress only.
  var acknowledgedBefore = 0

  /// Adds up what workers were told; called once for each set of workers.
  func count(_ workers: [Worker]) {
    for worker in workers {
      result.acknowledged += worker.ledger.acknowledged
      result.unanswered += worker.ledger.unanswered
    }
    acknowledgedBefore = result.acknowledged
  }

  /// Removes the directory, or says where it is.
  func close() throws(DrillError) {
    if settings.keeps || !result.losses.isEmpty || !result.troubles.isEmpty {
      result.directory = directory
    } else {
      try FileTree.remove(directory)
    }
  }
}

/// A connection that is told of the workers' channels.
final class Observer {
  private let client: PresenceClient
  /// What is said within one flush of a channel arrives well before this.
  private static let quiet = Duration.milliseconds(400)

  init(_ server: ServerProcess, channels: [String] = Worker.channels) throws(DrillError) {
    client = try PresenceClient(server.publicAddress, keepsPushes: true)
    let hello = try client.request("hello", ["user": "drill-observer", "device": "bot"])
    guard !hello["ok"].isNull else { throw .server("the hello of an observer was answered with \(hello)") }
    for channel in channels {
      let reply = try client.request("observe", ["channel": .string(channel), "list": 0])
      guard !reply["ok"].isNull else { throw .server("observe was answered with \(reply)") }
    }
  }

  /// How many joins and leaves there were since the last call, once nothing more comes.
  func countEvents(quietFor quiet: Duration = Observer.quiet) throws(DrillError) -> Int {
    try client.collectPushes(quietFor: quiet)
    return client.takePushes().reduce(0) { $0 + $1["joins"].elements.count + $1["leaves"].elements.count }
  }
}
