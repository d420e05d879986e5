import HTTPTypes
import MusterEngine
import MusterHTTP
import MusterModel
import MusterTestKit
import Testing

@Suite("The admin API")
struct AdminAPITests {
  @Test("stats tell who is here, and what is open")
  func stats() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      let session = try await harness.login("alice")
      await harness.join(session, "room:1")
      let text = try await client.call(.get, "/v1/stats").text
      for part in [#""users":1"#, #""sessions":1"#, #""attached":1"#, #""channels":1"#, #""sockets":{"websockets":3,"http":1}"#] {
        #expect(text.contains(part), "\(part) in \(text)")
      }
    }
  }

  @Test("users: one with sessions, many at once, invisible ones only to who asks for them")
  func users() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      let alice = try await harness.login("alice")
      _ = try await harness.login("ghost", status: .invisible)
      let one = try await client.call(.get, "/v1/users/alice").text
      #expect(one.contains(#""user":"alice","kind":"member","status":"online""#))
      #expect(one.contains(#""session":"\#(alice.text)""#))
      let ids = #"{"ids":["alice","ghost","nobody"]}"#
      let many = try await client.call(.post, "/v1/users/query", ids).text
      #expect(many.contains(#""alice":{"status":"online""#))
      #expect(many.contains(#""ghost":{"status":"offline""#))
      #expect(many.contains(#""nobody":{"status":"offline""#))
      let all = try await client.call(.post, "/v1/users/query?include=invisible", ids).text
      #expect(all.contains(#""ghost":{"status":"invisible""#))
      let ghost = try await client.call(.get, "/v1/users/ghost").text
      #expect(!ghost.contains("invisible"))
      #expect(try await client.call(.get, "/v1/users/ghost?include=invisible").text.contains(#""own_status":"invisible""#))
    }
  }

  @Test("a user's name may hold what a path may not, percent-encoded")
  func escapedNames() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      _ = try await harness.login("a/b ü")
      #expect(try await client.call(.get, "/v1/users/a%2Fb%20%C3%BC").text.contains(#""user":"a/b ü""#))
    }
  }

  @Test("kick ends all sessions, or all but one; a kicked one is gone")
  func kick() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      let first = try await harness.login("alice")
      let second = try await harness.login("alice")
      let uri = "/v1/users/alice/sessions?except=\(second.text)"
      #expect(try await client.call(.delete, uri).text == #"{"ended":1}"#)
      #expect(try await client.call(.get, "/v1/sessions/\(first.text)").status == .notFound)
      #expect(try await client.call(.get, "/v1/sessions/\(second.text)").status == .ok)
      #expect(try await client.call(.delete, "/v1/sessions/\(second.text)?message=bye").status == .noContent)
      #expect(try await client.call(.delete, "/v1/sessions/\(second.text)").status == .notFound)
    }
  }

  @Test("a ban ends sessions, keeps the user out, and can be lifted")
  func ban() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      _ = try await harness.login("alice")
      let body = #"{"for_ms":60000,"reason":"spam"}"#
      #expect(try await client.call(.put, "/v1/users/alice/ban", body).text == #"{"ended":1}"#)
      #expect(try await client.call(.get, "/v1/users/alice").text.contains(#""ban":{"reason":"spam","until_ms":"#))
      await #expect(throws: Refusal.self) { _ = try await harness.login("alice") }
      #expect(try await client.call(.delete, "/v1/users/alice/ban").text == #"{"changed":true}"#)
      #expect(try await client.call(.delete, "/v1/users/alice/ban").text == #"{"changed":false}"#)
      _ = try await harness.login("alice")
    }
  }

  @Test("a status set by the server beats the sessions' own until it is lifted")
  func status() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      _ = try await harness.login("alice")
      let set = try await client.call(.put, "/v1/users/alice/status", #"{"status":"dnd","text":"busy"}"#).text
      #expect(set.contains(#""status":"dnd","text":"busy""#))
      #expect(try await client.call(.get, "/v1/users/alice").text.contains(#""override":{"status":"dnd""#))
      let lifted = try await client.call(.put, "/v1/users/alice/status", #"{"status":null}"#).text
      #expect(lifted.contains(#""status":"online""#))
    }
  }

  @Test("data: both parts are patched together; a stale version is a conflict, with If-Match a failed precondition")
  func data() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      let session = try await harness.login("alice")
      let uri = "/v1/sessions/\(session.text)/data"
      let first = try await client.call(.patch, uri, #"{"public":{"a":1},"private":{"b":2}}"#)
      #expect(first.text == #"{"version":1,"public":{"a":1},"private":{"b":2}}"#)
      #expect(first.headers[.eTag] == "\"1\"")
      let stale = try await client.call(.patch, uri, #"{"public":{"a":3},"if_version":0}"#)
      #expect(stale.status == .conflict)
      #expect(stale.text.contains(#""version":1"#))
      let failed = try await client.call(.patch, uri, #"{"public":{"a":3}}"#, headers: [.ifMatch: "\"0\""])
      #expect(failed.status == .preconditionFailed)
      let second = try await client.call(.patch, uri, #"{"public":{"a":null}}"#, headers: [.ifMatch: "\"1\""])
      #expect(second.text == #"{"version":2,"public":{},"private":{"b":2}}"#)
      #expect(try await client.call(.patch, uri, "{}").status == .badRequest)
    }
  }

  @Test("channels are listed in pages, by name; members too")
  func channels() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      for user in ["alice", "bob"] {
        let session = try await harness.login(user)
        for channel in ["room:1", "room:2", "lobby"] { await harness.join(session, channel) }
      }
      let first = try await client.call(.get, "/v1/channels?limit=2").text
      #expect(first.contains(#""channel":"lobby""#) && first.contains(#""channel":"room:1""#))
      #expect(first.hasSuffix(#""next":"room:1"}"#))
      let second = try await client.call(.get, "/v1/channels?limit=2&cursor=room%3A1").text
      #expect(second.contains(#""channel":"room:2""#) && !second.contains("next"))
      let rooms = try await client.call(.get, "/v1/channels?prefix=room%3A").text
      #expect(!rooms.contains("lobby"))
      let detail = try await client.call(.get, "/v1/channels/room%3A1").text
      #expect(detail.contains(#""occupancy":{"users":2,"guests":0,"sessions":2}"#))
      let page = try await client.call(.get, "/v1/channels/room%3A1/members?limit=1").text
      #expect(page.contains(#""user":"alice""#) && !page.contains(#""user":"bob""#))
      let cursor = try #require(page.split(separator: "\"next\":\"").last?.split(separator: "\"").first)
      let rest = try await client.call(.get, "/v1/channels/room%3A1/members?cursor=\(cursor)").text
      #expect(rest.contains(#""user":"bob""#) && !rest.contains(#""user":"alice""#))
    }
  }

  @Test("a batch of heartbeats answers for each token by itself")
  func heartbeats() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      let session = try await harness.login("alice")
      let body = #"{"tokens":["t\#(session.text)","wrong","t00000000000000000000000000000000"]}"#
      let text = try await client.call(.post, "/v1/heartbeats", body).text
      #expect(text.hasPrefix(#"{"results":[{"next_ms":30000},{"error":{"code":4501"#))
      #expect(text.contains("session_expired"))
    }
  }

  @Test("a signal goes to each of its targets; one that nobody is connected for goes nowhere")
  func signals() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      _ = try await harness.login("alice")
      for to in [#"{"user":"alice"}"#, #"[{"user":"alice"},{"channel":"room:1"}]"#] {
        #expect(try await client.call(.post, "/v1/signals", #"{"to":\#(to),"data":[1]}"#).text == #"{"delivered":0}"#)
      }
      let alice = try #require(UserID("alice"))
      _ = await harness.loopback.login(.member(alice), Hello(credentials: .user(alice)), plane: 0)
      await harness.loopback.settle()
      let text = try await client.call(.post, "/v1/signals", #"{"to":{"user":"alice"},"data":{"x":1}}"#).text
      #expect(text == #"{"delivered":1}"#)
    }
  }

  @Test("explain says in sentences why somebody is shown")
  func explain() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      _ = try await harness.login("alice")
      let text = try await client.call(.get, "/v1/explain/users/alice").text
      #expect(text.hasPrefix(#"{"user":"alice","explanation":["alice is shown as online"#))
      #expect(try await client.call(.get, "/v1/explain/users/nobody").text.contains("nobody"))
    }
  }

  @Test("draining is asked for once and answered at once")
  func drain() async throws {
    try await HTTPHarness.adminAPI { client, harness in
      let response = try await client.call(.post, "/v1/admin/drain")
      #expect(response.status == .accepted)
      #expect(harness.drains.total == 1)
    }
  }
}
