#if os(Linux)
  import Glibc
  import MusterEngine

  /// What is to be sent to one connection: a chain of segments of the arena.
  struct OutputChain {
    fileprivate(set) var first = Slot.none
    fileprivate(set) var last = Slot.none

    @inline(__always)
    var isEmpty: Bool { first.isNone }
  }

  /// Bytes that stand in the arena.
  struct OutputPiece {
    fileprivate var chunk: Slot
    fileprivate var offset: UInt32
    fileprivate(set) var count: UInt32
  }

  /// The bytes that one thread is about to send.
  ///
  /// An event is written once; each connection that gets it only refers to it, with a segment of 16 bytes. Segments that stand
  /// behind each other become one, so pipelined replies are one run of bytes and leave in one plain `send`.
  ///
  /// Bytes live in chunks. A chunk is used again once no segment refers to it; the one that is being filled starts over, so a
  /// thread that answers heartbeats writes the same few cache lines again and again.
  ///
  /// - Invariant: I1. `references` of a chunk is the number of segments in chains that lie in it.
  /// - Invariant: I2. A chunk other than the current one has memory if and only if it is referred to.
  /// - Invariant: I3. ``bytesHeld`` is the sum of the capacities of all chunks with memory, the spare ones not counted.
  /// ### Isolation
  /// A plain value of one thread.
  // SAFETY: each chunk's memory is allocated by `addChunk` and freed by `retire` or `deinit`. A segment lies within `used` bytes of
  // its chunk, which keeps its memory as long as there are references (I1, I2).
  struct OutputArena: ~Copyable {
    // SAFETY: a name for memory that the arena owns; see there.
    private struct Chunk {
      var memory: UnsafeMutableRawPointer?
      var capacity: UInt32 = 0
      var used: UInt32 = 0
      var references: UInt32 = 0
    }

    private struct Segment {
      var chunk = Slot.none
      var offset: UInt32 = 0
      var count: UInt32 = 0
      var next = Slot.none
    }

    /// The usual size of a chunk; a longer piece has one of its own.
    static let chunkBytes = 64 << 10
    /// Chunks that are kept for later.
    private static let sparesMax = 8

    private var chunks = RowPages(repeating: Chunk())
    private var chunkSlots = SlotAllocator(rowsMax: 1 << 20)
    private var segments = RowPages(repeating: Segment())
    private var segmentRows = 0
    private var freeSegment = Slot.none
    private var current = Slot.none
    private var spares: [UnsafeMutableRawPointer] = []
    /// The memory of all chunks in use.
    private(set) var bytesHeld = 0
    /// How many segments are in chains.
    private(set) var segmentsHeld = 0

    init() {}

    deinit {
      for row in 0..<chunkSlots.rows { chunks[Slot(UInt32(row))].memory?.deallocate() }
      for spare in spares { spare.deallocate() }
      chunks.deallocate()
      segments.deallocate()
    }

    // MARK: Writing

    /// Makes room for at most `room` bytes and has them written.
    ///
    /// - Parameters:
    ///   - room: The most that the body writes.
    ///   - body: Gets the room, not initialised, and returns how many bytes it wrote.
    /// - Returns: What was written, to be appended to chains before anything else is written.
    @inline(__always)
    mutating func write(room: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> OutputPiece {
      keep(body(self.room(for: room)))
    }

    /// Makes room for so many bytes, not initialised; ``keep(_:)`` is to follow.
    @inline(__always)
    mutating func room(for bytes: Int) -> UnsafeMutableRawBufferPointer {
      // Before the table is looked at, which may grow.
      let slot = chunkWithRoom(for: bytes)
      let chunk = chunks.address(of: slot)
      // A chunk that is in use has memory (I2), and `chunkWithRoom` has looked for room behind `used`.
      let start = chunk.pointee.memory.unsafelyUnwrapped + Int(chunk.pointee.used)
      return UnsafeMutableRawBufferPointer(start: start, count: bytes)
    }

    /// Keeps the first bytes of the room that was made last.
    @inline(__always)
    mutating func keep(_ count: Int) -> OutputPiece {
      let chunk = chunks.address(of: current)
      let offset = chunk.pointee.used
      chunk.pointee.used = offset &+ UInt32(truncatingIfNeeded: count)
      assert(chunk.pointee.used <= chunk.pointee.capacity, "a writer wrote beyond its room")
      return OutputPiece(chunk: current, offset: offset, count: UInt32(truncatingIfNeeded: count))
    }

    /// Copies bytes in.
    mutating func write(_ bytes: UnsafeRawBufferPointer) -> OutputPiece {
      write(room: bytes.count) { room in
        room.copyMemory(from: bytes)
        return bytes.count
      }
    }

    /// Refers to a piece from a chain.
    @inline(__always)
    mutating func append(_ piece: OutputPiece, to chain: inout OutputChain) {
      guard piece.count > 0 else { return }
      let last = chain.last
      if !last.isNone {
        let row = segments.address(of: last)
        if row.pointee.chunk.rawValue == piece.chunk.rawValue, row.pointee.offset &+ row.pointee.count == piece.offset {
          row.pointee.count &+= piece.count
          return
        }
      }
      let segment = takeSegment()
      segments[segment] = Segment(chunk: piece.chunk, offset: piece.offset, count: piece.count)
      chunks[piece.chunk].references &+= 1
      if last.isNone { chain.first = segment } else { segments[last].next = segment }
      chain.last = segment
    }

    // MARK: Sending

    /// The only run of bytes of a chain, or `nil` when it has several.
    @inline(__always)
    func singleRun(of chain: OutputChain) -> UnsafeRawBufferPointer? {
      chain.first.rawValue == chain.last.rawValue && !chain.first.isNone ? bytes(of: chain.first) : nil
    }

    /// Lists the first runs of a chain.
    ///
    /// - Returns: How many entries were filled and how many bytes they have.
    func gather(_ chain: OutputChain, into list: UnsafeMutableBufferPointer<iovec>) -> (entries: Int, bytes: Int) {
      var entries = 0
      var total = 0
      var segment = chain.first
      while !segment.isNone, entries < list.count {
        let run = bytes(of: segment)
        list.initializeElement(at: entries, to: iovec(iov_base: .init(mutating: run.baseAddress), iov_len: run.count))
        total += run.count
        entries += 1
        segment = segments[segment].next
      }
      return (entries, total)
    }

    /// Forgets the first bytes of a chain; all of them with `nil`.
    @inline(__always)
    mutating func drop(_ count: Int?, from chain: inout OutputChain) {
      var left = count ?? .max
      while !chain.first.isNone {
        let segment = chain.first
        let length = Int(segments[segment].count)
        guard length <= left else {
          segments[segment].offset &+= UInt32(left)
          segments[segment].count &-= UInt32(left)
          return
        }
        left -= length
        chain.first = segments[segment].next
        if chain.first.isNone { chain.last = .none }
        release(segment)
      }
    }

    /// Shows the runs of a chain one after another.
    func forEachRun(of chain: OutputChain, _ body: (UnsafeRawBufferPointer) -> Void) {
      var segment = chain.first
      while !segment.isNone {
        body(bytes(of: segment))
        segment = segments[segment].next
      }
    }

    // MARK: Inside

    @inline(__always)
    private func bytes(of segment: Slot) -> UnsafeRawBufferPointer {
      let segment = segments[segment]
      return UnsafeRawBufferPointer(
        start: chunks[segment.chunk].memory.map { $0 + Int(segment.offset) }, count: Int(segment.count))
    }

    @inline(__always)
    private mutating func chunkWithRoom(for bytes: Int) -> Slot {
      if !current.isNone {
        let chunk = chunks.address(of: current)
        if Int(chunk.pointee.capacity &- chunk.pointee.used) >= bytes { return current }
      }
      return addChunk(for: bytes)
    }

    @inline(never)
    private mutating func addChunk(for bytes: Int) -> Slot {
      if current != .none, chunks[current].references == 0, bytes <= Self.chunkBytes {
        // Filled with what nobody got.
        chunks[current].used = 0
        return current
      }
      guard let slot = chunkSlots.allocate() else {
        preconditionFailure("a million chunks wait to be sent; the edge bounds them far below that")
      }
      chunks.grow(toHold: chunkSlots.rows)
      let capacity = max(bytes, Self.chunkBytes)
      let spare = capacity == Self.chunkBytes ? spares.popLast() : nil
      chunks[slot] = Chunk(
        memory: spare ?? .allocate(byteCount: capacity, alignment: 16), capacity: UInt32(capacity), used: 0, references: 0)
      bytesHeld += capacity
      let last = current
      current = slot
      if last != .none, chunks[last].references == 0 { retire(last) }
      return slot
    }

    @inline(__always)
    private mutating func takeSegment() -> Slot {
      segmentsHeld &+= 1
      let segment = freeSegment
      if !segment.isNone {
        freeSegment = segments[segment].next
        return segment
      }
      segmentRows &+= 1
      segments.grow(toHold: segmentRows)
      return Slot(UInt32(segmentRows &- 1))
    }

    @inline(__always)
    private mutating func release(_ segment: Slot) {
      let row = segments.address(of: segment)
      let chunk = row.pointee.chunk
      row.pointee.next = freeSegment
      freeSegment = segment
      segmentsHeld &-= 1
      let memory = chunks.address(of: chunk)
      memory.pointee.references &-= 1
      guard memory.pointee.references == 0 else { return }
      let isCurrent = chunk.rawValue == current.rawValue
      if isCurrent, memory.pointee.capacity == UInt32(Self.chunkBytes) {
        memory.pointee.used = 0
      } else {
        if isCurrent { current = .none }
        retire(chunk)
      }
    }

    @inline(never)
    private mutating func retire(_ chunk: Slot) {
      bytesHeld -= Int(chunks[chunk].capacity)
      if let memory = chunks[chunk].memory {
        if chunks[chunk].capacity == UInt32(Self.chunkBytes), spares.count < Self.sparesMax {
          spares.append(memory)
        } else {
          memory.deallocate()
        }
      }
      chunks[chunk] = Chunk()
      chunkSlots.free(chunk)
    }
  }
#endif
