extension ConnectionTable {
  /// Reads frame after frame of a server that is not Muster.
  mutating func consumeFrames<Phase: LoadPhase>(
    _ row: Int, from start: Int, to end: Int, at now: MonotonicTime, phase: inout Phase
  ) {
    // SAFETY: what was received is the first `end` bytes of `input`, which stays as it is until this call returns; the ranges of
    // frames and packets are within it.
    let bytes = UnsafeRawBufferPointer(rebasing: input[..<end])
    var offset = start
    while rows[row].descriptor >= 0 {
      switch ServerFrame.next(bytes, at: offset) {
      case .message(let range, let next):
        offset = next
        let message = UnsafeRawBufferPointer(rebasing: bytes[range])
        if dialect == .mqtt {
          takePackets(message, row: row, at: now, phase: &phase)
        } else {
          let view = MessageView(message)
          deliver(dialect.head(of: view), view, row: row, at: now, phase: &phase)
        }
      case .ping(let range, let next):
        offset = next
        sendPong(UnsafeRawBufferPointer(rebasing: bytes[range]), to: row)
      case .pong(let next): offset = next
      case .close(let code, _): return takeClose(code, reason: "", row: row, phase: &phase)
      case .violation(let sentence): return lose(row, .protocol, "frame", sentence, phase: &phase)
      case .needs(let count):
        if offset < end { keepUnread(Array(bytes[offset...]), row: row) }
        if count > input.count { growInput(to: count) }
        return
      }
    }
  }

  /// A broker may put several packets into one frame; one that it cuts in two is counted as a fault of its.
  private mutating func takePackets<Phase: LoadPhase>(
    _ message: UnsafeRawBufferPointer, row: Int, at now: MonotonicTime, phase: inout Phase
  ) {
    var offset = 0
    while offset < message.count, rows[row].descriptor >= 0 {
      guard let (packet, end) = MQTT.next(message, at: offset) else {
        return lose(row, .protocol, "packet", "A packet is cut in two by the end of a frame.", phase: &phase)
      }
      // SAFETY: the range lies within the message.
      let view = MessageView(UnsafeRawBufferPointer(rebasing: message[offset..<end]))
      deliver(packet.head, view, row: row, at: now, phase: &phase)
      offset = end
    }
  }

  /// Reads value after value of Redis.
  mutating func consumeValues<Phase: LoadPhase>(
    _ row: Int, from start: Int, to end: Int, at now: MonotonicTime, phase: inout Phase
  ) {
    // SAFETY: as in `consumeFrames`.
    let bytes = UnsafeRawBufferPointer(rebasing: input[..<end])
    var offset = start
    while offset < end, rows[row].descriptor >= 0 {
      switch RESP.next(bytes, at: offset) {
      case .value(let value, let next):
        let view = MessageView(UnsafeRawBufferPointer(rebasing: bytes[offset..<next]))
        offset = next
        deliver(value.head, view, row: row, at: now, phase: &phase)
      case .incomplete:
        keepUnread(Array(bytes[offset...]), row: row)
        if end - offset > input.count / 2 { growInput(to: input.count * 2) }
        return
      case .violation: return lose(row, .protocol, "resp", "This is not RESP.", phase: &phase)
      }
    }
  }
}
