import Hummingbird
import MusterEngine
import MusterJSON
import MusterModel
import MusterWire

extension AdminAPI {
  /// Answers `GET /v1/channels`.
  func channels(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let parameters = RequestParameters(request, context)
    let limit = try parameters.count("limit", in: 1...Self.pageMax, default: 100)
    var after: ChannelName?
    if let cursor = parameters.text("cursor") {
      guard let channel = ChannelName(cursor) else {
        throw Refusal(.badRequest, "cursor must be the \"next\" of the page before.")
      }
      after = channel
    }
    let prefix = Array((parameters.text("prefix") ?? "").utf8)
    let channels = await engine.channels(prefix: prefix, after: after, limit: limit)
    return .json { writer in
      writer.key("channels")
      writer.beginArray()
      for channel in channels {
        writer.beginObject()
        writer.members(of: channel)
        writer.endObject()
      }
      writer.endArray()
      // Names are their own cursor: they are sorted, so a page goes on behind the last one, whatever came and went.
      if channels.count == limit, let last = channels.last { writer.pair("next", string: last.channel.utf8) }
    }
  }

  /// Answers `GET /v1/channels/{channel}`.
  func channel(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    guard let detail = await engine.channel(try RequestParameters(request, context).channel()) else {
      throw Problem(.notFound, "Nobody is in this channel, and nobody observes it.")
    }
    return .json { $0.members(of: detail) }
  }

  /// Answers `GET /v1/channels/{channel}/members`.
  func members(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let parameters = RequestParameters(request, context)
    let limit = try parameters.count("limit", in: 1...Self.pageMax, default: 100)
    var cursor: Cursor?
    if let text = parameters.text("cursor") {
      guard let place = Cursor(text) else { throw Refusal(.badRequest, "cursor must be the \"next\" of the page before.") }
      cursor = place
    }
    guard let page = await engine.members(of: try parameters.channel(), cursor: cursor, limit: limit) else {
      throw Problem(.notFound, "Nobody is in this channel, and nobody observes it.")
    }
    return .json { $0.members(of: page) }
  }

  /// Answers `POST /v1/signals`: hands a message of the application to users, sessions or channels.
  func signals(_ request: Hummingbird.Request, _ context: EdgeContext) async throws -> Response {
    let body = try await BodyObject(of: request, bytesMax: Self.bodyBytesMax)
    guard let data = body.value("data") else { throw Refusal(.badRequest, "\"data\" is what to send: any JSON value.") }
    let max = engine.configuration.dataBytesMax
    guard data.count <= max else { throw Refusal(.tooLarge, "\"data\" has \(data.count) bytes, allowed are \(max).") }
    let targets = try targets(of: body)
    var delivered = 0
    for target in targets { delivered += await engine.signal(target, data: data) }
    return .json { $0.pair("delivered", integer: delivered) }
  }

  /// One target, or an array of them.
  private func targets(of body: BodyObject) throws(Refusal) -> [SignalTarget] {
    let elements: [[UInt8]]
    if let one = try? body.object("to") {
      elements = [one.json]
    } else {
      elements = try body.elements("to", max: Self.signalTargetsMax) ?? []
    }
    guard !elements.isEmpty else { throw Refusal(.badRequest, "\"to\" must be a target, or an array of targets.") }
    var targets: [SignalTarget] = []
    for element in elements {
      let object = try BodyObject(element)
      if let user = try object.user("user") {
        targets.append(.user(user))
      } else if let session = try object.session("session") {
        targets.append(.session(session))
      } else if let channel = try object.channel("channel") {
        targets.append(.channel(channel))
      } else {
        throw Refusal(.badRequest, "A target is an object with a \"user\", a \"session\" or a \"channel\".")
      }
    }
    return targets
  }
}
