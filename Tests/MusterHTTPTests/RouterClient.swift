import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Synchronization

/// Asks a responder directly: no server, no socket.
struct RouterClient: Sendable {
  /// The whole answer to a request.
  struct Answer: Sendable {
    let status: HTTPResponse.Status
    let headers: HTTPFields
    let text: String
  }

  private let respond: @Sendable (Request, Logger) async throws -> Response

  init<Responder: HTTPResponder>(_ responder: Responder)
  where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    respond = { request, logger in
      let context = Responder.Context(source: .init(channel: NIOAsyncTestingChannel(), logger: logger))
      return try await responder.respond(to: request, context: context)
    }
  }

  /// One request, and its whole answer.
  func call(
    _ method: HTTPRequest.Method, _ uri: String, _ body: String? = nil, headers: HTTPFields = [:]
  ) async throws -> Answer {
    var headers = headers
    if let body { headers[.contentLength] = "\(body.utf8.count)" }
    let request = Request(
      head: .init(method: method, scheme: "http", authority: "localhost", path: uri, headerFields: headers),
      body: RequestBody(buffer: ByteBuffer(string: body ?? "")))
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    // Servers give each request an id, and contexts take it from here.
    logger[metadataKey: "hb.request.id"] = "\(RequestID())"
    let response = try await respond(request, logger)
    let collected = Collected()
    try await response.body.write(CollectingWriter(collected: collected))
    return Answer(status: response.status, headers: response.headers, text: collected.text)
  }
}

private final class Collected: Sendable {
  private let buffer = Mutex(ByteBuffer())

  var text: String { buffer.withLock { String(buffer: $0) } }

  func append(_ part: ByteBuffer) {
    buffer.withLock { _ = $0.writeImmutableBuffer(part) }
  }
}

private struct CollectingWriter: ResponseBodyWriter {
  let collected: Collected

  func write(_ buffer: ByteBuffer) async throws {
    collected.append(buffer)
  }

  consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
