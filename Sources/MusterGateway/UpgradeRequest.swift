import MusterAccess
import MusterJSON
import MusterModel
import MusterWire
import NIOCore
import NIOHTTP1

/// What to do with the head of a request.
enum UpgradeJudgement {
  /// A plain request.
  case plain
  /// A request that also offers an upgrade to something else: served, but the last of its connection.
  case plainOnce
  case grant(UpgradeGrant)
  case refuse(UpgradeRefusal)
}

/// An upgrade that may go on.
struct UpgradeGrant {
  var peer: Peer
  /// The whole answer, from the status line to the empty line.
  var response: String
}

/// Why there is no upgrade, as an HTTP answer.
struct UpgradeRefusal {
  var status: HTTPResponseStatus
  var refusal: Refusal
  var headers: HTTPHeaders

  init(_ status: HTTPResponseStatus, _ code: ErrorCode, _ message: String? = nil, headers: HTTPHeaders = [:]) {
    self.status = status
    refusal = Refusal(code, message)
    self.headers = headers
  }

  /// Writes the error object of the protocol.
  func write(to body: inout ByteBuffer) {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("error")
    writer.value(refusal)
    writer.endObject()
    // SAFETY: the pointer is used inside the closure only; the buffer takes a copy.
    writer.withUnsafeBytes { _ = body.writeBytes($0) }
  }
}

extension Gateway {
  /// Decides what the head of a request asks for.
  func judge(_ head: HTTPRequestHead, from address: SocketAddress?) -> UpgradeJudgement {
    guard head.headers.contains(name: "upgrade") else { return .plain }
    let (path, query) = RequestTarget.split(head.uri)
    guard path == Self.path else { return .plainOnce }
    if let message = Self.unsoundness(of: head) { return .refuse(.init(.badRequest, .badRequest, message)) }
    let acceptance: WebSocketHandshake.Acceptance
    do {
      acceptance = try WebSocketHandshake.answer(.init(head))
    } catch {
      return .refuse(UpgradeRefusal(error))
    }
    guard origins.allows(origin: head.headers.first(name: "origin"), host: head.headers.first(name: "host")) else {
      return .refuse(
        .init(.forbidden, .forbidden, "Pages of this origin may not connect; the setting \"origins\" lists those that may."))
    }
    guard admits else {
      return .refuse(.init(.serviceUnavailable, .drain, headers: ["retry-after": "\(Self.retryAfterSeconds)"]))
    }
    let peer = Peer(
      address: address?.ipAddress ?? "",
      token: PresentedToken.find(
        authorization: head.headers.first(name: "authorization"), query: query, cookies: head.headers["cookie"]))
    return .grant(UpgradeGrant(peer: peer, response: Self.response(acceptance)))
  }

  /// What is wrong with an upgrade as a request of HTTP (RFC 6455, 4.2.1); `nil` when it is sound.
  ///
  /// A body is refused however its length is told: a proxy that reads it in another way than we do would take its bytes for the
  /// next request, and we for frames.
  private static func unsoundness(of head: HTTPRequestHead) -> String? {
    if head.version != .http1_1 { return "An upgrade needs HTTP/1.1." }
    if head.headers["host"].count != 1 { return "An upgrade names exactly one host." }
    let hasLength = head.headers["content-length"].contains { $0 != "0" }
    if hasLength || head.headers.contains(name: "transfer-encoding") { return "The upgrade request must not have a body." }
    return nil
  }

  /// When somebody who came to a stopping server may try again.
  private static let retryAfterSeconds = 5

  private static func response(_ acceptance: WebSocketHandshake.Acceptance) -> String {
    var text = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    text += "sec-websocket-accept: \(acceptance.accept)\r\n"
    if let subprotocol = acceptance.subprotocol { text += "sec-websocket-protocol: \(subprotocol)\r\n" }
    return text + "\r\n"
  }
}

extension WebSocketHandshake.Offer {
  fileprivate init(_ head: HTTPRequestHead) {
    func value(_ name: String) -> String? {
      let values = head.headers[name]
      return values.isEmpty ? nil : values.joined(separator: ",")
    }
    self.init(
      method: head.method.rawValue, upgrade: value("upgrade"), connection: value("connection"),
      version: value("sec-websocket-version"), key: value("sec-websocket-key"), protocols: value("sec-websocket-protocol"))
  }
}

extension UpgradeRefusal {
  fileprivate init(_ rejection: WebSocketHandshake.Rejection) {
    var headers: HTTPHeaders = [:]
    switch rejection {
    case .unsupportedVersion: headers.add(name: "sec-websocket-version", value: WebSocketHandshake.version)
    case .notAnUpgrade: headers.add(name: "upgrade", value: "websocket")
    case .wrongMethod: headers.add(name: "allow", value: "GET")
    case .invalidKey: break
    }
    self.init(.init(statusCode: rejection.status), .badRequest, rejection.sentence, headers: headers)
  }
}
