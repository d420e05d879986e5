import MusterAccess
import Testing

@Suite("Origins: which pages may talk to the public port")
struct OriginPolicyTests {
  @Test("no origin, no browser: always allowed")
  func withoutOrigin() {
    for policy in [OriginPolicy.any, .sameHost, .listed(["https://chat.example.com"])] {
      #expect(policy.allows(origin: nil, host: "presence.example.com"))
    }
  }

  @Test(
    "own host only: the page must come from where the request goes, port included",
    arguments: [
      ("https://chat.example.com", "chat.example.com", true),
      ("http://chat.example.com:7600", "chat.example.com:7600", true),
      ("HTTPS://Chat.Example.com", "chat.example.com", true),
      ("https://chat.example.com", "chat.example.com:7600", false),
      ("https://evil.example", "chat.example.com", false),
      ("https://chat.example.com.evil.example", "chat.example.com", false),
      ("null", "chat.example.com", false),
    ])
  func sameHost(origin: String, host: String, isAllowed: Bool) {
    #expect(OriginPolicy.sameHost.allows(origin: origin, host: host) == isAllowed)
  }

  @Test("a list allows what it names and the own host, and nothing that only looks like it")
  func listed() throws {
    let policy = try #require(OriginPolicy(["https://App.example.com/", "http://localhost:3000"]))
    #expect(policy.allows(origin: "https://app.example.com", host: "presence.example.com"))
    #expect(policy.allows(origin: "http://localhost:3000", host: "presence.example.com"))
    #expect(policy.allows(origin: "https://presence.example.com", host: "presence.example.com"))
    #expect(!policy.allows(origin: "http://app.example.com", host: "presence.example.com"))
    #expect(!policy.allows(origin: "https://app.example.com.evil.example", host: "presence.example.com"))
    #expect(!policy.allows(origin: "http://localhost:3001", host: "presence.example.com"))
  }

  @Test("the setting: a star for all, nothing for the own host, and no entry that is not an origin")
  func setting() {
    #expect(OriginPolicy(["*"]) == .any)
    #expect(OriginPolicy(["https://a.example", "*"]) == .any)
    #expect(OriginPolicy([]) == .sameHost)
    for entry in ["chat.example.com", "https://", "https://a.example/path", "ftp://a.example", "https://a b", ""] {
      #expect(OriginPolicy([entry]) == nil, "\(entry)")
    }
  }
}
