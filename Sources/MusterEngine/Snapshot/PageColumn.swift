/// One column of a page: whole numbers, kept wide in memory and packed narrow into bytes.
///
/// Packing takes the least value as the base and writes the differences in 0, 1, 2, 4 or 8 bytes each, whichever hold the
/// largest (frame of reference). Most columns of a page differ little: lifetimes, statuses and lengths often take no byte at all.
///
/// The memory is kept from one page to the next, so that filling a column allocates nothing once it has been large enough.
///
/// ### Isolation
/// A plain value without a lock. `~Copyable`, since it owns its memory.
struct PageColumn: ~Copyable {
  private(set) var count = 0
  /// Whether all values are known to be the same, as those of most columns are; behind ``unpack(count:from:)`` only.
  private var isEven = false
  private var capacity = 256
  // SAFETY: owned by this value alone and freed in `deinit`; the first `count` values are initialised, and they are trivial.
  private var values: UnsafeMutablePointer<Int64>

  init() {
    values = .allocate(capacity: capacity)
  }

  deinit {
    values.deallocate()
  }

  /// A value that was added.
  @inline(__always)
  subscript(index: Int) -> Int64 {
    assert((0..<count).contains(index), "value \(index) of a column of \(count)")
    // SAFETY: whoever reads has counted the values (`PageColumns.check()`), so the index is below `count`.
    return values[index]
  }

  /// Adds a value.
  @inline(__always)
  mutating func append(_ value: Int64) {
    isEven = false
    if count == capacity { grow(toHold: count + 1) }
    // SAFETY: `count` is below the capacity.
    values[count] = value
    count &+= 1
  }

  /// Forgets the values and keeps the memory.
  mutating func removeAll() {
    count = 0
  }

  /// The sum; `nil` when a value is negative or the sum is too large for a count.
  func sum() -> Int? {
    guard isWithin(0...1 << 40 - 1) else { return nil }
    if isEven, count > 0 { return count * Int(self[0]) }
    var sum = 0
    for index in 0..<count { sum &+= Int(self[index]) }
    return sum
  }

  /// Whether all values are in a range.
  func isWithin(_ range: ClosedRange<Int64>) -> Bool {
    if isEven, count > 0 { return range.contains(self[0]) }
    var isOutside = false
    // Without a way out of the loop, which would keep it from looking at several values at once.
    for index in 0..<count { isOutside = isOutside || self[index] < range.lowerBound || self[index] > range.upperBound }
    return !isOutside
  }

  /// Writes the column: see ``PageFormat``.
  func pack(into out: inout PageBytes) {
    var least = count == 0 ? 0 : self[0]
    var most = least
    for index in 0..<count {
      least = min(least, self[index])
      most = max(most, self[index])
    }
    let width = Self.width(of: UInt64(bitPattern: most &- least))
    out.append(UInt8(width))
    out.append(least)
    let target = out.reserve(count * width)
    // SAFETY: the target has room for `count` values of this width.
    switch width {
    case 1: for row in 0..<count { store(UInt8(truncatingIfNeeded: self[row] &- least), row, target) }
    case 2: for row in 0..<count { store(UInt16(truncatingIfNeeded: self[row] &- least).littleEndian, row, target) }
    case 4: for row in 0..<count { store(UInt32(truncatingIfNeeded: self[row] &- least).littleEndian, row, target) }
    case 8: for row in 0..<count { store(UInt64(bitPattern: self[row] &- least).littleEndian, row, target) }
    default: break
    }
  }

  /// Reads a column of so many values in the place of what is there.
  mutating func unpack(count rows: Int, from page: inout PageBytes.Reader) throws(PageDefect) {
    let width = Int(try page.byte())
    let base = try page.integer()
    guard [0, 1, 2, 4, 8].contains(width) else { throw .contradiction("a column has \(width) bytes a value") }
    let source = try page.bytes(rows * width)
    if rows > capacity { grow(toHold: rows) }
    count = rows
    isEven = width == 0
    // SAFETY: the source has `rows` values of this width, and the column room for as many.
    switch width {
    case 1: for row in 0..<rows { values[row] = base &+ Int64(load(row, source, as: UInt8.self)) }
    case 2: for row in 0..<rows { values[row] = base &+ Int64(UInt16(littleEndian: load(row, source, as: UInt16.self))) }
    case 4: for row in 0..<rows { values[row] = base &+ Int64(UInt32(littleEndian: load(row, source, as: UInt32.self))) }
    case 8:
      for row in 0..<rows {
        values[row] = base &+ Int64(bitPattern: UInt64(littleEndian: load(row, source, as: UInt64.self)))
      }
    default: for row in 0..<rows { values[row] = base }
    }
  }

  private static func width(of range: UInt64) -> Int {
    switch range {
    case 0: 0
    case ...0xff: 1
    case ...0xffff: 2
    case ...0xffff_ffff: 4
    default: 8
    }
  }

  // SAFETY: the caller has made sure that the target holds row `row` of this width.
  @inline(__always)
  private func store<Value: BitwiseCopyable>(_ value: Value, _ row: Int, _ target: UnsafeMutableRawPointer) {
    target.storeBytes(of: value, toByteOffset: row &* MemoryLayout<Value>.size, as: Value.self)
  }

  // SAFETY: the caller has made sure that the source holds row `row` of this width.
  @inline(__always)
  private func load<Value: BitwiseCopyable>(
    _ row: Int, _ source: UnsafeRawBufferPointer, as type: Value.Type
  ) -> Value {
    source.loadUnaligned(fromByteOffset: row &* MemoryLayout<Value>.size, as: type)
  }

  @inline(never)
  private mutating func grow(toHold needed: Int) {
    // SAFETY: the new memory is larger than what is copied, and the old is let go once nothing refers to it.
    let roomier = UnsafeMutablePointer<Int64>.allocate(capacity: max(needed, capacity * 2))
    roomier.update(from: values, count: count)
    values.deallocate()
    values = roomier
    capacity = max(needed, capacity * 2)
  }
}

@available(*, unavailable)
extension PageColumn: Sendable {}
