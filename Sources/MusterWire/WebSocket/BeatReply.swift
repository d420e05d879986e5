/// Answers heartbeats where they have arrived, with replies as ``MessageEncoder`` and ``WebSocketEncoder`` would write them.
///
/// For transports that answer by themselves; most of what arrives, and of what is sent, are these. The usual shape,
/// `{"op":"beat","id":1}`, is compared as it stands under its mask, word by word, and the digits of its id are the digits of the
/// reply. What depends on the time alone is the same for all heartbeats of a turn, and is kept.
///
/// ### Isolation
/// A plain value; allocates nothing.
// SAFETY: all reads and writes are by offsets that `answer` has compared with the ends of its buffers before; see there.
package struct BeatReply: Sendable {
  /// The longest frame, in bytes, and what is written behind it.
  package static let roomBytesMin = headBytes + 24 + tailWords * 8
  /// So many bytes behind what has arrived are read, and mean nothing.
  package static let slackBytes = 48

  private static let headBytes = 8
  private static let tailWords = 6

  /// `,"ok":{"server_time_ms":…}}` for the time of the last reply; the longest has 46 bytes.
  private var tail = InlineArray<6, UInt64>(repeating: 0)
  private var tailBytes = 0
  private var serverTime: Int64 = 0

  /// What was done with a run of heartbeats.
  package struct Run: Sendable, Hashable {
    /// How many heartbeats were taken.
    package var beats = 0
    /// How many bytes of replies were written.
    package var bytes = 0

    package init() {}
  }

  package init() {
    setTime(0)
  }

  /// Takes as many usual heartbeats as come first, and writes a reply for each that has an id.
  ///
  /// Ends at the first frame that is something else or not whole, and where there is no room for one reply more.
  ///
  /// - Parameters:
  ///   - input: What has arrived, and ``slackBytes`` more; it is not changed.
  ///   - offset: Where a frame begins, between two messages. Moved behind the last heartbeat that was taken.
  ///   - end: Where what has arrived ends.
  ///   - serverTime: When they were heard, in milliseconds since 1970.
  ///   - room: Where the replies go. No more is taken while it has less than ``roomBytesMin`` bytes left.
  /// - Returns: What was done.
  /// - Complexity: O(heartbeats), no allocation.
  package mutating func answer(
    _ input: UnsafeRawBufferPointer, from offset: inout Int, to end: Int, at serverTime: Int64,
    into room: UnsafeMutableRawBufferPointer
  ) -> Run {
    precondition(offset >= 0 && offset <= end && end &+ Self.slackBytes <= input.count, "there is no slack behind the input")
    guard let bytes = input.baseAddress, let out = room.baseAddress else { return Run() }
    if serverTime != self.serverTime { setTime(serverTime) }
    var run = Run()
    var place = offset
    while room.count &- run.bytes >= Self.roomBytesMin {
      // SAFETY: a frame of the usual shape is within `end` when it is taken; of what is read before that is known, less than
      // `slackBytes` stand behind `end`.
      let digits = Self.digits(of: bytes + place, available: end &- place)
      if digits.count > 0 {
        run.bytes &+= write(digits, to: out + run.bytes)
        place &+= Self.shortestBytes &+ digits.count
      } else {
        switch BeatFrame.take(UnsafeRawBufferPointer(rebasing: input[..<end]).bytes, at: &place) {
        case .other:
          offset = place
          return run
        case .bare: break
        case .numbered(let id): run.bytes &+= write(Digits(id), to: out + run.bytes)
        }
      }
      run.beats &+= 1
    }
    offset = place
    return run
  }

  // MARK: Reading

  /// The digits of an id, as they lie in memory; behind them there is anything.
  private struct Digits {
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    /// 0 for no digits.
    var count = 0

    init() {}

    /// Writes a number of up to 18 digits.
    init(_ value: Int64) {
      var rest = value
      repeat {
        let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
        words.2 = words.2 << 8 | words.1 >> 56
        words.1 = words.1 << 8 | words.0 >> 56
        words.0 = words.0 << 8 | UInt64(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit))
        count &+= 1
        rest = quotient
      } while rest > 0
    }
  }

  /// A frame of the usual shape without its digits: head, key, `{"op":"beat","id":` and `}`.
  private static let shortestBytes = 6 + 18 + 1
  private static let digitsMax = 18

  /// The digits in a frame of the usual shape; none when it is anything else.
  @inline(__always)
  private static func digits(of frame: UnsafeRawPointer, available: Int) -> Digits {
    guard available > shortestBytes else { return Digits() }
    let head = UInt64(littleEndian: frame.loadUnaligned(as: UInt64.self))
    // A final text frame, masked; its length is that of the text.
    let count = Int(head &>> 8 & 0xff) &- 0x80 &- 19
    guard head & 0xff == 0x81, count > 0, count <= digitsMax, available >= shortestBytes &+ count else { return Digits() }
    let key = head &>> 16 & 0xffff_ffff
    let wide = key &<< 32 | key
    let start = word(frame, 6) ^ wide
    let middle = word(frame, 14) ^ wide
    let third = word(frame, 22) ^ wide
    guard start == 0x6222_3a22_706f_227b, middle == 0x6469_222c_2274_6165, third & 0xffff == 0x3a22 else { return Digits() }
    let last = UInt64(frame.load(fromByteOffset: 24 &+ count, as: UInt8.self)) ^ key &>> UInt64(((18 &+ count) & 3) &* 8) & 0xff
    var digits = Digits()
    let fourth = word(frame, 30) ^ wide
    digits.words.0 = third &>> 16 | fourth &<< 48
    guard last == 0x7d, areDigits(digits.words.0, min(count, 8)), count == 1 || digits.words.0 & 0xff != 0x30 else {
      return Digits()
    }
    digits.count = count
    guard count > 8 else { return digits }
    let fifth = word(frame, 38) ^ wide
    digits.words.1 = fourth &>> 16 | fifth &<< 48
    digits.words.2 = fifth &>> 16
    guard areDigits(digits.words.1, min(count &- 8, 8)), count <= 16 || areDigits(digits.words.2, count &- 16) else {
      return Digits()
    }
    return digits
  }

  // SAFETY: the caller has 46 bytes from the beginning of the frame, of which the slack is a part.
  @inline(__always)
  private static func word(_ frame: UnsafeRawPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: frame.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Whether the first bytes of a word, 1 to 8, are all digits.
  @inline(__always)
  private static func areDigits(_ word: UInt64, _ count: Int) -> Bool {
    let values = (word ^ 0x3030_3030_3030_3030) &<< UInt64(64 &- 8 &* count)
    // Six more than a digit is less than 16. What is no digit by its upper half is seen whatever is carried into it.
    return (values &+ 0x0606_0606_0606_0606 | values) & 0xf0f0_f0f0_f0f0_f0f0 == 0
  }

  // MARK: Writing

  /// A final text frame whose length comes later, and `{"re":`, as they lie in memory.
  private static var head: UInt64 { 0x3a22_6572_227b_0081 }

  // SAFETY: `answer` has seen that there is room for the head, 24 bytes of digits and the tail, whatever of it counts.
  @inline(__always)
  private func write(_ digits: Digits, to out: UnsafeMutableRawPointer) -> Int {
    let payload = Self.headBytes &- 2 &+ digits.count &+ tailBytes
    out.storeBytes(of: (Self.head | UInt64(truncatingIfNeeded: payload) &<< 8).littleEndian, as: UInt64.self)
    out.storeBytes(of: digits.words.0.littleEndian, toByteOffset: 8, as: UInt64.self)
    if digits.count > 8 {
      out.storeBytes(of: digits.words.1.littleEndian, toByteOffset: 16, as: UInt64.self)
      out.storeBytes(of: digits.words.2.littleEndian, toByteOffset: 24, as: UInt64.self)
    }
    let behind = out + Self.headBytes + digits.count
    for index in 0..<Self.tailWords { behind.storeBytes(of: tail[index].littleEndian, toByteOffset: index &* 8, as: UInt64.self) }
    return payload &+ 2
  }

  private mutating func setTime(_ time: Int64) {
    serverTime = time
    tail = InlineArray(repeating: 0)
    tailBytes = 0
    put(#","ok":{"server_time_ms":"#)
    if time < 0 { put("-") }
    var place: UInt64 = 1
    while time.magnitude / place >= 10 { place *= 10 }
    while place > 0 {
      put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: time.magnitude / place % 10))
      place /= 10
    }
    put("}}")
  }

  private mutating func put(_ literal: StaticString) {
    // SAFETY: a literal lives as long as the process.
    for byte in UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount) { put(byte) }
  }

  /// Appends to the tail, whose words lie in memory lowest byte first.
  private mutating func put(_ byte: UInt8) {
    tail[tailBytes / 8] |= UInt64(byte) << UInt64(tailBytes % 8 * 8)
    tailBytes += 1
  }
}
