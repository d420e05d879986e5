import Testing

extension Interop {
  @Suite(
    "Silence is noticed in time",
    .server([
      "heartbeat_interval": "1s", "heartbeat_timeout": "1s", "hello_timeout": "1s", "resume_window": "3s",
      "session_idle_ttl": "6s",
    ]))
  struct SilenceTests {
    private let server: Server

    init() throws {
      server = try .current
    }

    @Test("who does not say hello is closed with 4004")
    func noHello() throws {
      let client = try WebSocket(server.public)
      #expect(try client.expectClose() == 4004)
    }

    @Test("pings and nonsense do not put off the end of the time for hello")
    func noHelloButBusy() throws {
      let client = try WebSocket(server.public)
      let deadline = Deadline.after()
      let code = try deadline.poll("the close") { () -> UInt16? in
        try? client.send(Frame(.ping, "x"))
        while let received = try? client.receive(by: .after(.zero)) {
          if case .close(let code, _) = received { return code }
          if received == .end { return 0 }
        }
        return nil
      }
      #expect(code == 4004)
    }

    @Test("a half-open connection is pinged, closed with 4002, and its user leaves with 'timeout' when the grace is over")
    func halfOpen() throws {
      let observer = try WebSocket(server.public, user: "observer")
      #expect(try !observer.request("join", ["channel": "room:1"])["ok"].isNull)
      let lost = try WebSocket(server.public, user: "lost")
      #expect(try !lost.request("join", ["channel": "room:1"])["ok"].isNull)
      _ = try observer.push { $0["joins"].array.contains { $0["user"] == "lost" } }
      lost.answersPings = false
      let gone = try observer.push { $0["leaves"].array.contains { $0["user"] == "lost" } }
      #expect(gone["leaves"].array.first { $0["user"] == "lost" }?["reason"] == "timeout")
      // It was asked before it was given up, and told why.
      var received: [WebSocket.Received] = []
      repeat { received.append(try lost.receive()) } while !received.contains { $0.isLast }
      #expect(received.contains { if case .ping = $0 { true } else { false } })
      #expect(received.last?.code == 4002, "\(received)")
    }

    @Test("a reset is noticed at once, is no goodbye, and shows only when the grace is over")
    func resetConnection() throws {
      let observer = try WebSocket(server.public, user: "observer")
      #expect(try !observer.request("join", ["channel": "room:2"])["ok"].isNull)
      let lost = try WebSocket(server.public)
      let session = try #require(lost.request("hello", ["user": "reset"])["ok"]["session"].string)
      #expect(try !lost.request("join", ["channel": "room:2"])["ok"].isNull)
      _ = try observer.push { $0["joins"].array.contains { $0["user"] == "reset" } }
      lost.socket.reset()
      // Of this session: what the tests before have left may be detached too.
      _ = try Deadline.after().poll("the session to be detached") {
        let reply = try HTTPExchange.request("GET", "/v1/sessions/\(session)", of: server.admin)
        return try JSON(parsing: reply.body)["phase"] == "detached" ? true : nil
      }
      #expect(try observer.request("count", ["channel": "room:2"])["ok"]["occupancy"]["users"] == 2)
      let gone = try observer.push { $0["leaves"].array.contains { $0["user"] == "reset" } }
      #expect(gone["leaves"].array.first { $0["user"] == "reset" }?["reason"] == "timeout")
      #expect(gone["occupancy"]["users"] == 1)
    }
  }

  @Suite(
    "Who does not read loses detail first and the connection last",
    .server([
      "slow_consumer_timeout": "2s", "requests_per_second": "100000", "requests_burst": "100000", "meta_bytes_max": "32768",
      "message_bytes_max": "65536", "heartbeat_interval": "60s", "heartbeat_timeout": "60s", "session_idle_ttl": "120s",
    ]))
  struct SlowReaderTests {
    private let server: Server
    /// They change what others see, and see nothing themselves.
    private let talkers: [WebSocket]
    private let channel: JSON

    init() throws {
      let server = try Server.current
      let channel = JSON.string("room:\(UInt32.random(in: 0 ... .max))")
      self.server = server
      self.channel = channel
      talkers = try (0..<20).map { index in
        let talker = try WebSocket(server.public, user: "talker\(index)")
        try #require(!talker.request("join", ["channel": channel, "list": 0])["ok"].isNull)
        try #require(!talker.request("unobserve", ["channel": channel])["ok"].isNull)
        return talker
      }
    }

    /// Lets everybody change as much as they may, once.
    private func talk(_ round: Int) throws {
      let noise = String(repeating: "\(round % 10)", count: 16_000)
      for talker in talkers {
        let reply = try talker.request("update", ["channel": channel, "patch": ["noise": .string(noise), "round": .int(round)]])
        try #require(!reply["ok"].isNull, "\(reply)")
      }
    }

    /// Ends all sessions, since nothing expires soon here: on a busy machine a round of talk may take seconds.
    private func leave(_ listener: String) throws {
      for talker in talkers { #expect(try !talker.request("bye", ["logout": .bool(true)])["ok"].isNull) }
      #expect(try HTTPExchange.request("DELETE", "/v1/users/\(listener)/sessions", of: server.admin).status == 200)
    }

    private func listener(_ user: String) throws -> WebSocket {
      let listener = try WebSocket(server.public, user: user, receiveBytes: 65_536)
      try #require(!listener.request("observe", ["channel": channel, "list": 0])["ok"].isNull)
      return listener
    }

    @Test("a reader that falls behind gets a snapshot instead of what it missed, and ends up knowing what is so")
    func conflation() throws {
      let slow = try listener("slow")
      let before = try Stats(of: server)["conflated"] ?? 0
      var round = 0
      // It reads a little all the time, so it is slow, but not dead.
      _ = try Deadline.after(.seconds(60)).poll("the slow reader to be conflated") { () -> Bool? in
        round += 1
        try talk(round)
        try slow.nibble()
        return try Stats(of: server)["conflated"] ?? 0 > before ? true : nil
      }
      let snapshot = try slow.push(where: { $0["ev"] == "snapshot" }, by: .after(.seconds(60)))
      var rounds = Self.rounds(of: snapshot["members"])
      while rounds.filter({ $0.value == round }).count < talkers.count {
        let push = try slow.push(where: { ["diff", "snapshot"].contains($0["ev"]) }, by: .after(.seconds(60)))
        if push["ev"] == "snapshot" { rounds = [:] }
        for list in ["members", "joins", "updates"] { rounds.merge(Self.rounds(of: push[list])) { $1 } }
      }
      try slow.expectAlive()
      try leave("slow")
    }

    private static func rounds(of members: JSON) -> [String: Int] {
      members.array.reduce(into: [:]) { rounds, member in
        if let user = member["user"].string, let round = member["meta"]["round"].int { rounds[user] = round }
      }
    }

    @Test("a reader that takes nothing at all is given up with 4001; nobody else is held up")
    func deadReader() throws {
      let dead = try listener("dead")
      var round = 0
      _ = try Deadline.after(.seconds(60)).poll("the dead reader to be given up") { () -> Bool? in
        round += 1
        try talk(round)
        return try Stats(of: server)["connections"] == talkers.count ? true : nil
      }
      // What was on its way may still come; behind it the reason, unless the kernel has thrown it away.
      #expect([4001, nil].contains(try dead.expectClose()))
      for talker in talkers { try talker.expectAlive() }
      try leave("dead")
    }
  }
}
