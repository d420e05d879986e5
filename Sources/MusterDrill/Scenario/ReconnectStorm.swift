/// Kills the server under many sessions that do nothing but be there.
///
/// All of them come back, and an observer hears nothing.
struct ReconnectStorm {
  private let arena: Arena
  /// Small enough that every join and leave would be announced by name.
  private static let sessionsPerChannel = 100

  init(_ arena: Arena) {
    self.arena = arena
  }

  /// One thread's sessions: their tokens, and what was wrong with them.
  private struct Share: Sendable {
    var indices: [Int]
    var tokens: [Int: String] = [:]
    var acknowledged = 0
    var losses: [Loss] = []
    var troubles: [String] = []
    /// When the last one was in.
    var finished = Moment.now()
  }

  private static func channel(of index: Int) -> String { "storm:\(index / sessionsPerChannel)" }

  func run() throws(DrillError) {
    let count = arena.settings.sessions
    let channels = Set((0..<count).map(Self.channel)).sorted()
    var shares = (0..<arena.settings.workers).map { worker in
      Share(indices: (0..<count).filter { $0 % arena.settings.workers == worker })
    }
    var rounds = 0
    var storms: [Duration] = []
    var server = try arena.start()
    // The first round logs in; from then on the server dies under them and they come back.
    while true {
      let isStorm = rounds > 0
      let observer = isStorm ? try Observer(server, channels: channels) : nil
      let begin = Moment.now()
      shares = try storm(shares, server, "round \(rounds)") { () throws(DrillError) in
        guard let observer else { return }
        arena.result.events = (arena.result.events ?? 0) + (try observer.countEvents(quietFor: .seconds(2)))
      }
      if isStorm { storms.append(shares.map(\.finished).max()?.since(begin) ?? .zero) }
      collect(&shares)
      try countMembers(channels, of: count, on: server)
      guard arena.goesOn(after: rounds, of: 3), arena.result.events ?? 0 == 0 else { break }
      rounds += 1
      arena.crash(server)
      server = try arena.start()
    }
    try server.stop()
    arena.result.notes += [.init("sessions", "sessions", .integer(count)), .init("rounds", "storms", .integer(rounds))]
    if let longest = storms.max() {
      arena.result.notes.append(.init("all_back_max_ms", "all back within, at most", .span(longest)))
    }
  }

  /// Connects every session of every share, and keeps the connections until `watch` has returned.
  private func storm(
    _ shares: [Share], _ server: ServerProcess, _ what: String, watch: () throws(DrillError) -> Void
  ) throws(DrillError) -> [Share] {
    let gate = LoadGate()
    let address = server.publicAddress
    return try Crew.run(shares) { share in
      var share = share
      var clients: [PresenceClient] = []
      do throws(DrillError) {
        for index in share.indices where !gate.isOver {
          clients.append(try Self.enter(index, &share, address))
          gate.count(acknowledged: 1)
        }
      } catch {
        share.troubles.append("\(error)")
      }
      share.finished = .now()
      gate.arrive()
      gate.waitUntilOpen()
      return share
    } conduct: { () throws(DrillError) in
      defer { gate.end() }
      while true {
        do throws(DrillError) {
          try gate.waitForArrivals(shares.count, by: .after(.milliseconds(200)))
          break
        } catch {
          guard !arena.ends.advanced(by: .seconds(120)).hasPassed else { throw error }
          arena.progress.show("reconnect-storm: \(what), \(gate.acknowledgedCount) of \(arena.settings.sessions) sessions")
        }
      }
      try watch()
    }
  }

  private static func enter(
    _ index: Int, _ share: inout Share, _ address: SocketAddress
  ) throws(DrillError) -> PresenceClient {
    let client = try PresenceClient(address)
    if let token = share.tokens[index] {
      let reply = try client.request("hello", ["token": .string(token)])
      if reply["ok"]["resumed"].bool == true {
        share.acknowledged += 1
      } else {
        share.losses.append(
          Loss(subject: "session \(index)", part: "token", acknowledged: "resumable", found: "\(reply["error"])"))
      }
      return client
    }
    let reply = try client.request("hello", ["user": .string("storm-\(index)"), "device": "bot"])
    guard let token = reply["ok"]["session_token"].string else { throw .server("a hello was answered with \(reply)") }
    let joined = try client.request("join", ["channel": .string(channel(of: index)), "list": 0])
    guard !joined["ok"].isNull else { throw .server("a join was answered with \(joined)") }
    share.tokens[index] = token
    share.acknowledged += 2
    return client
  }

  private func collect(_ shares: inout [Share]) {
    for index in shares.indices {
      arena.result.losses += shares[index].losses
      arena.result.troubles += shares[index].troubles
      arena.result.acknowledged += shares[index].acknowledged
      shares[index].losses = []
      shares[index].troubles = []
      shares[index].acknowledged = 0
    }
  }

  /// Every channel must have as many members as went in.
  private func countMembers(_ channels: [String], of count: Int, on server: ServerProcess) throws(DrillError) {
    guard !StopWish.isRaised, arena.result.troubles.isEmpty else { return }
    let survey = Survey(server)
    for channel in channels {
      let expected = (0..<count).count { Self.channel(of: $0) == channel }
      let found = try survey.occupancy(of: channel)
      if found != expected {
        arena.result.losses.append(
          Loss(subject: "channel \(channel)", part: "users", acknowledged: "\(expected)", found: "\(found)"))
      }
    }
  }
}
