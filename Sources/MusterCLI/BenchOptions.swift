import ArgumentParser
import MusterBench
import MusterServer

/// A span of time as it is written on the command line: `250ms`, `10s`, `2m`.
struct SpanArgument: ExpressibleByArgument {
  let duration: Duration

  init(_ duration: Duration) {
    self.duration = duration
  }

  init?(argument: String) {
    guard let duration = DurationText.duration(argument) else { return nil }
    self.duration = duration
  }

  var defaultValueDescription: String { DurationText.text(duration) }
}

/// What all loads are told: where the server is, who connects, and how the report is written.
struct BenchOptions: ParsableArguments {
  @Option(help: "Where the server takes WebSockets.")
  var url = "ws://127.0.0.1:7600/v1/connect"

  @Option(help: "What the server speaks: \(Dialect.allCases.map(\.rawValue).joined(separator: ", ")).")
  var dialect = Dialect.muster

  @Option(help: "Connection n says hello as this with n behind it; the server must be in development mode.")
  var userPrefix = "bench-"

  @Option(help: "Every connection says hello with this token instead.")
  var token: String?

  @Option(help: "Connections opened per second; 0: as fast as --at-once allows.")
  var connectRate = 2_000.0

  @Option(help: "Connections between their first packet and the answer to their hello.")
  var atOnce = 128

  @Option(help: "How long to wait for each step of connecting, and for the last replies.")
  var timeout = SpanArgument(.seconds(10))

  @Option(help: "Threads of the generator.")
  var threads = 1

  @Option(help: "Processes of the generator, each with a share of the connections (connect, beat and storm).")
  var processes = 1

  /// Which of several this one is; set by the process that starts it.
  @Option(help: .hidden)
  var shareIndex: Int?

  @Option(help: "Spread the connections over so many addresses of 127.0.0.0/8.")
  var sources = 1

  @Option(help: "The server's process on this machine; its CPU and memory are measured.")
  var serverPid: Int32?

  @Option(help: "Free text for the report, such as the commit of the server.")
  var note: String?

  @Flag(help: "Write the report as one JSON object instead of a table.")
  var json = false

  /// The settings of a load with so many connections.
  func settings(connections: Int) -> LoadSettings {
    var settings = LoadSettings()
    settings.url = url
    settings.dialect = dialect
    settings.connections = connections
    settings.share = .init(index: 0, count: processes)
    if let shareIndex {
      settings.connections = ProcessTeam.share(of: connections, index: shareIndex, count: processes)
      let first = (0..<shareIndex).reduce(0) { $0 + ProcessTeam.share(of: connections, index: $1, count: processes) }
      settings.share = .init(index: shareIndex, count: processes, total: connections, first: first)
    }
    settings.threads = threads
    settings.identity = token.map { .token($0) } ?? .user(prefix: userPrefix)
    settings.connectsPerSecond = connectRate == 0 ? nil : connectRate
    settings.connectAtOnceMax = atOnce
    settings.timeout = timeout.duration
    settings.sources = sources
    settings.serverPID = serverPid
    settings.note = note
    settings.progress = ProgressBoard.styleOfStandardError
    return settings
  }

  /// Makes sure that a load's flags fit their bounds and each other.
  ///
  /// - Throws: What shows the usage and ends the process with 64.
  func check(_ load: some Load) throws {
    try asUsage(load.check)
  }

  /// Runs a load and writes its report to stdout.
  ///
  /// - Throws: What ends the process with 1: there is nothing to report, or the report tells of trouble.
  func run(_ load: some Load) throws {
    StopSignal.install()
    if shareIndex != nil {
      let report = try load.run(gate: PipeGate())
      try PipeGate.tell(.init(outcomes: report.outcomes, troubles: report.troubles, isInterrupted: report.isInterrupted))
      return
    }
    let report = processes > 1 ? try runTogether(load) : try load.run()
    print(json ? report.json : report.table, terminator: json ? "\n" : "")
    if !report.isClean { throw ExitCode.failure }
  }
}

extension BenchOptions {
  /// Runs a load in several processes, each of which is given what this one was given and which of them it is.
  private func runTogether(_ load: some Load) throws -> Report {
    try ProcessTeam.run(load, count: processes) { index in
      ["/proc/self/exe"] + CommandLine.arguments.dropFirst() + ["--share-index", "\(index)"]
    }
  }
}

/// The times of a load that is measured for a while.
struct BenchTimes: ParsableArguments {
  @Option(help: "How long the load runs before it is measured.")
  var warmup = SpanArgument(.seconds(2))

  @Option(help: "How long it is measured.")
  var duration = SpanArgument(.seconds(10))
}

/// Makes bad usage of what a check finds: the sentence, the usage, exit code 64.
func asUsage<Failure: Error & CustomStringConvertible>(_ check: () throws(Failure) -> Void) throws {
  do {
    try check()
  } catch {
    throw ValidationError(error.description)
  }
}
