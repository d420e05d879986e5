/// A WebSocket frame as it is written, sound or not.
struct Frame {
  enum Opcode: UInt8 {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10
  }

  var isFinal = true
  /// The three reserved bits, in the places they have in the first byte: 0x40, 0x20, 0x10.
  var reserved: UInt8 = 0
  var opcode: UInt8
  var isMasked = true
  /// The length that the header claims; `nil` is the true one.
  var claimedLength: UInt64?
  /// How many bytes the header spends on the length: 0, 2 or 8; `nil` is the least.
  var lengthBytes: Int?
  var payload: [UInt8]

  init(_ opcode: Opcode, _ payload: [UInt8] = []) {
    self.opcode = opcode.rawValue
    self.payload = payload
  }

  init(_ opcode: Opcode = .text, _ text: String) {
    self.init(opcode, Array(text.utf8))
  }

  /// A close frame with a code and a reason.
  static func close(_ code: UInt16, _ reason: [UInt8] = []) -> Frame {
    Frame(.close, [UInt8(code >> 8), UInt8(code & 0xff)] + reason)
  }

  /// A copy with a change.
  func with(_ change: (inout Frame) -> Void) -> Frame {
    var copy = self
    change(&copy)
    return copy
  }

  /// The frame as bytes, masked with a key that is not all zero so that a server which forgets to unmask is found out.
  var bytes: [UInt8] {
    var bytes = [(isFinal ? 0x80 : 0) | reserved | opcode]
    let length = claimedLength ?? UInt64(payload.count)
    let mask: UInt8 = isMasked ? 0x80 : 0
    switch lengthBytes ?? (length < 126 ? 0 : length <= 0xffff ? 2 : 8) {
    case 0: bytes.append(mask | UInt8(length))
    case 2: bytes += [mask | 126, UInt8(length >> 8 & 0xff), UInt8(length & 0xff)]
    default: bytes += [mask | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) }
    }
    guard isMasked else { return bytes + payload }
    let key: [UInt8] = [0x5a, 0x1f, 0xc3, 0x88]
    return bytes + key + payload.indices.map { payload[$0] ^ key[$0 & 3] }
  }
}
