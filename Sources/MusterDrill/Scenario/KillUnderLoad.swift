/// Kills the server at random moments while clients change everything, and holds what comes back against what was acknowledged.
struct KillUnderLoad {
  private let arena: Arena

  init(_ arena: Arena) {
    self.arena = arena
  }

  /// When what happens in a round.
  struct Round: Sendable, Hashable {
    /// After the load has begun.
    var killAfter: Duration
    /// After the load has begun; `nil` for a round without.
    var snapshotAfter: Duration?
  }

  /// The round of a seed.
  static func plan(_ random: inout SeededRandom) -> Round {
    let kill = random.span(milliseconds: 50...1500)
    // Half of the snapshots begin shortly before the end, so that kills hit them at work.
    let lead = random.span(milliseconds: random.happens(50) ? 0...30 : 0...1500)
    return Round(killAfter: kill, snapshotAfter: random.happens(60) ? max(.zero, kill - lead) : nil)
  }

  func run() throws(DrillError) {
    var random = arena.random
    var workers = arena.makeWorkers()
    defer { arena.count(workers) }
    var rounds = 0
    var snapshots = 0
    while arena.goesOn(after: rounds) {
      let server = try arena.start()
      try arena.verify(&workers, on: server)
      guard arena.result.losses.isEmpty else { break }
      rounds += 1
      let observer = try Observer(server)
      let round = Self.plan(&random)
      try arena.load(&workers, on: server, observer: observer) { gate throws(DrillError) in
        let begin = Moment.now()
        let end = begin.advanced(by: round.killAfter)
        var request: SnapshotRequest?
        if let after = round.snapshotAfter {
          arena.wait(until: begin.advanced(by: after), gate, "round \(rounds)")
          request = try SnapshotRequest(server)
          snapshots += 1
        }
        arena.wait(until: end, gate, "round \(rounds)")
        gate.expectEnd()
        arena.crash(server)
        // The connection is open until here: who asked for the snapshot did not go away before the server.
        _ = consume request
      }
      arena.acknowledgedBefore = workers.reduce(0) { $0 + $1.ledger.acknowledged }
    }
    if arena.result.losses.isEmpty, arena.result.troubles.isEmpty, !StopWish.isRaised {
      try finish(&workers)
    }
    arena.result.notes += [
      .init("rounds", "rounds", .integer(rounds)), .init("snapshots_requested", "snapshots asked for", .integer(snapshots)),
    ]
  }

  /// In the end it must also take a snapshot in peace, stop as asked, and come back from that.
  private func finish(_ workers: inout [Worker]) throws(DrillError) {
    for _ in 0..<2 {
      let server = try arena.start()
      try arena.verify(&workers, on: server)
      try Survey(server).takeSnapshot()
      try server.stop()
    }
  }
}

/// Asks for a snapshot and does not wait for the answer.
final class SnapshotRequest {
  private let socket: Socket

  init(_ server: ServerProcess) throws(DrillError) {
    socket = try Socket(server.adminAddress)
    let text = "POST /v1/admin/snapshot HTTP/1.1\r\nHost: \(server.adminAddress)\r\nContent-Length: 0\r\n\r\n"
    try socket.send(Array(text.utf8), by: .after(PresenceClient.patience))
  }
}
