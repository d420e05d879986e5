import MusterModel

/// Writes replies to heartbeats with their frames, as ``MessageEncoder`` and ``WebSocketEncoder`` would.
///
/// For transports that write replies where they are sent from; most replies are these. What depends on the time alone is the same
/// for all heartbeats of a turn, and is kept.
///
/// ### Isolation
/// A plain value; allocates nothing.
package struct BeatReply: Sendable {
  /// The longest frame, in bytes: two numbers of 20 characters.
  package static let bytesMax = headBytes + 20 + tailBytesMax

  private static let headBytes = 2 + 6
  private static let tailBytesMax = 24 + 20 + 2

  /// `,"ok":{"server_time_ms":…}}` for the time of the last reply.
  private var tail = InlineArray<46, UInt8>(repeating: 0)
  private var tailBytes = 0
  private var serverTime: Int64 = 0

  package init() {
    setTime(0)
  }

  /// Writes a frame.
  ///
  /// - Parameters:
  ///   - id: The id of the beat.
  ///   - serverTime: When it was heard, in milliseconds since 1970.
  ///   - room: At least ``bytesMax`` bytes.
  /// - Returns: How many bytes the frame has.
  /// - Complexity: O(1), no allocation.
  package mutating func write(_ id: Int64, _ serverTime: Int64, into room: UnsafeMutableRawBufferPointer) -> Int {
    precondition(room.count >= Self.bytesMax, "there is no room for the longest reply")
    if serverTime != self.serverTime { setTime(serverTime) }
    room.storeBytes(of: Self.head.littleEndian, as: UInt64.self)
    var count = Self.headBytes
    Self.put(id, &count) { room[$0] = $1 }
    let tail = tail.span.bytes.extracting(first: tailBytes)
    // SAFETY: the room holds the longest frame, and the tail is copied while its span is alive.
    tail.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: room[count...]).copyMemory(from: $0) }
    count &+= tailBytes
    room[1] = UInt8(truncatingIfNeeded: count &- 2)
    return count
  }

  /// A final text frame whose length comes later, and `{"re":`, as they lie in memory.
  private static var head: UInt64 { 0x3a22_6572_227b_0081 }

  private mutating func setTime(_ time: Int64) {
    serverTime = time
    var count = 0
    put(#","ok":{"server_time_ms":"#, &count)
    Self.put(time, &count) { tail[$0] = $1 }
    put("}}", &count)
    tailBytes = count
  }

  private mutating func put(_ literal: StaticString, _ count: inout Int) {
    // SAFETY: a literal lives as long as the process.
    for byte in UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount) {
      tail[count] = byte
      count &+= 1
    }
  }

  /// Writes a number, at most 20 characters.
  @inline(__always)
  private static func put(_ value: Int64, _ count: inout Int, _ store: (Int, UInt8) -> Void) {
    if value < 0 {
      store(count, UInt8(ascii: "-"))
      count &+= 1
    }
    var limit: UInt64 = 10
    var digits = 1
    while digits < 19, value.magnitude >= limit {
      digits &+= 1
      limit &*= 10
    }
    var rest = value.magnitude
    for place in stride(from: count &+ digits &- 1, through: count, by: -1) {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      store(place, UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit))
      rest = quotient
    }
    count &+= digits
  }
}
