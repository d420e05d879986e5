/// One kind of load, as the command line offers it.
package protocol Load: Sendable {
  /// Its name.
  static var command: String { get }
  /// What all loads have in common.
  var settings: LoadSettings { get }
  /// What was asked for beyond that.
  var parameters: [Report.Field] { get }

  /// Whether connections come back with the sessions they had.
  var keepsSessionTokens: Bool { get }

  /// Whether several processes can have a share of it each.
  var isDivisible: Bool { get }

  /// The section that a part of it makes, from the sums of all processes; `nil` for parts that are none of its.
  func section(_ key: String, of outcome: Outcome) -> Report.Section?

  /// Relates what was asked for to its bounds.
  ///
  /// - Throws: ``LoadError/plan(_:)`` with a sentence that names the flag.
  func validate() throws(LoadError)

  /// Does what it is for, with all connections up.
  ///
  /// - Throws: ``LoadError`` when it cannot go on; what merely goes wrong is in the tallies.
  func measure(_ run: inout LoadRun) throws(LoadError)
}

extension Load {
  package var keepsSessionTokens: Bool { false }

  package var isDivisible: Bool { false }

  package func section(_ key: String, of outcome: Outcome) -> Report.Section? { nil }

  /// Relates everything that was asked for to its bounds.
  ///
  /// - Throws: ``LoadError/plan(_:)`` with a sentence that names the flag.
  package func check() throws(LoadError) {
    try settings.validate()
    guard isDivisible || settings.share.count == 1 else {
      throw .plan("--processes: \(Self.command) checks what every connection sees, so it needs a single process")
    }
    try validate()
  }

  /// Runs it from the first connection to the last goodbye.
  ///
  /// Blocks the calling thread, which is the first worker. Ends early, with a report, after SIGINT or SIGTERM if
  /// ``StopSignal/install()`` was called.
  ///
  /// - Parameter gate: Where this process waits for the others, when it is one of several.
  /// - Returns: What was found out; ``Report/isClean`` tells whether it all went as it should.
  /// - Throws: ``LoadError`` when there is nothing to report.
  package func run(gate: (any LoadGate)? = nil) throws(LoadError) -> Report {
    try check()
    var server: ServerProcess?
    if let pid = settings.serverPID { server = try ServerProcess(pid: pid) }
    var report = emptyReport(server)
    let crew = try Crew(settings)
    if keepsSessionTokens { crew.forEachTable { $1.keepsSessionTokens = true } }
    var run = LoadRun(settings: settings, crew: crew, server: server, gate: gate)
    if try Connecting.run(&run) { try measure(&run) }
    if let server, server.sample() == nil {
      run.troubles.count(.mismatch, "server_gone", "The process \(server.pid) has ended.")
    }
    report.isInterrupted = run.isInterrupted
    if !run.isInterrupted { try sayGoodbye(&run) }
    report.sections = run.sections
    report.outcomes = run.outcomes
    report.troubles = crew.tally
    report.troubles.add(run.troubles)
    return report
  }

  /// A report of nothing yet.
  func emptyReport(_ server: ServerProcess?) -> Report {
    Report(
      command: Self.command, date: HostFacts.date(), host: HostFacts.fields(server: server),
      parameters: commonParameters + parameters)
  }

  /// Leaves the server as it was, as far as it lets us; a server that answers no goodbye is in trouble.
  private func sayGoodbye(_ run: inout LoadRun) throws(LoadError) {
    let crew = run.crew
    let connections = crew.readyCount
    crew.board.begin("goodbye", unit: "connections", total: connections)
    let patience = settings.timeout + .milliseconds(connections)
    let end = try crew.leg(crew.phases { _, _ in GoodbyePhase() }, until: .now().advanced(by: patience))
    crew.board.end()
    guard end == .deadline else { return }
    var silent = 0
    crew.forEachTable { _, table in
      for row in 0..<table.count where table.stage(of: row) != .closed { silent += 1 }
    }
    run.troubles.count(.timeout, "goodbye", "Close frames were not answered in time.", times: silent)
  }

  private var commonParameters: [Report.Field] {
    var fields: [Report.Field] = [
      .init("url", "server", .text(settings.url)),
      .init("dialect", "it speaks", .text(settings.dialect.rawValue)),
      .init("connections", "connections", .integer(settings.share.total ?? settings.connections)),
      .init("threads", "threads", .integer(settings.threads)),
      .init("connect_at_once", "connecting at once", .integer(settings.connectAtOnceMax)),
    ]
    if let rate = settings.connectsPerSecond {
      fields.append(.init("connect_rate", "connecting at most", unit: "per second", .decimal(rate, digits: 1)))
    }
    if settings.sources > 1 { fields.append(.init("sources", "source addresses", .integer(settings.sources))) }
    if settings.share.count > 1 { fields.append(.init("processes", "processes", .integer(settings.share.count))) }
    if let note = settings.note { fields.append(.init("note", "note", .text(note))) }
    return fields
  }
}
