import Glibc
import MusterModel
import MusterWire

/// Why a worker stopped driving a phase.
package enum LegEnd: Sendable {
  /// The time is up.
  case deadline
  /// The phase has nothing left to do.
  case complete
  /// Somebody asked to stop early.
  case stopped
}

extension ConnectionTable {
  /// Runs a phase until it is complete, its time is up or a stop is asked for.
  package mutating func drive<Phase: LoadPhase>(
    _ phase: inout Phase, until deadline: MonotonicTime, on board: ProgressBoard, isReporter: Bool
  ) -> LegEnd {
    var published = (done: phase.done, troubles: tally.total)
    var now = MonotonicTime.now()
    var nextReport = now
    defer { board.add(done: phase.done - published.done, troubles: tally.total - published.troubles) }
    while true {
      if StopSignal.isRaised { return .stopped }
      if now >= deadline { return .deadline }
      let next = phase.fire(at: now, on: &self)
      flush()
      if phase.isComplete { return .complete }
      if now >= nextReport {
        nextReport = now.advanced(by: .milliseconds(100))
        let troubles = tally.total
        board.add(done: phase.done - published.done, troubles: troubles - published.troubles)
        published = (phase.done, troubles)
        if isReporter { board.report(at: now) }
      }
      let count = poller.wait(until: min(next, deadline), now: .now())
      for index in 0..<count { handle(poller.event(at: index), phase: &phase) }
      now = .now()
    }
  }

  private mutating func handle<Phase: LoadPhase>(_ event: Poller.Event, phase: inout Phase) {
    let row = event.row
    guard rows[row].descriptor >= 0 else { return }
    if rows[row].stage == .connecting {
      finishConnecting(row, phase: &phase)
      return
    }
    if event.isWritable { flushUnsent(row: row) }
    if event.isReadable || event.isBroken { receive(row, phase: &phase) }
    flush()
  }

  private mutating func finishConnecting<Phase: LoadPhase>(_ row: Int, phase: inout Phase) {
    var failure: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(rows[row].descriptor, SOL_SOCKET, SO_ERROR, &failure, &length)
    guard failure == 0 else {
      lose(row, .connect, "errno \(failure)", LoadError.reason(failure), phase: &phase)
      return
    }
    poller.change(rows[row].descriptor, row: row, writable: false)
    rows[row].stage = .upgrading
    phase.advanced(row: row, at: .now(), on: &self)
    if dialect.isWebSocket {
      sendUpgrade(row: row)
    } else {
      rows[row].stage = .greeting
      phase.advanced(row: row, at: .now(), on: &self)
    }
  }

  private mutating func receive<Phase: LoadPhase>(_ row: Int, phase: inout Phase) {
    var filled = 0
    if rows[row].hasUnread, let beginning = unread[row] {
      if beginning.count + 4096 > input.count { growInput(to: beginning.count * 2) }
      input.copyBytes(from: beginning)
      filled = beginning.count
    }
    // SAFETY: `filled` bytes were copied in above, so what is received stays within the buffer; see `input` for its lifetime.
    let count = recv(rows[row].descriptor, input.baseAddress.map { $0 + filled }, input.count - filled, 0)
    if count < 0 {
      if errno == EAGAIN || errno == EINTR { return }
      lose(row, .close, "errno \(errno)", LoadError.reason(errno), phase: &phase)
      return
    }
    if rows[row].hasUnread {
      unread[row] = nil
      rows[row].hasUnread = false
    }
    let now = MonotonicTime.now()
    var start = 0
    if rows[row].stage == .upgrading {
      guard let end = finishUpgrade(row, UnsafeRawBufferPointer(rebasing: input[..<(filled + count)]), ended: count == 0, &phase)
      else { return }
      start = end
    }
    if count == 0 {
      lose(row, .close, "no_close_frame", "The server ended the connection without a close frame.", phase: &phase)
      return
    }
    switch dialect {
    case .muster: consume(row, from: start, to: filled + count, at: now, phase: &phase)
    case .echo, .nchan, .mqtt, .relay: consumeFrames(row, from: start, to: filled + count, at: now, phase: &phase)
    case .redis: consumeValues(row, from: start, to: filled + count, at: now, phase: &phase)
    }
  }

  /// Takes the answer to the upgrade.
  ///
  /// - Returns: Where the frames begin, or `nil` when there are none to read now.
  private mutating func finishUpgrade<Phase: LoadPhase>(
    _ row: Int, _ bytes: UnsafeRawBufferPointer, ended: Bool, _ phase: inout Phase
  ) -> Int? {
    switch handshake.answer(bytes, ended: ended) {
    case .incomplete:
      keepUnread(Array(bytes), row: row)
      return nil
    case .accepted(let end):
      rows[row].stage = .greeting
      phase.advanced(row: row, at: .now(), on: &self)
      return end
    case .refused(let status, let message):
      lose(row, .upgrade, status, message, phase: &phase)
      return nil
    case .violation(let sentence):
      lose(row, .upgrade, "violation", sentence, phase: &phase)
      return nil
    }
  }

  /// Reads message after message from the shared buffer.
  private mutating func consume<Phase: LoadPhase>(
    _ row: Int, from start: Int, to end: Int, at now: MonotonicTime, phase: inout Phase
  ) {
    // SAFETY: what was received is the first `end` bytes of `input`, which stays as it is until this call returns; the decoder's
    // ranges are within it.
    let bytes = UnsafeMutableRawBufferPointer(rebasing: input[..<end])
    var offset = start
    while rows[row].descriptor >= 0 {
      var span = bytes.mutableBytes
      switch rows[row].decoder.next(in: &span, at: &offset) {
      case .text(let range):
        deliver(MessageView(UnsafeRawBufferPointer(rebasing: bytes[range])), row: row, at: now, phase: &phase)
      case .fragmentedText:
        rows[row].decoder.takeMessage().withUnsafeBytes { deliver(MessageView($0), row: row, at: now, phase: &phase) }
      case .ping(let range): sendPong(UnsafeRawBufferPointer(rebasing: bytes[range]), to: row)
      case .pong: break
      case .close(let code, let reason):
        takeClose(code, reason: String(decoding: bytes[reason], as: UTF8.self), row: row, phase: &phase)
      case .violation(let violation): lose(row, .protocol, "\(violation)", violation.sentence, phase: &phase)
      case .ended: return
      case .needs(let count):
        if offset < end { keepUnread(Array(bytes[offset...]), row: row) }
        if count > input.count { growInput(to: count) }
        return
      }
    }
  }

  /// Counts what is wrong for every phase alike, then lets the phase see the message.
  mutating func deliver<Phase: LoadPhase>(
    _ view: MessageView, row: Int, at now: MonotonicTime, phase: inout Phase
  ) {
    deliver(view.head, view, row: row, at: now, phase: &phase)
  }

  /// The same for a message whose head is known.
  mutating func deliver<Phase: LoadPhase>(
    _ head: MessageHead, _ view: MessageView, row: Int, at now: MonotonicTime, phase: inout Phase
  ) {
    switch head {
    case .ok, .inTurn, .push(.diff), .push(.snapshot), .push(.other): break
    case .failed(_, let error): tally.count(.reply, error.name, error.message)
    case .push(.reconnect): tally.count(.protocol, "reconnect", "The server asks to come back later.")
    case .push(.ended): tally.count(.protocol, "ended", view.text("message") ?? "")
    case .unknown:
      tally.count(.protocol, "message", "Neither reply nor push: \(String(decoding: view.bytes.prefix(80), as: UTF8.self))")
    }
    phase.received(head, view, row: row, at: now, on: &self)
  }

  mutating func takeClose<Phase: LoadPhase>(_ code: UInt16?, reason: String, row: Int, phase: inout Phase) {
    if rows[row].stage != .leaving {
      appendClose(code ?? WebSocketCloseCode.normal, to: row)
      flush()
    }
    let name = code.map { code in ErrorCode(rawValue: code).map { "\(code) \($0.name)" } ?? "\(code)" }
    lose(row, .close, name ?? "without_code", reason, phase: &phase)
  }

  /// Closes a row and tells the phase; unless it was leaving anyway, it is counted.
  mutating func lose<Phase: LoadPhase>(
    _ row: Int, _ kind: Tally.Kind, _ code: String, _ message: String, phase: inout Phase
  ) {
    if rows[row].stage != .leaving { tally.count(kind, code, message) }
    drop(row: row)
    phase.lost(row: row, at: .now(), on: &self)
  }

  mutating func keepUnread(_ bytes: [UInt8], row: Int) {
    rows[row].hasUnread = true
    unread[row] = bytes
  }

  mutating func growInput(to bytes: Int) {
    input.deallocate()
    input = .allocate(byteCount: max(bytes, input.count * 2), alignment: 16)
  }
}
