import ArgumentParser
import MusterBench

/// `muster bench engine`: the tables of one session shard, in this process.
struct BenchEngine: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engine",
    abstract: "Measure the tables of one session shard in this process, without sockets, actors or a log.",
    discussion: """
      All sizes are measured in turns, those above a million sessions three times at most; at the end a million leases end in \
      real time. Costs are CPU time of a single thread: run it on a quiet machine, pinned to one core (taskset -c). Ten million \
      sessions take about 1.5 GB of memory.
      """)

  @Option(parsing: .upToNextOption, help: "How many sessions, size by size.")
  var sessions = EngineLoad.sizes

  @Option(help: "How many leases end in real time; 0 for none.")
  var leases = EngineLoad.leases

  @OptionGroup var series: BenchSeries

  private var plan: EngineResult.Plan {
    var plan = EngineResult.Plan()
    plan.sessions = series.quick ? Set(sessions.map { min($0, 100_000) }).sorted() : sessions
    plan.rounds = series.rounds(default: plan.rounds)
    plan.leases = series.quick ? min(leases, 10_000) : leases
    return plan
  }

  func validate() throws {
    try asUsage(plan.validate)
  }

  func run() throws {
    StopSignal.install()
    let facts = series.facts(title: "The tables of the engine")
    let result = EngineResult.measure(plan) { StandardError.print($0) }
    guard !result.sizes.isEmpty else {
      StandardError.print("muster: no size was measured")
      throw ExitCode.failure
    }
    try series.write(facts, plots: result.plots(), json: result.json(facts), name: "engine") {
      result.markdown(facts, plots: $0)
    }
  }
}
