import MusterAccess
import MusterEngine
import MusterModel
import MusterServer
import Testing

private let secret = Array("a secret that is long enough for us".utf8)
private let session = SessionID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)

@Suite("Session tokens")
struct TokenMintTests {
  @Test("a token names its session, to every process that has the secret")
  func roundTrip() {
    let token = TokenMint(secret: secret).token(for: session)
    #expect(token.count == TokenMint.tokenBytes)
    #expect(TokenMint(secret: secret).session(of: token) == session)
    #expect(TokenMint(secret: secret).token(for: session) == token)
  }

  @Test("the format is frozen: this token must stay valid")
  func golden() {
    let token = String(decoding: TokenMint(secret: secret).token(for: session), as: UTF8.self)
    #expect(token == "ASNFZ4mrze_-3LqYdlQyEPxrgXFpSWAYkQCP9rCrGVo")
  }

  @Test("a token needs no escaping anywhere")
  func alphabet() {
    let mint = TokenMint(secret: secret)
    for seed in UInt64(0)..<200 {
      let token = mint.token(for: SessionID(high: seed &* 0x9e37_79b9_7f4a_7c15, low: ~seed))
      let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
      #expect(token.allSatisfy(alphabet.contains))
    }
  }

  @Test("one changed bit anywhere makes it worthless, and so do other keys")
  func forgery() {
    let mint = TokenMint(secret: secret)
    let token = mint.token(for: session)
    for index in token.indices {
      for letter in Array("AQgw-_09az".utf8) where letter != token[index] {
        var forged = token
        forged[index] = letter
        #expect(mint.session(of: forged) == nil, "byte \(index)")
      }
    }
    #expect(TokenMint(secret: secret + [0]).session(of: token) == nil)
    #expect(TokenMint().session(of: token) == nil)
    #expect(TokenMint().token(for: session) != TokenMint().token(for: session))
  }

  @Test("what is no token at all is refused", arguments: [0, 1, 42, 44, 1000])
  func nonsense(count: Int) {
    #expect(TokenMint(secret: secret).session(of: [UInt8](repeating: UInt8(ascii: "A"), count: count)) == nil)
    #expect(TokenMint(secret: secret).session(of: [UInt8](repeating: UInt8(ascii: "="), count: 43)) == nil)
    #expect(TokenMint(secret: secret).session(of: [UInt8](repeating: 0xff, count: 43)) == nil)
  }
}

@Suite("Who is let in")
struct TokenAuthenticatorTests {
  private let mint = TokenMint(secret: secret)
  private let peer = Peer(address: "127.0.0.1")

  private func identity(_ credentials: Credentials, isDevelopment: Bool) -> Result<Identity, Refusal> {
    let authenticator = TokenAuthenticator(tokens: mint, isDevelopment: isDevelopment)
    do {
      return .success(try authenticator.identify(credentials, from: peer))
    } catch {
      return .failure(error)
    }
  }

  @Test("a session token resumes its session, in development or not", arguments: [true, false])
  func token(isDevelopment: Bool) {
    #expect(identity(.token(mint.token(for: session)), isDevelopment: isDevelopment) == .success(.session(session)))
    guard case .failure(let refusal) = identity(.token([1, 2, 3]), isDevelopment: isDevelopment) else {
      Issue.record("let in with nonsense")
      return
    }
    #expect(refusal.code == .unauthorized)
  }

  @Test("a bare name and nothing at all are believed in development only, and otherwise told what to send")
  func development() throws {
    let alice = try #require(UserID("alice"))
    #expect(identity(.user(alice), isDevelopment: true) == .success(.member(alice)))
    #expect(identity(.anonymous, isDevelopment: true) == .success(.guest))
    for credentials in [Credentials.user(alice), .anonymous] {
      guard case .failure(let refusal) = identity(credentials, isDevelopment: false) else {
        Issue.record("let in")
        continue
      }
      #expect(refusal.code == .unauthorized)
      #expect(refusal.message.contains("token"))
    }
  }
}
