import Foundation
import Testing

/// A client that nobody here wrote, and the script that drives it.
enum ForeignClient: String, CaseIterable, CustomTestStringConvertible {
  case python = "Python websockets"
  case node = "node ws"
  case chromium = "Chromium"

  /// What each client must find in the scenario, so that a script which skips a part does not pass.
  static let scenario: Set = [
    "hello", "join", "diff", "list", "beat", "update", "status", "invisible", "data", "watch", "signal", "leave", "resume", "bye",
    "logout", "kick",
  ]

  var testDescription: String { rawValue }

  private static let scripts = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Clients")

  /// Starts the client in one of the modes of `Clients/scenario.js`: `scenario`, `idle` or `drain`.
  func start(_ mode: String, against server: Server) throws -> ChildProcess {
    let root = Self.scripts.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let script = Self.scripts.appending(path: script).path
    let environment = ["NODE_PATH": "/usr/share/nodejs", "PYTHONDONTWRITEBYTECODE": "1"]
    let program =
      switch self {
      case .python: root.appending(path: ".build/venv/bin/python3").path
      case .node: "node"
      case .chromium: "python3"
      }
    do {
      return try ChildProcess(
        [program, script, mode, "ws://\(server.public.text)", "http://\(server.admin.text)"], environment: environment,
        ownsGroup: true)
    } catch {
      throw TimedOut(what: "\(rawValue), which `.ci/install test` installs: \(error)")
    }
  }

  private var script: String {
    switch self {
    case .python: "python_websockets.py"
    case .node: "node_ws.js"
    case .chromium: "chromium.py"
    }
  }

  /// Reads the verdict of a client and expects that it made exactly these checks and that all of them held.
  func expectVerdict(of process: ChildProcess, checks expected: Set<String>) throws {
    let output = try process.readToEnd("the verdict of \(rawValue)", by: .after(.seconds(180)))
    let exit = try process.waitForExit(by: .after())
    try #require(exit == .code(0), "\(rawValue) ended with \(exit):\n\(process.log)")
    let verdict = try JSON(parsing: String(output.split(separator: "\n").last ?? ""))
    for check in verdict["checks"].array {
      let name = check["name"].string ?? "?"
      #expect(check["ok"] == .bool(true), "\(rawValue): \(name): \(check["detail"].string ?? "")")
    }
    #expect(Set(verdict["checks"].array.compactMap(\.["name"].string)) == expected)
  }
}
