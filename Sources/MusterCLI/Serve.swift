import ArgumentParser
import Logging
import MusterServer

/// `muster serve`: runs a server until it is told to stop.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the presence server.",
    discussion: """
      Every setting can be given as --set NAME=VALUE, as an environment variable (MUSTER_ and the name in capitals, \
      dots as underscores), and in a YAML or JSON file; the first of these that has it wins. --print-config shows \
      all settings with what they do, the values that hold, and where each comes from; its output is itself a file \
      for --config.

      When both ports listen, one line goes to stdout: ready public=HOST:PORT admin=HOST:PORT. Logs go to stderr. \
      On SIGTERM or SIGINT the clients are told when to come back, and the server ends.

      What clients were told is kept in the data directory and comes back with the next start.

      Exit codes: 0 stopped as asked, 1 failed, 64 bad usage or settings, 65 the data directory is not sound, 69 a port or \
      the data directory is in use, 74 the disk failed.
      """)

  @Flag(name: .long, help: "Development mode: believe a bare user id, let guests in, serve loopback only.")
  var dev = false

  @Option(name: .long, help: ArgumentHelp("Where clients connect (default: 127.0.0.1:7600).", valueName: "host:port"))
  var listen: String?

  @Option(
    name: .long,
    help: ArgumentHelp("Where operators and backends connect (default: 127.0.0.1:7601).", valueName: "host:port"))
  var adminListen: String?

  @Option(name: .long, help: ArgumentHelp("Where log and snapshots are kept (default: snapshots).", valueName: "directory"))
  var dataDir: String?

  @Option(
    name: .long,
    help: "When changes are acknowledged: commit (on disk), interval=MS (synced every so often) or none (default: commit).")
  var durability: String?

  @Option(
    name: .long, help: "What a start does with unsound files: strict refuses, salvage takes what is sound (default: strict).")
  var recover: String?

  @Option(name: .long, help: "Data-plane threads (default: one for each core).")
  var threads: Int?

  @Option(name: .long, help: "How much is logged: trace, debug, info, notice, warning, error or critical (default: info).")
  var logLevel: String?

  @Option(name: .long, help: ArgumentHelp("A file with settings: YAML, or JSON when it is called .json.", valueName: "file"))
  var config: String?

  @Option(
    name: .customLong("set"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Any setting, as often as needed: --set resume_window=30s.", valueName: "name=value"))
  var settings: [String] = []

  @Flag(name: .long, help: "Print the settings that hold, as YAML, and exit.")
  var printConfig = false

  func run() async throws {
    let loaded: LoadedSettings
    do {
      loaded = try await SettingsLoader(
        commandLine: try given(), environment: Environment.variables, file: config
      ).load()
    } catch let error as ConfigurationError {
      StandardError.print(error.problems.map { "muster: \($0)" }.joined(separator: "\n"))
      throw ExitCode(64)
    }
    if printConfig {
      print(loaded.yaml)
      return
    }
    let configuration = loaded.configuration
    LoggingSystem.bootstrap { label in
      var handler = StreamLogHandler.standardError(label: label)
      handler.logLevel = configuration.logLevel
      return handler
    }
    let logger = Logger(label: "muster")
    for warning in loaded.warnings { logger.warning("\(warning)") }
    do {
      try await MusterServer(configuration: configuration, logger: logger).run(stopsOnSignals: true) { addresses in
        // Flushed at once: whoever started us waits for this line, through a pipe.
        StandardOutput.printLine("ready public=\(addresses.public) admin=\(addresses.admin)")
        if configuration.isDevelopment { StandardError.print(DevelopmentHint.text(addresses)) }
      }
    } catch let error as ServerError {
      StandardError.print("muster: \(error)")
      throw ExitCode(error.exitCode)
    } catch {
      logger.critical("the server failed", metadata: ["error": "\(error)"])
      throw ExitCode(1)
    }
  }

  /// The settings that the flags give.
  private func given() throws -> [String: String] {
    var given: [String: String] = [:]
    for setting in settings {
      guard let mark = setting.firstIndex(of: "="), mark > setting.startIndex else {
        throw ValidationError("--set takes NAME=VALUE, not \"\(setting)\"")
      }
      given[String(setting[..<mark])] = String(setting[setting.index(after: mark)...])
    }
    if dev { given["dev"] = "true" }
    given["listen"] = listen ?? given["listen"]
    given["admin_listen"] = adminListen ?? given["admin_listen"]
    given["data_dir"] = dataDir ?? given["data_dir"]
    given["durability"] = durability ?? given["durability"]
    given["recover"] = recover ?? given["recover"]
    given["threads"] = threads.map { "\($0)" } ?? given["threads"]
    given["log_level"] = logLevel ?? given["log_level"]
    return given
  }
}
