import HTTPTypes
import Hummingbird
import MusterAccess
import MusterEngine
import MusterJSON
import MusterModel
import MusterWire

extension PublicAPI {
  /// The longest grace that a client may ask for when it leaves; the engine bounds it further.
  private static let graceMillisecondsMax: Int64 = 300_000
  /// The most channels that one heartbeat may join or leave.
  private static let channelsMax = 100

  /// Answers `POST /v1/sessions`: grants a session that is held by heartbeats, or resumes one.
  func openSession(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let body = try await BodyObject(of: request, bytesMax: bodyBytesMax)
    let hello = try hello(of: body)
    let peer = Peer(address: context.remoteAddress, token: token(of: request))
    let identity = try authenticator.identify(peer.credentials(for: hello), from: peer)
    let welcome = try await engine.open(identity, hello)
    let token = tokens.token(for: welcome.session)
    var headers = HTTPFields()
    if try body.bool("cookie") == true { headers[.setCookie] = setCookie(token, until: welcome) }
    return .json(status: welcome.resumed ? .ok : .created, headers: headers) {
      $0.members(of: welcome, sessionToken: token)
    }
  }

  /// Answers `POST /v1/heartbeat`: renews the lease; may set the status, join and leave channels.
  func heartbeat(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let body = try await BodyObject(of: request, bytesMax: bodyBytesMax)
    let session = try session(of: request, fallback: try body.string("token", bytesMax: PresentedToken.bytesMax))
    let joins = try joins(of: body)
    let leaves = try channels("leaves", of: body)
    // All is read before anything is done: a body that is wrong somewhere changes nothing.
    let change = try statusChange(of: body)
    _ = try await engine.heartbeat(session)
    var outcomes: [(ChannelName, Reply)] = []
    for join in joins { outcomes.append((join.channel, await engine.request(session, join.request))) }
    for channel in leaves { outcomes.append((channel, await engine.request(session, .leave(channel)))) }
    if let change, case .refused(let refusal) = await engine.request(session, .status(change)) { throw refusal }
    // Only now, so that the answer shows what the request changed.
    let (next, presence) = try await engine.heartbeat(session)
    return .json { writer in
      writer.pair("next_ms", integer: next.milliseconds)
      writer.key("presence")
      writer.beginObject()
      writer.identifiedMembers(of: presence)
      writer.endObject()
      guard !outcomes.isEmpty else { return }
      writer.key("channels")
      writer.beginObject()
      for (channel, reply) in outcomes {
        writer.key(channel.utf8)
        writer.value(reply)
      }
      writer.endObject()
    }
  }

  /// Answers `POST /v1/leave`: leaves at once or after a grace, or logs out.
  func leave(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let body = try await BodyObject(of: request, bytesMax: bodyBytesMax)
    let session = try session(of: request, fallback: try body.string("token", bytesMax: PresentedToken.bytesMax))
    let grace = try body.integer("grace_ms", in: 0...Self.graceMillisecondsMax) ?? 0
    let logout = try body.bool("logout") ?? false
    try await engine.leave(session, logout: logout, grace: .milliseconds(grace))
    return Response(status: .noContent, headers: logout ? [.setCookie: expiredCookie] : [:])
  }

  /// Answers `DELETE /v1/session`: logs out.
  func logOut(_ request: Request, _ context: EdgeContext) async throws -> Response {
    try await engine.leave(try session(of: request), logout: true, grace: .zero)
    return Response(status: .noContent, headers: [.setCookie: expiredCookie])
  }

  /// Answers `GET /v1/session`: the session's own data.
  func readData(_ request: Request, _ context: EdgeContext) async throws -> Response {
    try answer(await engine.request(try session(of: request), .data(patch: nil, ifVersion: nil)), conditional: false)
  }

  /// Answers `PATCH /v1/session`: a merge patch of the session's own data.
  func patchData(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let session = try session(of: request)
    let version = try EntityTag.version(ifMatch: request.headers[.ifMatch])
    let patch = try await JSONBody.object(of: request, bytesMax: bodyBytesMax)
    return try answer(await engine.request(session, .data(patch: patch, ifVersion: version)), conditional: version != nil)
  }

  private func answer(_ reply: Reply, conditional: Bool) throws -> Response {
    switch reply {
    case .data(let view):
      return .json(headers: [.eTag: EntityTag.text(view.version)]) { $0.members(of: view) }
    case .refused(let refusal):
      // With If-Match, a version that is not the current one is a precondition that failed.
      throw Problem(refusal, status: conditional && refusal.code == .conflict ? .preconditionFailed : nil)
    default:
      throw Problem(.internal)
    }
  }
}

extension PublicAPI {
  private func hello(of body: BodyObject) throws(Refusal) -> Hello {
    let credentials: Credentials
    if let token = try body.string("token", bytesMax: PresentedToken.bytesMax) {
      credentials = .token(token)
    } else if let user = try body.user("user") {
      credentials = .user(user)
    } else {
      credentials = .anonymous
    }
    var hello = Hello(credentials: credentials)
    if let name = try body.string("device", bytesMax: 16) {
      let text = String(decoding: name, as: UTF8.self)
      guard let device = Device.allCases.first(where: { $0.name == text }) else {
        throw Refusal(.badRequest, "\"device\" must be one of \(Device.allCases.map(\.name).joined(separator: ", ")).")
      }
      hello.device = device
    }
    hello.resumeWindowMilliseconds = try milliseconds("resume_window_ms", of: body)
    hello.idleTTLMilliseconds = try milliseconds("idle_ttl_ms", of: body)
    hello.lifetimeMilliseconds = try milliseconds("lifetime_ms", of: body)
    hello.status = try body.status("status")
    hello.text = try body.string("text", bytesMax: 1024)
    return hello
  }

  private func milliseconds(_ name: String, of body: BodyObject) throws(Refusal) -> Int? {
    // The engine clamps to what is configured; this only keeps the number sane.
    try body.integer(name, in: 0...Int64(1) << 42).map { Int($0) }
  }

  private func statusChange(of body: BodyObject) throws(Refusal) -> StatusChange? {
    guard body.has("status") || body.has("text") else { return nil }
    return StatusChange(status: try body.status("status"), text: try body.string("text", bytesMax: 1024))
  }

  private func joins(of body: BodyObject) throws -> [(channel: ChannelName, request: MusterModel.Request)] {
    var joins: [(channel: ChannelName, request: MusterModel.Request)] = []
    for element in try body.elements("joins", max: Self.channelsMax) ?? [] {
      let join = try BodyObject(element)
      guard let channel = try join.channel("channel") else {
        throw Refusal(.badRequest, "Every element of \"joins\" must be an object with a \"channel\".")
      }
      joins.append((channel, .join(channel, meta: try join.object("meta") ?? .empty, list: 0)))
    }
    return joins
  }

  private func channels(_ name: String, of body: BodyObject) throws(Refusal) -> [ChannelName] {
    var channels: [ChannelName] = []
    for utf8 in try body.strings(name, max: Self.channelsMax) ?? [] {
      guard let channel = ChannelName(utf8: utf8) else { throw Refusal(.invalidChannel) }
      channels.append(channel)
    }
    return channels
  }

  private func setCookie(_ token: [UInt8], until welcome: Welcome) -> String {
    let seconds = max(0, (welcome.sessionExpires.milliseconds - welcome.serverTime.milliseconds) / 1000)
    return cookieText(value: String(decoding: token, as: UTF8.self), seconds: seconds)
  }

  private var expiredCookie: String { cookieText(value: "", seconds: 0) }

  private func cookieText(value: String, seconds: Int64) -> String {
    "\(PresentedToken.cookieName)=\(value); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=\(cookie.sameSite)"
      + (cookie.isSecure ? "; Secure" : "")
  }
}
