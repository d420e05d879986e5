import Testing

extension Interop {
  @Suite(
    "What others see of a user is what the user means",
    .server([
      "resume_window": "2s", "session_idle_ttl": "8s", "away_after": "1s", "namespaces_small_announce_max": "3",
      "namespaces_small_interval_max": "5", "namespaces_small_interval": "1s",
    ]))
  struct SemanticsTests {
    private let server: Server
    private let observer: WebSocket
    private let channel: String

    init() throws {
      server = try .current
      channel = "room:\(UInt32.random(in: 0 ... .max))"
      observer = try WebSocket(server.public, user: "observer")
      try #require(!observer.request("observe", ["channel": .string(channel)])["ok"].isNull)
    }

    private func join(_ user: String, _ meta: JSON = [:]) throws -> WebSocket {
      let client = try WebSocket(server.public, user: user)
      try #require(!client.request("join", ["channel": .string(channel), "meta": meta])["ok"].isNull)
      return client
    }

    /// The next diff that says something about a user in one of its lists.
    private func diff(_ list: String, _ user: String) throws -> JSON {
      try observer.push { $0["ev"] == "diff" && $0[list].array.contains { $0["user"] == .string(user) } }
    }

    private func members() throws -> [JSON] {
      try observer.request("list", ["channel": .string(channel)])["ok"]["members"].array
    }

    @Test("an observer is no member, and gets the channel's events all the same")
    func observers() throws {
      #expect(try members().isEmpty)
      let alice = try join("alice")
      #expect(try diff("joins", "alice")["occupancy"]["users"] == 1)
      #expect(try !observer.request("unobserve", ["channel": .string(channel)])["ok"].isNull)
      #expect(try alice.request("leave", ["channel": .string(channel)])["ok"]["changed"] == .bool(true))
      #expect(try members().isEmpty)
      #expect(!observer.pushes.contains { !$0["leaves"].array.isEmpty })
    }

    @Test("a second session of a user is an update, not a join; the user leaves with the last one")
    func sessions() throws {
      let phone = try join("alice", ["seat": 1, "phone": .bool(true)])
      _ = try diff("joins", "alice")
      let laptop = try join("alice", ["seat": 2])
      let update = try diff("updates", "alice")
      #expect(update["joins"].array.isEmpty)
      #expect(update["occupancy"] == ["users": 1, "guests": 0, "sessions": 2])
      #expect(update["updates"][0]["meta"] == ["seat": 2, "phone": .bool(true)], "the oldest first, the youngest on top")
      try phone.send(.close(1000))
      let one = try diff("updates", "alice")
      #expect(one["occupancy"]["sessions"] == 1 && one["updates"][0]["meta"] == ["seat": 2])
      try laptop.send(.close(1000))
      let gone = try diff("leaves", "alice")
      #expect(gone["leaves"] == [["user": "alice", "reason": "left"]])
      #expect(!observer.pushes.contains { !$0["leaves"].array.isEmpty })
    }

    @Test("close 1000 is a goodbye and shows at once; close 1001 is not, and shows when the grace is over")
    func closeCodes() throws {
      let alice = try join("alice")
      let bob = try join("bob")
      _ = try diff("joins", "bob")
      try bob.send(.close(1001))
      try alice.send(.close(1000))
      // Bob went first, but Alice is the one who left.
      let first = try observer.push { !$0["leaves"].array.isEmpty }
      #expect(first["leaves"] == [["user": "alice", "reason": "left"]])
      #expect(first["occupancy"]["users"] == 1)
      #expect(try diff("leaves", "bob")["leaves"] == [["user": "bob", "reason": "timeout"]])
    }

    @Test("bye with a grace keeps the user for so long; a longer one than the server grants does not")
    func grace() throws {
      let alice = try join("alice")
      _ = try diff("joins", "alice")
      #expect(try !alice.request("bye", ["grace_ms": 1000])["ok"].isNull)
      #expect(try alice.expectClose() == 1000)
      #expect(try members().count == 1)
      #expect(try diff("leaves", "alice")["leaves"] == [["user": "alice", "reason": "left"]])
    }

    @Test("guests get their names from the server and are counted apart")
    func guests() throws {
      let guest = try WebSocket(server.public)
      let welcome = try guest.request("hello")["ok"]
      #expect(welcome["kind"] == "guest" && welcome["user"].string?.isEmpty == false, "\(welcome)")
      let joined = try guest.request("join", ["channel": .string(channel)])
      #expect(!joined["ok"].isNull)
      let came = try diff("joins", try #require(welcome["user"].string))
      #expect(came["occupancy"] == ["users": 0, "guests": 1, "sessions": 1])
      #expect(came["joins"][0]["kind"] == "guest")
    }

    @Test("an override for the user beats the sessions' own status until it ends or is lifted")
    func override() throws {
      let alice = try join("alice")
      _ = try diff("joins", "alice")
      let set = try alice.request("status", ["status": "dnd", "scope": "user", "for_ms": 1000])["ok"]
      #expect(set["status"] == "dnd", "\(set)")
      #expect(try diff("updates", "alice")["updates"][0]["status"] == "dnd")
      #expect(try !alice.request("status", ["status": "away"])["ok"].isNull)
      // What comes next is the end of the override, which shows the status that was set under it.
      #expect(try diff("updates", "alice")["updates"][0]["status"] == "away")
      #expect(try !alice.request("status", ["status": "dnd", "scope": "user"])["ok"].isNull)
      #expect(try diff("updates", "alice")["updates"][0]["status"] == "dnd")
      #expect(try !alice.request("status", ["status": .null, "scope": "user"])["ok"].isNull)
      #expect(try diff("updates", "alice")["updates"][0]["status"] == "away")
    }

    @Test("an idle user goes away by itself, and is back with the first activity")
    func idle() throws {
      let alice = try join("alice")
      _ = try diff("joins", "alice")
      #expect(try !alice.request("activity", ["state": "idle"])["ok"].isNull)
      #expect(try diff("updates", "alice")["updates"][0]["status"] == "away")
      #expect(try !alice.request("activity", ["state": "active"])["ok"].isNull)
      #expect(try diff("updates", "alice")["updates"][0]["status"] == "online")
    }

    @Test("sync answers with exactly the missing diffs, or with a snapshot where it cannot")
    func sync() throws {
      let start = try observer.request("count", ["channel": .string(channel)])
      #expect(!start["ok"].isNull)
      let alice = try join("alice", ["n": 0])
      let first = try diff("joins", "alice")
      let epoch = first["epoch"]
      for n in 1...3 {
        #expect(try !alice.request("update", ["channel": .string(channel), "patch": ["n": .int(n)]])["ok"].isNull)
        _ = try diff("updates", "alice")
      }
      let reply = try observer.request("sync", ["channel": .string(channel), "epoch": epoch, "seq": first["seq"]])["ok"]
      let missed = reply["diffs"].array
      #expect(missed.first?["prev"] == first["seq"] && !missed.isEmpty, "\(reply)")
      #expect(zip(missed, missed.dropFirst()).allSatisfy { $0["seq"] == $1["prev"] })
      #expect(missed.last?["updates"][0]["meta"]["n"] == 3)
      let other = try observer.request("sync", ["channel": .string(channel), "epoch": "zzz", "seq": 1])["ok"]
      #expect(other["snapshot"]["members"][0]["meta"]["n"] == 3, "\(other)")
      let future = try observer.request("sync", ["channel": .string(channel), "epoch": epoch, "seq": 1_000_000])["ok"]
      #expect(!future["snapshot"].isNull, "\(future)")
    }

    @Test("a channel that grows tells less: every change, then net changes, then counts; and more again when it shrinks")
    func modes() throws {
      let small = JSON.string("small:\(UInt32.random(in: 0 ... .max))")
      let watcher = try WebSocket(server.public, user: "watcher")
      #expect(try watcher.request("observe", ["channel": small])["ok"]["mode"] == "announce")
      var crowd: [WebSocket] = []
      for index in 0..<12 {
        crowd.append(try WebSocket(server.public, user: "user\(index)"))
        #expect(try !crowd[index].request("join", ["channel": small, "list": 0])["ok"].isNull)
      }
      let count = try watcher.push { $0["ev"] == "count" && $0["occupancy"]["users"] == 12 }
      #expect(count["epoch"].string != nil && count["seq"].int != nil)
      let late = try WebSocket(server.public, user: "late")
      let joined = try late.request("observe", ["channel": small])["ok"]
      #expect(joined["mode"] == "count" && joined["members"].array.isEmpty && joined["occupancy"]["users"] == 12, "\(joined)")
      // Lists are there on demand, in pages.
      let page = try late.request("list", ["channel": small, "limit": 7])["ok"]
      let rest = try late.request("list", ["channel": small, "limit": 7, "cursor": page["next"]])["ok"]
      #expect(page["members"].array.count == 7 && rest["members"].array.count == 5 && rest["next"].isNull)
      for client in crowd { #expect(try !client.request("bye", ["logout": .bool(true)])["ok"].isNull) }
      // Whoever watched counts has to be given a member list again.
      let again = try watcher.push(where: { $0["ev"] == "snapshot" && $0["mode"] != "count" })
      #expect(again["occupancy"]["users"].int ?? 12 <= 5, "\(again)")
      _ = try Deadline.after().poll("an empty channel") {
        try watcher.request("count", ["channel": small])["ok"]["occupancy"]["users"] == 0 ? true : nil
      }
    }

    @Test("a session does not outlive its lifetime: its client is told, and its user leaves with 'expired'")
    func lifetime() throws {
      let client = try WebSocket(server.public)
      let welcome = try client.request("hello", ["user": "mortal", "lifetime_ms": 8000, "idle_ttl_ms": 8000])["ok"]
      #expect(!welcome.isNull)
      #expect(try !client.request("join", ["channel": .string(channel)])["ok"].isNull)
      _ = try diff("joins", "mortal")
      // Both have to answer the server's pings in the meantime.
      let ended = try Deadline.after().poll("the end of the session") {
        try observer.expectAlive()
        return try? client.push(where: { $0["ev"] == "ended" }, by: .after(.milliseconds(100)))
      }
      #expect(ended["reason"] == "expired")
      #expect(try client.expectClose() == 4507)
      #expect(try diff("leaves", "mortal")["leaves"] == [["user": "mortal", "reason": "expired"]])
    }

    @Test("two tabs of one session: the session goes on while one of them is there")
    func tabs() throws {
      let first = try WebSocket(server.public)
      let welcome = try first.request("hello", ["user": "alice"])["ok"]
      #expect(try !first.request("join", ["channel": .string(channel)])["ok"].isNull)
      _ = try diff("joins", "alice")
      let second = try WebSocket(server.public)
      let again = try second.request("hello", ["token": welcome["session_token"]])["ok"]
      #expect(again["resumed"] == .bool(true) && again["session"] == welcome["session"])
      try first.send(.close(1000))
      #expect(try first.expectClose() == 1000)
      #expect(
        try second.request("count", ["channel": .string(channel)])["ok"]["occupancy"] == ["users": 1, "guests": 0, "sessions": 1])
      try second.send(.close(1000))
      _ = try diff("leaves", "alice")
      #expect(!observer.pushes.contains { !$0["leaves"].array.isEmpty })
    }
  }
}
