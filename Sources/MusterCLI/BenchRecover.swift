import ArgumentParser
import MusterBench

/// `muster bench recover`: snapshots and recovery, in this process.
struct BenchRecover: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover",
    abstract: "Make a snapshot of many sessions while some change, and recover from it: time, CPU, longest pause, memory.",
    discussion: """
      The engine is one of this process, without connections; the files, the threads and the turns are the server's. Ten \
      million sessions with 100 bytes of data take about 4 GB of memory and as much of the directory for a while.

      Exit codes: 0 all went as it should, 1 something went wrong (the result says what), 64 bad usage.
      """)

  @Option(parsing: .upToNextOption, help: "How many sessions, size by size (default: 1000000 10000000).")
  var sessions: [Int] = []

  @Option(help: "Bytes of data of each session.")
  var dataBytes = 100

  @Option(help: "Planes of the engine: threads that load and capture.")
  var planes = 2

  @Option(help: "Changes of data a second while a snapshot is made.")
  var changes = 1_000

  @Option(help: "How hard snapshots are compressed, as zstd counts (default: the server's).")
  var level: Int32?

  @Option(help: "Where the data directories are made.")
  var directory = "/tmp"

  @Flag(help: "Do the same with as many keys in Redis.")
  var redis = false

  @OptionGroup var series: BenchSeries

  private var plan: RecoverLoad.Plan {
    var plan = RecoverLoad.Plan()
    if !sessions.isEmpty { plan.sizes = sessions }
    if series.quick { plan.sizes = [50_000] }
    plan.dataBytes = dataBytes
    plan.planes = planes
    plan.changesPerSecond = changes
    plan.rounds = series.rounds(default: 3)
    plan.comparesRedis = redis
    plan.directory = directory
    if let level { plan.level = level }
    return plan
  }

  func validate() throws {
    try asUsage(plan.validate)
  }

  func run() async throws {
    StopSignal.install()
    let facts = series.facts(title: "Snapshots and recovery")
    let result = try await RecoverLoad(plan: plan) { StandardError.print($0) }.run()
    guard !result.table.isEmpty else {
      StandardError.print("muster: nothing was measured")
      throw ExitCode.failure
    }
    try series.write(facts, plots: result.plots(), json: result.json(facts), name: "recover") {
      result.markdown(facts, plots: $0)
    }
    if !result.troubles.isEmpty { throw ExitCode.failure }
  }
}
