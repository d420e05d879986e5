import HTTPTypes
import Hummingbird
import Logging
import MusterAccess
import MusterModel
import NIOCore

extension HTTPField.Name {
  /// Names a request in the logs of both sides.
  static let requestID = Self("X-Request-Id")!  // A literal that is a valid name.
}

/// Gives every request a name, every answer the same one, and every error the form of a problem.
struct EdgeMiddleware: RouterMiddleware {
  typealias Context = EdgeContext

  /// The longest name that is taken from a client.
  private static let requestIDBytesMax = 128

  func handle(
    _ request: Request, context: EdgeContext, next: (Request, EdgeContext) async throws -> Response
  ) async throws -> Response {
    var context = context
    let given = request.headers[.requestID].flatMap { $0.utf8.count <= Self.requestIDBytesMax && !$0.isEmpty ? $0 : nil }
    let id = given ?? context.id
    context.logger[metadataKey: "request"] = .string(id)
    var response: Response
    do {
      response = try await next(request, context)
    } catch {
      response = try Self.answer(to: error, context)
    }
    response.headers[.requestID] = id
    // The connection ends behind this request, by the client's own wish or because of a refused upgrade.
    if request.headers[.connection]?.lowercased() == "close" { response.headers[.connection] = "close" }
    return response
  }

  private static func answer(to error: any Error, _ context: EdgeContext) throws -> Response {
    switch error {
    case let problem as Problem:
      return problem.response
    case let refusal as Refusal:
      return Problem(refusal).response
    case let error as any HTTPResponseError where error.status == .notFound:
      return Problem(.notFound, "There is nothing under this path for this method.").response
    case let error as any HTTPResponseError where error.status.kind == .clientError:
      return Problem(.badRequest, status: error.status).response
    case let error as any HTTPResponseError where error.status == .serviceUnavailable:
      return Problem(.unavailable).response
    case is CancellationError:
      return Problem(.drain).response
    default:
      // A request that was cut off is the server's to report to nobody; the rest is a defect.
      context.logger.error("a request failed", metadata: ["error": "\(error)"])
      return Problem(.internal).response
    }
  }
}

/// Asks for the API key.
struct APIKeyMiddleware: RouterMiddleware {
  typealias Context = EdgeContext

  let key: [UInt8]

  func handle(
    _ request: Request, context: EdgeContext, next: (Request, EdgeContext) async throws -> Response
  ) async throws -> Response {
    guard let given = PresentedToken.bearer(request.headers[.authorization]) else {
      throw Problem(.unauthorized, "The admin port asks for its key as Authorization: Bearer.")
    }
    guard ConstantTime.areEqual(Array(given.utf8), key) else { throw Problem(.unauthorized, "This is not the key.") }
    return try await next(request, context)
  }
}

/// Keeps pages of other origins out, and lets the allowed ones read what they get (CORS).
struct OriginMiddleware: RouterMiddleware {
  typealias Context = EdgeContext

  let origins: OriginPolicy

  func handle(
    _ request: Request, context: EdgeContext, next: (Request, EdgeContext) async throws -> Response
  ) async throws -> Response {
    guard let origin = request.headers[.origin] else { return try await next(request, context) }
    guard origins.allows(origin: origin, host: request.head.authority) else {
      throw Problem(.forbidden, "Pages of \(origin) may not use this server; its setting \"origins\" lists those that may.")
    }
    var response: Response
    if request.method == .options, request.headers[.accessControlRequestMethod] != nil {
      response = Response(status: .noContent)
      response.headers[.accessControlAllowMethods] = "GET, POST, PATCH, DELETE"
      response.headers[.accessControlAllowHeaders] = "Authorization, Content-Type, If-Match, X-Request-Id"
      response.headers[.accessControlMaxAge] = "600"
    } else {
      do {
        response = try await next(request, context)
      } catch let problem as Problem {
        // The page should be able to read why.
        response = problem.response
      } catch let refusal as Refusal {
        response = Problem(refusal).response
      }
    }
    response.headers[.accessControlAllowOrigin] = origin
    response.headers[.accessControlAllowCredentials] = "true"
    response.headers[.accessControlExposeHeaders] = "ETag, Retry-After, X-Request-Id"
    response.headers[.vary] = "Origin"
    return response
  }
}
