import HTTPTypes
import MusterEngine
import MusterHTTP
import MusterModel
import MusterTestKit
import Testing

@Suite("What both HTTP APIs have in common")
struct EdgeTests {
  @Test("every answer carries the request's name: the client's, or one that was made")
  func requestID() async throws {
    let name = HTTPField.Name("X-Request-Id")!
    try await HTTPHarness.adminAPI { client, _ in
      #expect(try await client.call(.get, "/v1/stats", headers: [name: "abc-1"]).headers[name] == "abc-1")
      #expect(try await client.call(.get, "/nowhere", headers: [name: "abc-2"]).headers[name] == "abc-2")
      let made = try #require(try await client.call(.get, "/v1/stats").headers[name])
      #expect(!made.isEmpty)
      let long = String(repeating: "x", count: 129)
      let answered = try await client.call(.get, "/v1/stats", headers: [name: long]).headers[name]
      #expect(answered != nil && answered != long)
    }
  }

  @Test("every error is an error object under a fitting status")
  func problems() async throws {
    try await HTTPHarness.adminAPI { client, _ in
      let tooMany = #"{"ids":[\#(Array(repeating: "\"a\"", count: 1001).joined(separator: ","))]}"#
      let cases: [(HTTPRequest.Method, String, String?, Int, String)] = [
        (.get, "/nowhere", nil, 404, "not_found"),
        (.post, "/v1/stats", nil, 404, "not_found"),
        (.get, "/v1/users/%ff", nil, 400, "bad_request"),
        (.get, "/v1/users/nobody", nil, 404, "not_found"),
        (.get, "/v1/users/alice?include=everything", nil, 400, "bad_request"),
        (.get, "/v1/sessions/123", nil, 400, "bad_request"),
        (.get, "/v1/sessions/00000000000000000000000000000000", nil, 404, "not_found"),
        (.delete, "/v1/connections/0000000000000000", nil, 404, "not_found"),
        (.get, "/v1/channels/a%3A", nil, 400, "invalid_channel"),
        (.get, "/v1/channels/room%3A1", nil, 404, "not_found"),
        (.get, "/v1/channels?limit=0", nil, 400, "bad_request"),
        (.post, "/v1/users/query", "{", 400, "bad_request"),
        (.post, "/v1/users/query", "[]", 400, "bad_request"),
        (.post, "/v1/users/query", #"{"ids":["a",1]}"#, 400, "bad_request"),
        (.post, "/v1/users/query", tooMany, 413, "too_large"),
        (.put, "/v1/users/alice/status", "{}", 400, "bad_request"),
        (.put, "/v1/users/alice/status", #"{"status":"offline"}"#, 400, "bad_request"),
        (.put, "/v1/users/alice/ban", #"{"for_ms":0}"#, 400, "bad_request"),
        (.post, "/v1/signals", #"{"to":{"user":"alice"}}"#, 400, "bad_request"),
        (.post, "/v1/signals", #"{"to":{},"data":1}"#, 400, "bad_request"),
      ]
      for (method, uri, body, status, name) in cases {
        let response = try await client.call(method, uri, body)
        #expect(response.status.code == status, "\(method) \(uri): \(response.text)")
        #expect(response.text.hasPrefix(#"{"error":{"code":"#), "\(method) \(uri)")
        #expect(response.text.contains("\"name\":\"\(name)\""), "\(method) \(uri): \(response.text)")
        #expect(response.headers[.contentType] == "application/json")
      }
    }
  }

  @Test("a body over the limit is refused, not read")
  func bodyLimit() async throws {
    try await HTTPHarness.publicAPI { client, _ in
      let body = #"{"user":"alice","padding":"\#(String(repeating: "x", count: 5000))"}"#
      let response = try await client.call(.post, "/v1/sessions", body)
      #expect(response.status == .contentTooLarge)
      #expect(response.text.contains("4096"))
    }
  }

  @Test("alive from the start, ready only in between")
  func health() async throws {
    try await HTTPHarness.publicAPI { client, harness in
      #expect(try await client.call(.get, "/health/live").status == .ok)
      #expect(try await client.call(.get, "/health/ready").status == .serviceUnavailable)
      harness.readiness.begin()
      #expect(try await client.call(.get, "/health/ready").status == .ok)
      harness.readiness.end("The server is stopping.")
      let response = try await client.call(.get, "/health/ready")
      #expect(response.status == .serviceUnavailable)
      #expect(response.text.contains("The server is stopping."))
    }
  }

  @Test("the admin port asks for its key everywhere but for health")
  func key() async throws {
    try await HTTPHarness.adminAPI(key: "a-key-of-16-bytes") { client, _ in
      #expect(try await client.call(.get, "/health/live").status == .ok)
      let without = try await client.call(.get, "/v1/stats")
      #expect(without.status == .unauthorized)
      #expect(without.headers[.wwwAuthenticate] == "Bearer")
      for wrong in ["Bearer a-key-of-16-byteS", "Bearer a-key-of-16-bytes-", "Basic a-key-of-16-bytes", "Bearer"] {
        let response = try await client.call(.get, "/v1/stats", headers: [.authorization: wrong])
        #expect(response.status == .unauthorized, "\(wrong)")
      }
      #expect(try await client.call(.get, "/v1/stats", headers: [.authorization: "Bearer a-key-of-16-bytes"]).status == .ok)
    }
  }
}
