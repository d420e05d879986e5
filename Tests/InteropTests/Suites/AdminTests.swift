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
  @Suite("A browser without a WebSocket is present by HTTP alone", .server(["http_lease": "5s"]))
  struct HTTPSessionTests {
    private let server: Server
    private let token: String

    init() throws {
      server = try .current
      let opened = try HTTPExchange.request("POST", "/v1/sessions", of: server.public, body: #"{"user":"harriet","cookie":true}"#)
      try #require(opened.status == 201, "\(opened.body)")
      token = try #require(JSON(parsing: opened.body)["session_token"].string)
      let cookie = try #require(opened.headers["set-cookie"])
      #expect(
        cookie.contains("muster_session=\(token)") && cookie.contains("HttpOnly") && cookie.contains("SameSite"), "\(cookie)")
    }

    private func call(_ method: String, _ path: String, _ body: String? = nil, _ headers: [String] = []) throws -> HTTPExchange {
      let all = ["Authorization: Bearer \(token)"] + headers
      return try HTTPExchange.request(method, path, of: server.public, headers: all, body: body)
    }

    @Test("a session, heartbeats, its data with versions, and a goodbye; afterwards its token is worth nothing")
    func life() throws {
      let watcher = try WebSocket(server.public, user: "watcher")
      let seen = try watcher.request("watch", ["users": ["harriet"]])
      #expect(seen["ok"]["users"]["harriet"]["status"] == "online", "\(seen)")
      let beat = try JSON(parsing: try call("POST", "/v1/heartbeat", #"{"status":"away"}"#).body)
      #expect(beat["next_ms"].int ?? 0 > 0 && beat["presence"]["status"] == "away", "\(beat)")
      _ = try watcher.push { $0["users"]["harriet"]["status"] == "away" }
      let read = try call("GET", "/v1/session")
      #expect(read.status == 200 && read.headers["etag"] == "\"0\"")
      #expect(try call("PATCH", "/v1/session", #"{"theme":"dark"}"#, ["If-Match: \"0\""]).headers["etag"] == "\"1\"")
      let conflict = try call("PATCH", "/v1/session", #"{"theme":"light"}"#, ["If-Match: \"0\""])
      #expect(conflict.status == 412 && conflict.body.contains("dark"), "\(conflict.status) \(conflict.body)")
      // As `navigator.sendBeacon` would say it: the token in the body.
      let left = try HTTPExchange.request(
        "POST", "/v1/leave", of: server.public, body: "{\"token\":\"\(token)\",\"grace_ms\":0}")
      #expect((200..<300).contains(left.status), "\(left.status) \(left.body)")
      _ = try watcher.push { $0["users"]["harriet"]["status"] == "offline" }
      #expect((200..<300).contains(try call("DELETE", "/v1/session").status))
      let late = try call("GET", "/v1/session")
      #expect(late.status == 401 && late.body.contains("session_expired"), "\(late.status) \(late.body)")
    }

    @Test("who sends no more heartbeats is gone when the lease is over")
    func lease() throws {
      let watcher = try WebSocket(server.public, user: "watcher")
      #expect(try !watcher.request("watch", ["users": ["harriet"]])["ok"].isNull)
      _ = try watcher.push { $0["users"]["harriet"]["status"] == "offline" }
    }

    @Test("a request without a token, or with another one, gets 401 and its code")
    func unauthorized() throws {
      for headers in [[], ["Authorization: Bearer nonsense"], ["Cookie: muster_session=nonsense"]] {
        let reply = try HTTPExchange.request("GET", "/v1/session", of: server.public, headers: headers)
        #expect(reply.status == 401 && reply.body.contains("unauthorized"), "\(reply.status) \(reply.body)")
      }
      let cookie = try HTTPExchange.request(
        "GET", "/v1/session", of: server.public, headers: ["Cookie: a=b; muster_session=\(token)"])
      #expect(cookie.status == 200, "\(cookie.body)")
    }
  }
}
