import HTTPTypes
import Hummingbird
import MusterEngine
import MusterJSON
import MusterModel
import MusterWire

extension AdminAPI {
  /// The longest ban or override, in milliseconds: ten years.
  private static let millisecondsMax: Int64 = 10 * 365 * 86_400_000
  /// The room that a close frame leaves for a reason.
  private static let reasonBytesMax = 123

  /// Answers `GET /v1/users/{user}`.
  func user(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let parameters = RequestParameters(request, context)
    let includesInvisible = try parameters.includesInvisible()
    guard let detail = await engine.user(try parameters.user(), includeInvisible: includesInvisible) else {
      throw Problem(.notFound, "This user is not known.")
    }
    return .json { $0.members(of: detail, includesInvisible: includesInvisible) }
  }

  /// Answers `POST /v1/users/query`.
  func users(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let includesInvisible = try RequestParameters(request, context).includesInvisible()
    let body = try await BodyObject(of: request, bytesMax: Self.bodyBytesMax)
    guard let names = try body.strings("ids", max: Self.usersMax) else {
      throw Refusal(.badRequest, "\"ids\" must be an array of user ids.")
    }
    var ids: [UserID] = []
    for name in names {
      guard let id = UserID(utf8: name) else { throw Refusal(.badRequest, "\"ids\" holds what is not a valid user id.") }
      ids.append(id)
    }
    let users = await engine.users(ids, includeInvisible: includesInvisible)
    return .json { writer in
      writer.pair("users", users: users)
    }
  }

  /// Answers `DELETE /v1/users/{user}/sessions`.
  func kickUser(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let parameters = RequestParameters(request, context)
    var except: SessionID?
    if let text = parameters.text("except") {
      guard let session = SessionID(text) else { throw Refusal(.badRequest, "except must be a session id.") }
      except = session
    }
    let ended = try await engine.kick(user: try parameters.user(), except: except, message: try message(parameters))
    return .json { $0.pair("ended", integer: ended) }
  }

  /// Answers `PUT /v1/users/{user}/ban`.
  func ban(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let user = try RequestParameters(request, context).user()
    let body = try await BodyObject(of: request, bytesMax: Self.bodyBytesMax)
    let duration = try body.integer("for_ms", in: 1...Self.millisecondsMax).map { Duration.milliseconds($0) }
    let reason = try body.string("reason", bytesMax: Self.reasonBytesMax) ?? []
    let ended = try await engine.ban(user, for: duration, reason: String(decoding: reason, as: UTF8.self))
    return .json { $0.pair("ended", integer: ended) }
  }

  /// Answers `DELETE /v1/users/{user}/ban`.
  func unban(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let changed = try await engine.unban(try RequestParameters(request, context).user())
    return .json { $0.pair("changed", bool: changed) }
  }

  /// Answers `PUT /v1/users/{user}/status`.
  func setStatus(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let user = try RequestParameters(request, context).user()
    let body = try await BodyObject(of: request, bytesMax: Self.bodyBytesMax)
    guard body.has("status") else {
      throw Refusal(.badRequest, "\"status\" must be online, away, dnd or invisible, or null to lift what was set.")
    }
    let change = StatusChange(
      status: try body.status("status"),
      text: try body.string("text", bytesMax: engine.configuration.statusTextBytesMax), scope: .user,
      forMilliseconds: try body.integer("for_ms", in: 1...Self.millisecondsMax).map { Int($0) })
    let presence = try await engine.overrideStatus(of: user, change)
    return .json { $0.identifiedMembers(of: presence) }
  }

  /// Answers `GET /v1/explain/users/{user}`.
  func explain(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let explanation = await engine.explain(try RequestParameters(request, context).user())
    return .json { $0.members(of: explanation) }
  }

  /// What whoever is kicked is told.
  func message(_ parameters: RequestParameters) throws(Refusal) -> String {
    guard let text = parameters.text("message") else { return ErrorCode.kicked.sentence }
    guard text.utf8.count <= Self.reasonBytesMax else {
      throw Refusal(.tooLarge, "message has \(text.utf8.count) bytes, allowed are \(Self.reasonBytesMax).")
    }
    return text
  }
}
