/// Starts the server on a copy of every released format's data directory.
///
/// Such a directory holds `expected.json`: counters of `GET /v1/stats` by name, and, where sessions expire before long, under `clock`
/// the wall time at which the counters are true (`"@2026-11-21 12:00:00"`, as libfaketime takes it). Directories without it hold
/// single files for the tests of the readers, and no server is started on them.
///
/// What session tokens are made with is a secret and not kept; the server is given another one in its place.
struct Upgrade {
  private let arena: Arena
  private static let expectations = "expected.json"
  private static let keyFile = "token.key"

  init(_ arena: Arena) {
    self.arena = arena
  }

  func run() throws(DrillError) {
    let golden = arena.settings.golden
    let names =
      FileTree.exists(golden)
      ? try FileTree.names(in: golden).filter { FileTree.exists("\(golden)/\($0)/\(Self.expectations)") } : []
    guard !names.isEmpty else {
      arena.result.skipReason = "there are no directories of released formats, with \(Self.expectations), in \(golden)"
      return
    }
    var checked = 0
    for name in names where !StopWish.isRaised {
      arena.progress.show("upgrade: \(name)")
      if try attempt(name, in: golden) { checked += 1 }
    }
    arena.result.notes += [
      .init("directories", "directories", .integer(names.count)), .init("checked", "checked", .integer(checked)),
    ]
    if checked == 0, arena.result.troubles.isEmpty {
      arena.result.skipReason = "libfaketime is not installed, and sessions of then have expired by now"
    }
  }

  /// - Returns: Whether it could be checked here.
  private func attempt(_ name: String, in golden: String) throws(DrillError) -> Bool {
    let source = "\(golden)/\(name)"
    let bytes = try FileTree.read("\(source)/\(Self.expectations)")
    var expected: [String: JSONValue]
    do {
      expected = try JSONValue(parsing: bytes).members
    } catch {
      throw .system("\(source)/\(Self.expectations): \(error)")
    }
    var plan = arena.plan
    plan.directory = "\(arena.directory)/\(name)"
    plan.log = "\(arena.directory)/\(name).log"
    if !FileTree.exists("\(source)/\(Self.keyFile)") {
      plan.settings["token_secret"] = "a secret for this drill alone, worth nothing to anybody"
    }
    if let clock = expected.removeValue(forKey: "clock")?.string {
      guard let library = Tool.fakeTimeLibrary else { return false }
      Tool.fakeTime(clock, library: library, for: &plan)
    }
    try FileTree.copy(source, to: plan.directory)
    try? FileTree.remove("\(plan.directory)/\(Self.expectations)")
    arena.result.acknowledged += expected.values.reduce(0) { $0 + Int($1.integer ?? 0) }
    // Once from the old format, and once from what the server has made of it.
    for start in ["the old format", "what became of it"] {
      switch try ServerProcess.attempt(plan) {
      case .ended(let exit, let log):
        arena.result.troubles.append("\(name), \(start): the server did not start (\(exit)); it says: \(log)")
        return true
      case .ready(let server):
        arena.result.recoveries.append(server.recovery)
        for (counter, value) in expected.sorted(by: { $0.key < $1.key }) {
          let found = try Survey(server).counter(counter)
          guard found != value.integer else { continue }
          arena.result.losses.append(
            Loss(subject: "\(name), \(start)", part: counter, acknowledged: "\(value)", found: found.map { "\($0)" } ?? "none"))
        }
        try server.stop()
      }
    }
    return true
  }
}
