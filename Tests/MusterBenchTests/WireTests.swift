import MusterBench
import MusterJSON
import MusterModel
import MusterWire
import Testing

/// What a view of a message's text says.
private func viewing<Result>(_ text: String, _ body: (MessageView) -> Result) -> Result {
  Array(text.utf8).withUnsafeBytes { body(MessageView($0)) }
}

@Suite struct MessageViewTests {
  @Test("replies and pushes are told apart, in the server's own order of members and in any other")
  func heads() {
    let slow = ServerError(name: "rate_limited", message: "Too \"many\".")
    let heads: [(String, MessageHead)] = [
      (#"{"re":17,"ok":{"server_time_ms":5}}"#, .ok(id: 17, body: 14)),
      (#"{"re":-3,"ok":{}}"#, .ok(id: -3, body: 14)),
      (#" { "ok" : {"re":1} , "re" : 17 }"#, .ok(id: 17, body: 9)),
      (#"{"re":17,"error":{"code":4508,"name":"rate_limited","message":"Too \"many\"."}}"#, .failed(id: 17, slow)),
      (#"{"re":null,"error":{"name":"rate_limited","message":"Too \"many\"."}}"#, .failed(id: nil, slow)),
      (#"{"ev":"diff","channel":"a:b"}"#, .push(.diff)),
      (#"{"channel":"a:b","ev":"snapshot"}"#, .push(.snapshot)),
      (#"{"ev":"diffs"}"#, .push(.other)), (#"{"ev":"reconnect"}"#, .push(.reconnect)), (#"{"ev":"ended"}"#, .push(.ended)),
      ("{}", .unknown), ("", .unknown), ("[]", .unknown), (#"{"re":1}"#, .unknown), (#"{"re":1,"#, .unknown),
      (#"{"re":"1","ok":{}}"#, .unknown),
    ]
    for (text, head) in heads { viewing(text) { #expect($0.head == head, "\(text)") } }
  }

  @Test("every prefix of a message is looked at without harm")
  func prefixes() {
    let text = #"{"ev":"diff","prev":1,"seq":2,"updates":[{"user":"é","meta":{"bench":[3,45]}}]}"#
    for length in 0..<text.utf8.count {
      Array(text.utf8.prefix(length)).withUnsafeBytes { bytes in
        let view = MessageView(bytes)
        _ = view.head
        #expect(view.integer("updates") == nil)
        view.forEachStamp { #expect($0.actor == 3 && [4, 45].contains($0.nanoseconds)) }
      }
    }
  }

  @Test("a member is found at its own level only")
  func members() {
    viewing(#"{"a":{"seq":1,"x":"}"},"seq":2,"o":{"n":{"seq":3}},"t":"\u00e9\n"}"#) { view in
      #expect(view.integer("seq") == 2)
      #expect(view.member("o").flatMap { view.member("n", at: $0) }.flatMap { view.integer("seq", at: $0) } == 3)
      #expect(view.integer("x") == nil)
      #expect(view.integer("t") == nil)
      #expect(view.text("t") == "é\n")
      #expect(view.text("seq") == nil)
    }
  }

  @Test("every stamp in a message is found, and nothing that only looks like one")
  func stamps() {
    let text = #"{"m":[{"meta":{"bench":[0,123]}},{"meta":{"x":1,"bench":[12, 9007199254740991]}},{"bench":[]},{"bench":7}]}"#
    viewing(text) { view in
      var stamps: [Stamp] = []
      view.forEachStamp { stamps.append($0) }
      #expect(stamps == [Stamp(actor: 0, nanoseconds: 123), Stamp(actor: 12, nanoseconds: 9_007_199_254_740_991)])
    }
  }
}

@Suite struct RequestsTests {
  private func composed(_ compose: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    compose(&writer)
    return String(decoding: writer.copyBytes(), as: UTF8.self)
  }

  private let channel = Array(#"bench:"x"#.utf8)

  @Test("requests are what the protocol says, byte for byte")
  func texts() {
    #expect(composed { Requests.beat(id: 12, into: &$0) } == #"{"op":"beat","id":12}"#)
    #expect(
      composed { Requests.hello(.user(prefix: "bench-"), number: 7, into: &$0) }
        == #"{"op":"hello","id":0,"device":"bot","user":"bench-7"}"#)
    #expect(
      composed { Requests.hello(.token(#"a"b"#), number: 7, into: &$0) }
        == #"{"op":"hello","id":0,"device":"bot","token":"a\"b"}"#)
    #expect(
      composed { Requests.channel(.join, id: 1, channel: channel, into: &$0) }
        == #"{"op":"join","id":1,"channel":"bench:\"x","list":0}"#)
    #expect(
      composed { Requests.update(id: 2, channel: channel, stamp: Stamp(actor: 3, nanoseconds: 4), into: &$0) }
        == #"{"op":"update","id":2,"channel":"bench:\"x","patch":{"bench":[3,4]}}"#)
  }

  @Test("the server's decoder takes every request that the generator composes")
  func decoding() throws {
    let requests = [
      composed { Requests.hello(.user(prefix: "bench-"), number: 1, into: &$0) },
      composed { Requests.hello(.token("t"), number: 1, into: &$0) },
      composed { Requests.beat(id: 1, into: &$0) },
      composed { Requests.channel(.join, id: 1, channel: Array("bench:1".utf8), into: &$0) },
      composed { Requests.channel(.observe, id: 1, channel: Array("bench:1".utf8), into: &$0) },
      composed { Requests.channel(.leave, id: 1, channel: Array("bench:1".utf8), into: &$0) },
      composed { Requests.channel(.count, id: 1, channel: Array("bench:1".utf8), into: &$0) },
      composed { Requests.update(id: 1, channel: Array("bench:1".utf8), stamp: Stamp(actor: 1, nanoseconds: 2), into: &$0) },
    ]
    for request in requests {
      #expect(throws: Never.self, "\(request)") { try MessageDecoder().decode(Array(request.utf8).span.bytes) }
    }
  }
}

@Suite struct HandshakeTests {
  private let handshake = Handshake(host: "127.0.0.1:7600", target: "/v1/connect?x=1", key: "dGhlIHNhbXBsZSBub25jZQ==")

  private func answer(_ text: String, ended: Bool = false) -> Handshake.Answer {
    Array(text.utf8).withUnsafeBytes { handshake.answer($0, ended: ended) }
  }

  private let accepted =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nsec-websocket-ACCEPT: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

  @Test("the request names host, target and subprotocol, and ends with an empty line")
  func request() {
    let text = String(decoding: handshake.request(number: 0), as: UTF8.self)
    #expect(text.hasPrefix("GET /v1/connect?x=1 HTTP/1.1\r\nHost: 127.0.0.1:7600\r\n"))
    #expect(text.contains("\r\nSec-WebSocket-Protocol: muster.v1\r\n"))
    #expect(text.hasSuffix("\r\n\r\n") && !text.hasSuffix("\r\n\r\n\r\n"))
    #expect(text.split(separator: "\r\n").allSatisfy { !$0.contains("\n") })
  }

  @Test("a number stands where the target has its mark, and only there; without a subprotocol none is offered")
  func numbered() {
    let numbered = Handshake(host: "h", target: "/beat/{n}?x", key: "k", subprotocol: nil)
    let text = String(decoding: numbered.request(number: 42), as: UTF8.self)
    #expect(text.hasPrefix("GET /beat/42?x HTTP/1.1\r\nHost: h\r\n"))
    #expect(!text.contains("Protocol") && text.hasSuffix("\r\n\r\n"))
  }

  @Test("a key is shown as a bearer token, and only when there is one")
  func key() {
    #expect(!String(decoding: handshake.request(number: 0), as: UTF8.self).contains("Authorization"))
    let relay = Handshake(host: "h", target: "/", key: "k", subprotocol: "muster.relay.v1", apiKey: "s3cret")
    let text = String(decoding: relay.request(number: 0), as: UTF8.self)
    #expect(text.contains("\r\nAuthorization: Bearer s3cret\r\n") && text.hasSuffix("\r\n\r\n"))
  }

  @Test("the example of RFC 6455 is accepted; frames may follow in the same segment")
  func acceptance() {
    #expect(answer(accepted) == .accepted(bytes: accepted.utf8.count))
    #expect(answer(accepted + "\u{01}\u{02}") == .accepted(bytes: accepted.utf8.count))
  }

  @Test("an answer that comes byte by byte is accepted with its last")
  func pieces() {
    for length in 0..<accepted.utf8.count {
      Array(accepted.utf8.prefix(length)).withUnsafeBytes { #expect(handshake.answer($0, ended: false) == .incomplete) }
    }
  }

  @Test("a wrong proof, no HTTP, an endless head and an early end are violations")
  func violations() {
    let wrong = accepted.replacing("s3pPLM", with: "AAAAAA")
    for text in [wrong, "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200\r\n" + String(repeating: "a: b\r\n", count: 4_000)] {
      guard case .violation = answer(text) else {
        Issue.record("taken: \(text.prefix(40))")
        continue
      }
    }
    #expect(answer("HTTP/1.1 101", ended: true) == .violation("The connection ended before the answer."))
  }

  @Test("a refusal carries the status and the server's own code and message")
  func refusal() {
    let body = #"{"error":{"code":4003,"name":"overloaded","message":"Too many connections."}}"#
    let text = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
    #expect(answer(text) == .refused(status: "503 Service Unavailable", message: "overloaded: Too many connections."))
    #expect(answer(String(text.dropLast())) == .incomplete)
    #expect(answer("HTTP/1.1 404 Not Found\r\n\r\nno such thing") == .incomplete)
    #expect(
      answer("HTTP/1.1 404 Not Found\r\n\r\nno such thing", ended: true)
        == .refused(status: "404 Not Found", message: "no such thing"))
  }
}

@Suite struct ServerAddressTests {
  @Test("URLs are taken apart as RFC 3986 has them")
  func parts() throws {
    for (url, name, port, target, host) in [
      ("ws://127.0.0.1:7600/v1/connect", "127.0.0.1", 7600, "/v1/connect", "127.0.0.1:7600"),
      ("ws://example.org", "example.org", 80, "/", "example.org:80"),
      ("ws://example.org:1?token=x", "example.org", 1, "/?token=x", "example.org:1"),
      ("ws://[::1]:7600/a", "::1", 7600, "/a", "[::1]:7600"),
    ] as [(String, String, UInt16, String, String)] {
      let parts = try ServerAddress.Parts(url: url)
      #expect(parts.name == name && parts.port == port && parts.target == target && parts.host == host, "\(url)")
    }
  }

  @Test(
    "what is no ws:// URL is refused with a sentence that shows it",
    arguments: [
      "wss://a/", "http://a/", "ws://", "ws://:80/", "ws://a:0/", "ws://a:65536/", "ws://a:b/", "ws://a/b c", "ws://[::1/",
    ])
  func refused(url: String) {
    #expect { try ServerAddress.Parts(url: url) } throws: { "\($0)".contains("'\(url)'") }
  }

  @Test("more connections than descriptors are refused before the first is opened")
  func descriptors() {
    #expect(throws: LoadError.self) { try DescriptorLimit.ensure(connections: 1 << 40, threads: 1) }
    #expect(throws: Never.self) { try DescriptorLimit.ensure(connections: 1, threads: 1) }
  }
}
