import Glibc

/// The recovery drills: what they are called, and what they show.
package enum DrillName: String, Sendable, CaseIterable {
  case killUnderLoad = "kill-under-load"
  case tornTail = "torn-tail"
  case bitFlip = "bit-flip"
  case fullDisk = "full-disk"
  case slowDisk = "slow-disk"
  case reconnectStorm = "reconnect-storm"
  case clockJump = "clock-jump"
  case upgrade

  /// What it does, in one sentence.
  package var sentence: String {
    switch self {
    case .killUnderLoad: "kill the server at random moments while clients change everything, also during snapshots"
    case .tornTail: "cut the end of the log at random places, as a loss of power does"
    case .bitFlip: "flip a bit of every byte of a small directory, one at a time"
    case .fullDisk: "fill the disk (a tmpfs; needs root), then make room again"
    case .slowDisk: "delay every sync of the disk (needs strace)"
    case .reconnectStorm: "kill the server under many sessions; all come back, and nobody must notice"
    case .clockJump: "restart with the clock a day ahead and a day behind (needs libfaketime)"
    case .upgrade: "start on the data directories of every released format"
    }
  }

  /// How long it goes on when nobody says.
  package var secondsDefault: Int {
    switch self {
    case .killUnderLoad: 30
    case .tornTail, .slowDisk: 20
    case .bitFlip: 1800
    case .fullDisk: 60
    case .reconnectStorm, .clockJump, .upgrade: 60
    }
  }
}

/// How a drill is to be done.
package struct DrillSettings: Sendable {
  /// The program under test.
  package var binary: String
  package var seed: UInt64
  /// When no new round begins; `nil` is the scenario's own.
  package var seconds: Int?
  /// How many rounds at the most; `nil` is the scenario's own.
  package var rounds: Int?
  /// Whether the directory stays.
  package var keeps = false
  /// Where the temporary directory is made.
  package var parent = "/tmp"
  /// Threads of the load.
  package var workers = 4
  /// Sessions of the reconnect storm.
  package var sessions = 1000
  /// Where the directories of released formats are.
  package var golden = "snapshots/golden"
  /// Further settings of the server.
  package var serverSettings: [String: String] = [:]

  package init(binary: String, seed: UInt64) {
    self.binary = binary
    self.seed = seed
  }

  /// Makes sure that the settings fit their bounds.
  package func check() throws(DrillError) {
    func within(_ name: String, _ value: Int?, _ range: ClosedRange<Int>) throws(DrillError) {
      guard let value, !range.contains(value) else { return }
      throw .usage("\(name) must be from \(range.lowerBound) to \(range.upperBound), not \(value)")
    }
    try within("--seconds", seconds, 1...86_400)
    try within("--rounds", rounds, 1...1_000_000)
    try within("--workers", workers, 1...64)
    try within("--sessions", sessions, 1...20_000)
    guard access(binary, X_OK) == 0 else { throw .usage("--binary \(binary) is no program that can be run") }
    guard FileTree.exists(parent) else { throw .usage("--directory \(parent) does not exist") }
  }
}

/// Runs drills.
package enum Drill {
  /// Runs one drill against real server processes on a directory of its own.
  ///
  /// Blocks until it is done. Whatever it started has ended when it returns, and its directory is gone unless it is to be kept, or
  /// something was lost and somebody has to look at it.
  package static func run(_ name: DrillName, _ settings: DrillSettings, _ progress: Progress) -> DrillResult {
    let begin = Moment.now()
    var result = DrillResult(scenario: name.rawValue, seed: settings.seed)
    do throws(DrillError) {
      let arena = try Arena(name, settings, progress)
      do throws(DrillError) {
        switch name {
        case .killUnderLoad: try KillUnderLoad(arena).run()
        case .tornTail: try TornTail(arena).run()
        case .bitFlip: try BitFlip(arena).run()
        case .fullDisk: try FullDisk(arena).run()
        case .slowDisk: try SlowDisk(arena).run()
        case .reconnectStorm: try ReconnectStorm(arena).run()
        case .clockJump: try ClockJump(arena).run()
        case .upgrade: try Upgrade(arena).run()
        }
      } catch {
        // A server that was interrupted owes nothing.
        if !StopWish.isRaised { arena.result.troubles.append("\(error)") }
      }
      try arena.close()
      result = arena.result
    } catch {
      result.troubles.append("\(error)")
    }
    progress.clear()
    result.isInterrupted = StopWish.isRaised
    result.elapsed = Moment.now().since(begin)
    return result
  }
}
