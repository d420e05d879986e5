/// A growing run of bytes to be sent: what writers append to and a transport takes from.
///
/// An array would check for sharing at each append; this one cannot be shared, so appending is a compare and a copy. It never
/// shrinks, which suits one buffer that a thread uses again and again with ``removeAll(keepingCapacity:)``. Its size is
/// bounded by what is written to it; the writers of Muster write at most one page of members at a time.
///
/// ### Isolation
/// A plain value without a lock, `~Copyable` so that its memory has one owner.
// SAFETY: the memory is owned by this value alone from `init` to `deinit`; its first `count` bytes are initialised,
// `0 <= count <= memory.count`, and what is handed to closures is valid only while they run.
package struct OutputBuffer: ~Copyable {
  private var memory: UnsafeMutableRawBufferPointer
  /// How many bytes have been written.
  package private(set) var count = 0

  /// Makes an empty buffer with room for so many bytes.
  package init(capacity: Int = 256) {
    memory = .allocate(byteCount: max(capacity, 16), alignment: 16)
  }

  deinit {
    memory.deallocate()
  }

  /// Whether nothing has been written.
  package var isEmpty: Bool { count == 0 }

  /// How many bytes fit without another allocation.
  package var capacity: Int { memory.count }

  /// Appends one byte.
  ///
  /// - Complexity: O(1) amortised.
  package mutating func append(_ byte: UInt8) {
    if count == memory.count { grow(by: 1) }
    memory[count] = byte
    count &+= 1
  }

  /// Appends bytes.
  ///
  /// - Complexity: O(bytes) amortised.
  package mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    reserve(bytes.count)
    // SAFETY: `reserve` made room behind `count`, and the source is not this buffer, which nobody else can name.
    memory.baseAddress.unsafelyUnwrapped.advanced(by: count).copyMemory(from: source, byteCount: bytes.count)
    count &+= bytes.count
  }

  /// Appends bytes.
  ///
  /// - Complexity: O(bytes) amortised.
  package mutating func append(_ bytes: RawSpan) {
    // SAFETY: the pointer is used inside the closure only.
    bytes.withUnsafeBytes { append($0) }
  }

  /// Appends bytes.
  ///
  /// - Complexity: O(bytes) amortised.
  package mutating func append(_ bytes: [UInt8]) {
    // SAFETY: the pointer is used inside the closure only.
    bytes.withUnsafeBytes { append($0) }
  }

  /// Appends a literal.
  ///
  /// - Complexity: O(bytes) amortised.
  package mutating func append(_ literal: StaticString) {
    // SAFETY: a literal lives as long as the process.
    append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  /// Makes room for so many bytes, has them written, and keeps as many as the body says.
  ///
  /// - Parameters:
  ///   - room: The most that the body writes.
  ///   - body: Gets the room, not initialised, and returns how many bytes it wrote.
  package mutating func append(room: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
    reserve(room)
    let written = body(UnsafeMutableRawBufferPointer(rebasing: memory[count..<count &+ room]))
    precondition((0...room).contains(written), "a writer wrote beyond its room")
    count &+= written
  }

  /// Puts other bytes in the place of some, moving what stands behind them.
  ///
  /// - Complexity: O(bytes behind the range), or O(new bytes) when the lengths are equal.
  package mutating func replace(_ range: Range<Int>, with bytes: RawSpan) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "the range is not within what has been written")
    let change = bytes.byteCount - range.count
    if change > 0 { reserve(change) }
    if change != 0 {
      let behind = UnsafeRawBufferPointer(rebasing: memory[range.upperBound..<count])
      let place = range.upperBound + change
      // SAFETY: both runs are within the memory, and `copyMemory` allows them to overlap.
      UnsafeMutableRawBufferPointer(rebasing: memory[place..<place + behind.count]).copyMemory(from: behind)
    }
    bytes.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(rebasing: memory[range.lowerBound..<range.lowerBound + $0.count]).copyMemory(from: $0)
    }
    count += change
  }

  /// Forgets everything behind the first `count` bytes.
  package mutating func truncate(to count: Int) {
    precondition((0...self.count).contains(count), "a buffer cannot be truncated to more than it holds")
    self.count = count
  }

  /// Forgets what was written.
  ///
  /// - Parameter keepingCapacity: Whether the memory stays; otherwise it is given back but for a few bytes.
  package mutating func removeAll(keepingCapacity: Bool) {
    count = 0
    guard !keepingCapacity else { return }
    memory.deallocate()
    memory = .allocate(byteCount: 256, alignment: 16)
  }

  /// Shows what was written, for as long as the body runs.
  package borrowing func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(rebasing: memory[..<count]))
  }

  /// A copy of what was written.
  package borrowing func copyBytes() -> [UInt8] {
    withUnsafeBytes { Array($0) }
  }

  /// Makes sure that so many more bytes fit.
  package mutating func reserve(_ bytes: Int) {
    if memory.count &- count < bytes { grow(by: bytes) }
  }

  @inline(never)
  private mutating func grow(by bytes: Int) {
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(memory.count * 2, count + bytes), alignment: 16)
    larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
    memory.deallocate()
    memory = larger
  }
}

// SAFETY: the memory has exactly one owner, this `~Copyable` value; handing the value over hands over the memory.
extension OutputBuffer: @unchecked Sendable {}
