#if os(Linux)
  import CLinux
  import Glibc
  import MusterEdge
  import MusterEngine
  import MusterModel
  import MusterWire

  /// What a loop has done so far.
  package struct ReactorCounters: Sendable, Hashable {
    /// Sockets accepted, and upgrades taken by the front door.
    package var accepted = 0
    package var upgraded = 0
    /// Calls that read, and calls that sent.
    package var receives = 0
    package var sends = 0
    /// Heartbeats that took the short way.
    package var beats = 0
  }

  /// All sockets of one loop: a row each, around one read buffer and one arena of what is to be sent.
  ///
  /// It reads and writes and answers heartbeats; what frames mean is the ``ReactorEdge``'s affair. The memory of a quiet socket is
  /// its row.
  ///
  /// - Invariant: I1. A live row has an open descriptor, which the poller watches.
  /// - Invariant: I2. `rowOf[slot]` of a connection that the engine knows is the row whose `connection` has that slot.
  /// - Invariant: I3. A row has a queue if and only if it is `pushingBack`, and the beginning of a frame if and only if a flag says so.
  /// - Invariant: I4. `unsentBytes` is the length of the row's chain and queue together.
  /// ### Isolation
  /// A plain value of one thread.
  // SAFETY: the input buffer and the pages of rows are allocated in `init` and freed in `deinit`; what is read into the input is looked
  // at before the next read. A row stays where it is (RowPages, I2), so its address is good for as long as its table.
  struct SocketTable: ~Copyable {
    /// What one call reads at most, so that no peer keeps the thread to itself.
    static let readBytesMax = 64 << 10
    /// What one call reads at most of a long frame, which is alone with its memory and needs no second copy.
    private static let longReadBytesMax = 256 << 10
    /// A partial frame up to this length is kept in the slab and copied back in front of what follows it.
    private static let shortFrameBytesMax = 2 << 10
    /// How much is written of replies to heartbeats before they are looked at again.
    private static let repliesBytes = 8 << 10

    let poll: Poll
    let input: UnsafeMutableRawBufferPointer
    var slots = SlotAllocator(rowsMax: 1 << 26)
    var rows = RowPages(repeating: SocketRow())
    private var rowOf = RowPages(repeating: Slot.none)
    var arena = OutputArena()
    var queues: [Slot: SendQueue] = [:]
    private var partials = BlobStore()
    private var longFrames: [Slot: LongFrame] = [:]
    private var reply = BeatReply()
    var counters = ReactorCounters()

    init(limits: GatewayLimits) throws(ReactorError) {
      poll = try Poll()
      // A short partial frame stands in front of what is read, and a whole request head must fit.
      let bytes = max(Self.shortFrameBytesMax + Self.readBytesMax, limits.headerBytesMax)
      input = .allocate(byteCount: bytes + BeatReply.slackBytes, alignment: 64)
      // Behind what was read, there may be anything; it must only not be nothing.
      input.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit {
      input.deallocate()
      rows.deallocate()
      rowOf.deallocate()
    }

    // MARK: Rows

    /// Makes a row for a socket and begins to watch it.
    ///
    /// - Returns: `nil` when there is no room in the table or in the kernel; the descriptor is then still the caller's.
    mutating func add(_ descriptor: Int32) -> Slot? {
      guard let slot = slots.allocate() else { return nil }
      rows.grow(toHold: slots.rows)
      rows[slot] = SocketRow(descriptor: descriptor)
      guard poll.add(descriptor, tag(of: slot), .readable) else {
        slots.free(slot)
        return nil
      }
      return slot
    }

    /// Frees a row and all that it has.
    ///
    /// - Returns: Its descriptor, still open and still watched.
    mutating func remove(_ slot: Slot) -> Int32 {
      let descriptor = rows[slot].descriptor
      arena.drop(nil, from: &rows[slot].chain)
      partials.free(rows[slot].partial)
      // Looking into a dictionary costs a hash, and nearly no socket has either.
      if rows[slot].flags.contains(.pushingBack) { queues[slot] = nil }
      if rows[slot].flags.contains(.longFrame) { longFrames[slot] = nil }
      rows[slot] = SocketRow()
      slots.free(slot)
      return descriptor
    }

    /// How events of a row are marked.
    func tag(of slot: Slot) -> PollTag {
      PollTag(slot: slot, generation: slots.generation(of: slot))
    }

    /// Whether the row that an event was reported for is still the same.
    @inline(__always)
    func isLive(_ tag: PollTag) -> Bool {
      slots.isLive(tag.slot, generation: tag.generation)
    }

    /// Notes by which name the engine knows a row.
    mutating func connect(_ slot: Slot, to connection: ConnectionID) {
      rows[slot].connection = connection
      rows[slot].flags.insert(.connected)
      rowOf.grow(toHold: Int(connection.slot) + 1)
      rowOf[Slot(connection.slot)] = slot
    }

    /// Takes the name from a row, before the engine is told or after it has told us.
    mutating func disconnect(_ slot: Slot) -> ConnectionID? {
      guard rows[slot].flags.remove(.connected) != nil else { return nil }
      rowOf[Slot(rows[slot].connection.slot)] = .none
      return rows[slot].connection
    }

    /// The row of a connection that may be stale.
    @inline(__always)
    func row(of connection: ConnectionID) -> Slot? {
      let index = Slot(connection.slot)
      guard Int(index.rawValue) < rowOf.rows else { return nil }
      let slot = rowOf[index]
      guard !slot.isNone, rows[slot].connection.rawValue == connection.rawValue else { return nil }
      return slot
    }

    /// Has the kernel report what the row is interested in now.
    mutating func watch(_ slot: Slot) {
      var interest: PollInterest = []
      if !rows[slot].flags.contains(.paused) { interest.insert(.readable) }
      if rows[slot].flags.contains(.pushingBack) { interest.insert(.writable) }
      poll.change(rows[slot].descriptor, tag(of: slot), interest)
    }

    // MARK: Reading

    /// What of a batch of events is not settled by answering heartbeats.
    enum Served {
      /// The batch is at its end.
      case nothing
      /// An event that needs a look of its own.
      case event(PollTag, PollInterest)
      /// More has come from a row than heartbeats.
      case received(Slot, Received)
      /// A row has been written out and is not at rest.
      case flushed(Slot)
    }

    /// Goes through a batch of events as long as they are heartbeats, reading and answering row by row.
    ///
    /// One call for all of them: each time that the table is entered costs as much as looking at a heartbeat.
    mutating func serve(
      _ index: inout Int, of count: Int, unsentBytesMax: Int, with shard: isolated ConnectionShard
    ) -> Served {
      while index < count {
        let (tag, readiness) = poll.event(at: index)
        index &+= 1
        guard readiness == .readable, isLive(tag) else { return .event(tag, readiness) }
        let slot = tag.slot
        let row = rows.address(of: slot)
        guard row.pointee.phase == .webSocket, !row.pointee.flags.contains(.paused) else { return .event(tag, readiness) }
        let received = receive(slot, with: shard)
        guard case .nothing = received else { return .received(slot, received) }
        flush(slot)
        if row.pointee.unsentBytes > unsentBytesMax || row.pointee.flags.contains(.finishing) { return .flushed(slot) }
      }
      return .nothing
    }

    /// What came of a read.
    enum Received {
      /// Nothing more to do: heartbeats that have been answered, or half a frame.
      case nothing
      /// Bytes in ``input`` that are to be decoded.
      case bytes(Range<Int>)
      /// A long frame that is whole now.
      case frame(LongFrame)
      /// The peer has closed its direction, or the connection has failed.
      case ended
    }

    /// Reads once from a socket, and answers the heartbeats that come first.
    ///
    /// - Complexity: O(bytes read); no allocation and no reference counted unless a frame arrives in parts.
    mutating func receive(_ slot: Slot, with shard: isolated ConnectionShard) -> Received {
      let row = rows.address(of: slot)
      var start = 0
      if !row.pointee.flags.isDisjoint(with: .anyFrame) {
        if let frame = longFrames[slot] { return receive(slot, into: frame) }
        start = partials.withBytes(of: row.pointee.partial) { partial in
          input.copyMemory(from: partial)
          return partial.count
        }
      }
      counters.receives &+= 1
      let count = recv(row.pointee.descriptor, input.baseAddress.unsafelyUnwrapped + start, Self.readBytesMax, 0)
      guard count > 0 else { return count < 0 && Self.isTemporary(errno) ? .nothing : .ended }
      if start > 0 {
        partials.free(row.pointee.partial)
        row.pointee.partial = .none
        row.pointee.flags.remove(.shortFrame)
      }
      return answerBeats(row, in: 0..<start &+ count, with: shard)
    }

    @inline(__always)
    private mutating func answerBeats(
      _ row: UnsafeMutablePointer<SocketRow>, in range: Range<Int>, with shard: isolated ConnectionShard
    ) -> Received {
      guard row.pointee.flags.contains(.connected), row.pointee.state.mayBeat else { return .bytes(range) }
      let time = shard.serverTime.milliseconds
      var offset = range.lowerBound
      while offset < range.upperBound {
        let first = offset
        let room = arena.room(for: Self.repliesBytes)
        let run = reply.answer(UnsafeRawBufferPointer(input), from: &offset, to: range.upperBound, at: time, into: room)
        guard run.beats > 0 else { return .bytes(offset..<range.upperBound) }
        // What was written is kept only if the engine has taken the heartbeats.
        guard shard.beat(row.pointee.connection, count: run.beats) else { return .bytes(first..<range.upperBound) }
        counters.beats &+= run.beats
        row.pointee.state.hasBeaten()
        enqueue(arena.keep(run.bytes), to: row)
      }
      return .nothing
    }

    private mutating func receive(_ slot: Slot, into frame: LongFrame) -> Received {
      counters.receives &+= 1
      switch frame.receive(from: rows[slot].descriptor, bytesMax: Self.longReadBytesMax) {
      case .some(0): return .ended
      case .none: return Self.isTemporary(errno) ? .nothing : .ended
      case .some:
        guard frame.isWhole else { return .nothing }
        longFrames[slot] = nil
        rows[slot].flags.remove(.longFrame)
        return .frame(frame)
      }
    }

    /// Keeps the beginning of a frame until the rest of it has arrived.
    mutating func keep(_ slot: Slot, _ rest: UnsafeRawBufferPointer, under rules: GatewayRules) {
      guard !rest.isEmpty else { return }
      let needed = max(rows[slot].state.bytesNeeded(after: rest.bytes, under: rules), rest.count)
      if needed <= Self.shortFrameBytesMax, partials.hasRoom {
        rows[slot].partial = partials.store(rest)
        rows[slot].flags.insert(.shortFrame)
      } else {
        longFrames[slot] = LongFrame(rest, needed: needed)
        rows[slot].flags.insert(.longFrame)
      }
    }

    /// Whether a call failed in a way that passes.
    static func isTemporary(_ code: Int32) -> Bool {
      code == EAGAIN || code == EWOULDBLOCK || code == EINTR
    }

    // MARK: Checking

    /// Checks the numbered invariants as far as a program can; traps on a violation.
    ///
    /// - Complexity: O(rows).
    func checkInvariants() {
      precondition(Slot.none.isNone, "no row is known by another number")
      for index in 0..<UInt32(slots.rows) where slots.isLive(Slot(index)) {
        let slot = Slot(index)
        let row = rows[slot]
        precondition(row.descriptor >= 0, "I1: a live row without a descriptor")
        if row.flags.contains(.connected) {
          precondition(self.row(of: row.connection) == slot, "I2: a connection leads elsewhere")
        }
        precondition(row.flags.contains(.pushingBack) == (queues[slot] != nil), "I3: a queue without its flag, or the reverse")
        precondition(row.flags.contains(.longFrame) == (longFrames[slot] != nil), "I3: a frame without its flag, or the reverse")
        precondition(row.flags.contains(.shortFrame) == (row.partial != .none), "I3: a frame without its flag, or the reverse")
        var unsent = queues[slot]?.count ?? 0
        arena.forEachRun(of: row.chain) { unsent += $0.count }
        precondition(unsent == Int(row.unsentBytes), "I4: \(unsent) bytes are unsent, not \(row.unsentBytes)")
      }
    }
  }
#endif
