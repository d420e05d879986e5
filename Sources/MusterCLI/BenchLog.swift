import ArgumentParser
import MusterBench

extension LogComparison.Mode: ExpressibleByArgument {}

/// `muster bench log`: what durability costs.
struct BenchLog: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log",
    abstract: "Start Muster and Redis in each mode of durability, in turns: changes a second, latency, and CPU of each change.",
    discussion: """
      Every client is a connection with one change under way: it joins a channel of its own, waits for the reply, leaves it, \
      waits, and so on; for Redis it sets a key. Each mode has a fresh server with an empty directory, on one core, with the \
      generator on another.

      Exit codes: 0 all went as it should, 1 something went wrong (the result says what), 64 bad usage.
      """)

  @Option(parsing: .upToNextOption, help: "How many clients, one number after another.")
  var clients = [1, 64, 1_000]

  @Option(parsing: .upToNextOption, help: "Modes, of: \(LogComparison.Mode.allCases.map(\.rawValue).joined(separator: ", ")).")
  var modes: [LogComparison.Mode] = LogComparison.Mode.allCases

  @Option(help: "How long each thing is measured.")
  var duration = SpanArgument(.seconds(5))

  @Option(help: "Where servers keep what they keep; on a disk.")
  var directory = "/tmp"

  @Flag(inversion: .prefixedNo, help: "Measure Redis as well.")
  var redis = true

  @Option(help: "The muster to measure; this one by default.")
  var muster: String?

  @OptionGroup var series: BenchSeries

  private var plan: LogComparison.Plan {
    var plan = LogComparison.Plan()
    plan.clients = series.quick ? clients.map { min($0, 100) } : clients
    plan.modes = modes
    plan.rounds = series.rounds(default: 3)
    plan.duration = series.quick ? .milliseconds(500) : duration.duration
    plan.warmUp = series.quick ? .milliseconds(200) : plan.warmUp
    plan.comparesRedis = redis
    plan.directory = directory
    return plan
  }

  func validate() throws {
    try asUsage(plan.validate)
  }

  func run() throws {
    StopSignal.install()
    let facts = series.facts(title: "What durability costs")
    let tools = PeerTools(benchmarks: "", muster: muster ?? "/proc/self/exe")
    let result = try LogComparison(plan: plan, tools: tools, processors: Processors()) { StandardError.print($0) }.run()
    guard !result.table.isEmpty else {
      StandardError.print("muster: nothing was measured")
      throw ExitCode.failure
    }
    try series.write(facts, plots: result.plots(), json: result.json(facts), name: "log") { result.markdown(facts, plots: $0) }
    if !result.troubles.isEmpty { throw ExitCode.failure }
  }
}
