import ArgumentParser

/// `muster`: the presence server and its tools.
@main
struct MusterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "muster",
    abstract: "Muster answers one question, fast and truthfully: who is here, right now?",
    discussion: """
      Try it on this machine:
        muster serve --dev
      It listens on loopback only, believes whoever says who they are, and prints what to paste next.
      """,
    subcommands: [Serve.self, Bench.self, DrillCommand.self, InspectCommand.self])
}
