import Testing

extension Interop {
  @Suite("The admin port shows exactly who is there", .server(["resume_window": "1s", "session_idle_ttl": "7s"]))
  struct AdminTests {
    private let server: Server

    init() throws {
      server = try .current
    }

    private func get(_ path: String) throws -> JSON {
      let reply = try HTTPExchange.request("GET", path, of: server.admin)
      #expect(reply.status == 200, "\(path) got \(reply.status) \(reply.body)")
      return try JSON(parsing: reply.body)
    }

    @Test("users, sessions and connections are counted exactly; a second session is no second user")
    func counters() throws {
      let clients = try (0..<10).map { try WebSocket(server.public, user: "user\($0 / 2)") }
      for client in clients { #expect(try !client.request("join", ["channel": "room:counted"])["ok"].isNull) }
      let stats = try Stats(of: server)
      #expect(stats["sessions"] == 10 && stats["attached"] == 10 && stats["connections"] == 10, "\(stats.values)")
      #expect(stats["users"] ?? stats["members"] == 5, "\(stats.values)")
      #expect(stats["channels"] == 1, "\(stats.values)")
      let channel = try get("/v1/channels/room:counted")
      #expect(channel["occupancy"]["users"] == 5 && channel["occupancy"]["sessions"] == 10, "\(channel)")
      let members = try get("/v1/channels/room:counted/members")["members"].array
      #expect(Set(members.compactMap(\.["user"].string)) == Set((0..<5).map { "user\($0)" }))
      let listed = try get("/v1/channels?prefix=room:")
      #expect("\(listed)".contains("room:counted"), "\(listed)")
      for client in clients { #expect(try !client.request("bye", ["logout": .bool(true)])["ok"].isNull) }
      try server.expectNobodyLeft()
    }

    @Test("a user is shown with sessions, and explain says why in sentences")
    func explain() throws {
      let client = try WebSocket(server.public)
      let welcome = try client.request("hello", ["user": "alice", "device": "ios", "status": "away"])["ok"]
      let session = try #require(welcome["session"].string)
      let user = try get("/v1/users/alice")
      #expect("\(user)".contains(session) && "\(user)".contains("away") && "\(user)".contains("ios"), "\(user)")
      let explanation = try get("/v1/explain/users/alice")
      #expect(!explanation["explanation"].array.isEmpty, "\(explanation)")
      #expect("\(try get("/v1/sessions/\(session)"))".contains("alice"))
      #expect(!(try get("/v1/explain/users/nobody"))["explanation"].array.isEmpty)
    }

    @Test("kicking one session leaves the others; what is not there is 404 with its code")
    func kicks() throws {
      let first = try WebSocket(server.public)
      let session = try #require(try first.request("hello", ["user": "bob"])["ok"]["session"].string)
      let second = try WebSocket(server.public, user: "bob")
      let reply = try HTTPExchange.request("DELETE", "/v1/sessions/\(session)", of: server.admin)
      #expect((200..<300).contains(reply.status), "\(reply.status) \(reply.body)")
      #expect(try first.expectClose() == 4503)
      try second.expectAlive()
      let again = try HTTPExchange.request("DELETE", "/v1/sessions/\(session)", of: server.admin)
      #expect(again.status == 404)
      let missing = try HTTPExchange.request("GET", "/v1/sessions/nonsense", of: server.admin)
      #expect((400..<500).contains(missing.status))
    }

    @Test("unsound requests are refused with a sentence, and health is told")
    func unsound() throws {
      #expect(try HTTPExchange.request("GET", "/health/live", of: server.admin).status == 200)
      #expect(try HTTPExchange.request("GET", "/health/ready", of: server.admin).status == 200)
      #expect(try HTTPExchange.request("GET", "/v1/users/", of: server.admin).status == 404)
      let wrong = try HTTPExchange.request("PUT", "/v1/users/alice/status", of: server.admin, body: "{")
      #expect(wrong.status == 400 && wrong.body.contains("bad_request"), "\(wrong.status) \(wrong.body)")
      let large = String(repeating: "x", count: 1 << 20)
      let tooLarge = try HTTPExchange.request("PUT", "/v1/users/alice/status", of: server.admin, body: "{\"text\":\"\(large)\"}")
      #expect(tooLarge.status == 413, "\(tooLarge.status)")
    }
  }
}
