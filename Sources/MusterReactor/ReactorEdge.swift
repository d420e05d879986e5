#if os(Linux)
  import Glibc
  import MusterAccess
  import MusterEdge
  import MusterEngine
  import MusterJSON
  import MusterModel
  import MusterWire

  /// What the edges of all planes share.
  struct EdgeSurroundings: Sendable {
    let limits: GatewayLimits
    let rules: GatewayRules
    let judge: UpgradeJudge
    let admission: Admission
    let authenticator: any Authenticator
    let tokens: any SessionTokens
    let notice: @Sendable (ReactorNotice) -> Void
  }

  /// The edge of one plane: between its connection shard and the sockets of its loop.
  ///
  /// Inwards it decodes what sockets have sent and calls the shard; outwards it is the shard's ``EventSink``: an event is encoded
  /// once and each row refers to it. Whatever a row is told within one turn leaves in one call.
  ///
  /// Answers go out with the round in which they were made. Pushes go to a queue of rows that is written slice by slice between
  /// the rounds, so that an event for ten thousand observers does not keep heartbeats waiting.
  ///
  /// What a row has to tell while the shard is talking (its queue is full) is noted and told afterwards, since a sink must not call
  /// back.
  ///
  /// - Invariant: I1. A row with something in its chain is `current`, or in `urgent`, or in `bulk`.
  /// ### Isolation
  /// On the plane's thread.
  // SAFETY: everything mutable is touched on the plane's thread only: the loop calls from there, the engine calls its sinks there.
  // Before the thread starts, whoever makes the edge is alone with it.
  final class ReactorEdge: @unchecked Sendable {
    let common: EdgeSurroundings
    let door: LoopDoor
    var table: SocketTable
    var shard: ConnectionShard?
    /// Who is behind the sockets that have not said hello.
    var peers: [Slot: Peer] = [:]
    var writer = JSONWriter(capacity: 4 << 10)
    /// The row whose bytes are being handled; it is written out when they are.
    var current = Slot.none
    var urgent: [Slot] = []
    var bulk = RowQueue()
    var noted: [Slot] = []
    var congested: [PollTag] = []
    var requestDeadlines: DeadlineQueue<PollTag>
    var closeDeadlines: DeadlineQueue<PollTag>
    var lastSwept: UInt64 = 0
    /// When the present round began.
    var now: UInt64 = 0
    var listening: ListeningSocket?
    /// When accepting goes on; 0 while it does.
    var acceptingPausedUntil: UInt64 = 0
    /// How a socket is taken from a listening one; tests let it fail.
    var accept: (_ listener: Int32, _ address: inout sockaddr_storage) -> Int32? = ReactorEdge.acceptSocket

    init(_ common: EdgeSurroundings, door: LoopDoor) throws(ReactorError) {
      self.common = common
      self.door = door
      table = try SocketTable(limits: common.limits)
      requestDeadlines = DeadlineQueue(delay: common.limits.requestTimeout)
      closeDeadlines = DeadlineQueue(delay: common.limits.closeTimeout)
    }

    /// Ties the edge to its shard.
    func connect(to shard: ConnectionShard) {
      self.shard = shard
    }

    /// Has the waits end when a descriptor is written to.
    func watchWakeUp(_ descriptor: Int32) -> Bool {
      table.poll.add(descriptor, .wakeUp, [.readable, .edge])
    }

    // MARK: A round

    /// Whether something is left for the next round, so that it must not wait.
    var hasMoreToDo: Bool { !bulk.isEmpty || !urgent.isEmpty || !noted.isEmpty }

    /// Waits for sockets.
    ///
    /// - Returns: How many events are to be handled with ``handle(events:now:with:)``.
    func wait(milliseconds: Int32) -> Int {
      table.poll.wait(milliseconds: milliseconds)
    }

    /// Handles the events of a wait: reads, answers, accepts.
    func handle(events: Int, now: UInt64, with shard: isolated ConnectionShard) {
      self.now = now
      var index = 0
      while index < events {
        switch table.serve(&index, of: events, unsentBytesMax: common.limits.outboundBytesHigh, with: shard) {
        case .nothing: return
        case .event(.wakeUp, _): break
        case .event(.listener, _): acceptSome(with: shard)
        case .event(let tag, let readiness): handle(tag, readiness, with: shard)
        case .received(let slot, let received): take(received, from: slot, with: shard)
        case .flushed(let slot): flush(slot)
        }
      }
    }

    private func handle(_ tag: PollTag, _ readiness: PollInterest, with shard: isolated ConnectionShard) {
      guard table.isLive(tag) else { return }
      let slot = tag.slot
      if readiness.contains(.writable) { drained(slot, with: shard) }
      if table.rows[slot].flags.contains(.paused) {
        if !readiness.isDisjoint(with: .broken) { lose(slot, with: shard) }
        return
      }
      guard !readiness.isDisjoint(with: [.readable, .broken]) else { return }
      switch table.rows[slot].phase {
      case .webSocket: take(table.receive(slot, with: shard), from: slot, with: shard)
      case .fresh: look(at: slot, with: shard)
      }
    }

    // MARK: Reading

    private func take(_ received: SocketTable.Received, from slot: Slot, with shard: isolated ConnectionShard) {
      current = slot
      switch received {
      case .nothing: break
      case .bytes(let range):
        takeSteps(
          slot, UnsafeMutableRawBufferPointer(rebasing: table.input[..<range.upperBound]), from: range.lowerBound, with: shard)
      case .frame(let frame): takeSteps(slot, frame.bytes, from: 0, with: shard)
      case .ended:
        current = .none
        return lose(slot, with: shard)
      }
      current = .none
      flush(slot)
    }

    /// Takes step after step of a connection.
    ///
    /// `memory` is unmasked in place; it stays where it is while its frames are handled.
    func takeSteps(
      _ slot: Slot, _ memory: UnsafeMutableRawBufferPointer, from start: Int, with shard: isolated ConnectionShard
    ) {
      var offset = start
      var isHeard = false
      while true {
        var bytes = memory.mutableBytes
        let step = table.rows[slot].state.next(in: &bytes, at: &offset, under: common.rules)
        if case .wait = step { break }
        // Once for all that came together: the next tick is far away.
        if !isHeard, table.rows[slot].flags.contains(.connected) { shard.heard(table.rows[slot].connection) }
        isHeard = true
        perform(step, of: slot, memory, with: shard)
      }
      table.keep(slot, UnsafeRawBufferPointer(rebasing: memory[offset...]), under: common.rules)
    }

    private func perform(
      _ step: GatewayStep, of slot: Slot, _ memory: UnsafeMutableRawBufferPointer, with shard: isolated ConnectionShard
    ) {
      switch step {
      case .wait, .heard:
        break
      case .pong(let payload):
        frame(for: slot) { writer in
          WebSocketEncoder.append(.pong, UnsafeRawBufferPointer(rebasing: memory[payload]).bytes, to: &writer.buffer)
        }
      case .hello(let id, let hello):
        greet(slot, id, hello, with: shard)
      case .request(let id, let request):
        if table.rows[slot].flags.contains(.connected) { shard.request(table.rows[slot].connection, id, request) }
      case .batch(let id, let request):
        if table.rows[slot].flags.contains(.connected) { shard.relay(table.rows[slot].connection, id, request) }
      case .refuse(let id, let refusal):
        reply(.refused(refusal), to: id, on: slot)
      case .finish(let end, let close):
        if end == .lost, close.code != nil { common.notice(.ended(close)) }
        if let connection = table.disconnect(slot) { shard.closed(connection, end) }
        peers[slot] = nil
        frame(for: slot) { writer in Self.append(close, to: &writer.buffer) }
        table.rows[slot].flags.insert(.finishing)
        closeDeadlines.arm(table.tag(of: slot), now: now)
      case .finished:
        table.rows[slot].flags.insert(.finishing)
        mark(slot, isUrgent: true)
      }
    }

    private func greet(_ slot: Slot, _ id: RequestID, _ hello: Hello, with shard: isolated ConnectionShard) {
      guard table.rows[slot].flags.contains(.connected), let peer = peers.removeValue(forKey: slot) else { return }
      do {
        let identity = try common.authenticator.identify(peer.credentials(for: hello), from: peer)
        shard.hello(table.rows[slot].connection, id, identity, hello)
      } catch {
        reply(.refused(error), to: id, on: slot)
        if let connection = table.disconnect(slot) { shard.closed(connection, .lost) }
        close(slot, error)
      }
    }

    // MARK: Ends

    /// Ends a socket whose peer is gone.
    func lose(_ slot: Slot, with shard: isolated ConnectionShard) {
      if let connection = table.disconnect(slot) { shard.closed(connection, .lost) }
      remove(slot)
    }

    /// Closes a socket of which the engine knows nothing any more.
    func remove(_ slot: Slot) {
      let row = table.rows[slot]
      common.admission.close(row.flags.contains(.admitted) ? .webSocket(row.address) : .http)
      peers[slot] = nil
      door.balance.remove(door.index)
      Glibc.close(table.remove(slot))
    }

    /// Closes all sockets without a word, and lets go of the engine.
    func closeAll() {
      stopAccepting()
      for index in 0..<UInt32(table.slots.rows) where table.slots.isLive(Slot(index)) { remove(Slot(index)) }
      shard = nil
    }

    /// Closes a socket that nobody will take in any more.
    func abandon(_ arrival: Arrival) {
      door.balance.remove(door.index)
      arrival.abandon(common.admission)
    }
  }
#endif
