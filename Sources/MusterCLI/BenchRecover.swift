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

  @Option(help: "How often each size recovers.")
  var rounds = 3

  @Option(help: "How hard snapshots are compressed, as zstd counts (default: the server's).")
  var level: Int32?

  @Option(help: "Where the data directories are made.")
  var directory = "/tmp"

  @Flag(help: "Do the same with as many keys in Redis.")
  var redis = false

  @Flag(help: "One small size: whether it works, not what it costs.")
  var quick = false

  @Flag(help: "Print one JSON object instead of writing files.")
  var json = false

  @Option(help: "Where results go, as DATE-NAME.md, .json and .svg; without it the page is printed.")
  var output: String?

  @Option(help: "The NAME of the results.")
  var name: String?

  private var plan: RecoverLoad.Plan {
    var plan = RecoverLoad.Plan()
    if !sessions.isEmpty { plan.sizes = sessions }
    if quick { plan.sizes = [50_000] }
    plan.dataBytes = dataBytes
    plan.planes = planes
    plan.changesPerSecond = changes
    plan.rounds = quick ? 1 : rounds
    plan.comparesRedis = redis
    plan.directory = directory
    if let level { plan.level = level }
    return plan
  }

  func validate() throws {
    do {
      try plan.validate()
    } catch {
      throw ValidationError(error.description)
    }
  }

  func run() async throws {
    StopSignal.install()
    let facts = RunFacts.now(title: "Snapshots and recovery", command: BenchSeries.command)
    let result = try await RecoverLoad(plan: plan) { StandardError.print($0) }.run()
    guard !result.table.isEmpty else {
      StandardError.print("muster: nothing was measured")
      throw ExitCode.failure
    }
    try BenchPage(
      name: name ?? "recover", markdown: { result.markdown(facts, plots: $0) }, json: { result.json(facts) },
      plots: result.plots()
    ).write(to: output, asJSON: json, date: facts.date)
    if !result.troubles.isEmpty { throw ExitCode.failure }
  }
}

/// A result as a page, as JSON and as plots.
struct BenchPage {
  let name: String
  let markdown: (_ plots: [String]) -> String
  let json: () -> String
  let plots: [ComparisonResult.Plot]

  /// Writes files into a directory; without one it prints the page, or the JSON.
  func write(to directory: String?, asJSON: Bool, date: String) throws {
    guard let directory else { return print(asJSON ? json() : markdown([]), terminator: asJSON ? "\n" : "") }
    OutputFile.makeDirectory(directory)
    let stem = "\(date.prefix(10))-\(name)"
    let files =
      [("\(stem).md", markdown(plots.map { "\(stem)-\($0.name).svg" })), ("\(stem).json", json() + "\n")]
      + plots.map { ("\(stem)-\($0.name).svg", $0.svg) }
    for (name, text) in files {
      try OutputFile.write(text, to: "\(directory)/\(name)")
      StandardError.print("\(directory)/\(name)")
    }
    if asJSON { print(json()) }
  }
}
