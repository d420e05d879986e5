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

  var tools: PeerTools {
    PeerTools(benchmarks: benchmarks, muster: muster ?? "/proc/self/exe", musterArguments: musterArguments)
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

  @Option(help: "Connections that send a heartbeat each second.")
  var connections = 10_000

  @Option(help: "Observers of the fan-out.")
  var observers = 1_000

  @Option(help: "How long each thing is measured.")
  var duration = SpanArgument(.seconds(2))

  @OptionGroup var series: BenchSeries

  @OptionGroup var children: BenchChildren

  private var plan: Comparison.Plan {
    var plan = Comparison.Plan(peers: peers)
    plan.rounds = series.rounds(default: 5)
    plan.connections = series.quick ? min(connections, 1_000) : connections
    plan.observers = series.quick ? min(observers, 100) : observers
    plan.duration = series.quick ? .seconds(1) : duration.duration
    return plan
  }

  func validate() throws {
    try asUsage(plan.validate)
  }

  func run() throws {
    StopSignal.install()
    let facts = series.facts(title: "Muster and its peers, side by side")
    let result = try Comparison(plan: plan, tools: children.tools, processors: Processors()) { StandardError.print($0) }.run()
    guard !result.peers.isEmpty else {
      StandardError.print("muster: no round was completed")
      throw ExitCode.failure
    }
    try series.write(facts, plots: result.plots(), json: result.json(facts), name: "compare") {
      result.markdown(facts, plots: $0)
    }
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

  @Option(help: "How long each thing is measured.")
  var duration = SpanArgument(.seconds(2))

  @OptionGroup var series: BenchSeries

  @OptionGroup var children: BenchChildren

  private var plan: Scaling.Plan {
    var plan = Scaling.Plan()
    plan.connections = series.quick ? [200, 500] : connections
    plan.observers = series.quick ? [10, 100] : observers
    plan.threads = threads
    plan.rounds = series.rounds(default: 1)
    plan.duration = series.quick ? .milliseconds(500) : duration.duration
    return plan
  }

  func validate() throws {
    try asUsage(plan.validate)
  }

  func run() throws {
    StopSignal.install()
    let facts = series.facts(title: "How cost grows")
    let result = try Scaling(plan: plan, tools: children.tools, processors: Processors()) { StandardError.print($0) }.run()
    try series.write(facts, plots: result.plots(), json: result.json(facts), name: "scale") {
      result.markdown(facts, plots: $0)
    }
    if !result.troubles.isEmpty { throw ExitCode.failure }
  }
}
