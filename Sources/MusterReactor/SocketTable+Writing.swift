#if os(Linux)
  import CLinux
  import Glibc
  import MusterEngine

  extension SocketTable {
    /// How many runs leave in one call.
    private static let runsMax = 64

    /// Has a socket send a piece with its next flush.
    @inline(__always)
    mutating func enqueue(_ piece: OutputPiece, to slot: Slot) {
      enqueue(piece, to: rows.address(of: slot))
    }

    /// The same for a row of this table.
    @inline(__always)
    mutating func enqueue(_ piece: OutputPiece, to row: UnsafeMutablePointer<SocketRow>) {
      arena.append(piece, to: &row.pointee.chain)
      row.pointee.unsentBytes &+= piece.count
    }

    /// Sends what has been enqueued: in one call, unless it is in more than 64 places.
    ///
    /// What the socket does not take goes into a queue, and the kernel says when to go on.
    @inline(__always)
    mutating func flush(_ slot: Slot) {
      let row = rows.address(of: slot)
      guard !row.pointee.chain.isEmpty else { return }
      guard !row.pointee.flags.contains(.pushingBack), let run = arena.singleRun(of: row.pointee.chain) else {
        return flushRuns(slot)
      }
      counters.sends &+= 1
      // SAFETY: a run lies in the arena, which does not change before the call has returned.
      let sent = send(row.pointee.descriptor, run.baseAddress, run.count, Int32(MSG_NOSIGNAL))
      guard sent == run.count else { return keepUnsent(slot, sent: sent) }
      arena.drop(nil, from: &row.pointee.chain)
      row.pointee.unsentBytes = 0
    }

    // SAFETY: the list is filled with runs of the arena, which does not change before the call has returned.
    @inline(never)
    private mutating func flushRuns(_ slot: Slot) {
      if rows[slot].flags.contains(.pushingBack) { return moveToQueue(slot) }
      while !rows[slot].chain.isEmpty {
        let (sent, offered) = withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.runsMax) { list in
          let (entries, bytes) = arena.gather(rows[slot].chain, into: list)
          var message = msghdr()
          message.msg_iov = list.baseAddress
          message.msg_iovlen = entries
          return (sendmsg(rows[slot].descriptor, &message, Int32(MSG_NOSIGNAL)), bytes)
        }
        counters.sends &+= 1
        guard sent == offered else { return keepUnsent(slot, sent: sent) }
        arena.drop(sent, from: &rows[slot].chain)
        rows[slot].unsentBytes &-= UInt32(sent)
      }
    }

    /// Goes on where a socket took less than it was offered, or nothing.
    @inline(never)
    private mutating func keepUnsent(_ slot: Slot, sent: Int) {
      if sent < 0, !Self.isTemporary(errno) { return giveUp(slot) }
      if sent > 0 {
        arena.drop(sent, from: &rows[slot].chain)
        rows[slot].unsentBytes &-= UInt32(sent)
      }
      rows[slot].flags.insert(.pushingBack)
      queues[slot] = SendQueue()
      moveToQueue(slot)
      watch(slot)
    }

    private mutating func moveToQueue(_ slot: Slot) {
      // Taken out meanwhile, so that the queue is not copied.
      guard var queue = queues.removeValue(forKey: slot) else { return }
      arena.forEachRun(of: rows[slot].chain) { queue.append($0) }
      queues[slot] = queue
      arena.drop(nil, from: &rows[slot].chain)
    }

    /// Forgets what a failed connection was to be sent; that it has failed is then reported as an event.
    private mutating func giveUp(_ slot: Slot) {
      arena.drop(nil, from: &rows[slot].chain)
      queues[slot] = nil
      let wasPushingBack = rows[slot].flags.remove(.pushingBack) != nil
      rows[slot].unsentBytes = 0
      shutdown(rows[slot].descriptor, Int32(SHUT_RDWR))
      if wasPushingBack { watch(slot) }
    }

    /// Sends from the queue of a socket that takes something again.
    ///
    /// - Returns: Whether it has taken something.
    mutating func drain(_ slot: Slot) -> Bool {
      guard var queue = queues.removeValue(forKey: slot) else { return false }
      counters.sends &+= 1
      let sent = queue.send(to: rows[slot].descriptor)
      if sent < 0, !Self.isTemporary(errno) {
        queues[slot] = queue
        giveUp(slot)
        return false
      }
      rows[slot].unsentBytes &-= UInt32(max(0, sent))
      if queue.count > 0 {
        queues[slot] = queue
      } else {
        rows[slot].flags.remove(.pushingBack)
        watch(slot)
      }
      return sent > 0
    }

    /// Ends the outgoing direction of a socket that is to end and has sent everything.
    mutating func finishIfSent(_ slot: Slot) {
      let flags = rows[slot].flags
      guard flags.contains(.finishing), !flags.contains(.shut), rows[slot].unsentBytes == 0 else { return }
      rows[slot].flags.insert(.shut)
      shutdown(rows[slot].descriptor, Int32(SHUT_WR))
    }
  }

  /// What a socket has not taken yet.
  struct SendQueue {
    private var bytes: [UInt8] = []
    private var first = 0
    /// What one call sends at most, so that one fast reader of a long queue does not keep the thread.
    private static let sendBytesMax = 256 << 10

    var count: Int { bytes.count - first }

    mutating func append(_ run: UnsafeRawBufferPointer) {
      bytes.append(contentsOf: run)
    }

    /// Sends what the socket takes.
    ///
    /// - Returns: How many bytes it took; negative when the call failed.
    mutating func send(to descriptor: Int32) -> Int {
      let offered = min(count, Self.sendBytesMax)
      // SAFETY: the pointer is used inside the closure only, and the bytes from `first` on are at least as many as offered.
      let sent = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress.map { $0 + first }, offered, Int32(MSG_NOSIGNAL)) }
      guard sent > 0 else { return sent }
      first += sent
      if first * 2 >= bytes.count {
        bytes.removeFirst(first)
        first = 0
      }
      return sent
    }
  }

  /// The beginning of a frame that is too long to be copied at each read, and the rest as it comes.
  ///
  /// Memory follows what has arrived: a peer that only announces much gets little.
  // SAFETY: the memory is owned by this object from `init` to `deinit`; `count <= memory.count`.
  final class LongFrame {
    private var memory: UnsafeMutableRawBufferPointer
    private var count: Int
    private let needed: Int

    /// Copies the beginning of a frame of `needed` bytes, which is all that will ever be read.
    init(_ beginning: UnsafeRawBufferPointer, needed: Int) {
      self.needed = max(needed, beginning.count)
      memory = .allocate(byteCount: min(self.needed, max(beginning.count * 2, 8 << 10)), alignment: 16)
      memory.copyMemory(from: beginning)
      count = beginning.count
    }

    deinit {
      memory.deallocate()
    }

    var isWhole: Bool { count >= needed }
    /// What has arrived, to be unmasked in place.
    var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory[..<count]) }

    /// Reads once, and nothing behind the frame.
    ///
    /// - Returns: How many bytes came, 0 at the end of the stream; `nil` when the call failed.
    func receive(from descriptor: Int32, bytesMax: Int) -> Int? {
      if count == memory.count { grow() }
      let room = min(memory.count - count, bytesMax)
      let received = recv(descriptor, memory.baseAddress.map { $0 + count }, room, 0)
      guard received >= 0 else { return nil }
      count += received
      return received
    }

    private func grow() {
      let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: min(needed, memory.count * 2), alignment: 16)
      larger.copyMemory(from: UnsafeRawBufferPointer(memory))
      memory.deallocate()
      memory = larger
    }
  }

  @available(*, unavailable)
  extension LongFrame: Sendable {}
#endif
