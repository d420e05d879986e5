package import HummingbirdCore
package import Logging
import MusterEdge
package import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// One socket of the public port, as Hummingbird's server sets it up: HTTP requests, or a WebSocket.
///
/// A socket starts with NIO's HTTP decoder and the ``UpgradeHandler``. Only one that turns out to speak plain HTTP gets
/// Hummingbird's request loop; a WebSocket keeps a single handler and no task.
package struct GatewayChannel: HTTPChannelHandler {
  /// A socket whose kind is not yet known.
  package struct Value: ServerChildChannelValue {
    package let channel: any Channel
    /// The channel of an HTTP socket, once that is known; `nil` when it became a WebSocket or is gone.
    fileprivate let http: EventLoopFuture<NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>?>
  }

  package let responder: Responder
  private let gateway: Gateway

  /// Makes the setup of the public port.
  ///
  /// - Parameters:
  ///   - gateway: What the sockets share; the server must run on its loops.
  ///   - responder: What answers HTTP requests that are not upgrades.
  package init(gateway: Gateway, responder: @escaping Responder) {
    self.gateway = gateway
    self.responder = responder
  }

  package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      let http = channel.eventLoop.makePromise(of: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>?.self)
      guard gateway.admission.open() else {
        // Not an error to throw: one that leaves this initialiser would end the listener with it.
        channel.close(promise: nil)
        http.succeed(nil)
        return Value(channel: channel, http: http.futureResult)
      }
      let place = SocketPlace(gateway.admission)
      channel.closeFuture.whenComplete { _ in place.close() }
      let pipeline = channel.pipeline.syncOperations
      let encoder = HTTPResponseEncoder()
      let decoder = ByteToMessageHandler(
        HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: gateway.decoderLimits))
      let upgrade = UpgradeHandler(
        gateway: gateway, place: place, http: http, encoder: encoder, decoder: decoder, logger: logger)
      try pipeline.addHandlers([encoder, decoder, upgrade])
      return Value(channel: channel, http: http.futureResult)
    }
  }

  package func handle(value: Value, logger: Logger) async {
    // The promise is always kept, and kept with `nil` when the channel goes first.
    guard let channel = try? await value.http.get() else { return }
    await handleHTTP(asyncChannel: channel, logger: logger)
  }
}
