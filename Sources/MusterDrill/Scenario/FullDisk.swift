import Glibc

/// Fills the disk under a working server: changes are refused, everything else goes on, and it recovers by itself.
struct FullDisk {
  private let arena: Arena
  /// Small, so that the room that the log has taken in advance is used up soon.
  private static let segmentBytes = 32 << 20
  /// Room for the two segments that are there when it fills up, and for three more when there is room again.
  private static let megabytes = 176

  init(_ arena: Arena) {
    self.arena = arena
  }

  func run() throws(DrillError) {
    guard geteuid() == 0 else {
      arena.result.skipReason = "only root can mount a tmpfs"
      return
    }
    let disk = "\(arena.directory)/disk"
    try FileTree.makeDirectory(disk)
    do throws(DrillError) {
      try Tool.run(["mount", "-t", "tmpfs", "-o", "size=\(Self.megabytes)m,mode=0700", "tmpfs", disk], log: arena.plan.log)
    } catch {
      arena.result.skipReason = "a tmpfs cannot be mounted here: \(error)"
      return
    }
    arena.plan.directory = "\(disk)/data"
    arena.plan.settings["segment_bytes"] = "\(Self.segmentBytes)"
    let outcome = Result { () throws(DrillError) in try drill(on: disk) }
    // Nobody has a file open in it any more: every server has ended with its value.
    try Tool.run(["umount", disk], log: arena.plan.log)
    try outcome.get()
  }

  private func drill(on disk: String) throws(DrillError) {
    var style = LoadStyle()
    style.toleratesUnavailable = true
    var workers = arena.makeWorkers(style: style)
    defer { arena.count(workers) }
    let server = try arena.start()
    try arena.load(&workers, on: server) { gate throws(DrillError) in
      arena.wait(until: .after(.seconds(1)), gate, "with room")
    }
    try arena.checkUndamaged(workers, on: server)
    let refused = try fill(disk, &workers, server)
    guard refused > 0 else {
      throw .server("the disk is full, and no change was refused within \(arena.settings.seconds ?? arena.name.secondsDefault) s")
    }
    try checkReads(workers, on: server)
    let ballast = "\(disk)/ballast"
    try FileTree.remove(ballast)
    // Little, so that what waits for room does not use it up.
    setFiller(1, &workers)
    let waited = try waitForRoom(&workers, server)
    setFiller(0, &workers)
    try arena.load(&workers, on: server) { gate throws(DrillError) in
      arena.wait(until: .after(.seconds(1)), gate, "with room again")
      gate.expectEnd()
      arena.crash(server)
    }
    let next = try arena.start()
    try arena.verify(&workers, on: next)
    try next.stop()
    arena.result.notes += [
      .init("refused", "refused with unavailable", .integer(refused)),
      .init("recovered_after_ms", "acknowledged again after making room", .span(waited)),
    ]
  }

  private func setFiller(_ bytes: Int, _ workers: inout [Worker]) {
    for index in workers.indices {
      workers[index].style.fillerBytes = bytes
      workers[index].style.changesSessions = bytes == 0
    }
  }

  /// Takes all room, and writes until the log needs more than it had set aside.
  private func fill(_ disk: String, _ workers: inout [Worker], _ server: ServerProcess) throws(DrillError) -> Int {
    let ballast = open("\(disk)/ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard ballast >= 0 else { throw .call("make the ballast") }
    defer { close(ballast) }
    let block = [UInt8](repeating: 0x6d, count: 1 << 16)
    for size in [block.count, 4096, 1] {
      while write(ballast, block, size) > 0 {}
      guard errno == ENOSPC else { throw .call("fill the disk") }
    }
    setFiller(7000, &workers)
    var refused = 0
    try arena.load(&workers, on: server) { gate throws(DrillError) in
      while gate.refusedCount < 20, !arena.ends.hasPassed, !StopWish.isRaised {
        arena.wait(until: .after(.milliseconds(100)), gate, "full")
      }
      refused = gate.refusedCount
    }
    return refused
  }

  /// Reads and heartbeats must not care.
  private func checkReads(_ workers: [Worker], on server: ServerProcess) throws(DrillError) {
    let sessions = try Survey(server).counter("sessions") ?? 0
    let known = workers.flatMap(\.ledger.sessions)
    guard sessions > 0, let entry = known.first(where: { $0.phase.settled == .present && !$0.phase.isUncertain }) else {
      throw .server("with a full disk, GET /v1/stats tells of \(sessions) sessions")
    }
    let client = try PresenceClient(server.publicAddress)
    // A session that is there already comes back without anything being logged.
    let hello = try client.request("hello", ["token": .string(entry.token)])
    guard hello["ok"]["resumed"].bool == true else {
      throw .server("with a full disk, a session cannot come back: \(hello)")
    }
    let requests: [(String, [String: JSONValue])] = [
      ("beat", [:]), ("count", ["channel": "drill:0"]), ("users", ["ids": [.string(entry.user)]]), ("data", [:]),
    ]
    for (op, members) in requests {
      let reply = try client.request(op, members)
      if reply["ok"].isNull { arena.result.troubles.append("with a full disk, \(op) was answered with \(reply["error"])") }
    }
  }

  /// How long it takes until a change is acknowledged again.
  private func waitForRoom(_ workers: inout [Worker], _ server: ServerProcess) throws(DrillError) -> Duration {
    let begin = Moment.now()
    let admin = HTTPClient(server.adminAddress)
    try arena.load(&workers, on: server) { gate throws(DrillError) in
      let deadline = begin.advanced(by: .seconds(60))
      // What changes nothing is acknowledged with a full disk too, so the log itself is asked first.
      while try admin.request("GET", "/v1/stats").body["storage"]["status"].string != "accepting", !StopWish.isRaised {
        if deadline.hasPassed { throw .server("60 s after there is room again, the log takes nothing") }
        arena.wait(until: .after(.milliseconds(20)), gate, "waiting for the server to notice the room")
      }
      // The sessions that come back count too, so it takes more than their number.
      let resumed = gate.acknowledgedCount
      while gate.acknowledgedCount <= resumed + 8, !StopWish.isRaised {
        if deadline.hasPassed { throw .server("60 s after there is room again, no change is acknowledged") }
        arena.wait(until: .after(.milliseconds(20)), gate, "waiting for the server to notice the room")
      }
    }
    return Moment.now().since(begin)
  }
}
