package import Logging
package import NIOCore
import NIOPosix

/// Keeps a listener alive when a connection cannot be accepted.
///
/// An error that reaches the end of a listener's pipeline ends it, and "too many open files" is such an error. Here it becomes
/// a pause: whoever knocks meanwhile waits in the kernel's queue.
package final class AcceptErrorHandler: ChannelInboundHandler, Sendable {
  package typealias InboundIn = any Channel

  /// How long nothing is accepted after an error.
  package static let pause = TimeAmount.milliseconds(100)

  private let logger: Logger

  package init(logger: Logger) {
    self.logger = logger
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard error is IOError || error is NIOFcntlFailedError else { return context.fireErrorCaught(error) }
    logger.warning("a connection could not be accepted", metadata: ["error": "\(error)"])
    let channel = context.channel
    // Both fail on a closed listener only.
    _ = channel.setOption(.autoRead, value: false)
    channel.eventLoop.scheduleTask(in: Self.pause) { _ = channel.setOption(.autoRead, value: true) }
  }
}
