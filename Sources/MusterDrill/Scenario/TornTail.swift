/// Cuts the end of the log at random places, as a disk does that lost power in the middle of a write.
///
/// What was acknowledged at one moment has to be there, wherever behind that moment the file ends. What came later may be there
/// as far as the cut, and what is there must be something that was sent.
struct TornTail {
  private let arena: Arena

  /// What is left behind the cut.
  enum Rest: String, Sendable, CaseIterable {
    /// Nothing: the file ends.
    case nothing
    /// What was preallocated.
    case zeros
    /// What the medium made of a half-written block.
    case garbage
  }

  /// Where a segment is cut, and how.
  struct Cut: Sendable, Hashable {
    var offset: Int
    var rest: Rest
    var garbage: [UInt8]
  }

  private static let cutsPerRound = 12

  init(_ arena: Arena) {
    self.arena = arena
  }

  /// The cut of a seed, between two offsets; half of them near the end, where groups are torn.
  static func plan(from start: Int, to end: Int, _ random: inout SeededRandom) -> Cut {
    let low = random.happens(50) ? max(start, end - 600) : start
    let offset = Int.random(in: low...max(low, end), using: &random)
    let rest = Rest.allCases.randomElement(using: &random) ?? .nothing
    let count = rest == .garbage ? Int.random(in: 1...512, using: &random) : 0
    return Cut(offset: offset, rest: rest, garbage: (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
  }

  func run() throws(DrillError) {
    var random = arena.random
    var rounds = 0
    var cuts = 0
    while arena.goesOn(after: rounds) {
      rounds += 1
      arena.beginAnew()
      arena.plan.directory = "\(arena.directory)/data-\(rounds)"
      var workers = arena.makeWorkers(2, generation: rounds)
      let server = try arena.start()
      try arena.load(&workers, on: server) { gate throws(DrillError) in
        arena.wait(until: .after(random.span(milliseconds: 200...600)), gate, "round \(rounds), before the mark")
      }
      try arena.checkUndamaged(workers, on: server)
      for index in workers.indices { workers[index].ledger.mark() }
      let before = try Pristine(of: arena.plan.directory)
      try arena.load(&workers, on: server) { gate throws(DrillError) in
        arena.wait(until: .after(random.span(milliseconds: 200...600)), gate, "round \(rounds), behind the mark")
        gate.expectEnd()
        arena.crash(server)
      }
      arena.count(workers)
      let after = try Pristine(of: arena.plan.directory)
      guard let segment = after.lastSegment else { throw .server("there is no segment in \(arena.plan.directory)") }
      // In a segment that was begun behind the mark, anything may be missing.
      let start = before.files.first { $0.name == after.files[segment].name }?.bytes.count ?? 0
      for _ in 0..<Self.cutsPerRound where arena.goesOn(after: 0) {
        cuts += 1
        let cut = Self.plan(from: start, to: after.files[segment].bytes.count, &random)
        try attempt(cut, of: after, segment, workers)
      }
      if !arena.settings.keeps, arena.result.losses.isEmpty { try FileTree.remove(arena.plan.directory) }
    }
    arena.result.notes.append(.init("cuts", "cuts", .integer(cuts)))
  }

  private func attempt(_ cut: Cut, of pristine: Pristine, _ segment: Int, _ workers: [Worker]) throws(DrillError) {
    var damaged = pristine
    let file = pristine.files[segment]
    damaged.files[segment].bytes = Array(file.bytes.prefix(cut.offset)) + cut.garbage
    if cut.rest == .nothing { damaged.files[segment].size = cut.offset }
    var plan = arena.plan
    plan.directory = "\(arena.directory)/cut"
    try damaged.write(to: plan.directory)
    let place = "\(file.name) cut at \(cut.offset) of \(file.bytes.count), then \(cut.rest.rawValue)"
    switch try ServerProcess.attempt(plan) {
    case .ended(let exit, let log):
      arena.result.troubles.append("\(place): the server did not start (\(exit)); it says: \(log)")
    case .ready(let server):
      arena.result.recoveries.append(server.recovery)
      for var loss in try arena.losses(of: workers, on: server, .sinceMark) {
        loss.subject += " (\(place))"
        arena.result.losses.append(loss)
      }
      arena.crash(server)
    }
    arena.progress.show("torn-tail: \(arena.result.recoveries.count) cuts, \(arena.result.losses.count) lost")
  }
}
