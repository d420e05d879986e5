import MusterAccess
import MusterModel
import Testing

@Suite("Relays: which backends may speak for all sessions")
struct RelayPolicyTests {
  private let key = "0123456789abcdef"

  @Test("with a key, whoever shows it, and in development no less")
  func withKey() {
    for isDevelopment in [false, true] {
      let policy = RelayPolicy(key: key, isDevelopment: isDevelopment)
      #expect(policy.refusal(authorization: "Bearer \(key)") == nil)
      #expect(policy.refusal(authorization: "bearer \(key)") == nil)
      for wrong in ["Bearer \(key)0", "Bearer 0123456789abcdeF", "Bearer ", "Basic \(key)", key, ""] {
        #expect(policy.refusal(authorization: wrong)?.code == .unauthorized, "\(wrong)")
      }
      #expect(policy.refusal(authorization: nil)?.code == .unauthorized)
    }
  }

  @Test("without a key, everybody in development and nobody else")
  func withoutKey() {
    for authorization in [nil, "Bearer \(key)"] {
      #expect(RelayPolicy(key: nil, isDevelopment: true).refusal(authorization: authorization) == nil)
      #expect(RelayPolicy(key: nil, isDevelopment: false).refusal(authorization: authorization)?.code == .unauthorized)
    }
  }
}
