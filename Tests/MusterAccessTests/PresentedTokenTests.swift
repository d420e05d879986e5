import MusterAccess
import MusterModel
import Testing

@Suite("Tokens in a request's head")
struct PresentedTokenTests {
  private func find(_ authorization: String? = nil, _ query: String? = nil, _ cookies: [String] = []) -> String? {
    PresentedToken.find(authorization: authorization, query: query.map { $0[...] }, cookies: cookies)
      .map { String(decoding: $0, as: UTF8.self) }
  }

  @Test("an explicit credential beats the cookie, and the header beats the query")
  func precedence() {
    #expect(find("Bearer header", "token=query", ["muster_session=cookie"]) == "header")
    #expect(find(nil, "token=query", ["muster_session=cookie"]) == "query")
    #expect(find(nil, "other=1", ["muster_session=cookie"]) == "cookie")
    #expect(find() == nil)
  }

  @Test("the scheme is Bearer in any case, and no other")
  func bearer() {
    #expect(find("bearer  abc") == "abc")
    #expect(find("BEARER abc") == "abc")
    #expect(find("Basic abc") == nil)
    #expect(find("Bearer") == nil)
    #expect(find("Bearer ") == nil)
  }

  @Test("the cookie is found among others, and only by its whole name")
  func cookies() {
    #expect(find(nil, nil, ["a=b; muster_session=abc; c=d"]) == "abc")
    #expect(find(nil, nil, ["a=b", "muster_session=abc"]) == "abc")
    #expect(find(nil, nil, ["xmuster_session=abc"]) == nil)
    #expect(find(nil, nil, ["muster_session="]) == nil)
  }

  @Test("a token beyond the limit is not looked at")
  func limit() {
    #expect(find("Bearer " + String(repeating: "a", count: PresentedToken.bytesMax)) != nil)
    #expect(find("Bearer " + String(repeating: "a", count: PresentedToken.bytesMax + 1)) == nil)
  }

  @Test("a hello says who it is itself; only a silent one takes what the upgrade carried")
  func hello() throws {
    let peer = Peer(address: "192.0.2.1", token: Array("upgrade".utf8))
    let alice = try #require(UserID("alice"))
    #expect(peer.credentials(for: Hello(credentials: .anonymous)) == .token(Array("upgrade".utf8)))
    #expect(peer.credentials(for: Hello(credentials: .user(alice))) == .user(alice))
    #expect(peer.credentials(for: Hello(credentials: .token([1]))) == .token([1]))
    #expect(Peer(address: "192.0.2.1").credentials(for: Hello(credentials: .anonymous)) == .anonymous)
  }
}

@Suite("Request targets")
struct RequestTargetTests {
  @Test("the query begins behind the first question mark")
  func split() {
    #expect(RequestTarget.split("/v1/connect").path == "/v1/connect")
    #expect(RequestTarget.split("/v1/connect").query == nil)
    #expect(RequestTarget.split("/v1/connect?a=b?c").path == "/v1/connect")
    #expect(RequestTarget.split("/v1/connect?a=b?c").query == "a=b?c")
  }

  @Test("of a parameter the first value counts, by its whole name")
  func value() {
    #expect(RequestTarget.value(of: "token", in: "xtoken=1&token=2&token=3") == "2")
    #expect(RequestTarget.value(of: "token", in: "token=") == "")
    #expect(RequestTarget.value(of: "token", in: "token") == nil)
  }

  @Test(
    "percent escapes are resolved once, and broken ones refused",
    arguments: [
      ("a%20b", "a b"), ("%C3%A9", "é"), ("%2525", "%25"), ("plain", "plain"), ("", ""), ("%", nil), ("%2", nil),
      ("%zz", nil), ("%+1", nil), ("%ff", nil),
    ] as [(String, String?)])
  func unescaped(text: String, expected: String?) {
    #expect(RequestTarget.unescaped(text[...]) == expected)
  }
}

@Suite("Comparing secrets")
struct ConstantTimeTests {
  @Test("equal only when every byte is")
  func equality() {
    #expect(ConstantTime.areEqual([], []))
    #expect(ConstantTime.areEqual([1, 2, 3], [1, 2, 3]))
    for index in 0..<16 {
      var other = [UInt8](repeating: 7, count: 16)
      other[index] ^= 0x80
      #expect(!ConstantTime.areEqual([UInt8](repeating: 7, count: 16), other), "byte \(index)")
    }
    #expect(!ConstantTime.areEqual([1, 2], [1, 2, 3]))
  }
}
