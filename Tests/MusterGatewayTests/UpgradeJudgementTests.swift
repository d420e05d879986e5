import Logging
import MusterAccess
import MusterEngine
import MusterModel
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import MusterGateway

/// Believes everybody, and makes no tokens.
private struct Open: Authenticator, SessionTokens {
  func identify(_ credentials: Credentials, from peer: Peer) throws(Refusal) -> Identity { .guest }
  func token(for session: SessionID) -> [UInt8] { [] }
  func session(of token: [UInt8]) -> SessionID? { nil }
}

private func gateway(_ origins: OriginPolicy = .any) -> Gateway {
  Gateway(
    loops: [EmbeddedEventLoop()], limits: GatewayLimits(), engine: EngineConfiguration(), origins: origins,
    authenticator: Open(), tokens: Open(), logger: Logger(label: "test"))
}

private func head(_ uri: String = "/v1/connect", _ changes: [String: String?] = [:]) -> HTTPRequestHead {
  var headers: HTTPHeaders = [
    "Host": "127.0.0.1:7600", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  ]
  for (name, value) in changes {
    headers.remove(name: name)
    if let value { headers.add(name: name, value: value) }
  }
  return HTTPRequestHead(version: .http1_1, method: .GET, uri: uri, headers: headers)
}

@Suite("What the head of a request asks for")
struct UpgradeJudgementTests {
  private func findGrant(_ head: HTTPRequestHead, by gateway: Gateway = gateway()) -> UpgradeGrant? {
    guard case .grant(let grant) = gateway.judge(head, from: try? SocketAddress(ipAddress: "192.0.2.1", port: 9)) else {
      return nil
    }
    return grant
  }

  private func findRefusal(_ head: HTTPRequestHead, by gateway: Gateway = gateway()) -> UpgradeRefusal? {
    guard case .refuse(let refusal) = gateway.judge(head, from: nil) else { return nil }
    return refusal
  }

  @Test("a WebSocket request is granted, with the key of RFC 6455 answered as in RFC 6455")
  func granted() throws {
    let grant = try #require(findGrant(head()))
    #expect(grant.peer == Peer(address: "192.0.2.1"))
    #expect(grant.response.hasPrefix("HTTP/1.1 101 "))
    #expect(grant.response.hasSuffix("\r\n\r\n"))
    #expect(grant.response.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
    #expect(!grant.response.contains("sec-websocket-protocol"))
  }

  @Test("the subprotocol is answered when it is offered")
  func subprotocol() throws {
    let grant = try #require(findGrant(head("/v1/connect", ["Sec-WebSocket-Protocol": "chat, muster.v1"])))
    #expect(grant.response.contains("\r\nsec-websocket-protocol: muster.v1\r\n"))
  }

  @Test("the token of the request goes along")
  func token() {
    #expect(findGrant(head("/v1/connect?token=a%2Bb"))?.peer.token == Array("a+b".utf8))
    #expect(findGrant(head("/v1/connect", ["Authorization": "Bearer abc"]))?.peer.token == Array("abc".utf8))
    #expect(findGrant(head("/v1/connect", ["Cookie": "muster_session=abc"]))?.peer.token == Array("abc".utf8))
  }

  @Test("without an Upgrade field, or elsewhere, it is a plain request; with one elsewhere, the last of its connection")
  func plain() {
    for (head, isLast) in [(head("/v1/connect", ["Upgrade": nil]), false), (head("/v1/sessions"), true)] {
      switch gateway().judge(head, from: nil) {
      case .plain: #expect(!isLast)
      case .plainOnce: #expect(isLast)
      default: Issue.record("judged as an upgrade")
      }
    }
  }

  @Test(
    "a request that cannot become a WebSocket is told why",
    arguments: [
      (["Upgrade": "h2c"], 426), (["Connection": "keep-alive"], 426), (["Sec-WebSocket-Version": "8"], 426),
      (["Sec-WebSocket-Key": nil], 400), (["Sec-WebSocket-Key": "short"], 400),
    ] as [([String: String?], UInt)])
  func refused(changes: [String: String?], status: UInt) throws {
    let refusal = try #require(findRefusal(head("/v1/connect", changes)))
    #expect(refusal.status.code == status)
    #expect(!refusal.refusal.message.isEmpty)
    var body = ByteBuffer()
    refusal.write(to: &body)
    #expect(String(buffer: body).hasPrefix(#"{"error":{"code":4500,"name":"bad_request","message":""#))
  }

  @Test("an unknown version is told which one is spoken")
  func version() {
    let refusal = findRefusal(head("/v1/connect", ["Sec-WebSocket-Version": "8"]))
    #expect(refusal?.headers.first(name: "sec-websocket-version") == "13")
  }

  @Test("a page of another origin is refused")
  func origin() {
    let evil = findRefusal(head("/v1/connect", ["Origin": "https://evil.example"]), by: gateway(.sameHost))
    #expect(evil?.status == .forbidden)
    #expect(findGrant(head("/v1/connect", ["Origin": "http://127.0.0.1:7600"]), by: gateway(.sameHost)) != nil)
    #expect(findGrant(head(), by: gateway(.sameHost)) != nil)
  }

  @Test("a stopping server sends newcomers away, with a time to come back")
  func stopping() throws {
    let gateway = gateway()
    gateway.stopAdmitting()
    let refusal = try #require(findRefusal(head(), by: gateway))
    #expect(refusal.status == .serviceUnavailable)
    #expect(refusal.refusal.code == .drain)
    #expect(refusal.headers.contains(name: "retry-after"))
  }

  @Test("an upgrade of HTTP/1.0, without a host, with two, or with a body is refused with 400")
  func unsoundRequests() {
    var old = head()
    old.version = .http1_0
    var twoHosts = head()
    twoHosts.headers.add(name: "Host", value: "b")
    let unsound = [
      old, twoHosts, head("/v1/connect", ["Host": nil]), head("/v1/connect", ["Content-Length": "5"]),
      head("/v1/connect", ["Transfer-Encoding": "chunked"]),
    ]
    for request in unsound { #expect(findRefusal(request)?.status == .badRequest, "\(request)") }
    #expect(findRefusal(head("/v1/connect", ["Content-Length": "0"])) == nil)
  }
}
