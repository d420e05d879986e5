import ArgumentParser
import MusterDrill

#if canImport(Glibc)
  import Glibc
#endif

extension DrillName: ExpressibleByArgument {}

/// `muster drill`: recovery, tried out on real server processes.
struct DrillCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drill",
    abstract: "Damage real servers on a temporary directory, and see whether anything acknowledged is lost.",
    discussion: """
      Scenarios:
      \(DrillName.allCases.map { "  \($0.rawValue): \($0.sentence)" }.joined(separator: "\n"))

      The drill starts muster serve as a process of its own on free ports of the loopback and keeps its ledger of what was \
      acknowledged outside of it. The same --seed plans the same drill; how far the server gets by itself differs.

      Interrupt it (Control-C) to end early with a report; a second time, and it kills its servers and ends at once.

      Exit codes: 0 nothing was lost, or this machine cannot do the scenario (the report says why); 1 something was lost or \
      not as it should be; 64 bad usage.
      """)

  @Argument(help: "What to try; several run one after the other, and all without a name.")
  var scenarios: [DrillName] = DrillName.allCases

  @Option(help: "No new round begins after so many seconds (default: 20 to 1800, by scenario).")
  var seconds: Int?

  @Option(help: "At most so many rounds; for bit-flip, so many bytes.")
  var rounds: Int?

  @Option(help: "Decides what happens when (default: another one each time; the report shows it).")
  var seed: UInt64?

  @Option(help: ArgumentHelp("The program under test (default: this one).", valueName: "path"))
  var binary: String?

  @Option(help: "Threads of the load.")
  var workers = 4

  @Option(help: "Sessions of the reconnect-storm.")
  var sessions = 1000

  @Option(help: ArgumentHelp("Where the temporary directory is made (default: $TMPDIR or /tmp).", valueName: "path"))
  var directory: String?

  @Option(help: ArgumentHelp("Directories of released formats, for upgrade.", valueName: "path"))
  var golden = "snapshots/golden"

  @Option(
    name: .customLong("set"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A setting of the server under test, as often as needed.", valueName: "name=value"))
  var settings: [String] = []

  @Flag(help: "Keep the temporary directory; it is kept anyway when something was lost.")
  var keep = false

  @Flag(help: "Write each report as one JSON object on one line instead of a table.")
  var json = false

  @Flag(help: "Tell how far it is even where stderr is no terminal.")
  var progress = false

  func validate() throws { _ = try checked() }

  func run() throws {
    StopWish.install()
    let settings = try checked()
    let board = Progress(style: Progress.style(isWanted: progress))
    var isClean = true
    for (index, scenario) in scenarios.enumerated() where !StopWish.isRaised {
      if index > 0, !json { StandardOutput.printLine("") }
      let result = Drill.run(scenario, settings, board)
      StandardOutput.printLine(json ? result.json : String(result.table.dropLast()))
      isClean = isClean && result.isClean
    }
    if !isClean { throw ExitCode.failure }
  }

  /// The settings that the flags give.
  private func checked() throws -> DrillSettings {
    let temporary = Environment.variables["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    var drill = DrillSettings(binary: binary ?? Self.ownPath, seed: seed ?? .random(in: 1...(1 << 32)))
    drill.seconds = seconds
    drill.rounds = rounds
    drill.keeps = keep
    drill.parent = directory ?? temporary
    drill.workers = workers
    drill.sessions = sessions
    drill.golden = golden
    for setting in settings {
      guard let mark = setting.firstIndex(of: "="), mark > setting.startIndex else {
        throw ValidationError("--set takes NAME=VALUE, not \"\(setting)\"")
      }
      drill.serverSettings[String(setting[..<mark])] = String(setting[setting.index(after: mark)...])
    }
    try asUsage(drill.check)
    return drill
  }

  /// The file that this process runs.
  private static var ownPath: String {
    var path = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count)
    guard count > 0 else { return "muster" }
    return String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
