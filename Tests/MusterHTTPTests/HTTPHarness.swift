import HTTPTypes
import Hummingbird
import MusterAccess
import MusterEngine
import MusterHTTP
import MusterModel
import MusterTestKit
import Synchronization

/// Session tokens that anybody can read and make: the id behind a `t`.
struct PlainTokens: SessionTokens, Authenticator {
  func token(for session: SessionID) -> [UInt8] { Array("t\(session.text)".utf8) }

  func session(of token: [UInt8]) -> SessionID? {
    token.first == UInt8(ascii: "t") ? SessionID(String(decoding: token.dropFirst(), as: UTF8.self)) : nil
  }

  func identify(_ credentials: Credentials, from peer: Peer) throws(Refusal) -> Identity {
    switch credentials {
    case .anonymous: return .guest
    case .user(let user): return .member(user)
    case .token(let token):
      guard let session = session(of: token) else { throw Refusal(.unauthorized) }
      return .session(session)
    }
  }
}

/// Both APIs over one engine on real threads with manual time, without sockets.
struct HTTPHarness: Sendable {
  let loopback: LoopbackHarness
  let readiness = Readiness()
  let drains = Drains()

  /// How often draining was asked for.
  final class Drains: Sendable {
    private let count = Atomic<Int>(0)
    var total: Int { count.load(ordering: .relaxed) }
    func note() { count.add(1, ordering: .relaxed) }
  }

  /// Makes the APIs, runs the body against one of them, and ends the threads.
  static func publicAPI(
    origins: OriginPolicy = .sameHost, isSecure: Bool = false,
    _ body: @escaping @Sendable (RouterClient, HTTPHarness) async throws -> Void
  ) async throws {
    try await LoopbackHarness().run { loopback in
      let harness = HTTPHarness(loopback: loopback)
      let api = PublicAPI(
        engine: loopback.engine, authenticator: PlainTokens(), tokens: PlainTokens(), readiness: harness.readiness,
        origins: origins, cookie: .init(sameSite: "Lax", isSecure: isSecure), bodyBytesMax: 4 << 10)
      try await body(RouterClient(api.router().buildResponder()), harness)
    }
  }

  static func adminAPI(
    key: String? = nil, _ body: @escaping @Sendable (RouterClient, HTTPHarness) async throws -> Void
  ) async throws {
    try await LoopbackHarness().run { loopback in
      let harness = HTTPHarness(loopback: loopback)
      let drains = harness.drains
      let api = AdminAPI(
        engine: loopback.engine, tokens: PlainTokens(), readiness: harness.readiness, key: key,
        hooks: .init(openSockets: { (webSockets: 3, http: 1) }, drain: { drains.note() }))
      try await body(RouterClient(api.router().buildResponder()), harness)
    }
  }

  /// A session of a user that is held by an HTTP lease.
  func login(_ user: String, status: Status? = nil) async throws -> SessionID {
    let id = UserID(unchecked: Array(user.utf8))
    return try await loopback.engine.open(.member(id), Hello(credentials: .user(id), status: status)).session
  }

  /// Lets a session join a channel.
  func join(_ session: SessionID, _ channel: String) async {
    let name = ChannelName(channel)!  // A literal that is a valid name.
    _ = await loopback.engine.request(session, .join(name, meta: .empty, list: 0))
    await loopback.settle()
  }
}

extension HTTPFields {
  /// The fields that show a session's token.
  static func bearer(_ session: SessionID) -> HTTPFields {
    [.authorization: "Bearer \(String(decoding: PlainTokens().token(for: session), as: UTF8.self))"]
  }
}
