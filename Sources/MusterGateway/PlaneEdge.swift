import Logging
import MusterAccess
import MusterEdge
import MusterEngine
import MusterJSON
import MusterModel
import MusterWire
import NIOCore

/// The edge of one plane: between its connection shard and the channels on its loop.
///
/// Inwards it decodes what channels have read and calls the shard; outwards it is the shard's ``EventSink``: it encodes each
/// event once and hands the same bytes to every channel. Channels are written out once per turn, however much was queued.
///
/// What a channel has to tell while the shard is talking (its queue is full) is noted and told afterwards, since a sink must not
/// call back.
///
/// - Invariant: I1. `transports[slot]` is the handler whose `connection` has that slot, or `nil`.
/// - Invariant: I2. A handler is in `dirty` only while its `isDirty` holds, and in `noted` only while its `isNoted` does.
/// ### Isolation
/// On the plane's loop. The references to it that are elsewhere lead there.
// SAFETY: everything mutable is touched on `executor.eventLoop` only: NIO calls handlers there, the engine calls its sinks
// there, and the executor runs `settle` there. `connect` is the exception; it comes before all of them.
final class PlaneEdge: @unchecked Sendable {
  let executor: NIOPlaneExecutor
  let limits: GatewayLimits
  private let rules: GatewayRules
  private let tokens: any SessionTokens
  private let authenticator: any Authenticator

  private let logger: Logger
  /// What may arrive behind a pause in reading, beside a whole message; more ends the connection.
  private static let unreadBytesMax = 1 << 20

  private var shard: ConnectionShard?
  private var transports: [GatewayHandler?] = []
  private var dirty: [GatewayHandler] = []
  private var noted: [GatewayHandler] = []
  private var congested: [GatewayHandler] = []
  /// The channel whose bytes are being handled, if any; it is written out when its read is complete.
  private var current: GatewayHandler?
  /// Where frames are unmasked and read.
  private var scratch: [UInt8] = []
  /// Where frames are written before they become buffers of the channels.
  private var writer = JSONWriter(capacity: 4 << 10)
  private var closeDeadlines: DeadlineQueue<any Channel>
  private var lastSettled = NIODeadline.distantPast

  /// Rounds of telling and writing in one turn; what is left then waits for the next turn.
  private static let roundsMax = 4
  /// What the scratch memory keeps between reads.
  private static let scratchBytesMax = 128 << 10

  init(
    executor: NIOPlaneExecutor, limits: GatewayLimits, wireLimits: WireLimits, tokens: any SessionTokens,
    authenticator: any Authenticator, logger: Logger
  ) {
    self.executor = executor
    self.logger = logger
    self.limits = limits
    rules = GatewayRules(limits, MessageDecoder(limits: wireLimits))
    self.tokens = tokens
    self.authenticator = authenticator
    closeDeadlines = DeadlineQueue(delay: limits.closeTimeout)
  }

  /// Ties the edge to its shard, before anything runs.
  func connect(to shard: ConnectionShard) {
    self.shard = shard
    executor.eventLoop.execute { [self] in
      executor.afterEachTurn { [self] in settle() }
    }
  }
}

// MARK: Coming in

extension PlaneEdge {
  /// Makes a new WebSocket known to the engine, or refuses it.
  func opened(_ handler: GatewayHandler, refusal: Refusal?) {
    guard let shard, let peer = handler.peer, refusal == nil else {
      return turnAway(handler, refusal ?? Refusal(.overloaded))
    }
    guard let connection = shard.assumeIsolated({ $0.open(remote: peer.address) }) else {
      return turnAway(handler, Refusal(.overloaded, "This data-plane thread holds as many connections as it may."))
    }
    if handler.protocolState.isRelay, !shard.assumeIsolated({ $0.beginRelay(connection) }) {
      shard.assumeIsolated { $0.closed(connection, .lost) }
      return turnAway(handler, Refusal(.drain))
    }
    let slot = Int(connection.slot)
    while transports.count <= slot { transports.append(nil) }
    transports[slot] = handler
    handler.connection = connection
  }

  /// Handles what a channel has read.
  func received(_ buffer: ByteBuffer?, on handler: GatewayHandler) {
    guard handler.isReading else {
      // What was on its way when reading was stopped, or all that the peer sent before it gave up.
      if let buffer { handler.unread.append(contentsOf: buffer.readableBytesView) }
      let messageBytesMax = handler.protocolState.isRelay ? limits.relayMessageBytesMax : limits.messageBytesMax
      if handler.unread.count > messageBytesMax + Self.unreadBytesMax { handler.channel?.close(promise: nil) }
      return
    }
    if let buffer, handler.unread.count + buffer.readableBytes < handler.neededBytes {
      // A long frame in many reads: looked at when it is whole, so that its bytes are not moved with each of them.
      handler.unread.append(contentsOf: buffer.readableBytesView)
      return
    }
    scratch.removeAll(keepingCapacity: scratch.capacity <= Self.scratchBytesMax)
    scratch.append(contentsOf: handler.unread)
    handler.unread = []
    if let buffer { scratch.append(contentsOf: buffer.readableBytesView) }
    let outer = current
    current = handler
    let consumed = shard?.assumeIsolated { takeSteps(with: $0) } ?? scratch.count
    current = outer
    handler.neededBytes = 0
    guard consumed < scratch.count else { return }
    handler.unread = Array(scratch[consumed...])
    // Behind a pause nothing has been judged yet.
    guard handler.isReading else { return }
    handler.neededBytes = handler.protocolState.bytesNeeded(after: handler.unread.span.bytes, under: rules)
  }

  /// Takes step after step of the current channel, from what stands in the scratch memory.
  ///
  /// - Returns: How many bytes were consumed.
  private func takeSteps(with shard: isolated ConnectionShard) -> Int {
    var offset = 0
    var isHeard = false
    while let handler = current, handler.isReading {
      // SAFETY: the pointer is used inside the closure only.
      let step = scratch.withUnsafeMutableBytes { bytes in
        var span = bytes.mutableBytes
        return handler.protocolState.next(in: &span, at: &offset, under: rules)
      }
      if step == .wait { break }
      // Once for all that came together: the next tick is far away.
      if !isHeard, let connection = handler.connection { shard.heard(connection) }
      isHeard = true
      perform(step, for: handler, with: shard)
    }
    return offset
  }

  private func perform(_ step: GatewayStep, for handler: GatewayHandler, with shard: isolated ConnectionShard) {
    switch step {
    case .wait, .heard:
      break
    case .pong(let payload):
      let echo = Array(scratch[payload])
      frame(for: handler) { writer in WebSocketEncoder.append(.pong, echo.span.bytes, to: &writer.buffer) }
    case .hello(let id, let hello):
      greet(handler, id, hello, with: shard)
    case .request(let id, let request):
      if let connection = handler.connection { shard.request(connection, id, request) }
    case .batch(let id, let request):
      if let connection = handler.connection { shard.relay(connection, id, request) }
    case .refuse(let id, let refusal):
      reply(.refused(refusal), to: id, on: handler)
    case .finish(let end, let close):
      if end == .lost, let code = close.code {
        logger.debug("a client ended or broke a connection", metadata: ["code": "\(code)", "reason": "\(close.reason)"])
      }
      if let connection = release(handler) { shard.closed(connection, end) }
      frame(for: handler) { writer in Self.append(close, to: &writer.buffer) }
      handler.finishWriting()
      if let channel = handler.channel { expectClose(of: channel) }
    case .finished:
      handler.finishWriting()
    }
  }

  private func greet(_ handler: GatewayHandler, _ id: RequestID, _ hello: Hello, with shard: isolated ConnectionShard) {
    guard let connection = handler.connection, let peer = handler.takePeer() else { return }
    do {
      let identity = try authenticator.identify(peer.credentials(for: hello), from: peer)
      shard.hello(connection, id, identity, hello)
    } catch {
      reply(.refused(error), to: id, on: handler)
      if let connection = release(handler) { shard.closed(connection, .lost) }
      close(handler, error)
    }
  }

  /// Notes that a channel is gone.
  func lost(_ handler: GatewayHandler) {
    guard let connection = release(handler) else { return }
    shard?.assumeIsolated { $0.closed(connection, .lost) }
  }

  /// Takes the connection from its channel, before the engine is told or after it has told us.
  private func release(_ handler: GatewayHandler) -> ConnectionID? {
    guard let connection = handler.connection.take() else { return nil }
    transports[Int(connection.slot)] = nil
    return connection
  }

  private func turnAway(_ handler: GatewayHandler, _ refusal: Refusal) {
    logger.debug(
      "a connection was turned away",
      metadata: ["peer": "\(handler.peer?.address ?? "")", "code": "\(refusal.code.name)", "why": "\(refusal.message)"])
    if !handler.protocolState.isRelay { reply(.refused(refusal), to: .none, on: handler) }
    close(handler, refusal)
  }
}

// MARK: Going out

extension PlaneEdge: EventSink {
  func send(_ reply: Reply, to request: RequestID, on connection: ConnectionID) {
    guard let handler = handler(of: connection) else { return }
    self.reply(reply, to: request, on: handler)
  }

  func push(_ push: Push, to connections: [ConnectionID]) {
    guard let first = connections.first else { return }
    writer.removeAll(keepingCapacity: true)
    let start = WebSocketEncoder.begin(into: &writer.buffer)
    MessageEncoder.write(push, into: &writer)
    WebSocketEncoder.end(start, .text, in: &writer.buffer)
    if connections.count == 1 {
      guard let handler = handler(of: first) else { return }
      // SAFETY: the pointer is used inside the closure only; the handler copies.
      writer.withUnsafeBytes { handler.write($0) }
      return mark(handler)
    }
    // SAFETY: the pointer is used inside the closure only; the buffer is a copy.
    let frame = writer.withUnsafeBytes { ByteBuffer(bytes: $0) }
    for connection in connections {
      guard let handler = handler(of: connection) else { continue }
      handler.write(shared: frame)
      mark(handler)
    }
  }

  func relay(_ reply: RelayReply, to id: UInt32, kind: RelayKind, on connection: ConnectionID) {
    guard let handler = handler(of: connection) else { return }
    frame(for: handler) { writer in
      let start = WebSocketEncoder.begin(into: &writer.buffer)
      RelayEncoder.write(reply, to: id, kind: kind, into: &writer.buffer)
      WebSocketEncoder.end(start, .binary, in: &writer.buffer)
    }
  }

  func ping(_ connection: ConnectionID) {
    guard let handler = handler(of: connection) else { return }
    frame(for: handler) { writer in
      let nothing = InlineArray<0, UInt8>(repeating: 0)
      WebSocketEncoder.append(.ping, nothing.span.bytes, to: &writer.buffer)
    }
  }

  func setReading(_ connection: ConnectionID, enabled: Bool) {
    guard let handler = handler(of: connection) else { return }
    handler.setReading(enabled)
    // What came before the pause is handled after the turn.
    if enabled { note(handler) }
  }

  func close(_ connection: ConnectionID, refusal: Refusal?) {
    guard let handler = handler(of: connection) else { return }
    _ = release(handler)
    close(handler, refusal)
  }

  private func handler(of connection: ConnectionID) -> GatewayHandler? {
    let slot = Int(connection.slot)
    guard slot < transports.count, let handler = transports[slot], handler.connection == connection else { return nil }
    return handler
  }

  private func reply(_ reply: Reply, to id: RequestID, on handler: GatewayHandler) {
    var token: [UInt8]?
    if case .hello(let welcome) = reply { token = tokens.token(for: welcome.session) }
    frame(for: handler) { writer in
      let start = WebSocketEncoder.begin(into: &writer.buffer)
      if MessageEncoder.write(reply, to: id, sessionToken: token, into: &writer) {
        WebSocketEncoder.end(start, .text, in: &writer.buffer)
      } else {
        WebSocketEncoder.abandon(start, in: &writer.buffer)
      }
    }
  }

  /// Sends a close frame and waits, for a while, for the client's.
  private func close(_ handler: GatewayHandler, _ refusal: Refusal?) {
    guard handler.protocolState.close() else { return }
    frame(for: handler) { writer in Self.append(CloseFrame(refusal), to: &writer.buffer) }
    handler.setReading(true)
    note(handler)
    if let channel = handler.channel { expectClose(of: channel) }
  }

  private func frame(for handler: GatewayHandler, _ body: (inout JSONWriter) -> Void) {
    writer.removeAll(keepingCapacity: true)
    body(&writer)
    guard writer.count > 0 else { return }
    // SAFETY: the pointer is used inside the closure only; the handler copies.
    writer.withUnsafeBytes { handler.write($0) }
    mark(handler)
  }

  private static func append(_ close: CloseFrame, to buffer: inout OutputBuffer) {
    guard let code = close.code else {
      let nothing = InlineArray<0, UInt8>(repeating: 0)
      return WebSocketEncoder.append(.close, nothing.span.bytes, to: &buffer)
    }
    WebSocketEncoder.appendClose(code, reason: close.reason, to: &buffer)
  }
}

// MARK: After a turn

extension PlaneEdge {
  /// Has a channel written out at the end of this turn, or of its read.
  private func mark(_ handler: GatewayHandler) {
    guard !handler.isDirty else { return }
    handler.isDirty = true
    guard handler !== current else { return }
    dirty.append(handler)
    // Within a turn the end of it is coming anyway; another would run empty.
    if !executor.isInTurn { executor.requestTurn() }
  }

  /// Has the engine told, after this turn, that the queue of a channel has become full or empty.
  func note(_ handler: GatewayHandler) {
    guard !handler.isNoted else { return }
    handler.isNoted = true
    noted.append(handler)
    executor.requestTurn()
  }

  /// Closes a channel for good when its peer has not done so in time.
  private func expectClose(of channel: any Channel) {
    closeDeadlines.arm(channel, now: NIODeadline.now().uptimeNanoseconds)
  }

  /// Ends all WebSockets without a word.
  func closeAll() {
    for handler in transports { handler?.channel?.close(promise: nil) }
    while let channel = closeDeadlines.next(now: .max) { channel.close(promise: nil) }
  }

  /// Tells the engine what was noted, and writes out what was queued.
  private func settle() {
    var rounds = 0
    while !noted.isEmpty || !dirty.isEmpty {
      guard rounds < Self.roundsMax else { return executor.requestTurn() }
      rounds += 1
      let tellers = noted
      noted.removeAll(keepingCapacity: true)
      for handler in tellers { tell(handler) }
      let writers = dirty
      dirty.removeAll(keepingCapacity: true)
      for handler in writers { handler.flush() }
    }
    let now = NIODeadline.now()
    guard now - lastSettled >= .milliseconds(Int64(Tick.milliseconds)) else { return }
    lastSettled = now
    noteProgress()
    while let channel = closeDeadlines.next(now: now.uptimeNanoseconds) { channel.close(promise: nil) }
  }

  private func tell(_ handler: GatewayHandler) {
    handler.isNoted = false
    let isCongested = !handler.isWritable
    if let connection = handler.connection, handler.isCongested != isCongested {
      handler.isCongested = isCongested
      if isCongested { congested.append(handler) }
      shard?.assumeIsolated { isCongested ? $0.congested(connection) : $0.drained(connection) }
    }
    guard handler.isReading, !handler.unread.isEmpty else { return }
    received(nil, on: handler)
    handler.flush()
  }

  /// Tells the engine which of the congested connections have taken something.
  private func noteProgress() {
    congested.removeAll { !$0.isCongested || $0.connection == nil }
    for handler in congested where handler.hasProgressed() {
      if let connection = handler.connection { shard?.assumeIsolated { $0.progressed(connection) } }
    }
  }
}
