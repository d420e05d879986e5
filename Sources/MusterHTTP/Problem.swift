package import HTTPTypes
package import Hummingbird
import MusterJSON
package import MusterModel
import MusterWire
import NIOCore

/// A refusal as an HTTP answer: the error object of the protocol under a fitting status.
package struct Problem: HTTPResponseError {
  package let status: HTTPResponse.Status
  package let refusal: Refusal
  private let extraHeaders: HTTPFields

  /// Makes the answer of a refusal; the status follows from its code unless one is given.
  package init(_ refusal: Refusal, status: HTTPResponse.Status? = nil, headers: HTTPFields = [:]) {
    self.refusal = refusal
    self.status = status ?? refusal.code.httpStatus
    extraHeaders = headers
  }

  /// Makes the answer for a code and a sentence.
  package init(_ code: ErrorCode, _ message: String? = nil, status: HTTPResponse.Status? = nil) {
    self.init(Refusal(code, message), status: status)
  }

  /// The fields that go with the status.
  package var headers: HTTPFields {
    var headers = extraHeaders
    if status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
    if let delay = refusal.retryAfterMilliseconds { headers[.retryAfter] = "\((delay + 999) / 1000)" }
    return headers
  }

  package func response(from request: Request, context: some RequestContext) -> Response {
    response
  }

  /// The whole answer.
  var response: Response {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("error")
    writer.value(refusal)
    writer.endObject()
    return .json(writer, status: status, headers: headers)
  }
}

extension ErrorCode {
  /// The status that says the same to whoever knows only HTTP.
  package var httpStatus: HTTPResponse.Status {
    switch self {
    case .drain, .slowConsumer, .overloaded, .unavailable: .serviceUnavailable
    case .heartbeatTimeout, .helloTimeout: .requestTimeout
    case .internal: .internalServerError
    case .badRequest, .invalidChannel, .unsupportedOp: .badRequest
    case .unauthorized, .tokenExpired, .sessionExpired, .loggedOut: .unauthorized
    case .kicked, .banned, .replaced, .forbidden: .forbidden
    case .sessionLimit, .channelLimit, .notJoined, .conflict: .conflict
    case .rateLimited: .tooManyRequests
    case .tooLarge: .contentTooLarge
    case .notFound: .notFound
    }
  }
}

extension Response {
  /// An answer with a JSON body.
  static func json(_ writer: consuming JSONWriter, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
    var headers = headers
    headers[.contentType] = "application/json"
    // What is true of presence now is not true later; nothing of it may be kept by a cache.
    headers[.cacheControl] = "no-store"
    // SAFETY: the pointer is used inside the closure only; the buffer is a copy.
    let body = writer.withUnsafeBytes { ByteBuffer(bytes: $0) }
    return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: body))
  }

  /// An answer with a JSON object whose members the body writes.
  static func json(
    status: HTTPResponse.Status = .ok, headers: HTTPFields = [:], members: (inout JSONWriter) -> Void
  ) -> Response {
    var writer = JSONWriter(capacity: 1024)
    writer.beginObject()
    members(&writer)
    writer.endObject()
    return .json(writer, status: status, headers: headers)
  }
}
