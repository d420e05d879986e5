package import MusterEngine
package import MusterModel
package import MusterWire

/// What a transport has to do next for one of its connections.
///
/// Ranges are offsets into the bytes that the transport gave.
package enum GatewayStep: Sendable, Hashable {
  /// Nothing, until more bytes have arrived; what stands behind the offset must be kept.
  case wait
  /// Note the sign of life; the client sent nothing else.
  case heard
  /// Answer with a pong of this payload.
  case pong(Range<Int>)
  case hello(RequestID, Hello)
  case request(RequestID, Request)
  /// Hand a relay's batch to the engine; it is answered to this id.
  case batch(UInt32, RelayRequest)
  /// Answer with an error; the connection goes on.
  case refuse(RequestID, Refusal)
  /// Tell the engine that the client is gone, send a close frame, and end the connection once it has been written.
  case finish(ConnectionEnd, CloseFrame)
  /// The client has answered our close frame: end the connection.
  case finished
}

/// What a close frame says.
package struct CloseFrame: Sendable, Hashable {
  /// A code that may be sent, or `nil` for a frame without one.
  package var code: UInt16?
  /// For whoever develops the client; cut where the frame ends.
  package var reason: String

  package init(code: UInt16?, reason: String) {
    self.code = code
    self.reason = reason
  }

  /// The frame that ends a connection for a reason; `nil` ends it normally.
  package init(_ refusal: Refusal?) {
    guard let refusal else {
      self.init(code: WebSocketCloseCode.normal, reason: "")
      return
    }
    // A code that answers single requests cannot close a connection; none should come here.
    let code = refusal.code.isCloseCode ? refusal.code : .badRequest
    self.init(code: code.rawValue, reason: refusal.message)
  }
}

/// The protocol state of one connection, knowing no socket: bytes go in, steps come out.
///
/// Both transports drive this code. What the engine says goes past it, straight to the transport, except that it closes.
///
/// - Invariant: I1. At most one close frame is sent: by ``GatewayStep/finish(_:_:)``, or because of ``close()``.
/// - Invariant: I2. Behind a close frame of the client, and behind a violation, nothing is looked at any more.
/// - Invariant: I3. At most one ``GatewayStep/hello(_:_:)`` comes out.
/// ### Ownership
/// 14 bytes, one for each connection; what is the same for all of them is in the ``GatewayRules``.
package struct GatewayConnection: Sendable {
  private enum Phase: UInt8, Sendable {
    case open
    /// The same for a relay, which has no heartbeats of its own.
    case relaying
    /// Our close frame is sent; the client's is still to come.
    case closing
    case closed
  }

  private var frames = WebSocketProgress()
  private var phase = Phase.open
  private var hasSaidHello = false
  /// Whether batches of a relay are spoken, which get no text.
  package let isRelay: Bool
  private var malformed: UInt16 = 0

  /// Begins behind the handshake.
  package init(speaking subprotocol: Subprotocol = .client) {
    isRelay = subprotocol == .relay
    if isRelay { phase = .relaying }
  }

  /// Whether what the client sends is still handed to the engine.
  package var isOpen: Bool { phase == .open || phase == .relaying }

  /// How many bytes the next step needs at least, after ``GatewayStep/wait`` has left these.
  package func bytesNeeded(after rest: RawSpan, under rules: GatewayRules) -> Int {
    rules.frames(isRelay: isRelay).frameBytes(rest, at: 0)
  }

  /// Begins to close, from our side.
  ///
  /// - Returns: Whether a close frame is to be sent now; otherwise one has been sent before.
  package mutating func close() -> Bool {
    guard isOpen else { return false }
    phase = .closing
    return true
  }

  /// Goes on to the next step.
  ///
  /// `bytes` are what has arrived and was not consumed yet; they are unmasked in place. `offset` is where to go on, and is moved
  /// behind what was consumed. `rules` are the same in each call.
  package mutating func next(
    in bytes: inout MutableRawSpan, at offset: inout Int, under rules: GatewayRules
  ) -> GatewayStep {
    let frameRules = rules.frames(isRelay: isRelay)
    while phase != .closed {
      switch frames.next(in: &bytes, at: &offset, under: frameRules) {
      case .needs, .ended:
        return .wait
      case .text(let range):
        if phase == .relaying { return takeBatch(bytes.bytes.extracting(range)) }
        guard phase == .open else { continue }
        return take(bytes.bytes.extracting(range), rules)
      case .fragmentedText:
        let message = frames.takeMessage()
        guard phase == .open else { continue }
        return take(message.span.bytes, rules)
      case .ping(let payload):
        // RFC 6455, 5.5.2: not behind a close frame.
        guard isOpen else { continue }
        return .pong(payload)
      case .pong:
        guard isOpen else { continue }
        return .heard
      case .close(let code, _):
        return end(code: code)
      case .violation(let violation):
        return end(violation)
      }
    }
    offset = bytes.byteCount
    return .wait
  }

  /// Whether what comes next may be heartbeats that a transport takes by itself, with a ``BeatReply``.
  ///
  /// Whatever is no usual heartbeat is then to be given to ``next(in:at:under:)``.
  package var mayBeat: Bool { phase == .open && frames.isBetweenMessages }

  /// Notes that heartbeats were taken: what is malformed comes no longer in a row.
  package mutating func hasBeaten() {
    malformed = 0
  }

  private mutating func end(code: UInt16?) -> GatewayStep {
    defer { phase = .closed }
    guard isOpen else { return .finished }
    let end: ConnectionEnd = code == WebSocketCloseCode.normal ? .goodbye : .lost
    return .finish(end, CloseFrame(code: code, reason: ""))
  }

  private mutating func end(_ violation: WebSocketViolation) -> GatewayStep {
    defer { phase = .closed }
    guard isOpen else { return .finished }
    // Our own limits have our own codes; for the rest the RFC names them, and test suites ask for those.
    let code = violation.code == .tooLarge ? violation.code.rawValue : violation.closeCode
    return .finish(.lost, CloseFrame(code: code, reason: violation.sentence))
  }

  /// A relay that has lost its place in the protocol gets no second chance: its next bytes would mean something else, too.
  private mutating func takeBatch(_ bytes: RawSpan) -> GatewayStep {
    do {
      let (id, request) = try RelayDecoder.decode(bytes)
      return .batch(id, request)
    } catch {
      phase = .closed
      return .finish(.lost, CloseFrame(Refusal(.badRequest, error.sentence)))
    }
  }

  private mutating func take(_ text: RawSpan, _ rules: GatewayRules) -> GatewayStep {
    do {
      let (id, request) = try rules.messages.decode(text)
      malformed = 0
      guard case .hello(let hello) = request else { return .request(id, request) }
      guard !hasSaidHello else { return .refuse(id, Refusal(.badRequest, "This connection has already said hello.")) }
      hasSaidHello = true
      return .hello(id, hello)
    } catch {
      malformed += 1
      guard malformed >= rules.malformedMax else { return .refuse(error.id, error.refusal) }
      phase = .closed
      return .finish(
        .lost, CloseFrame(Refusal(.badRequest, "\(malformed) malformed messages in a row; the last: \(error.refusal.message)")))
    }
  }
}
