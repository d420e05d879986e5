/// One kind of load, as the command line offers it.
package protocol Load: Sendable {
  /// Its name.
  static var command: String { get }
  /// What all loads have in common.
  var settings: LoadSettings { get }
  /// What was asked for beyond that.
  var parameters: [Report.Field] { get }

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
  /// Relates everything that was asked for to its bounds.
  ///
  /// - Throws: ``LoadError/plan(_:)`` with a sentence that names the flag.
  package func check() throws(LoadError) {
    try settings.validate()
    try validate()
  }

  /// Runs it from the first connection to the last goodbye.
  ///
  /// Blocks the calling thread, which is the first worker. Ends early, with a report, after SIGINT or SIGTERM if
  /// ``StopSignal/install()`` was called.
  ///
  /// - Returns: What was found out; ``Report/isClean`` tells whether it all went as it should.
  /// - Throws: ``LoadError`` when there is nothing to report.
  package func run() throws(LoadError) -> Report {
    try check()
    var server: ServerProcess?
    if let pid = settings.serverPID { server = try ServerProcess(pid: pid) }
    var report = Report(
      command: Self.command, date: HostFacts.date(), host: HostFacts.fields(server: server),
      parameters: commonParameters + parameters)
    let crew = try Crew(settings)
    var run = LoadRun(settings: settings, crew: crew, server: server)
    let connecting = try Connecting.run(settings, crew: crew, server: server)
    run.sections.append(connecting.section)
    if connecting.isThrough { try measure(&run) }
    if let server, server.sample() == nil {
      run.troubles.count(.mismatch, "server_gone", "The process \(server.pid) has ended.")
    }
    report.isInterrupted = run.isInterrupted
    if !run.isInterrupted { try sayGoodbye(&run) }
    report.sections = run.sections
    report.troubles = crew.tally
    report.troubles.add(run.troubles)
    return report
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
      .init("connections", "connections", .integer(settings.connections)),
      .init("threads", "threads", .integer(settings.threads)),
      .init("connect_at_once", "connecting at once", .integer(settings.connectAtOnceMax)),
    ]
    if let rate = settings.connectsPerSecond {
      fields.append(.init("connect_rate", "connecting at most", unit: "per second", .decimal(rate, digits: 1)))
    }
    if settings.sources > 1 { fields.append(.init("sources", "source addresses", .integer(settings.sources))) }
    if let note = settings.note { fields.append(.init("note", "note", .text(note))) }
    return fields
  }
}
