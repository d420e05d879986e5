import MusterStorage
import Synchronization

/// Flips one bit of every byte of a small data directory, one at a time, and starts a server on each.
///
/// Every start must end in one of two ways: refused with 65, or ready with everything that was acknowledged.
///
/// A start takes a tenth of a second, so all of them take minutes. First, within seconds, every flip is looked at in this
/// process, as `muster inspect --verify` does and a server at its start: so every byte is covered by the code in question even if
/// time runs out. Servers are started on flips that this look finds nothing wrong with, or cannot judge, before all others; and a
/// server must agree with the look.
struct BitFlip {
  private let arena: Arena

  /// One byte of one file, and which bit of it.
  struct Flip: Sendable, Hashable {
    var file: Int
    var offset: Int
    var bit: UInt8
  }

  /// What the look in this process says about a flip; in the order in which servers are started.
  enum Verdict: Int, Sendable, Comparable {
    /// The file is none of storage's.
    case unknown
    case sound
    case unsound

    static func < (left: Verdict, right: Verdict) -> Bool { left.rawValue < right.rawValue }
  }

  /// What became of the flips of one lane.
  private struct Findings: Sendable {
    var refused = 0
    var recovered = 0
    var recoveries: [Duration] = []
    var losses: [Loss] = []
    var troubles: [String] = []
    var refusedByFile: [String: Int] = [:]
  }

  /// The bytes that are tried behind the last one that was written.
  private static let zerosTried = 64
  private static let lanes = 2

  init(_ arena: Arena) {
    self.arena = arena
  }

  /// Every byte once, in the order of a seed, so that a run that is cut short has started servers on a fair part of each file.
  static func plan(_ sizes: [(used: Int, size: Int)], _ random: inout SeededRandom) -> [Flip] {
    var flips: [Flip] = []
    for (file, size) in sizes.enumerated() {
      for offset in 0..<min(size.size, size.used + zerosTried) {
        flips.append(Flip(file: file, offset: offset, bit: UInt8.random(in: 0..<8, using: &random)))
      }
    }
    return flips.shuffled(using: &random)
  }

  func run() throws(DrillError) {
    var random = arena.random
    let (pristine, workers) = try prepare()
    let flips = Self.plan(pristine.files.map { ($0.bytes.count, $0.size) }, &random)
    let verdicts = try look(at: Array(flips.prefix(arena.settings.rounds ?? .max)), of: pristine)
    let planned = Self.order(verdicts)
    let done = Flipped()
    let ends = arena.ends
    let plan = arena.plan
    let directory = arena.directory
    let found = try Crew.run(Array(0..<Self.lanes)) { lane in
      var findings = Findings()
      var lanePlan = plan
      lanePlan.directory = "\(directory)/lane-\(lane)"
      lanePlan.log = "\(directory)/lane-\(lane).log"
      for index in planned.indices where index % Self.lanes == lane {
        guard !ends.hasPassed, !StopWish.isRaised, findings.losses.count + findings.troubles.count < 20 else { break }
        let (flip, verdict) = planned[index]
        do throws(DrillError) {
          try FileTree.remove(lanePlan.log)
          try Self.attempt(flip, verdict, of: pristine, lanePlan, workers, &findings)
        } catch {
          if !StopWish.isRaised { findings.troubles.append("\(Self.name(flip, pristine)): \(error)") }
        }
        done.count.add(1, ordering: .relaxed)
      }
      done.lanes.add(1, ordering: .relaxed)
      return findings
    } conduct: {
      let begin = Moment.now()
      while done.lanes.load(ordering: .relaxed) < Self.lanes {
        Moment.wait(until: .after(.milliseconds(100)))
        arena.progress.show(Self.progress(done.count.load(ordering: .relaxed), of: planned.count, since: begin))
        if StopWish.isRaised { return }
      }
    }
    report(found, flips: flips.count, verdicts, tried: done.count.load(ordering: .relaxed), pristine)
  }

  /// Where servers are started first: where nothing is known to be wrong.
  static func order(_ verdicts: [(flip: Flip, verdict: Verdict)]) -> [(flip: Flip, verdict: Verdict)] {
    [Verdict.unknown, .sound, .unsound].flatMap { verdict in verdicts.filter { $0.verdict == verdict } }
  }

  private static func progress(_ done: Int, of all: Int, since begin: Moment) -> String {
    let seconds = Moment.now().since(begin).components.seconds
    let left = done > 0 && seconds > 0 ? ", \(Int64(all - done) * seconds / Int64(done)) s left" : ""
    return "bit-flip: servers started on \(done) of \(all) flips\(left)"
  }

  private final class Flipped: Sendable {
    let count = Atomic<Int>(0)
    let lanes = Atomic<Int>(0)
  }

  private func report(
    _ found: [Findings], flips: Int, _ verdicts: [(flip: Flip, verdict: Verdict)], tried: Int, _ pristine: Pristine
  ) {
    for findings in found {
      arena.result.losses += findings.losses
      arena.result.troubles += findings.troubles
      arena.result.recoveries += findings.recoveries
      arena.result.kills += findings.recovered
    }
    let refused = found.reduce(0) { $0 + $1.refused }
    let files = pristine.files.map { "\($0.name) \($0.bytes.count)" }.joined(separator: ", ")
    arena.result.notes += [
      .init("files", "files, bytes used", .text(files)), .init("bytes", "bytes in all", .integer(flips)),
      .init("bytes_read", "bytes flipped and read", .integer(verdicts.count)),
      .init("unsound", "found unsound by reading", .integer(verdicts.count { $0.verdict == .unsound })),
      .init("bytes_flipped", "bytes flipped and started on", .integer(tried)),
      .init("refused", "refused with 65", .integer(refused)),
      .init("recovered", "recovered whole", .integer(found.reduce(0) { $0 + $1.recovered })),
    ]
  }

  // MARK: The look

  /// Looks at every flip in this process.
  private func look(at flips: [Flip], of pristine: Pristine) throws(DrillError) -> [(flip: Flip, verdict: Verdict)] {
    let directory = "\(arena.directory)/look"
    try pristine.write(to: directory)
    var verdicts: [(flip: Flip, verdict: Verdict)] = []
    for flip in flips {
      guard !StopWish.isRaised else { break }
      arena.progress.show("bit-flip: read \(verdicts.count) of \(flips.count) flips")
      verdicts.append((flip, try Self.verdict(on: flip, of: pristine, in: directory)))
    }
    try FileTree.remove(directory)
    return verdicts
  }

  /// What reading says about one flip in a copy of the directory, which is as it was afterwards.
  static func verdict(on flip: Flip, of pristine: Pristine, in directory: String) throws(DrillError) -> Verdict {
    let file = pristine.files[flip.file]
    guard Inspection.judges(file.name) else { return .unknown }
    let path = "\(directory)/\(file.name)"
    try FileTree.write(damaged(file, flip).bytes, to: path, size: file.size)
    let isSound: Bool
    do throws(DiskError) {
      isSound = try Inspection.run(directory, verifies: true, attempts: 1).isSound
    } catch {
      throw .system("\(directory): \(error)")
    }
    try FileTree.write(file.bytes, to: path, size: file.size)
    return isSound ? .sound : .unsound
  }

  private static func damaged(_ file: Pristine.File, _ flip: Flip) -> Pristine.File {
    var damaged = file
    let missing = flip.offset + 1 - file.bytes.count
    if missing > 0 { damaged.bytes += Array(repeating: 0, count: missing) }
    damaged.bytes[flip.offset] ^= 1 << flip.bit
    return damaged
  }

  // MARK: The directory

  /// A directory with a snapshot, a log behind it, and a server that was killed at rest.
  private func prepare() throws(DrillError) -> (Pristine, [Worker]) {
    var style = LoadStyle()
    style.sessionsMax = 3
    style.operationsMax = 16
    style.pipelined = 1
    var workers = arena.makeWorkers(1, style: style, users: 2)
    let server = try arena.start()
    try arena.load(&workers, on: server) { gate throws(DrillError) in
      try gate.waitForLeaves(1, by: .after(.seconds(60)))
      try Survey(server).takeSnapshot()
    }
    try arena.load(&workers, on: server) { gate throws(DrillError) in try gate.waitForLeaves(1, by: .after(.seconds(60))) }
    try arena.checkUndamaged(workers, on: server)
    try Self.waitForRest(of: arena.plan.directory)
    arena.crash(server)
    arena.count(workers)
    return (try Pristine(of: arena.plan.directory), workers)
  }

  /// Waits until the log has nothing more to write: the last group is followed by the evidence that it became durable.
  private static func waitForRest(of directory: String) throws(DrillError) {
    let deadline = Moment.after(.seconds(10))
    var last: [FileTree.Entry] = []
    var sameSince = Moment.now()
    while Moment.now().since(sameSince) < .milliseconds(1500), !deadline.hasPassed {
      let now = try FileTree.files(in: directory)
      if now != last { sameSince = .now() }
      last = now
      Moment.wait(until: .after(.milliseconds(200)))
    }
  }

  // MARK: One flip

  private static func name(_ flip: Flip, _ pristine: Pristine) -> String {
    "bit \(flip.bit) of byte \(flip.offset) of \(pristine.files[flip.file].name)"
  }

  private static func attempt(
    _ flip: Flip, _ verdict: Verdict, of pristine: Pristine, _ plan: ServerPlan, _ workers: [Worker],
    _ findings: inout Findings
  ) throws(DrillError) {
    var directory = pristine
    directory.files[flip.file] = damaged(pristine.files[flip.file], flip)
    try directory.write(to: plan.directory)
    switch try ServerProcess.attempt(plan) {
    case .ended(.code(65), let log):
      findings.refused += 1
      guard verdict == .sound else { return }
      findings.troubles.append("\(name(flip, pristine)): refused, where inspect finds nothing wrong; the server says: \(log)")
    case .ended(let exit, let log):
      findings.troubles.append("\(name(flip, pristine)): \(exit) where 65 should be; the server says: \(log)")
    case .ready(let server):
      findings.recoveries.append(server.recovery)
      if verdict == .unsound { findings.troubles.append("\(name(flip, pristine)): started, where inspect finds it unsound") }
      let survey = Survey(server)
      var losses: [Loss] = []
      for worker in workers {
        losses += worker.ledger.losses(in: try survey.observe(worker.ledger), .acknowledged)
        losses += try tokenLosses(of: worker.ledger, on: server)
      }
      if losses.isEmpty { findings.recovered += 1 }
      for var loss in losses {
        loss.subject += " (\(name(flip, pristine)))"
        findings.losses.append(loss)
      }
      server.crash()
    }
  }

  /// A session is worth nothing to a client whose token does not open it any more.
  private static func tokenLosses(of ledger: Ledger, on server: ServerProcess) throws(DrillError) -> [Loss] {
    guard let entry = ledger.sessions.first(where: { $0.phase.settled == .present }) else { return [] }
    let reply = try PresenceClient(server.publicAddress).request("hello", ["token": .string(entry.token)])
    guard reply["ok"]["resumed"].bool != true else { return [] }
    return [
      Loss(
        subject: "session \(entry.session) of \(entry.user)", part: "token", acknowledged: "resumable",
        found: "\(reply["error"])")
    ]
  }
}
