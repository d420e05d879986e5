package import MusterAccess
import MusterJSON
package import MusterModel
package import MusterWire
import Synchronization

/// The head of a request, as far as an upgrade is judged by it.
///
/// Fields that came several times are joined by commas where HTTP says that this means the same.
package struct UpgradeRequest: Sendable, Hashable {
  /// The request target as it was sent.
  package var target: String
  package var isHTTP11 = true
  /// Every `Host` field.
  package var hosts: [String]
  package var origin: String?
  package var authorization: String?
  package var cookies: [String] = []
  /// Whether a body is announced, in whatever way.
  package var hasBody = false
  /// The fields of the WebSocket handshake.
  package var offer: WebSocketHandshake.Offer

  package init(target: String, hosts: [String], offer: WebSocketHandshake.Offer) {
    self.target = target
    self.hosts = hosts
    self.offer = offer
  }
}

/// What to do with the head of a request.
package enum UpgradeJudgement: Sendable {
  /// A plain request.
  case plain
  /// A request that also offers an upgrade to something else: served, but the last of its connection.
  case plainOnce
  case grant(UpgradeGrant)
  case refuse(UpgradeRefusal)
}

/// An upgrade that may go on.
package struct UpgradeGrant: Sendable, Hashable {
  /// Who is there; a relay has shown its key already and presents nothing more.
  package var peer: Peer
  /// The whole answer, from the status line to the empty line.
  package var response: String
  /// What is spoken from now on, whether the answer names it or not.
  package var subprotocol: Subprotocol

  package init(peer: Peer, response: String, subprotocol: Subprotocol = .client) {
    self.peer = peer
    self.response = response
    self.subprotocol = subprotocol
  }
}

/// Why there is no upgrade, as an HTTP answer.
package struct UpgradeRefusal: Sendable, Hashable {
  /// The status of HTTP.
  package var status: Int
  package var refusal: Refusal
  /// Fields of the answer, beside those that describe its body.
  package var fields: [Field]

  /// A field of an HTTP head.
  package struct Field: Sendable, Hashable {
    /// In lower case.
    package var name: String
    package var value: String

    package init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  package init(status: Int, _ code: ErrorCode, _ message: String? = nil, fields: [Field] = []) {
    self.init(status: status, Refusal(code, message), fields: fields)
  }

  package init(status: Int, _ refusal: Refusal, fields: [Field] = []) {
    self.status = status
    self.refusal = refusal
    self.fields = fields
  }

  /// The error object of the protocol, as the body of the answer.
  package var body: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("error")
    writer.value(refusal)
    writer.endObject()
    // SAFETY: the pointer is used inside the closure only; the array is a copy.
    return writer.withUnsafeBytes { [UInt8]($0) }
  }
}

/// Decides which requests become WebSockets, for every transport alike.
///
/// ### Isolation
/// Callable from any thread.
package final class UpgradeJudge: Sendable {
  /// The path of the WebSocket endpoint.
  package static let path = "/v1/connect"
  /// When somebody who came to a stopping server may try again.
  private static let retryAfterSeconds = 5

  private let origins: OriginPolicy
  private let relays: RelayPolicy
  private let isAdmitting = Atomic<Bool>(true)

  /// Makes the judge of one public port; `origins` are the pages that may connect, `relays` the backends.
  package init(origins: OriginPolicy, relays: RelayPolicy = .nobody) {
    self.origins = origins
    self.relays = relays
  }

  /// Refuses upgrades from now on: the server is stopping.
  package func stopAdmitting() {
    isAdmitting.store(false, ordering: .releasing)
  }

  /// Decides what the head of a request with an `Upgrade` field asks for.
  ///
  /// `address` is that of the peer, without the port.
  package func judge(_ request: UpgradeRequest, from address: @autoclosure () -> String) -> UpgradeJudgement {
    let (path, query) = RequestTarget.split(request.target)
    guard path == Self.path else { return .plainOnce }
    if let message = Self.unsoundness(of: request) { return .refuse(.init(status: 400, .badRequest, message)) }
    let acceptance: WebSocketHandshake.Acceptance
    do {
      acceptance = try WebSocketHandshake.answer(request.offer)
    } catch {
      return .refuse(UpgradeRefusal(error))
    }
    guard origins.allows(origin: request.origin, host: request.hosts.first) else {
      return .refuse(
        .init(status: 403, .forbidden, "Pages of this origin may not connect; the setting \"origins\" lists those that may."))
    }
    let isRelay = acceptance.subprotocol == .relay
    if isRelay, let refusal = relays.refusal(authorization: request.authorization) {
      return .refuse(.init(status: 401, refusal, fields: [.init(name: "www-authenticate", value: "Bearer")]))
    }
    guard isAdmitting.load(ordering: .acquiring) else {
      return .refuse(
        .init(status: 503, .drain, fields: [.init(name: "retry-after", value: "\(Self.retryAfterSeconds)")]))
    }
    // The key of a relay is nobody's session token, and is not kept.
    let token =
      isRelay ? nil : PresentedToken.find(authorization: request.authorization, query: query, cookies: request.cookies)
    let peer = Peer(address: address(), token: token)
    return .grant(
      UpgradeGrant(peer: peer, response: Self.response(acceptance), subprotocol: acceptance.subprotocol ?? .client))
  }

  /// Decides about an upgrade whose head has been read and found sound, and which is none of a relay.
  ///
  /// - Parameters:
  ///   - head: The head.
  ///   - bytes: The bytes in which it was found.
  ///   - address: The peer, without the port.
  /// - Returns: Who is there; `nil` when the request is to be refused, which is for others to put into words.
  package func admit(_ head: UpgradeHead, in bytes: RawSpan, from address: String) -> Peer? {
    func text(_ field: UpgradeHead.Field) -> String? {
      guard !field.isEmpty else { return nil }
      // SAFETY: the pointer is used inside the closure only; the string is a copy.
      return bytes.extracting(field.range).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
    guard isAdmitting.load(ordering: .acquiring) else { return nil }
    if let origin = text(head.origin), !origins.allows(origin: origin, host: text(head.host)) { return nil }
    return Peer(
      address: address,
      token: PresentedToken.find(
        authorization: text(head.authorization), query: text(head.query).map { $0[...] },
        cookies: text(head.cookie).map { [$0] } ?? []))
  }

  /// What is wrong with an upgrade as a request of HTTP (RFC 6455, 4.2.1); `nil` when it is sound.
  ///
  /// A body is refused however its length is told: a proxy that reads it in another way than we do would take its bytes for the
  /// next request, and we for frames.
  private static func unsoundness(of request: UpgradeRequest) -> String? {
    if !request.isHTTP11 { return "An upgrade needs HTTP/1.1." }
    if request.hosts.count != 1 { return "An upgrade names exactly one host." }
    if request.hasBody { return "The upgrade request must not have a body." }
    return nil
  }

  private static func response(_ acceptance: WebSocketHandshake.Acceptance) -> String {
    var text = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    text += "sec-websocket-accept: \(acceptance.accept)\r\n"
    if let subprotocol = acceptance.subprotocol { text += "sec-websocket-protocol: \(subprotocol.rawValue)\r\n" }
    return text + "\r\n"
  }
}

extension UpgradeRefusal {
  fileprivate init(_ rejection: WebSocketHandshake.Rejection) {
    var fields: [Field] = []
    switch rejection {
    case .unsupportedVersion: fields = [.init(name: "sec-websocket-version", value: WebSocketHandshake.version)]
    case .notAnUpgrade: fields = [.init(name: "upgrade", value: "websocket")]
    case .wrongMethod: fields = [.init(name: "allow", value: "GET")]
    case .invalidKey: break
    }
    self.init(status: rejection.status, .badRequest, rejection.sentence, fields: fields)
  }
}
