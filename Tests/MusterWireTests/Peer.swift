import MusterJSON
import MusterWire

/// A generator that gives the same values for the same seed (SplitMix64, Steele and others 2014).
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }

  /// Whether one in so many tries hits.
  mutating func hits(oneIn count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}

/// The bytes of a text, for tables of examples.
func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The text of bytes, for messages.
func text(_ utf8: [UInt8]) -> String { String(decoding: utf8, as: UTF8.self) }

/// One frame from a client, masked.
func frame(
  _ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true, mask: UInt32? = 0x0403_0201
) -> [UInt8] {
  var buffer = OutputBuffer()
  WebSocketEncoder.append(opcode, payload.span.bytes, isFinal: isFinal, mask: mask, to: &buffer)
  return buffer.copyBytes()
}

/// What a decoder has told, with the bytes instead of their places.
enum Told: Hashable {
  case text([UInt8])
  case ping([UInt8])
  case pong([UInt8])
  case close(UInt16?, [UInt8])
  case violation(WebSocketViolation)
}

/// A connection's worth of decoding: what does not make a frame yet is kept, as a transport would.
struct Peer {
  private(set) var decoder: WebSocketDecoder
  private(set) var remainder: [UInt8] = []
  /// What the decoder said it needs at least.
  private(set) var needed = 0

  init(role: WebSocketDecoder.Role = .server, limits: WebSocketDecoder.Limits = .init()) {
    decoder = WebSocketDecoder(role: role, limits: limits)
  }

  /// Takes what has arrived and says what came of it.
  mutating func receive(_ arrived: [UInt8]) -> [Told] {
    var bytes = remainder + arrived
    var offset = 0
    var told: [Told] = []
    var isDone = false
    while !isDone {
      var mutable = bytes.mutableSpan
      var span = mutable.mutableBytes
      let event = decoder.next(in: &span, at: &offset)
      switch event {
      case .text(let range): told.append(.text(Array(bytes[range])))
      case .fragmentedText: told.append(.text(decoder.takeMessage()))
      case .ping(let range): told.append(.ping(Array(bytes[range])))
      case .pong(let range): told.append(.pong(Array(bytes[range])))
      case .close(let code, let range): told.append(.close(code, Array(bytes[range])))
      case .violation(let violation): told.append(.violation(violation))
      case .needs(let count):
        needed = count
        isDone = true
      case .ended: isDone = true
      }
    }
    remainder = Array(bytes[offset...])
    return told
  }
}
