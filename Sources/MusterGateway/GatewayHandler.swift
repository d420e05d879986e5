import MusterAccess
import MusterEdge
import MusterEngine
import MusterModel
import NIOCore

/// One WebSocket on a channel of NIO: raw bytes in, raw bytes out.
///
/// It holds what belongs to the connection; what is done with it is decided by the ``PlaneEdge``.
///
/// ### Isolation
/// On the channel's loop, which is its plane's.
final class GatewayHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let edge: PlaneEdge
  /// Who connected; given up once the connection has said hello.
  private(set) var peer: Peer?
  /// The connection as the engine knows it; `nil` before it does and after it has forgotten it.
  var connection: ConnectionID?
  var protocolState: GatewayConnection
  /// What has arrived and could not be consumed: the beginning of a frame, or all behind a pause in reading.
  var unread: [UInt8] = []
  /// With so many bytes unread there is something to do; 0 when that is not known.
  var neededBytes = 0
  /// Whether the engine wants more from this connection.
  private(set) var isReading = true
  /// What the engine has last been told about the queue.
  var isCongested = false
  var isDirty = false
  var isNoted = false

  private var context: ChannelHandlerContext?
  /// Small frames that go out together.
  private var pending: ByteBuffer?
  /// Bytes handed to the channel so far, and how many of them had left it when that was last looked at.
  private var written: UInt64 = 0
  private var lastLeft: UInt64 = 0

  /// A frame up to this size is copied behind others that wait, instead of being a buffer of its own.
  private static let copiedBytesMax = 512
  /// What waits is handed to the channel when it has grown to this, so that the channel's water marks see it.
  private static let pendingBytesMax = 16 << 10

  init(edge: PlaneEdge, grant: UpgradeGrant) {
    self.edge = edge
    peer = grant.peer
    protocolState = GatewayConnection(speaking: grant.subprotocol)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    edge.lost(self)
    self.context = nil
    pending = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    edge.received(unwrapInboundIn(data), on: self)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    flush()
  }

  func channelInactive(context: ChannelHandlerContext) {
    edge.lost(self)
    context.fireChannelInactive()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    edge.note(self)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is ChannelShouldQuiesceEvent:
      // The engine drains its connections itself, with a word to each.
      break
    case let event as NIOCore.ChannelEvent where event == .inputClosed:
      edge.lost(self)
      context.close(promise: nil)
    default:
      context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A reset, mostly. The channel is of no more use.
    context.close(promise: nil)
  }

  /// Makes the connection known to the engine, or turns it away.
  func open(refusal: Refusal?) {
    edge.opened(self, refusal: refusal)
  }

  /// Gives up what was only needed for the hello.
  func takePeer() -> Peer? {
    peer.take()
  }
}

// MARK: Going out

extension GatewayHandler {
  var channel: (any Channel)? { context?.channel }

  /// Whether the channel takes more without growing its queue beyond the high-water mark.
  var isWritable: Bool { context?.channel.isWritable ?? true }

  /// Queues bytes of this connection alone.
  func write(_ bytes: UnsafeRawBufferPointer) {
    guard let context else { return }
    if pending == nil { pending = context.channel.allocator.buffer(capacity: max(bytes.count, 128)) }
    pending?.writeBytes(bytes)
    if let pending, pending.readableBytes >= Self.pendingBytesMax { handOver() }
  }

  /// Queues a frame that other connections get too.
  func write(shared frame: ByteBuffer) {
    guard let context else { return }
    if pending != nil, frame.readableBytes <= Self.copiedBytesMax {
      pending?.writeImmutableBuffer(frame)
      return
    }
    handOver()
    written += UInt64(frame.readableBytes)
    context.write(wrapOutboundOut(frame), promise: nil)
  }

  /// Writes out what is queued.
  func flush() {
    guard isDirty else { return }
    isDirty = false
    handOver()
    context?.flush()
  }

  private func handOver() {
    guard let buffer = pending.take() else { return }
    written += UInt64(buffer.readableBytes)
    context?.write(wrapOutboundOut(buffer), promise: nil)
  }

  /// Ends the outgoing direction once everything queued has been written.
  func finishWriting() {
    flush()
    context?.close(mode: .output, promise: nil)
  }

  /// Stops or resumes taking bytes from the socket.
  func setReading(_ isEnabled: Bool) {
    guard isReading != isEnabled else { return }
    isReading = isEnabled
    // Fails on a closed channel only, from which nothing comes anyway.
    try? context?.channel.syncOptions?.setOption(.autoRead, value: isEnabled)
  }

  /// Whether bytes have left the queue since this was last asked.
  func hasProgressed() -> Bool {
    guard let buffered = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes) else { return false }
    let left = written - UInt64(clamping: buffered)
    defer { lastLeft = left }
    return left > lastLeft
  }
}

@available(*, unavailable)
extension GatewayHandler: Sendable {}
