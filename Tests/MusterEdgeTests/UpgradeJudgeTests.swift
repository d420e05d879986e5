import MusterAccess
import MusterEdge
import MusterModel
import MusterWire
import Testing

/// A sound upgrade, changed.
private func request(_ target: String = "/v1/connect", _ change: (inout UpgradeRequest) -> Void = { _ in }) -> UpgradeRequest {
  var request = UpgradeRequest(
    target: target, hosts: ["127.0.0.1:7600"],
    offer: .init(
      method: "GET", upgrade: "websocket", connection: "keep-alive, Upgrade", version: "13", key: "dGhlIHNhbXBsZSBub25jZQ==",
      protocols: nil))
  change(&request)
  return request
}

@Suite("What the head of a request asks for")
struct UpgradeJudgeTests {
  private func findGrant(_ request: UpgradeRequest, by judge: UpgradeJudge = UpgradeJudge(origins: .any)) -> UpgradeGrant? {
    guard case .grant(let grant) = judge.judge(request, from: "192.0.2.1") else { return nil }
    return grant
  }

  private func findRefusal(
    _ request: UpgradeRequest, by judge: UpgradeJudge = UpgradeJudge(origins: .any)
  ) -> UpgradeRefusal? {
    guard case .refuse(let refusal) = judge.judge(request, from: "") else { return nil }
    return refusal
  }

  @Test("a WebSocket request is granted, with the key of RFC 6455 answered as in RFC 6455")
  func granted() throws {
    let grant = try #require(findGrant(request()))
    #expect(grant.peer == Peer(address: "192.0.2.1"))
    #expect(grant.response.hasPrefix("HTTP/1.1 101 "))
    #expect(grant.response.hasSuffix("\r\n\r\n"))
    #expect(grant.response.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
    #expect(!grant.response.contains("sec-websocket-protocol"))
  }

  @Test("the subprotocol is answered when it is offered")
  func subprotocol() throws {
    let grant = try #require(findGrant(request { $0.offer.protocols = "chat, muster.v1" }))
    #expect(grant.response.contains("\r\nsec-websocket-protocol: muster.v1\r\n"))
  }

  @Test("the token of the request goes along")
  func token() {
    #expect(findGrant(request("/v1/connect?token=a%2Bb"))?.peer.token == Array("a+b".utf8))
    #expect(findGrant(request { $0.authorization = "Bearer abc" })?.peer.token == Array("abc".utf8))
    #expect(findGrant(request { $0.cookies = ["muster_session=abc"] })?.peer.token == Array("abc".utf8))
  }

  @Test("a relay that shows the key is granted, and the key is not kept as a token")
  func relay() throws {
    let judge = UpgradeJudge(origins: .sameHost, relays: .key(Array("0123456789abcdef".utf8)))
    for offered in ["muster.relay.v1", "chat, muster.relay.v1, muster.v1"] {
      let asked = request("/v1/connect?token=abc") {
        $0.offer.protocols = offered
        $0.authorization = "Bearer 0123456789abcdef"
      }
      let grant = try #require(findGrant(asked, by: judge))
      #expect(grant.subprotocol == .relay)
      #expect(grant.peer == Peer(address: "192.0.2.1"))
      #expect(grant.response.contains("\r\nsec-websocket-protocol: muster.relay.v1\r\n"))
    }
  }

  @Test("a relay without the key is refused with 401; who offers muster.v1 first is no relay")
  func relayWithoutKey() throws {
    let judge = UpgradeJudge(origins: .any, relays: .key(Array("0123456789abcdef".utf8)))
    for authorization in [nil, "Bearer 0123456789abcdeX", "Basic 0123456789abcdef"] {
      let asked = request {
        $0.offer.protocols = "muster.relay.v1"
        $0.authorization = authorization
      }
      for judge in [judge, UpgradeJudge(origins: .any)] {
        let refusal = try #require(findRefusal(asked, by: judge))
        #expect(refusal.status == 401)
        #expect(refusal.refusal.code == .unauthorized)
        #expect(refusal.fields == [.init(name: "www-authenticate", value: "Bearer")])
      }
      #expect(findGrant(asked, by: UpgradeJudge(origins: .any, relays: .everybody))?.subprotocol == .relay)
    }
    #expect(findGrant(request { $0.offer.protocols = "muster.v1, muster.relay.v1" }, by: judge)?.subprotocol == .client)
    #expect(findGrant(request(), by: judge)?.subprotocol == .client)
  }

  @Test("a stopping server sends relays away like others, once they have shown the key")
  func stoppingRelay() {
    let judge = UpgradeJudge(origins: .any, relays: .everybody)
    judge.stopAdmitting()
    #expect(findRefusal(request { $0.offer.protocols = "muster.relay.v1" }, by: judge)?.status == 503)
  }

  @Test("an upgrade elsewhere is served as a plain request, the last of its connection")
  func elsewhere() {
    guard case .plainOnce = UpgradeJudge(origins: .any).judge(request("/v1/sessions"), from: "") else {
      Issue.record("judged as an upgrade")
      return
    }
  }

  @Test("a request that cannot become a WebSocket is told why", arguments: 0..<5)
  func refused(index: Int) throws {
    let cases: [(status: Int, change: (inout UpgradeRequest) -> Void)] = [
      (426, { $0.offer.upgrade = "h2c" }), (426, { $0.offer.connection = "keep-alive" }), (426, { $0.offer.version = "8" }),
      (400, { $0.offer.key = nil }), (400, { $0.offer.key = "short" }),
    ]
    let refusal = try #require(findRefusal(request("/v1/connect", cases[index].change)))
    #expect(refusal.status == cases[index].status)
    #expect(!refusal.refusal.message.isEmpty)
    #expect(String(decoding: refusal.body, as: UTF8.self).hasPrefix(#"{"error":{"code":4500,"name":"bad_request","message":""#))
  }

  @Test("an unknown version is told which one is spoken")
  func version() {
    #expect(findRefusal(request { $0.offer.version = "8" })?.fields == [.init(name: "sec-websocket-version", value: "13")])
  }

  @Test("a page of another origin is refused")
  func origin() {
    let judge = UpgradeJudge(origins: .sameHost)
    #expect(findRefusal(request { $0.origin = "https://evil.example" }, by: judge)?.status == 403)
    #expect(findGrant(request { $0.origin = "http://127.0.0.1:7600" }, by: judge) != nil)
    #expect(findGrant(request(), by: judge) != nil)
  }

  @Test("a stopping server sends newcomers away, with a time to come back")
  func stopping() throws {
    let judge = UpgradeJudge(origins: .any)
    judge.stopAdmitting()
    let refusal = try #require(findRefusal(request(), by: judge))
    #expect(refusal.status == 503)
    #expect(refusal.refusal.code == .drain)
    #expect(refusal.fields.map(\.name) == ["retry-after"])
  }

  @Test("an upgrade of HTTP/1.0, without a host, with two, or with a body is refused with 400")
  func unsoundRequests() {
    let unsound = [
      request { $0.isHTTP11 = false }, request { $0.hosts = [] }, request { $0.hosts.append("b") }, request { $0.hasBody = true },
    ]
    for request in unsound { #expect(findRefusal(request)?.status == 400, "\(request)") }
  }
}
