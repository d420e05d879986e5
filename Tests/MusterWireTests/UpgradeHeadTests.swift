import MusterWire
import Testing

@Suite struct UpgradeHeadTests {
  private static let usual = [
    "Host: chat.example.com", "Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ]

  private func request(_ line: String = "GET /v1/connect HTTP/1.1", _ fields: [String] = usual, end: String = "\r\n") -> [UInt8] {
    utf8(([line] + fields + [""]).map { $0 + end }.joined())
  }

  private func read(_ bytes: [UInt8], bytesMax: Int = 16 << 10) -> UpgradeHead? {
    UpgradeHead.read(bytes.span.bytes, path: "/v1/connect", bytesMax: bytesMax)
  }

  private func value(_ field: UpgradeHead.Field, _ bytes: [UInt8]) -> String { text(Array(bytes[field.range])) }

  @Test("a browser's request is read, with all that decides about it")
  func browser() throws {
    let fields = [
      "Host: chat.example.com:7600", "Connection: Upgrade", "Pragma: no-cache", "Cache-Control: no-cache",
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "Upgrade: WebSocket", "Origin:https://chat.example.com ",
      "Sec-WebSocket-Version: 13", "Accept-Encoding: gzip, deflate, br", "Cookie: a=b; muster_session=secret",
      "Sec-WebSocket-Key:\t x3JJHMbDL1EzLkh9GBhXDw== ", "Sec-WebSocket-Extensions: permessage-deflate",
      "sec-websocket-protocol: other , muster.v1", "AUTHORIZATION: Bearer abc",
    ]
    let bytes = request("GET /v1/connect?token=t&x HTTP/1.1", fields) + utf8("more")
    let head = try #require(read(bytes))
    #expect(head.bytes == bytes.count - 4)
    #expect(value(head.query, bytes) == "token=t&x")
    #expect(value(head.host, bytes) == "chat.example.com:7600")
    #expect(value(head.origin, bytes) == "https://chat.example.com")
    #expect(value(head.cookie, bytes) == "a=b; muster_session=secret")
    #expect(value(head.authorization, bytes) == "Bearer abc")
    #expect(value(head.key, bytes) == "x3JJHMbDL1EzLkh9GBhXDw==")
    #expect(head.offersSubprotocol)
  }

  @Test("a head is read only when it is whole and within its limit")
  func whole() throws {
    let bytes = request()
    let head = try #require(read(bytes))
    #expect(head.bytes == bytes.count && head.origin.isEmpty && head.query.isEmpty && !head.offersSubprotocol)
    for count in 0..<bytes.count { #expect(read(Array(bytes[..<count])) == nil) }
    #expect(read(bytes, bytesMax: bytes.count) != nil)
    #expect(read(bytes, bytesMax: bytes.count - 1) == nil)
    let many = (0..<UpgradeHead.fieldsMax - Self.usual.count).map { "X-\($0): y" }
    #expect(read(request("GET /v1/connect HTTP/1.1", Self.usual + many)) != nil)
    #expect(read(request("GET /v1/connect HTTP/1.1", Self.usual + many + ["X: y"])) == nil)
  }

  @Test(
    "a request line that is not the usual one is declined",
    arguments: [
      "POST /v1/connect HTTP/1.1", "GET /v1/connect HTTP/1.0", "GET /v1/connected HTTP/1.1", "GET /v1/connect/ HTTP/1.1",
      "get /v1/connect HTTP/1.1", "GET  /v1/connect HTTP/1.1", "GET /v1/connect  HTTP/1.1", "GET /v1/connect HTTP/1.1 ",
      "GET http://a/v1/connect HTTP/1.1", "GET /v1/connect#a HTTP/1.1", "GET /v1/connect?a#b HTTP/1.1",
      "GET /v1/%63onnect HTTP/1.1",
      "GET /v1/connect?é HTTP/1.1", "GET /v1/connect?\t HTTP/1.1", "\r\nGET /v1/connect HTTP/1.1", "",
    ])
  func requestLines(line: String) {
    #expect(read(request(line)) == nil)
  }

  @Test(
    "a field that makes a request unusual is declined",
    arguments: [
      "Content-Length: 0", "content-length: 5", "Transfer-Encoding: chunked", "Expect: 100-continue", "Host: b", "Upgrade: h2c",
      "Connection: upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Protocol: other", "Sec-WebSocket-Protocol:", "Origin:", "X-A : b", " folded", "\tfolded", ": b", "X-A",
      "X\u{0}: b",
      "X: a\u{0}b", "X: a\rb", "X: a\nb", "X: \u{7f}", "X: é", "X(: b",
    ])
  func fields(field: String) {
    #expect(read(request("GET /v1/connect HTTP/1.1", Self.usual + [field])) == nil, "\(field)")
    #expect(read(request("GET /v1/connect HTTP/1.1", [field] + Self.usual)) == nil, "\(field)")
  }

  @Test("every field that an upgrade needs is needed, with its value")
  func needed() {
    for index in Self.usual.indices {
      var fields = Self.usual
      fields.remove(at: index)
      #expect(read(request("GET /v1/connect HTTP/1.1", fields)) == nil, "without \(Self.usual[index])")
    }
    let wrong = [
      "Host:", "Upgrade: websockets", "Connection: close", "Connection: close, upgrade", "Sec-WebSocket-Version: 8",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA",
    ]
    for field in wrong {
      let name = field.prefix { $0 != ":" }
      let fields = Self.usual.filter { !$0.hasPrefix(name) } + [field]
      #expect(read(request("GET /v1/connect HTTP/1.1", fields)) == nil, "\(field)")
    }
    #expect(read(request(end: "\n")) == nil)
  }

  @Test(
    "whatever is taken, the handshake accepts, and mutations never read beyond the bytes", arguments: [61, 62, 63] as [UInt64])
  func mutations(seed: UInt64) throws {
    var random = Seeded(seed)
    let base = request("GET /v1/connect?a=b HTTP/1.1", Self.usual + ["Origin: http://a", "Sec-WebSocket-Protocol: muster.v1"])
    let interesting = utf8(" \t\r\n:,=?#\0AaZz09-") + [0x7f, 0x80, 0xff]
    var taken = 0
    for round in 0..<20_000 {
      var bytes = base
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0...3, using: &random) {
        case 0: bytes[place] = interesting.randomElement(using: &random)!
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(interesting.randomElement(using: &random)!, at: place)
        default: bytes[place] ^= 0x20
        }
      }
      guard let head = read(bytes) else { continue }
      taken += 1
      #expect(head.bytes <= bytes.count && bytes[..<head.bytes].suffix(4).elementsEqual(utf8("\r\n\r\n")))
      // Read again in the way of those who join lines and split lists.
      let lines = text(Array(bytes[..<head.bytes])).split(separator: "\r\n")
      func joined(_ name: String) -> String? {
        let values = lines.dropFirst().filter { $0.lowercased().hasPrefix(name + ":") }.map { $0.dropFirst(name.count + 1) }
        return values.isEmpty ? nil : values.map { $0.drop { " \t".contains($0) } }.joined(separator: ",")
      }
      func trimmed(_ value: String?) -> String? {
        value.map { value in String(value.reversed().drop { " \t".contains($0) }.reversed()) }
      }
      let offer = WebSocketHandshake.Offer(
        method: "GET", upgrade: joined("upgrade"), connection: joined("connection"),
        version: trimmed(joined("sec-websocket-version")),
        key: trimmed(joined("sec-websocket-key")), protocols: joined("sec-websocket-protocol"))
      let acceptance = try WebSocketHandshake.answer(offer)
      let key = Array(bytes[head.key.range])
      let proof = WebSocketHandshake.accept(key: key.span.bytes)
      #expect(acceptance.accept == text((0..<28).map { proof[$0] }), "seed \(seed), round \(round)")
      #expect((acceptance.subprotocol == .client) == head.offersSubprotocol, "seed \(seed), round \(round)")
    }
    #expect(taken > 1_000)
  }
}
