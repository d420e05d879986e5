import HTTPTypes
import Hummingbird
import MusterAccess
import MusterEngine
import MusterJSON
import MusterModel
import MusterWire

extension AdminAPI {
  /// Answers `GET /v1/sessions/{session}`.
  func session(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    guard let detail = await engine.session(try RequestParameters(request, context).session()) else {
      throw Problem(.notFound, "This session has ended or was never there.")
    }
    return .json(headers: [.eTag: EntityTag.text(detail.data.version)]) { $0.members(of: detail) }
  }

  /// Answers `DELETE /v1/sessions/{session}`.
  func kickSession(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let parameters = RequestParameters(request, context)
    guard try await engine.kick(session: try parameters.session(), message: try message(parameters)) else {
      throw Problem(.notFound, "This session has ended or was never there.")
    }
    return Response(status: .noContent)
  }

  /// Answers `DELETE /v1/connections/{connection}`.
  func kickConnection(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let parameters = RequestParameters(request, context)
    guard await engine.kick(connection: try parameters.connection(), message: try message(parameters)) else {
      throw Problem(.notFound, "This connection is gone or was never there.")
    }
    return Response(status: .noContent)
  }

  /// Answers `PATCH /v1/sessions/{session}/data`.
  func patchData(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let session = try RequestParameters(request, context).session()
    let precondition = try EntityTag.version(ifMatch: request.headers[.ifMatch])
    let body = try await BodyObject(of: request, bytesMax: Self.bodyBytesMax)
    let publicPatch = try body.object("public")
    let privatePatch = try body.object("private")
    guard publicPatch != nil || privatePatch != nil else {
      throw Refusal(.badRequest, "The body must hold a merge patch as \"public\", as \"private\", or both.")
    }
    let version = try body.integer("if_version", in: 0...Int64.max).map { UInt64($0) } ?? precondition
    do {
      let data = try await engine.patchData(
        of: session, public: publicPatch, private: privatePatch, ifVersion: version)
      return .json(headers: [.eTag: EntityTag.text(data.version)]) { $0.members(of: data) }
    } catch {
      throw Problem(error, status: precondition != nil && error.code == .conflict ? .preconditionFailed : nil)
    }
  }

  /// Answers `POST /v1/heartbeats`: renews the leases of many sessions, for relays that hold them.
  func heartbeats(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let body = try await BodyObject(of: request, bytesMax: Self.bodyBytesMax)
    guard let tokens = try body.strings("tokens", max: Self.heartbeatsMax) else {
      throw Refusal(.badRequest, "\"tokens\" must be an array of session tokens.")
    }
    var results: [Result<Duration, Refusal>] = []
    results.reserveCapacity(tokens.count)
    for token in tokens { results.append(await heartbeat(token)) }
    return .json { writer in
      writer.key("results")
      writer.beginArray()
      for result in results {
        writer.beginObject()
        switch result {
        case .success(let next):
          writer.pair("next_ms", integer: next.milliseconds)
        case .failure(let refusal):
          writer.key("error")
          writer.value(refusal)
        }
        writer.endObject()
      }
      writer.endArray()
    }
  }

  private func heartbeat(_ token: [UInt8]) async -> Result<Duration, Refusal> {
    guard let session = tokens.session(of: token) else { return .failure(Refusal(.unauthorized)) }
    do {
      return .success(try await engine.heartbeat(session).next)
    } catch {
      return .failure(error)
    }
  }
}
