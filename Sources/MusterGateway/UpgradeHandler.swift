import HummingbirdCore
import Logging
import MusterEdge
import MusterModel
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Looks at the requests of one socket and makes a WebSocket of it when one asks for that; all others go to Hummingbird.
///
/// NIO's own upgrade handler decides at the first request only, and loses the head of a request whose upgrade it does not
/// take. Here a refused upgrade gets its HTTP answer, an upgrade to something else (`h2c`, which Java's client offers on every
/// plain connection) is served as the plain request it also is, and a proxy may upgrade a kept-alive connection that has
/// served requests before.
///
/// ### Isolation
/// On the channel's loop, as every handler.
final class UpgradeHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart
  typealias Promise = EventLoopPromise<NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>?>

  private enum State {
    /// Nothing has been read.
    case fresh
    /// Hummingbird's handlers are behind this one and answer.
    case http
    /// An upgrade that is granted; its request has not ended yet.
    case granted(UpgradeGrant)
    /// An upgrade that was refused has been answered; what else comes is dropped until the peer closes.
    case refused
    /// The socket is a WebSocket, or gone.
    case done
  }

  private let gateway: Gateway
  private let place: SocketPlace
  /// Both go with the upgrade; this handler may be kept a little longer, by the deadline of its first request.
  private var encoder: HTTPResponseEncoder?
  private var decoder: ByteToMessageHandler<HTTPRequestDecoder>?
  private let logger: Logger
  private var promise: Promise?
  private var state = State.fresh
  private var context: ChannelHandlerContext?
  /// Requests that Hummingbird has not answered yet.
  private var unanswered = 0
  /// What an upgrade of a kept-alive connection has to take out again.
  private var httpHandlers: [any RemovableChannelHandler] = []

  init(
    gateway: Gateway, place: SocketPlace, http: Promise, encoder: HTTPResponseEncoder,
    decoder: ByteToMessageHandler<HTTPRequestDecoder>, logger: Logger
  ) {
    self.gateway = gateway
    self.place = place
    self.encoder = encoder
    self.decoder = decoder
    self.logger = logger
    promise = http
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    gateway.deadlines(of: context.channel).expectRequest(of: self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    state = .done
    encoder = nil
    decoder = nil
    httpHandlers = []
    keepPromise(nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    keepPromise(nil)
    context.fireChannelInactive()
  }

  /// The time for the first request head is over.
  func requestIsLate() {
    guard case .fresh = state else { return }
    context?.close(promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch (state, event) {
    case (.fresh, is ChannelShouldQuiesceEvent):
      context.close(promise: nil)
    case (_, let event as NIOCore.ChannelEvent) where event == .inputClosed && isOurs:
      context.close(promise: nil)
    default:
      context.fireUserInboundEventTriggered(event)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch state {
    case .fresh, .http:
      let part = unwrapInboundIn(data)
      guard case .head(let head) = part else { return forward(part, context) }
      switch unanswered == 0 ? judge(head, context) : head.pipelined {
      case .plain: forward(part, context)
      case .plainOnce: forward(.head(head.closingAfterwards), context)
      case .grant(let grant): state = .granted(grant)
      case .refuse(let refusal): refuse(refusal, context)
      }
    case .granted(let grant):
      switch unwrapInboundIn(data) {
      case .end: upgrade(grant, context)
      case .head, .body: refuse(.init(status: 400, .badRequest, "The upgrade request must not have a body."), context)
      }
    case .refused, .done:
      break
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard isOurs else { return context.fireErrorCaught(error) }
    switch error {
    case HTTPParserError.headerOverflow:
      refuse(.init(status: 431, .tooLarge, "The header fields are too large."), context)
    case is HTTPParserError:
      refuse(.init(status: 400, .badRequest, "This is not an HTTP request: \(error)."), context)
    default:
      context.close(promise: nil)
    }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) { unanswered -= 1 }
    context.write(data, promise: promise)
  }

  /// Whether this handler answers by itself, with nobody behind it.
  private var isOurs: Bool {
    if case .http = state { false } else { true }
  }

  private func keepPromise(_ channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>?) {
    promise.take()?.succeed(channel)
  }
}

extension UpgradeHandler {
  private func forward(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
    if case .fresh = state {
      do {
        try installHTTP(context)
      } catch {
        return context.close(promise: nil)
      }
    }
    if case .head = part { unanswered += 1 }
    context.fireChannelRead(wrapInboundOut(part))
  }

  private func installHTTP(_ context: ChannelHandlerContext) throws {
    let codec = HTTP1ToHTTPServerCodec(secure: false)
    let idle = HTTPConnectionStateHandler(idleTimeout: gateway.limits.httpIdleTimeout, logger: logger)
    try context.pipeline.syncOperations.addHandler(codec)
    try context.pipeline.syncOperations.addHandler(idle)
    let channel = try NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>(
      wrappingChannelSynchronously: context.channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    httpHandlers = [codec, idle]
    state = .http
    keepPromise(channel)
  }

  private func refuse(_ refusal: UpgradeRefusal, _ context: ChannelHandlerContext) {
    state = .refused
    var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: refusal.status))
    let body = ByteBuffer(bytes: refusal.body)
    for field in refusal.fields { head.headers.add(name: field.name, value: field.value) }
    head.headers.add(name: "content-type", value: "application/json")
    head.headers.add(name: "content-length", value: "\(body.readableBytes)")
    head.headers.add(name: "connection", value: "close")
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    // Half first: closing both ways at once, with bytes of the peer unread, would take the answer away from it.
    context.close(mode: .output, promise: nil)
    gateway.deadlines(of: context.channel).expectClose(of: context.channel)
    keepPromise(nil)
  }

  private func judge(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) -> UpgradeJudgement {
    guard head.headers.contains(name: "upgrade") else { return .plain }
    return gateway.judge.judge(UpgradeRequest(head), from: context.channel.remoteAddress?.ipAddress ?? "")
  }

  private func upgrade(_ grant: UpgradeGrant, _ context: ChannelHandlerContext) {
    switch gateway.transport {
    case .planes(let edges):
      guard let edge = edges[ObjectIdentifier(context.eventLoop)] else {
        preconditionFailure("the public port must run on the loops of the planes")
      }
      become(GatewayHandler(edge: edge, grant: grant), answering: grant.response, context)
    case .adopter(let adopter):
      handOver(grant, to: adopter, context)
    }
  }

  /// Turns the pipeline into that of a WebSocket: one handler on raw bytes.
  private func become(_ handler: GatewayHandler, answering answer: String, _ context: ChannelHandlerContext) {
    state = .done
    let overload = place.upgrade(AddressKey(context.channel.remoteAddress)).map { Refusal(.overloaded, $0) }
    guard let encoder, let decoder else { return }
    let pipeline = context.pipeline.syncOperations
    do {
      for old in httpHandlers { pipeline.removeHandler(old, promise: nil) }
      try pipeline.addHandler(handler, position: .after(self))
      // The encoder goes before the answer, the decoder after it: what that has read too far, it hands to the new handler.
      pipeline.removeHandler(encoder, promise: nil)
      var response = context.channel.allocator.buffer(capacity: 256)
      response.writeString(answer)
      context.writeAndFlush(NIOAny(response), promise: nil)
      handler.open(refusal: overload)
      pipeline.removeHandler(self, promise: nil)
      let leftovers = context.eventLoop.makePromise(of: Void.self)
      leftovers.futureResult.assumeIsolated().whenComplete { _ in handler.flush() }
      pipeline.removeHandler(decoder, promise: leftovers)
    } catch {
      context.close(promise: nil)
    }
  }

  /// Gives the socket away: its descriptor is duplicated, and NIO closes its own without a word to the peer.
  ///
  /// What the decoder has read too far comes out of it when it is removed, and goes along.
  private func handOver(_ grant: UpgradeGrant, to adopter: any SocketAdopter, _ context: ChannelHandlerContext) {
    if let overload = place.upgrade(AddressKey(context.channel.remoteAddress)) {
      return refuse(.init(status: 503, .overloaded, overload), context)
    }
    state = .done
    guard let encoder, let decoder else { return }
    let channel = context.channel
    let pipeline = context.pipeline.syncOperations
    let leftover = LeftoverHandler()
    let place = place
    do {
      try channel.syncOptions?.setOption(.autoRead, value: false)
      for old in httpHandlers { pipeline.removeHandler(old, promise: nil) }
      try pipeline.addHandler(leftover, position: .after(self))
      pipeline.removeHandler(encoder, promise: nil)
      pipeline.removeHandler(self, promise: nil)
    } catch {
      return context.close(promise: nil)
    }
    let removal = context.eventLoop.makePromise(of: Void.self)
    removal.futureResult.assumeIsolated().whenComplete { _ in
      defer { channel.close(promise: nil) }
      // SAFETY: the descriptor is only duplicated, and the duplicate belongs to nobody else.
      let descriptor = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
        duplicate($0)
      }
      guard let descriptor, descriptor >= 0, !leftover.isClosed else { return }
      guard let count = place.surrender() else { return closeDescriptor(descriptor) }
      adopter.adopt(descriptor, grant, leftover: leftover.bytes, place: count)
    }
    pipeline.removeHandler(decoder, promise: removal)
  }
}

extension HTTPRequestHead {
  /// A request behind others that are still to be answered is not upgraded: the answers would get among the frames.
  fileprivate var pipelined: UpgradeJudgement {
    headers.contains(name: "upgrade") ? .plainOnce : .plain
  }

  /// The request without its wish to upgrade, after which the connection ends: the decoder reads nothing behind such a head.
  fileprivate var closingAfterwards: HTTPRequestHead {
    var head = self
    head.headers.remove(name: "upgrade")
    head.headers.remove(name: "http2-settings")
    head.headers.replaceOrAdd(name: "connection", value: "close")
    return head
  }
}
