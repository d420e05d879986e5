import Testing

@testable import MusterWire

@Suite struct WebSocketHandshakeTests {
  private let offer = WebSocketHandshake.Offer(
    method: "GET", upgrade: "websocket", connection: "Upgrade", version: "13", key: "dGhlIHNhbXBsZSBub25jZQ==", protocols: nil)

  /// The offer with something changed.
  private func offer(_ change: (inout WebSocketHandshake.Offer) -> Void) -> WebSocketHandshake.Offer {
    var changed = offer
    change(&changed)
    return changed
  }

  @Test("RFC 6455, section 1.3: the sample key")
  func sampleKey() throws {
    #expect(try WebSocketHandshake.answer(offer).accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }

  @Test("browsers' spellings of the headers are understood")
  func spellings() throws {
    for change: (inout WebSocketHandshake.Offer) -> Void in [
      { $0.connection = "keep-alive, Upgrade" }, { $0.connection = "upgrade" }, { $0.connection = "keep-alive ,\tUPGRADE ,x" },
      { $0.upgrade = "WebSocket" }, { $0.upgrade = "h2c, websocket" },
    ] {
      #expect(throws: Never.self) { try WebSocketHandshake.answer(offer(change)) }
    }
  }

  @Test("what is not an offer is rejected with its status")
  func rejections() {
    let examples: [(WebSocketHandshake.Rejection, Int, (inout WebSocketHandshake.Offer) -> Void)] = [
      (.wrongMethod, 405, { $0.method = "POST" }), (.wrongMethod, 405, { $0.method = "get" }),
      (.notAnUpgrade, 426, { $0.upgrade = nil }), (.notAnUpgrade, 426, { $0.upgrade = "websockets" }),
      (.notAnUpgrade, 426, { $0.upgrade = "web socket" }), (.notAnUpgrade, 426, { $0.connection = nil }),
      (.notAnUpgrade, 426, { $0.connection = "keep-alive" }), (.notAnUpgrade, 426, { $0.connection = "" }),
      (.unsupportedVersion, 426, { $0.version = "8" }), (.unsupportedVersion, 426, { $0.version = nil }),
      (.unsupportedVersion, 426, { $0.version = "13, 8" }),
      (.invalidKey, 400, { $0.key = nil }), (.invalidKey, 400, { $0.key = "" }), (.invalidKey, 400, { $0.key = "c2hvcnQ=" }),
      (.invalidKey, 400, { $0.key = "dGhlIHNhbXBsZSBub25jZQ" }), (.invalidKey, 400, { $0.key = "dGhlIHNhbXBsZSBub25jZQ=a" }),
      (.invalidKey, 400, { $0.key = "dGhlIHNhbXBsZSBub25j!Q==" }), (.invalidKey, 400, { $0.key = "dGhlIHNhbXBsZSBub25jZWVl" }),
    ]
    for (rejection, status, change) in examples {
      let changed = offer(change)
      #expect(throws: rejection, "\(changed)") { try WebSocketHandshake.answer(changed) }
      #expect(rejection.status == status && !rejection.sentence.isEmpty)
    }
  }

  @Test("the first of ours that is among the offered subprotocols is answered, and nothing else is")
  func subprotocol() throws {
    let examples: [(String?, String?)] = [
      (nil, nil), ("muster.v1", "muster.v1"), ("chat, muster.v1 ,superchat", "muster.v1"), ("chat", nil), ("MUSTER.V1", nil),
      ("muster.v10", nil), ("", nil), ("muster.relay.v1", "muster.relay.v1"), ("muster.relay.v1, muster.v1", "muster.relay.v1"),
      ("muster.v1,muster.relay.v1", "muster.v1"), ("muster.relay.v2", nil),
    ]
    for (offered, answered) in examples {
      let acceptance = try WebSocketHandshake.answer(offer { $0.protocols = offered })
      #expect(acceptance.subprotocol?.rawValue == answered, "\(offered ?? "-")")
    }
  }

  @Test("a key that we make is one that we accept")
  func ownKey() throws {
    let key = WebSocketHandshake.key(0x0102_0304_0506_0708, 0x090a_0b0c_0d0e_0f10)
    #expect(key == "AQIDBAUGBwgJCgsMDQ4PEA==")
    #expect(throws: Never.self) { try WebSocketHandshake.answer(offer { $0.key = key }) }
  }

  @Test("SHA-1: the examples of FIPS 180 and every length around a block")
  func sha1() {
    func hex(_ text: String) -> String {
      SHA1.digest(utf8(text)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
    #expect(hex("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    #expect(hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d")
    #expect(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
    #expect(hex(String(repeating: "a", count: 10_000)) == "a080cbda64850abb7b7f67ee875ba068074ff6fe")
    // Digests of 55, 56, 63 and 64 letters "a", where the padding takes another block.
    #expect(hex(String(repeating: "a", count: 55)) == "c1c8bbdc22796e28c0e15163d20899b65621d65a")
    #expect(hex(String(repeating: "a", count: 56)) == "c2db330f6083854c99d4b5bfb6e8f29f201be699")
    #expect(hex(String(repeating: "a", count: 63)) == "03f09f5b158a7a8cdad920bddc29b81c18a551f5")
    #expect(hex(String(repeating: "a", count: 64)) == "0098ba824b5c16427bd7a1122a5a442a25ec644d")
  }

  @Test("base64: the examples of RFC 4648, both ways, and what is none")
  func base64() {
    for (plain, coded) in [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"),
    ] {
      #expect(Base64.encode(utf8(plain)) == coded)
      #expect(Base64.decode(coded) == utf8(plain))
    }
    for none in ["Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9 ", "Zm9_", "=g==", "Z=g=", "Zm9vé"] {
      #expect(Base64.decode(none) == nil, "\(none)")
    }
    let all = (0...255).map { UInt8($0) }
    #expect(Base64.decode(Base64.encode(all)) == all)
  }
}
