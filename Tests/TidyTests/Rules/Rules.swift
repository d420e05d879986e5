extension Rule {
  static let imports = Rule(
    name: "imports",
    sentence: "A target imports what the table allows, and nothing else",
    bad: [
      Sample(in: "Sources/MusterEngine/Sample.swift", "import Foundation"),
      Sample(in: "Sources/MusterEngine/Sample.swift", "package import MusterWire"),
      Sample(in: "Sources/MusterWire/Sample.swift", "@preconcurrency import NIOCore"),
      Sample(in: "Sources/MusterGateway/Sample.swift", "private import struct MusterHTTP.Route"),
      Sample(in: "Sources/MusterNovel/Sample.swift", "let a = 1"),
      Sample(in: "Tests/MusterWireTests/Sample.swift", "@testable import MusterEngine"),
    ],
    good: [
      Sample(in: "Sources/MusterEngine/Sample.swift", "package import MusterModel\nimport Synchronization\n// import NIOCore"),
      Sample(in: "Sources/MusterGateway/Sample.swift", "import NIOCore\nimport NIOHTTP1\nlet a = \"\nimport Foundation\n\""),
      Sample(in: "Tests/MusterWireTests/Sample.swift", "import MusterWire\nimport MusterTestKit\nimport Testing"),
    ]
  ) { ImportTable.muster.check($0) }

  /// Every rule that looks at one source at a time.
  static let all: [Rule] = [
    imports, fileLength, functionLength, vagueNames, publicNames, testNames, promises, pointers, traps, forcedUnwraps, clocks,
    sleeps, shards, states,
  ]

  /// What stands against a rule for a reason.
  ///
  /// One that nothing needs any more is itself a failure.
  static let exemptions: [Exemption] = [
    Exemption(
      rule: "clocks", path: "Sources/MusterServer/SystemClock.swift",
      reason: "This is the clock."),
    Exemption(
      rule: "clocks", path: "Sources/MusterBench/Measure/MonotonicTime.swift",
      reason: "This is the clock of the load generator, which measures a server from outside."),
    Exemption(
      rule: "clocks", path: "Sources/MusterBench/Measure/ServerProcess.swift",
      reason: "It reads how much CPU time a process has used, not what time it is."),
    Exemption(
      rule: "clocks", path: "Sources/MusterDrill/Process/Moment.swift",
      reason: "This is the clock of the drills, which measure a server from outside."),
    Exemption(
      rule: "clocks", path: "Sources/MusterGateway/PlaneEdge.swift",
      reason: "Transports keep the timeouts of sockets on their loop's own clock; nothing of presence depends on it."),
    Exemption(
      rule: "clocks", path: "Sources/MusterReactor/ReactorClock.swift",
      reason: "Transports keep the timeouts of sockets and the rhythm of turns on a clock of their own."),
    Exemption(
      rule: "clocks", path: "Sources/MusterServer/DrainService.swift",
      reason: "A process that stops waits for its own threads, whatever the engine's clock says."),
    Exemption(
      rule: "clocks", path: "Sources/MusterServer/RecoveryProgress.swift",
      reason: "It decides how often an operator is told how far a recovery is."),
    Exemption(
      rule: "clocks", path: "Sources/MusterStorage/Snapshot/Storage.swift",
      reason: "It measures how long the parts of a recovery took, for operators."),
    Exemption(
      rule: "clocks", path: "Sources/MusterStorage/Snapshot/StoragePorts.swift",
      reason: "It is the stopwatch that keeps a capture from taking too much of a turn."),
    Exemption(
      rule: "clocks", path: "Sources/MusterHTTP/AdminAPI.swift",
      reason: "The uptime is shown to operators and decides nothing."),
    Exemption(
      rule: "sleeps", path: "Tests/InteropTests/Process/Deadline.swift",
      reason: "What happens in another process cannot be subscribed to; this is the one place that asks again after a while."),
  ]
}
