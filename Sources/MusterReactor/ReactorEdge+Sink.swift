#if os(Linux)
  import MusterAccess
  import MusterEdge
  import MusterEngine
  import MusterJSON
  import MusterModel
  import MusterWire

  extension ReactorEdge: EventSink {
    /// A row with so much to send is written out at once, in the middle of a turn too.
    private static let rowBytesMax: UInt32 = 256 << 10
    /// With so much to send in all, everything is written out before the next event.
    private static let arenaBytesMax = 16 << 20

    func send(_ reply: Reply, to request: RequestID, on connection: ConnectionID) {
      guard let slot = table.row(of: connection) else { return }
      self.reply(reply, to: request, on: slot)
    }

    func push(_ push: Push, to connections: [ConnectionID]) {
      if table.arena.bytesHeld > Self.arenaBytesMax { flushAll() }
      writer.removeAll(keepingCapacity: true)
      let start = WebSocketEncoder.begin(into: &writer.buffer)
      MessageEncoder.write(push, into: &writer)
      WebSocketEncoder.end(start, .text, in: &writer.buffer)
      let piece = takeWritten()
      for connection in connections {
        guard let slot = table.row(of: connection) else { continue }
        table.enqueue(piece, to: slot)
        mark(slot, isUrgent: false)
      }
    }

    func relay(_ reply: RelayReply, to id: UInt32, kind: RelayKind, on connection: ConnectionID) {
      guard let slot = table.row(of: connection) else { return }
      frame(for: slot) { writer in
        let start = WebSocketEncoder.begin(into: &writer.buffer)
        RelayEncoder.write(reply, to: id, kind: kind, into: &writer.buffer)
        WebSocketEncoder.end(start, .binary, in: &writer.buffer)
      }
    }

    func ping(_ connection: ConnectionID) {
      guard let slot = table.row(of: connection) else { return }
      frame(for: slot) { writer in
        let nothing = InlineArray<0, UInt8>(repeating: 0)
        WebSocketEncoder.append(.ping, nothing.span.bytes, to: &writer.buffer)
      }
    }

    func setReading(_ connection: ConnectionID, enabled: Bool) {
      guard let slot = table.row(of: connection) else { return }
      setReading(slot, isEnabled: enabled)
    }

    func close(_ connection: ConnectionID, refusal: Refusal?) {
      guard let slot = table.row(of: connection) else { return }
      _ = table.disconnect(slot)
      close(slot, refusal)
    }

    // MARK: By row

    func reply(_ reply: Reply, to id: RequestID, on slot: Slot) {
      var token: [UInt8]?
      if case .hello(let welcome) = reply { token = common.tokens.token(for: welcome.session) }
      frame(for: slot) { writer in
        let start = WebSocketEncoder.begin(into: &writer.buffer)
        if MessageEncoder.write(reply, to: id, sessionToken: token, into: &writer) {
          WebSocketEncoder.end(start, .text, in: &writer.buffer)
        } else {
          WebSocketEncoder.abandon(start, in: &writer.buffer)
        }
      }
    }

    /// Sends a close frame and waits, for a while, for the client's.
    func close(_ slot: Slot, _ refusal: Refusal?) {
      peers[slot] = nil
      guard table.rows[slot].state.close() else { return }
      frame(for: slot) { writer in Self.append(CloseFrame(refusal), to: &writer.buffer) }
      setReading(slot, isEnabled: true)
      closeDeadlines.arm(table.tag(of: slot), now: now)
    }

    /// Writes frames of one row.
    func frame(for slot: Slot, _ body: (inout JSONWriter) -> Void) {
      writer.removeAll(keepingCapacity: true)
      body(&writer)
      guard writer.count > 0 else { return }
      table.enqueue(takeWritten(), to: slot)
      mark(slot, isUrgent: true)
    }

    /// Moves what has been written where it is sent from.
    private func takeWritten() -> OutputPiece {
      // SAFETY: the pointer is used inside the closure only; the arena copies.
      writer.withUnsafeBytes { table.arena.write($0) }
    }

    static func append(_ close: CloseFrame, to buffer: inout OutputBuffer) {
      guard let code = close.code else {
        let nothing = InlineArray<0, UInt8>(repeating: 0)
        return WebSocketEncoder.append(.close, nothing.span.bytes, to: &buffer)
      }
      WebSocketEncoder.appendClose(code, reason: close.reason, to: &buffer)
    }

    private func setReading(_ slot: Slot, isEnabled: Bool) {
      guard table.rows[slot].flags.contains(.paused) == isEnabled else { return }
      if isEnabled { table.rows[slot].flags.remove(.paused) } else { table.rows[slot].flags.insert(.paused) }
      table.watch(slot)
    }

    /// Has a row written out: with this round, or in its turn.
    func mark(_ slot: Slot, isUrgent: Bool) {
      if table.rows[slot].unsentBytes > Self.rowBytesMax { flush(slot) }
      guard slot != current, !table.rows[slot].flags.contains(.urgent) else { return }
      if isUrgent {
        table.rows[slot].flags.insert(.urgent)
        urgent.append(slot)
      } else if table.rows[slot].flags.insert(.bulk).inserted {
        bulk.append(slot)
      }
    }
  }
#endif
