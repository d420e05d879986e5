import ArgumentParser
import MusterBench

/// `muster bench engine`: the tables of one session shard, in this process.
struct BenchEngine: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engine",
    abstract: "Measure the tables of one session shard in this process, without sockets, actors or a log.",
    discussion: """
      Times are wall time of a single thread: run it on a quiet machine, and compare ratios of one run only. Ten million \
      sessions take about 1.5 GB of memory.
      """)

  @Option(parsing: .upToNextOption, help: "How many sessions, size by size (default: 10000 100000 1000000 10000000).")
  var sessions: [Int] = []

  @Flag(help: "One JSON object a line instead of a table.")
  var json = false

  func validate() throws {
    guard sessions.allSatisfy({ (64...50_000_000).contains($0) }) else {
      throw ValidationError("--sessions takes sizes from 64 to 50000000")
    }
  }

  func run() {
    let figures = (sessions.isEmpty ? EngineLoad.sizes : sessions).map { EngineLoad.measure(sessions: $0) }
    if json {
      for each in figures { print(each.json) }
    } else {
      print(EngineFigures.markdown(figures))
    }
  }
}
