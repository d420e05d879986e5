import ArgumentParser
import MusterBench

extension Peer: ExpressibleByArgument {}

extension Dialect: ExpressibleByArgument {}

/// What every command is told that starts servers by itself.
struct BenchChildren: ParsableArguments {
  @Option(help: "The directory Benchmarks of the source tree.")
  var benchmarks = "Benchmarks"

  @Option(help: "The muster to measure; this one by default.")
  var muster: String?

  @Option(
    name: .customLong("muster-argument"), parsing: .unconditionalSingleValue,
    help: "A further argument of `muster serve`, as often as needed.")
  var musterArguments: [String] = []

  @Option(help: "Where results go, as DATE-NAME.md, .json and .svg.")
  var output = "Benchmarks/Results"

  @Option(help: "The NAME of the results.")
  var name: String?

  var tools: PeerTools {
    PeerTools(benchmarks: benchmarks, muster: muster ?? "/proc/self/exe", musterArguments: musterArguments)
  }

  /// The command as it was given.
  var command: String { Self.command }

  /// The same, for commands that have other options.
  static var command: String { "muster " + CommandLine.arguments.dropFirst().joined(separator: " ") }

  /// Writes files of one result: the suffix of each and its text.
  ///
  /// - Throws: What ends the process with 1.
  func write(_ files: [(suffix: String, text: String)], date: String, name fallback: String) throws {
    OutputFile.makeDirectory(output)
    for (suffix, text) in files {
      let path = "\(output)/\(fileName(suffix, date: date, name: fallback))"
      try OutputFile.write(text, to: path)
      StandardError.print(path)
    }
  }

  /// The name of one of the files of a result.
  func fileName(_ suffix: String, date: String, name fallback: String) -> String {
    "\(date.prefix(10))-\(name ?? fallback)\(suffix)"
  }
}

/// `muster bench compare`: Muster, the floor and its peers, in turns.
struct BenchCompare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Start Muster, a floor program and what people use instead, in turns, and measure each alike.",
    discussion: """
      Every server is started on a free port of the loopback with an empty directory, on one core, with the generator on \
      another, and ended before the next one's turn. Those that are not installed are named and left out.

      Exit codes: 0 all went as it should, 1 something went wrong (the result says what), 64 bad usage.
      """)

  @Option(parsing: .upToNextOption, help: "Who takes part, of: \(Peer.allCases.map(\.rawValue).joined(separator: ", ")).")
  var peers: [Peer] = Peer.allCases

  @Option(help: "How often each has its turn.")
  var rounds = 5

  @Option(help: "Connections that send a heartbeat each second.")
  var connections = 10_000

  @Option(help: "Observers of the fan-out.")
  var observers = 1_000

  @Option(help: "How long each thing is measured.")
  var duration = SpanArgument(.seconds(2))

  @Flag(help: "One short round of everything: whether it works, not what it costs.")
  var quick = false

  @OptionGroup var children: BenchChildren

  private var plan: Comparison.Plan {
    var plan = Comparison.Plan(peers: peers)
    plan.rounds = quick ? 1 : rounds
    plan.connections = quick ? min(connections, 1_000) : connections
    plan.observers = quick ? min(observers, 100) : observers
    plan.duration = quick ? .seconds(1) : duration.duration
    return plan
  }

  func validate() throws {
    do {
      try plan.validate()
    } catch {
      throw ValidationError(error.description)
    }
  }

  func run() throws {
    StopSignal.install()
    let facts = RunFacts.now(title: "Muster and its peers, side by side", command: children.command)
    let result = try Comparison(plan: plan, tools: children.tools, processors: Processors()) { StandardError.print($0) }.run()
    guard !result.peers.isEmpty else {
      StandardError.print("muster: no round was completed")
      throw ExitCode.failure
    }
    let plots = result.plots()
    let names = plots.map { children.fileName("-\($0.name).svg", date: facts.date, name: "compare") }
    try children.write(
      [(".md", result.markdown(facts, plots: names)), (".json", result.json(facts) + "\n")]
        + plots.map { ("-\($0.name).svg", $0.svg) }, date: facts.date, name: "compare")
    if !result.troubles.isEmpty { throw ExitCode.failure }
  }
}

/// `muster bench scale`: how cost grows.
struct BenchScale: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Measure with more and more connections, observers and threads, and plot how cost grows.")

  @Option(parsing: .upToNextOption, help: "Connections that send a heartbeat each second.")
  var connections = [1_000, 2_000, 5_000, 10_000, 19_000]

  @Option(parsing: .upToNextOption, help: "Observers of one channel.")
  var observers = [10, 100, 1_000, 10_000]

  @Option(parsing: .upToNextOption, help: "Threads of the server.")
  var threads = [1, 2]

  @Option(help: "How often each point is measured.")
  var rounds = 1

  @Option(help: "How long each thing is measured.")
  var duration = SpanArgument(.seconds(2))

  @Flag(help: "Two small points of each: whether it works, not what it costs.")
  var quick = false

  @OptionGroup var children: BenchChildren

  private var plan: Scaling.Plan {
    var plan = Scaling.Plan()
    plan.connections = quick ? [200, 500] : connections
    plan.observers = quick ? [10, 100] : observers
    plan.threads = threads
    plan.rounds = quick ? 1 : rounds
    plan.duration = quick ? .milliseconds(500) : duration.duration
    return plan
  }

  func validate() throws {
    do {
      try plan.validate()
    } catch {
      throw ValidationError(error.description)
    }
  }

  func run() throws {
    StopSignal.install()
    let facts = RunFacts.now(title: "How cost grows", command: children.command)
    let result = try Scaling(plan: plan, tools: children.tools, processors: Processors()) { StandardError.print($0) }.run()
    let plots = result.plots()
    let names = plots.map { children.fileName("-\($0.name).svg", date: facts.date, name: "scale") }
    try children.write(
      [(".md", result.markdown(facts, plots: names)), (".json", result.json(facts) + "\n")]
        + plots.map { ("-\($0.name).svg", $0.svg) }, date: facts.date, name: "scale")
    if !result.troubles.isEmpty { throw ExitCode.failure }
  }
}
