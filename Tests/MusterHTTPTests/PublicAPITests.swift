import HTTPTypes
import MusterAccess
import MusterEngine
import MusterHTTP
import MusterModel
import MusterTestKit
import Testing

@Suite("The public HTTP API")
struct PublicAPITests {
  @Test("HTTP alone is enough to be present: a session, heartbeats with joins, a leave")
  func presence() async throws {
    try await HTTPHarness.publicAPI { client, harness in
      let opened = try await client.call(.post, "/v1/sessions", #"{"user":"alice","device":"ios"}"#)
      #expect(opened.status == .created)
      #expect(opened.headers[.setCookie] == nil)
      let token = try #require(opened.text.split(separator: "\"session_token\":\"").last?.split(separator: "\"").first)
      let bearer: HTTPFields = [.authorization: "Bearer \(token)"]

      let body = #"{"status":"away","text":"lunch","joins":[{"channel":"room:1","meta":{"x":1}}]}"#
      let beat = try await client.call(.post, "/v1/heartbeat", body, headers: bearer).text
      #expect(beat.hasPrefix(#"{"next_ms":30000,"presence":{"user":"alice","kind":"member","status":"away","text":"lunch""#))
      #expect(beat.contains(#""channels":{"room:1":{"channel":"room:1""#))
      await harness.loopback.settle()
      let room = try #require(ChannelName("room:1"))
      #expect(await harness.loopback.engine.channel(room)?.occupancy.users == 1)

      let left = try await client.call(.post, "/v1/heartbeat", #"{"leaves":["room:1"]}"#, headers: bearer).text
      #expect(left.contains(#""channels":{"room:1":{"changed":true}}"#))
      #expect(try await client.call(.post, "/v1/leave", "{}", headers: bearer).status == .noContent)
      await harness.loopback.settle()
      #expect(await harness.loopback.engine.stats().members == 0)
    }
  }

  @Test("a heartbeat that is wrong somewhere changes nothing")
  func wrongHeartbeat() async throws {
    try await HTTPHarness.publicAPI { client, harness in
      let session = try await harness.login("alice")
      let body = #"{"status":"nonsense","joins":[{"channel":"room:1"}]}"#
      #expect(try await client.call(.post, "/v1/heartbeat", body, headers: .bearer(session)).status == .badRequest)
      #expect(await harness.loopback.engine.session(session)?.channels == [])
    }
  }

  @Test("one join that is refused does not undo the heartbeat")
  func refusedJoin() async throws {
    try await HTTPHarness.publicAPI { client, harness in
      let session = try await harness.login("alice")
      let body = #"{"joins":[{"channel":"room:1","meta":{"x":"\#(String(repeating: "y", count: 2100))"}},{"channel":"room:2"}]}"#
      let text = try await client.call(.post, "/v1/heartbeat", body, headers: .bearer(session)).text
      #expect(text.contains(#""room:1":{"error":{"code":4510,"name":"too_large""#))
      #expect(text.contains(#""room:2":{"channel":"room:2""#))
    }
  }

  @Test("the token resumes the session, in the body, as bearer, or as cookie")
  func resume() async throws {
    try await HTTPHarness.publicAPI { client, harness in
      let session = try await harness.login("alice")
      let token = "t\(session.text)"
      let ways: [(String, HTTPFields)] = [
        (#"{"token":"\#(token)"}"#, [:]), ("", [.authorization: "Bearer \(token)"]), ("", [.cookie: "muster_session=\(token)"]),
      ]
      for (body, headers) in ways {
        let response = try await client.call(.post, "/v1/sessions", body, headers: headers)
        #expect(response.status == .ok)
        #expect(response.text.contains(#""session":"\#(session.text)""#) && response.text.contains(#""resumed":true"#))
      }
    }
  }

  @Test("a cookie is set when asked for: not for scripts, off loopback for HTTPS only; logging out removes it")
  func cookie() async throws {
    for isSecure in [false, true] {
      try await HTTPHarness.publicAPI(isSecure: isSecure) { client, _ in
        let opened = try await client.call(.post, "/v1/sessions", #"{"user":"alice","cookie":true}"#)
        let cookie = try #require(opened.headers[.setCookie])
        #expect(cookie.hasPrefix("muster_session=t"))
        #expect(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax") && cookie.contains("; Max-Age=2592000"))
        #expect(cookie.hasSuffix("; Secure") == isSecure)
        let value = try #require(cookie.split(separator: ";").first)
        let out = try await client.call(.delete, "/v1/session", headers: [.cookie: String(value)])
        #expect(out.status == .noContent)
        #expect(out.headers[.setCookie]?.hasPrefix("muster_session=; Path=/; Max-Age=0") == true)
        let again = try await client.call(.post, "/v1/heartbeat", headers: [.cookie: String(value)])
        #expect(again.status == .unauthorized && again.text.contains("session_expired"))
      }
    }
  }

  @Test("a beacon, which has no header fields, shows its token in the body")
  func beacon() async throws {
    try await HTTPHarness.publicAPI { client, harness in
      let session = try await harness.login("alice")
      let body = #"{"token":"t\#(session.text)","grace_ms":5000}"#
      #expect(try await client.call(.post, "/v1/leave", body, headers: [.contentType: "text/plain"]).status == .noContent)
      #expect(await harness.loopback.engine.session(session)?.phase == .detached)
      await harness.loopback.advance(.seconds(6))
      #expect(await harness.loopback.engine.session(session)?.phase == .dormant)
    }
  }

  @Test("own data: read with its version, patched, refused when the version is not the one named")
  func data() async throws {
    try await HTTPHarness.publicAPI { client, harness in
      let headers = HTTPFields.bearer(try await harness.login("alice"))
      let empty = try await client.call(.get, "/v1/session", headers: headers)
      #expect(empty.text == #"{"version":0,"data":{}}"#)
      #expect(empty.headers[.eTag] == "\"0\"")
      var conditional = headers
      conditional[.ifMatch] = "\"0\""
      let patched = try await client.call(.patch, "/v1/session", #" {"a": 1} "#, headers: conditional)
      #expect(patched.text == #"{"version":1,"data":{"a":1}}"# || patched.text == #"{"version":1,"data":{"a": 1}}"#)
      #expect(try await client.call(.patch, "/v1/session", #"{"a":2}"#, headers: conditional).status == .preconditionFailed)
      conditional[.ifMatch] = "0"
      #expect(try await client.call(.patch, "/v1/session", #"{"a":2}"#, headers: conditional).status == .badRequest)
      #expect(try await client.call(.patch, "/v1/session", "[1]", headers: headers).status == .badRequest)
    }
  }

  @Test("without a token, or with a wrong one, nothing is told")
  func unauthorized() async throws {
    try await HTTPHarness.publicAPI { client, _ in
      let calls: [(HTTPRequest.Method, String)] = [(.get, "/v1/session"), (.post, "/v1/heartbeat"), (.post, "/v1/leave")]
      for (method, uri) in calls {
        for headers in [[:], [.authorization: "Bearer wrong"]] as [HTTPFields] {
          let response = try await client.call(method, uri, headers: headers)
          #expect(response.status == .unauthorized)
          #expect(response.headers[.wwwAuthenticate] == "Bearer")
        }
      }
    }
  }

  @Test("pages of other origins are kept out; listed ones may read what they get, errors too")
  func origins() async throws {
    let page = "https://app.example.com"
    try await HTTPHarness.publicAPI(origins: .listed([page])) { client, _ in
      let evil = try await client.call(.post, "/v1/sessions", #"{"user":"a"}"#, headers: [.origin: "https://evil.example"])
      #expect(evil.status == .forbidden)
      #expect(evil.headers[.accessControlAllowOrigin] == nil)
      let opened = try await client.call(.post, "/v1/sessions", #"{"user":"a"}"#, headers: [.origin: page])
      #expect(opened.status == .created)
      #expect(opened.headers[.accessControlAllowOrigin] == page)
      #expect(opened.headers[.accessControlAllowCredentials] == "true")
      #expect(opened.headers[.vary] == "Origin")
      let failed = try await client.call(.get, "/v1/session", headers: [.origin: page])
      #expect(failed.status == .unauthorized)
      #expect(failed.headers[.accessControlAllowOrigin] == page)
    }
  }

  @Test("a preflight is answered with what is allowed")
  func preflight() async throws {
    let page = "https://app.example.com"
    try await HTTPHarness.publicAPI(origins: .listed([page])) { client, _ in
      let response = try await client.call(
        .options, "/v1/session", headers: [.origin: page, .accessControlRequestMethod: "PATCH"])
      #expect(response.status == .noContent)
      #expect(response.headers[.accessControlAllowMethods]?.contains("PATCH") == true)
      #expect(response.headers[.accessControlAllowHeaders]?.contains("If-Match") == true)
    }
  }

  @Test("the WebSocket endpoint tells a plain request what it is")
  func endpoint() async throws {
    try await HTTPHarness.publicAPI { client, _ in
      let response = try await client.call(.get, "/v1/connect")
      #expect(response.status == .upgradeRequired)
      #expect(response.headers[.upgrade] == "websocket")
    }
  }
}
