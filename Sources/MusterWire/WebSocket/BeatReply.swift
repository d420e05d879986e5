import MusterModel

/// Writes the reply to a heartbeat with its frame, as ``MessageEncoder`` and ``WebSocketEncoder`` would.
///
/// For transports that write replies where they are sent from; most replies are this one.
package enum BeatReply {
  /// The longest frame, in bytes: two numbers of 20 characters.
  package static let bytesMax = 2 + 6 + 20 + 24 + 20 + 2

  /// Writes a frame.
  ///
  /// - Parameters:
  ///   - id: The id of the beat.
  ///   - serverTime: When it was heard.
  ///   - room: At least ``bytesMax`` bytes.
  /// - Returns: How many bytes the frame has.
  /// - Complexity: O(1), no allocation.
  package static func write(_ id: Int64, _ serverTime: Int64, into room: UnsafeMutableRawBufferPointer) -> Int {
    precondition(room.count >= bytesMax, "there is no room for the longest reply")
    var count = 2
    put(#"{"re":"#, in: room, &count)
    put(id, in: room, &count)
    put(#","ok":{"server_time_ms":"#, in: room, &count)
    put(serverTime, in: room, &count)
    put("}}", in: room, &count)
    room[0] = 0x80 | WebSocketOpcode.text.rawValue
    room[1] = UInt8(truncatingIfNeeded: count - 2)
    return count
  }

  // SAFETY: `write` has checked that the room holds the longest frame, and a literal lives as long as the process.
  private static func put(_ literal: StaticString, in room: UnsafeMutableRawBufferPointer, _ count: inout Int) {
    let bytes = UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    UnsafeMutableRawBufferPointer(rebasing: room[count...]).copyMemory(from: bytes)
    count &+= bytes.count
  }

  private static func put(_ value: Int64, in room: UnsafeMutableRawBufferPointer, _ count: inout Int) {
    if value < 0 {
      room[count] = UInt8(ascii: "-")
      count &+= 1
    }
    var rest = value.magnitude
    var end = count
    repeat {
      rest /= 10
      end &+= 1
    } while rest > 0
    let start = count
    count = end
    rest = value.magnitude
    while end > start {
      end &-= 1
      room[end] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
  }
}
