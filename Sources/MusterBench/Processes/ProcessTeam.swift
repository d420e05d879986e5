import Glibc

/// Runs one load in several processes, each with a share of the connections, and adds up what they found.
///
/// One process may open only so many descriptors, and one core can send only so much. The processes wait for each other before
/// everything that is measured, so their spans are the same within some milliseconds, and the server's CPU in the first one's
/// is shared out among what all of them did.
package enum ProcessTeam {
  /// The most processes of a load.
  package static let processesMax = 32

  /// How many connections one of several has: the first have one more where it does not come out even.
  package static func share(of connections: Int, index: Int, count: Int) -> Int {
    connections / count + (index < connections % count ? 1 : 0)
  }

  /// Runs it.
  ///
  /// - Parameters:
  ///   - load: What the processes run, with all connections.
  ///   - count: How many.
  ///   - command: What starts number `n` of them; it speaks as ``PipeGate`` does.
  /// - Returns: One report as if there had been one process.
  /// - Throws: ``LoadError`` when one of them ends without a result.
  package static func run(_ load: some Load, count: Int, command: (_ index: Int) -> [String]) throws(LoadError) -> Report {
    try load.check()
    try LoadSettings.check("--processes", count, 1...min(processesMax, load.settings.connections))
    var report = load.emptyReport(try load.settings.serverPID.map { pid throws(LoadError) in try ServerProcess(pid: pid) })
    var children: [ChildProcess] = []
    for index in 0..<count {
      var plan = ChildProcess.Plan(command(index))
      plan.hasInput = true
      children.append(try ChildProcess(plan))
    }
    defer { for child in children { child.stop() } }
    let results = try conduct(children)
    var sums = results[0].outcomes
    for result in results.dropFirst() {
      for (index, part) in result.outcomes.enumerated() where sums.indices.contains(index) && sums[index].key == part.key {
        sums[index].outcome.add(part.outcome)
      }
    }
    for result in results { report.troubles.add(result.troubles) }
    report.isInterrupted = results.contains { $0.isInterrupted }
    report.outcomes = sums
    report.sections = sums.compactMap { part in
      part.key == "connect" ? Connecting.section(part.outcome) : load.section(part.key, of: part.outcome)
    }
    return report
  }

  /// Opens each gate when all have come to it, until all have told their result.
  private static func conduct(_ children: [ChildProcess]) throws(LoadError) -> [ShareResult] {
    var arrived: [String: Int] = [:]
    var results: [Int: ShareResult] = [:]
    var isTold = false
    while results.count < children.count {
      if StopSignal.isRaised, !isTold {
        // They are in process groups of their own, so the terminal has not told them.
        isTold = true
        for child in children { kill(child.pid, SIGTERM) }
      }
      var isQuiet = true
      for (index, child) in children.enumerated() where results[index] == nil {
        guard let line = try child.nextLine() else { continue }
        isQuiet = false
        if line.hasPrefix("result ") { results[index] = try ShareResult(json: String(line.dropFirst(7))) }
        guard line.hasPrefix("at ") else { continue }
        let mark = String(line.dropFirst(3))
        arrived[mark, default: 0] += 1
        if arrived[mark] == children.count { for child in children { try child.send(line: "go \(mark)") } }
      }
      if isQuiet { usleep(500) }
    }
    return children.indices.compactMap { results[$0] }
  }
}
