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
  /// - Invariant: I3. A row has a queue if and only if it is `pushingBack`, a frame in `longFrames` if and only if it has that flag.
  /// - Invariant: I4. `unsentBytes` is the length of the row's chain and queue together.
  /// ### Isolation
  /// A plain value of one thread.
  // SAFETY: the input buffer is allocated in `init` and freed in `deinit`; what is read into it is looked at before the next read.
  struct SocketTable: ~Copyable {
    /// What one call reads at most, so that no peer keeps the thread to itself.
    static let readBytesMax = 64 << 10
    /// What one call reads at most of a long frame, which is alone with its memory and needs no second copy.
    private static let longReadBytesMax = 256 << 10
    /// A partial frame up to this length is kept in the slab and copied back in front of what follows it.
    private static let shortFrameBytesMax = 2 << 10

    let poll: Poll
    let input: UnsafeMutableRawBufferPointer
    var slots = SlotAllocator(rowsMax: 1 << 26)
    var rows: Column<SocketRow>
    private var rowOf = Column<Slot>(repeating: .none)
    var arena = OutputArena()
    var queues: [Slot: SendQueue] = [:]
    private var partials = BlobStore()
    private var longFrames: [Slot: LongFrame] = [:]
    private var reply = BeatReply()
    var counters = ReactorCounters()

    init(limits: GatewayLimits) throws(ReactorError) {
      poll = try Poll()
      // A short partial frame stands in front of what is read, and a whole request head must fit.
      input = .allocate(byteCount: max(Self.shortFrameBytesMax + Self.readBytesMax, limits.headerBytesMax), alignment: 64)
      rows = Column(repeating: SocketRow(state: GatewayConnection(limits: limits)))
    }

    deinit {
      input.deallocate()
    }

    // MARK: Rows

    /// Makes a row for a socket and begins to watch it.
    ///
    /// - Returns: `nil` when there is no room in the table or in the kernel; the descriptor is then still the caller's.
    mutating func add(_ descriptor: Int32, _ limits: GatewayLimits) -> Slot? {
      guard let slot = slots.allocate() else { return nil }
      rows.grow(toHold: slots.rows)
      rows[slot] = SocketRow(descriptor: descriptor, state: GatewayConnection(limits: limits))
      guard poll.add(descriptor, tag(of: slot), .readable) else {
        slots.free(slot)
        return nil
      }
      return slot
    }

    /// Frees a row and all that it has.
    ///
    /// - Returns: Its descriptor, still open and still watched.
    mutating func remove(_ slot: Slot, _ limits: GatewayLimits) -> Int32 {
      let descriptor = rows[slot].descriptor
      arena.drop(nil, from: &rows[slot].chain)
      partials.free(rows[slot].partial)
      queues[slot] = nil
      longFrames[slot] = nil
      rows[slot] = SocketRow(state: GatewayConnection(limits: limits))
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
      guard slot != .none, rows[slot].connection == connection else { return nil }
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
        guard readiness == .readable, isLive(tag), rows[tag.slot].phase == .webSocket, !rows[tag.slot].flags.contains(.paused)
        else { return .event(tag, readiness) }
        let slot = tag.slot
        let received = receive(slot, with: shard)
        guard case .nothing = received else { return .received(slot, received) }
        flush(slot)
        if rows[slot].unsentBytes > unsentBytesMax || rows[slot].flags.contains(.finishing) { return .flushed(slot) }
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
      var start = 0
      if rows[slot].partial != .none || rows[slot].flags.contains(.longFrame) {
        if let frame = longFrames[slot] { return receive(slot, into: frame) }
        start = partials.withBytes(of: rows[slot].partial) { partial in
          input.copyMemory(from: partial)
          return partial.count
        }
      }
      counters.receives &+= 1
      let count = recv(rows[slot].descriptor, input.baseAddress.unsafelyUnwrapped + start, Self.readBytesMax, 0)
      guard count > 0 else { return count < 0 && Self.isTemporary(errno) ? .nothing : .ended }
      if start > 0 {
        partials.free(rows[slot].partial)
        rows[slot].partial = .none
      }
      return answerBeats(slot, in: 0..<start &+ count, with: shard)
    }

    @inline(__always)
    private mutating func answerBeats(_ slot: Slot, in range: Range<Int>, with shard: isolated ConnectionShard) -> Received {
      guard rows[slot].flags.contains(.connected) else { return .bytes(range) }
      let connection = rows[slot].connection
      let bytes = UnsafeRawBufferPointer(rebasing: input[range]).bytes
      var offset = range.lowerBound
      while offset < range.upperBound {
        let frame = offset
        let beat = rows[slot].state.nextBeat(in: bytes, at: &offset)
        if beat == .other { return .bytes(frame..<range.upperBound) }
        guard let time = shard.beat(connection) else { return .bytes(frame..<range.upperBound) }
        counters.beats &+= 1
        guard case .numbered(let id) = beat else { continue }
        let piece = arena.write(room: BeatReply.bytesMax) { reply.write(id, time.milliseconds, into: $0) }
        enqueue(piece, to: slot)
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
    mutating func keep(_ slot: Slot, _ rest: UnsafeRawBufferPointer) {
      guard !rest.isEmpty else { return }
      let needed = max(rows[slot].state.bytesNeeded(after: rest.bytes), rest.count)
      if needed <= Self.shortFrameBytesMax, partials.hasRoom {
        rows[slot].partial = partials.store(rest)
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
      for index in 0..<UInt32(slots.rows) where slots.isLive(Slot(index)) {
        let slot = Slot(index)
        let row = rows[slot]
        precondition(row.descriptor >= 0, "I1: a live row without a descriptor")
        if row.flags.contains(.connected) {
          precondition(self.row(of: row.connection) == slot, "I2: a connection leads elsewhere")
        }
        precondition(row.flags.contains(.pushingBack) == (queues[slot] != nil), "I3: a queue without its flag, or the reverse")
        precondition(row.flags.contains(.longFrame) == (longFrames[slot] != nil), "I3: a frame without its flag, or the reverse")
        var unsent = queues[slot]?.count ?? 0
        arena.forEachRun(of: row.chain) { unsent += $0.count }
        precondition(unsent == Int(row.unsentBytes), "I4: \(unsent) bytes are unsent, not \(row.unsentBytes)")
      }
    }
  }
#endif
