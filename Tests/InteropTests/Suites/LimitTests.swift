import Testing

extension Interop {
  @Suite(
    "Limits within a connection are answered by their codes",
    .server(["requests_per_second": "100000", "requests_burst": "100000"]))
  struct ConnectionLimitTests {
    @Test("two hundred channels: a hundred are joined, the others get channel_limit; one left makes room for one")
    func channels() throws {
      let client = try WebSocket(try Server.current.public, user: "alice")
      var refused = 0
      for index in 0..<200 {
        let reply = try client.request("join", ["channel": .string("room:\(index)"), "list": 0])
        if index < 100 {
          #expect(!reply["ok"].isNull, "\(index) got \(reply)")
        } else {
          #expect(reply["error"]["name"] == "channel_limit" && reply["error"]["code"] == 5003, "\(index) got \(reply)")
          refused += 1
        }
      }
      #expect(refused == 100)
      // Joining again where one is already is no new channel.
      #expect(try !client.request("join", ["channel": "room:7"])["ok"].isNull)
      #expect(try client.request("leave", ["channel": "room:7"])["ok"]["changed"] == .bool(true))
      #expect(try !client.request("join", ["channel": "room:150"])["ok"].isNull)
    }

    @Test("more than five thousand watched users are refused as a whole, and those watched before stay")
    func watches() throws {
      let client = try WebSocket(try Server.current.public, user: "alice")
      func users(_ range: Range<Int>) -> JSON { .array(range.map { .string("u\($0)") }) }
      for start in stride(from: 0, to: 5000, by: 1000) {
        #expect(try !client.request("watch", ["users": users(start..<start + 1000)])["ok"].isNull)
      }
      let reply = try client.request("watch", ["users": users(5000..<5001)])
      #expect(["bad_request", "too_large", "overloaded"].contains(reply["error"]["name"].string), "\(reply)")
      #expect(try Stats(of: .current)["watches"] == 5000)
      #expect(try !client.request("unwatch", ["users": users(0..<10)])["ok"].isNull)
      #expect(try !client.request("watch", ["users": users(5000..<5010)])["ok"].isNull)
    }
  }

  @Suite("Too many requests are refused, not queued without end", .server(["requests_per_second": "5", "requests_burst": "10"]))
  struct RateTests {
    @Test("rate_limited tells when to try again; what was asked in time is answered; later it works again")
    func rate() throws {
      let client = try WebSocket(try Server.current.public, user: "eager")
      for id in 0..<18 { try client.send(text: #"{"op":"count","channel":"room:1","id":"\#(id)"}"#) }
      // A refusal does not wait for the answers to what was asked before it.
      let replies = try (0..<18).map { _ in try client.receiveMessage() }
      #expect(Set(replies.compactMap(\.["re"].string)) == Set((0..<18).map(String.init)))
      let refused = replies.filter { $0["error"]["name"] == "rate_limited" }
      let answered = replies.filter { !$0["ok"].isNull }
      #expect(refused.count + answered.count == 18)
      #expect((5...15).contains(answered.count), "\(answered.count) were answered")
      for reply in refused {
        #expect(reply["error"]["code"] == 4508 && reply["error"]["retry"] == .bool(true))
        #expect(reply["error"]["retry_after_ms"].int ?? 0 > 0, "\(reply)")
      }
      // A refusal is as good as a pause: whoever heeds it is let through again.
      let pause = try #require(refused.last?["error"]["retry_after_ms"].int)
      _ = try Deadline.after().poll("a request to be answered again", every: .milliseconds(pause)) {
        try client.request("count", ["channel": "room:1"])["ok"].isNull ? nil : true
      }
    }

    @Test("who goes on regardless is closed with 4508")
    func flood() throws {
      let client = try WebSocket(try Server.current.public, user: "mallory")
      for id in 0..<100 { try? client.send(text: #"{"op":"count","channel":"room:1","id":\#(id)}"#) }
      #expect(try client.expectClose() == 4508)
    }
  }

  @Suite("One connection too many is told so, and makes nobody else lose theirs", .server(["connections_max": "5"]))
  struct ConnectionCountTests {
    @Test("the sixth of five: 4003; when one goes, the next is let in")
    func connections() throws {
      let server = try Server.current
      var clients = try (0..<5).map { try WebSocket(server.public, user: "user\($0)") }
      for _ in 0..<3 { #expect(try WebSocket(server.public).expectClose() == 4003) }
      for client in clients { try client.expectAlive() }
      clients.removeLast().socket.reset()
      let next = try Deadline.after().poll("a place to be free") { try? WebSocket(server.public, user: "next") }
      try next.expectAlive()
      for client in clients { try client.expectAlive() }
    }
  }

  @Suite("One address cannot take all places", .server(["connections_per_address_max": "3", "http_connections_max": "8"]))
  struct AddressTests {
    @Test("the fourth connection from one address: 4003")
    func perAddress() throws {
      let server = try Server.current
      let clients = try (0..<3).map { try WebSocket(server.public, user: "user\($0)") }
      #expect(try WebSocket(server.public).expectClose() == 4003)
      for client in clients { try client.expectAlive() }
    }

    @Test("sockets that are no WebSockets have a limit of their own; the next is closed at once")
    func idleSockets() throws {
      let server = try Server.current
      let idle = try (0..<8).map { _ in try RawSocket(server.public) }
      // The kernel accepts before the server does, so the place is taken when the server has looked.
      let isRefused = try Deadline.after().poll("a socket to be refused") { () -> Bool? in
        let socket = try RawSocket(server.public)
        return try socket.receive(by: .after(.milliseconds(200))) == [] ? true : nil
      }
      #expect(isRefused)
      withExtendedLifetime(idle) {}
    }
  }

  @Suite(
    "A login too many is refused where the policy says so", .server(["sessions_per_user_max": "2", "login_policy": "reject"]))
  struct RejectedLoginTests {
    @Test("the third session of two: session_limit and 4506; the other two go on")
    func reject() throws {
      let server = try Server.current
      let clients = try (0..<2).map { _ in try WebSocket(server.public, user: "alice") }
      let third = try WebSocket(server.public)
      let reply = try third.request("hello", ["user": "alice"])
      #expect(reply["error"]["name"] == "session_limit" && reply["error"]["code"] == 4506, "\(reply)")
      #expect(try third.expectClose() == 4506)
      for client in clients { try client.expectAlive() }
    }
  }

  @Suite(
    "A login too many ends the oldest where the policy says so",
    .server(["sessions_per_user_max": "2", "login_policy": "replace_oldest"]))
  struct ReplacedLoginTests {
    @Test("the third session of two: the first is told and closed with 4505, the others go on")
    func replace() throws {
      let server = try Server.current
      let clients = try (0..<3).map { _ in try WebSocket(server.public, user: "alice") }
      let ended = try clients[0].push { $0["ev"] == "ended" }
      #expect(ended["reason"] == "replaced")
      #expect(try clients[0].expectClose() == 4505)
      for client in clients.dropFirst() { try client.expectAlive() }
    }
  }
}
