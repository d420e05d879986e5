/// Delays every sync: replies wait for the disk, heartbeats do not, and nothing is lost.
struct SlowDisk {
  private let arena: Arena
  private static let delay = Duration.milliseconds(150)

  init(_ arena: Arena) {
    self.arena = arena
  }

  func run() throws(DrillError) {
    // A slow disk cannot be had from outside without a device of one's own; a slow fdatasync can, and it is what the log waits for.
    let tool = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"]
    do throws(DrillError) {
      try Tool.run(tool + ["-e", "trace=fdatasync", "true"], log: arena.plan.log)
    } catch {
      arena.result.skipReason = "strace cannot be used here: \(error)"
      return
    }
    let microseconds = Int(Self.delay.inMilliseconds * 1000)
    arena.plan.runner =
      tool + ["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:delay_exit=\(microseconds)"]
    var random = arena.random
    var workers = arena.makeWorkers()
    defer { arena.count(workers) }
    var rounds = 0
    var slowestBeat = Duration.zero
    while arena.goesOn(after: rounds) {
      let server = try arena.start()
      try arena.verify(&workers, on: server)
      guard arena.result.losses.isEmpty else { break }
      rounds += 1
      let heart = try PresenceClient(server.publicAddress)
      let hello = try heart.request("hello", ["user": "drill-heart", "device": "bot"])
      guard !hello["ok"].isNull else { throw .server("a hello was answered with \(hello)") }
      try arena.load(&workers, on: server) { gate throws(DrillError) in
        let end = Moment.after(random.span(milliseconds: 1000...3000))
        while !end.hasPassed, !StopWish.isRaised {
          let begin = Moment.now()
          let reply = try heart.request("beat")
          if reply["ok"].isNull { throw .server("a beat was answered with \(reply)") }
          slowestBeat = max(slowestBeat, Moment.now().since(begin))
          arena.wait(until: .after(.milliseconds(20)), gate, "round \(rounds)")
        }
        gate.expectEnd()
        arena.crash(server)
      }
      arena.acknowledgedBefore = workers.reduce(0) { $0 + $1.ledger.acknowledged }
    }
    if arena.result.losses.isEmpty, arena.result.troubles.isEmpty, !StopWish.isRaised {
      let server = try arena.start()
      try arena.verify(&workers, on: server)
      server.crash()
    }
    arena.result.notes += [
      .init("sync_delay_ms", "added to each sync", .span(Self.delay)),
      .init("beat_max_ms", "slowest heartbeat", .span(slowestBeat)), .init("rounds", "rounds", .integer(rounds)),
    ]
  }
}
