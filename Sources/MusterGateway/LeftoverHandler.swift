import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Keeps what comes out of a pipeline that is being taken apart.
///
/// ### Isolation
/// On the channel's loop, as every handler.
final class LeftoverHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private(set) var bytes: [UInt8] = []
  /// The peer has gone, or has closed its direction.
  private(set) var isClosed = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytes.append(contentsOf: unwrapInboundIn(data).readableBytesView)
  }

  func channelInactive(context: ChannelHandlerContext) {
    isClosed = true
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    isClosed = true
  }
}

@available(*, unavailable)
extension LeftoverHandler: Sendable {}

/// Another descriptor of the same socket, closed in children of this process; negative when there is none to be had.
func duplicate(_ descriptor: CInt) -> CInt {
  fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
}

/// Closes a descriptor that nobody wants.
func closeDescriptor(_ descriptor: CInt) {
  close(descriptor)
}
