/// Restarts the server with its wall clock a day ahead, right, and a day behind, with changes made under each.
struct ClockJump {
  private let arena: Arena
  private static let clocks = ["+1d", "+0", "-1d", "+0"]

  init(_ arena: Arena) {
    self.arena = arena
  }

  func run() throws(DrillError) {
    guard let library = Tool.fakeTimeLibrary else {
      arena.result.skipReason = "libfaketime is not installed"
      return
    }
    var random = arena.random
    var workers = arena.makeWorkers()
    defer { arena.count(workers) }
    var rounds = 0
    while arena.goesOn(after: rounds, of: 2 * Self.clocks.count + 1) {
      // The first start has the true time; a jump comes with a restart.
      let clock = rounds == 0 ? "+0" : Self.clocks[(rounds - 1) % Self.clocks.count]
      var plan = arena.plan
      if clock != "+0" { Tool.fakeTime(clock, library: library, for: &plan) }
      let server = try arena.start(plan)
      try arena.verify(&workers, on: server)
      guard arena.result.losses.isEmpty else { break }
      rounds += 1
      let observer = try Observer(server)
      try arena.load(&workers, on: server, observer: observer) { gate throws(DrillError) in
        arena.wait(until: .after(random.span(milliseconds: 300...900)), gate, "the clock at \(clock)")
        gate.expectEnd()
        arena.crash(server)
        Tool.removeFakeTimeTraces(of: server.process.pid)
      }
    }
    if arena.result.losses.isEmpty, arena.result.troubles.isEmpty, !StopWish.isRaised {
      let server = try arena.start()
      try arena.verify(&workers, on: server)
      try server.stop()
    }
    arena.result.notes.append(.init("jumps", "jumps of the clock", .integer(max(0, rounds - 1))))
  }
}
