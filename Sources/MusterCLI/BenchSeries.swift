import ArgumentParser
import MusterBench

/// What every command is told that measures several things several times and writes its results into files.
struct BenchSeries: ParsableArguments {
  @Option(help: "How often each thing is measured, in turns with the others (default: 5; log and recover: 3; scale: 1).")
  var rounds: Int?

  @Flag(help: "Once, and small: whether it works, not what it costs.")
  var quick = false

  @Option(help: "Where results go, as DATE-NAME.md, .json and .svg.")
  var output = "Benchmarks/Results"

  @Option(help: "The NAME of the results (default: that of the command).")
  var name: String?

  /// How many rounds there are, when a command that is told nothing has so many.
  func rounds(default rounds: Int) -> Int { quick ? 1 : self.rounds ?? rounds }

  /// What has to stand beside every figure.
  func facts(title: String) -> RunFacts {
    RunFacts.now(title: title, command: "muster " + CommandLine.arguments.dropFirst().joined(separator: " "))
  }

  /// Writes the files of one result, and their names to stderr.
  ///
  /// `markdown` is given the names of the plots.
  ///
  /// - Throws: What ends the process with 1.
  func write(
    _ facts: RunFacts, plots: [ComparisonResult.Plot], json: String, name fallback: String, markdown: ([String]) -> String
  ) throws {
    func file(_ suffix: String) -> String { "\(facts.date.prefix(10))-\(name ?? fallback)\(suffix)" }
    let names = plots.map { file("-\($0.name).svg") }
    OutputFile.makeDirectory(output)
    let files = [(file(".md"), markdown(names)), (file(".json"), json + "\n")] + zip(names, plots.map(\.svg))
    for (file, text) in files {
      try OutputFile.write(text, to: "\(output)/\(file)")
      StandardError.print("\(output)/\(file)")
    }
  }
}
