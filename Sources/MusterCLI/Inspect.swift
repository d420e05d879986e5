import ArgumentParser
import MusterDrill

/// `muster inspect`: what a data directory holds.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a data directory holds, and whether a server would start on it.",
    discussion: """
      Nothing is changed and no lock is taken, so it works beside a running server. The judgement about the log is that of \
      recovery itself, which is asked without letting it change anything.

      Exit codes: 0 sound, 1 something is unsound or cannot be read, 64 bad usage.
      """)

  @Argument(help: "The data directory.")
  var directory: String

  @Flag(help: "Read everything: every segment and every page, also those that a start does not need.")
  var verify = false

  @Flag(help: "Write users, sessions and records as JSON objects, one a line, behind one for the directory.")
  var dump = false

  @Flag(help: "Write the report as one JSON object instead of a table.")
  var json = false

  func validate() throws {
    guard Inspection.isDirectory(directory) else { throw ValidationError("\(directory) is no directory") }
    if dump, verify { throw ValidationError("--dump leaves out what is unsound; --verify tells of it") }
  }

  func run() throws {
    do {
      guard !dump else {
        let isSound = try Dump.run(directory) { StandardOutput.printLine(String(decoding: $0, as: UTF8.self)) }
        if !isSound { throw ExitCode.failure }
        return
      }
      let inspection = try Inspection.run(directory, verifies: verify)
      StandardOutput.printLine(json ? inspection.json : String(inspection.table.dropLast()))
      if !inspection.isSound { throw ExitCode.failure }
    } catch let error as ExitCode {
      throw error
    } catch {
      StandardError.print("muster: \(error)")
      throw ExitCode.failure
    }
  }
}
