import Glibc
import MusterBench
import Testing

/// Whole loads over real sockets, a fraction of a second each; one after another, since each has its own threads.
@Suite(.serialized)
struct LoadTests {
  /// `patience` is short where something is expected never to come.
  private func settings(
    _ server: LoopbackServer, connections: Int = 6, threads: Int = 1, patience: Duration = .seconds(5)
  ) -> LoadSettings {
    var settings = LoadSettings()
    settings.url = server.url
    settings.connections = connections
    settings.threads = threads
    settings.connectsPerSecond = nil
    settings.timeout = patience
    settings.settling = .milliseconds(20)
    return settings
  }

  private func beat(
    _ server: LoopbackServer, _ mode: BeatLoad.Mode, threads: Int = 1, patience: Duration = .seconds(5)
  ) throws -> Report {
    try BeatLoad(
      settings: settings(server, threads: threads, patience: patience), mode: mode, warmUp: .milliseconds(20),
      duration: .milliseconds(100)
    ).run()
  }

  private func fanout(
    _ server: LoopbackServer, threads: Int = 1, patience: Duration = .seconds(5)
  ) throws -> Report {
    try FanoutLoad(
      settings: settings(server, threads: threads, patience: patience), observers: 5, actors: 2, perSecond: 100,
      channel: "bench:t", warmUp: .milliseconds(20), duration: .milliseconds(200)
    ).run()
  }

  private func churn(_ server: LoopbackServer, threads: Int = 1) throws -> Report {
    try ChurnLoad(
      settings: settings(server, threads: threads), perSecond: 500, channels: 5, channelsPerConnection: 3,
      channelPrefix: "bench:t", seed: 7, warmUp: .milliseconds(20), duration: .milliseconds(200)
    ).run()
  }

  /// A figure of a report, by section and key.
  private func figure(_ report: Report, _ section: String, _ key: String) throws -> Int {
    let fields = try #require(report.sections.first { $0.key == section }).fields
    switch try #require(fields.first { $0.key == key }, "\(key) in \(fields.map(\.key))").value {
    case .integer(let number): return number
    case .latency(let summary): return summary.count
    default:
      Issue.record("\(key) is no number")
      return 0
    }
  }

  @Test("connect: everybody gets in, pings are answered, and everybody says goodbye", arguments: [1, 3])
  func connect(threads: Int) throws {
    let server = LoopbackServer()
    defer { server.stop() }
    let settings = settings(server, connections: 10, threads: threads)
    let report = try ConnectLoad(settings: settings, hold: .milliseconds(50)).run()
    #expect(report.isClean, "\(report.troubles)")
    for key in ["connections", "tcp_us", "upgrade_us", "hello_us"] { #expect(try figure(report, "connect", key) == 10) }
    #expect(try figure(report, "hold", "still_connected") == 10)
    #expect(try figure(report, "hold", "pings_answered") == 10)
    #expect(server.pongs == 10)
    #expect(server.goodbyes == 10)
  }

  @Test("connect: without a hello everybody is let in by the upgrade, and nobody says who it is")
  func upgradeOnly() throws {
    let server = LoopbackServer(.refusesHello)
    defer { server.stop() }
    var settings = settings(server, connections: 10)
    settings.greets = false
    let report = try ConnectLoad(settings: settings, hold: .milliseconds(50)).run()
    #expect(report.isClean, "\(report.troubles)")
    for key in ["connections", "tcp_us", "upgrade_us"] { #expect(try figure(report, "connect", key) == 10) }
    let connect = try #require(report.sections.first { $0.key == "connect" })
    #expect(!connect.fields.contains { $0.key == "hello_us" })
    #expect(try figure(report, "hold", "still_connected") == 10)
    settings.dialect = .redis
    #expect(throws: LoadError.self) { try ConnectLoad(settings: settings, hold: .zero).check() }
  }

  @Test("connect: with the server's process the memory is read at four plateaus and a slope is drawn")
  func plateaus() throws {
    let server = LoopbackServer()
    defer { server.stop() }
    var settings = settings(server, connections: 8)
    settings.serverPID = getpid()
    let report = try ConnectLoad(settings: settings, hold: .zero).run()
    let fields = try #require(report.sections.first { $0.key == "connect" }).fields
    #expect(fields.contains { $0.key == "server_cpu_us_per_connection" })
    #expect(fields.contains { $0.key == "server_resident_bytes_per_connection" })
    guard case .rows(let rows) = fields.last?.value else {
      Issue.record("no plateaus")
      return
    }
    let connections = rows.compactMap { row in if case .integer(let number) = row[0].value { number } else { nil } }
    #expect(connections == [2, 4, 6, 8])
  }

  @Test("beat: every heartbeat that was due is sent and answered", arguments: [1, 2])
  func answered(threads: Int) throws {
    let server = LoopbackServer()
    defer { server.stop() }
    let report = try beat(server, .answered(every: .milliseconds(10)), threads: threads)
    #expect(report.isClean, "\(report.troubles)")
    #expect(try figure(report, "beat", "sent") == 60)
    #expect(try figure(report, "beat", "replies") == 60)
    #expect(try figure(report, "beat", "latency_us") == 60)
  }

  @Test("beat: silent heartbeats bring no reply, and a last answered one shows that the server took them")
  func silent() throws {
    let server = LoopbackServer()
    defer { server.stop() }
    let report = try beat(server, .silent(every: .milliseconds(10)))
    #expect(report.isClean, "\(report.troubles)")
    #expect(try figure(report, "beat", "sent") == 60)
    #expect(try figure(report, "beat", "fence_us") == 6)
  }

  @Test("beat: in a closed loop each reply brings on the next heartbeat, and nothing is left over")
  func pipelined() throws {
    let server = LoopbackServer()
    defer { server.stop() }
    let report = try beat(server, .pipelined(depth: 4))
    #expect(report.isClean, "\(report.troubles)")
    // Without it there would be only the first four of each, all of them during the warm-up.
    #expect(try figure(report, "beat", "replies") > 0)
  }

  @Test("churn: after joins and leaves in turn the server's counts are those that the replies add up to", arguments: [1, 2])
  func churn(threads: Int) throws {
    let server = LoopbackServer()
    defer { server.stop() }
    let report = try churn(server, threads: threads)
    #expect(report.isClean, "\(report.troubles)")
    #expect(try figure(report, "churn", "replies") == 100)
    #expect(try figure(report, "churn", "channels_verified") == 5)
    #expect(try figure(report, "churn", "join_us") > 0)
    #expect(try figure(report, "churn", "leave_us") > 0)
  }

  @Test("fanout: every change reaches every observer", arguments: [1, 2])
  func fanout(threads: Int) throws {
    let server = LoopbackServer()
    defer { server.stop() }
    let report = try fanout(server, threads: threads)
    #expect(report.isClean, "\(report.troubles)")
    #expect(try figure(report, "fanout", "updates_accepted") == 20)
    #expect(try figure(report, "fanout", "deliveries") == 100)
    #expect(try figure(report, "fanout", "merged") == 0)
    #expect(try figure(report, "fanout", "missed_seqs") == 0)
  }

  // What goes wrong is counted by the server's own name for it.

  @Test("a refused upgrade and a refused hello end the load with the server's code and message")
  func refused() {
    for (fault, words) in [(LoopbackServer.Fault.refusesUpgrade, "overloaded: Full."), (.refusesHello, "session_limit: No.")] {
      let server = LoopbackServer(fault)
      defer { server.stop() }
      #expect { try ConnectLoad(settings: settings(server), hold: .zero).run() } throws: { "\($0)".contains(words) }
    }
  }

  @Test("a server that says nothing is given up after the timeout")
  func silence() {
    let server = LoopbackServer(.staysSilent)
    defer { server.stop() }
    let settings = settings(server, patience: .milliseconds(100))
    #expect { try ConnectLoad(settings: settings, hold: .zero).run() } throws: { "\($0)".contains("timeout greeting") }
  }

  @Test("a port where nobody listens is a refused connection")
  func nobody() {
    let server = LoopbackServer()
    server.stop()
    #expect { try ConnectLoad(settings: settings(server), hold: .zero).run() } throws: { "\($0)".contains("connect errno 111") }
  }

  @Test("refused, closed and unanswered heartbeats are each counted, and the load goes on")
  func faults() throws {
    for (fault, name) in [
      (LoopbackServer.Fault.limitsBeats(10), "reply rate_limited: No."), (.kicksOnBeat(20), "close 4503 kicked: kicked"),
      (.ignoresBeats(20), "timeout no_reply"), (.sendsGarbage, "protocol reservedBits"),
    ] {
      let server = LoopbackServer(fault)
      defer { server.stop() }
      let report = try beat(server, .answered(every: .milliseconds(10)), patience: .milliseconds(500))
      #expect(report.troubles.entries.contains { $0.description.hasPrefix(name) }, "\(fault): \(report.troubles)")
      #expect(!report.isClean)
    }
  }

  @Test("a goodbye that is not answered is a trouble, and is not waited for longer than the timeout")
  func ignoredGoodbyes() throws {
    let server = LoopbackServer(.ignoresGoodbyes)
    defer { server.stop() }
    let report = try ConnectLoad(settings: settings(server, patience: .milliseconds(200)), hold: .zero).run()
    #expect(report.troubles.entries.map(\.code) == ["goodbye"])
    #expect(report.troubles.total == 6)
  }

  @Test("in a closed loop a connection that is lost takes its heartbeats with it instead of being waited for")
  func lostInFlight() throws {
    let server = LoopbackServer(.kicksOnBeat(8))
    defer { server.stop() }
    let report = try beat(server, .pipelined(depth: 4))
    // A close frame may be overtaken by the reset that follows it.
    #expect(Set(report.troubles.entries.map(\.kind)) == [.close])
  }

  @Test("counts that do not add up are a mismatch")
  func miscount() throws {
    let server = LoopbackServer(.miscounts)
    defer { server.stop() }
    let report = try churn(server)
    #expect(report.troubles.entries.map(\.code) == ["occupancy"])
    #expect(report.troubles.total == 5)
    #expect(try figure(report, "churn", "channels_verified") == 0)
  }

  @Test("changes that were left out show as holes; an observer that is never told the last one is a trouble")
  func conflation() throws {
    let server = LoopbackServer(.conflates(5))
    defer { server.stop() }
    let report = try fanout(server, patience: .milliseconds(500))
    #expect(try figure(report, "fanout", "merged") > 50)
    #expect(try figure(report, "fanout", "holes") > 0)
    #expect(try figure(report, "fanout", "missed_seqs") > 0)
    let silent = LoopbackServer(.tellsNobody)
    defer { silent.stop() }
    let untold = try fanout(silent, patience: .milliseconds(500))
    #expect(untold.troubles.entries.map(\.code) == ["stale_view"])
    #expect(untold.troubles.total == 10)
    #expect(try figure(untold, "fanout", "deliveries") == 0)
  }
}
