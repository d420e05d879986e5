import MusterModel
import MusterWire
import Testing

@Suite struct WebSocketDecoderTests {
  private func decode(_ bytes: [UInt8], role: WebSocketDecoder.Role = .server) -> [Told] {
    var peer = Peer(role: role)
    return peer.receive(bytes)
  }

  @Test("RFC 6455, section 5.7: every example that applies to text")
  func section57() {
    let hello: [Told] = [.text(utf8("Hello"))]
    #expect(decode([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], role: .client) == hello)
    #expect(decode([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]) == hello)
    #expect(decode([0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f], role: .client) == hello)
    #expect(decode([0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], role: .client) == [.ping(utf8("Hello"))])
    #expect(decode([0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]) == [.pong(utf8("Hello"))])
  }

  @Test("payloads of every length class arrive as they were sent", arguments: [0, 1, 7, 8, 9, 125, 126, 127, 4_096, 16_384])
  func lengths(count: Int) {
    let payload = (0..<count).map { UInt8(0x20 + $0 % 90) }
    #expect(decode(frame(.text, payload)) == [.text(payload)])
    #expect(decode(frame(.text, payload, mask: nil), role: .client) == [.text(payload)])
  }

  @Test("a length of eight bytes is read, and a message over 64 KiB arrives where it is allowed")
  func longMessage() {
    var limits = WebSocketDecoder.Limits()
    limits.messageBytesMax = 1 << 20
    var peer = Peer(limits: limits)
    let payload = [UInt8](repeating: 0x41, count: 70_000)
    let bytes = frame(.text, payload)
    #expect(Array(bytes[..<10]) == [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x70])
    #expect(peer.receive(bytes) == [.text(payload)])
  }

  @Test("control frames between fragments are told first, the message when it is whole")
  func interleaved() {
    let bytes =
      frame(.text, utf8("pre"), isFinal: false) + frame(.ping, utf8("a")) + frame(.continuation, utf8("sen"), isFinal: false)
      + frame(.pong, utf8("b")) + frame(.continuation, []) + frame(.text, utf8("next"))
    #expect(decode(bytes) == [.ping(utf8("a")), .pong(utf8("b")), .text(utf8("presen")), .text(utf8("next"))])
  }

  @Test("a message that was not taken is not mixed into the next one")
  func untaken() {
    var bytes =
      frame(.text, utf8("a"), isFinal: false) + frame(.continuation, utf8("b")) + frame(.text, utf8("c"), isFinal: false)
      + frame(.continuation, utf8("d"))
    var decoder = WebSocketDecoder()
    var offset = 0
    var mutable = bytes.mutableSpan
    var span = mutable.mutableBytes
    let first = decoder.next(in: &span, at: &offset)
    let second = decoder.next(in: &span, at: &offset)
    #expect(first == .fragmentedText && second == .fragmentedText)
    #expect(decoder.takeMessage() == utf8("cd"))
    #expect(decoder.takeMessage() == [])
  }

  @Test("an incomplete frame says how many bytes it takes, and stays untouched")
  func needs() {
    var peer = Peer()
    let short = frame(.text, utf8("hello"))
    let long = frame(.text, [UInt8](repeating: 0x61, count: 300))
    #expect(peer.receive([]) == [] && peer.needed == 2)
    #expect(peer.receive(Array(short[..<1])) == [] && peer.needed == 2)
    #expect(peer.receive(Array(short[1..<2])) == [] && peer.needed == 11)
    #expect(peer.receive(Array(short[2..<10])) == [] && peer.needed == 11)
    #expect(peer.remainder == Array(short[..<10]))
    #expect(peer.receive(Array(short[10...]) + long[..<3]) == [.text(utf8("hello"))] && peer.needed == 4)
    #expect(peer.receive([long[3]]) == [] && peer.needed == 308)
    #expect(peer.receive(Array(long[4...])).count == 1)
    #expect(peer.remainder.isEmpty)
  }

  @Test(
    "each breach of the rules ends the connection with its code",
    arguments: [
      ("RSV1", frame(.text, []).settingFirst(0xc1), .reservedBits, 1002),
      ("RSV2", frame(.text, []).settingFirst(0xa1), .reservedBits, 1002),
      ("RSV3", frame(.ping, []).settingFirst(0x99), .reservedBits, 1002),
      ("opcode 3", [0x83, 0x80], .reservedOpcode, 1002),
      ("opcode 7", [0x87, 0x80], .reservedOpcode, 1002),
      ("opcode 11", [0x8b, 0x80], .reservedOpcode, 1002),
      ("opcode 15", [0x8f, 0x80], .reservedOpcode, 1002),
      ("unmasked from a client", [0x81, 0x00], .unmaskedFrame, 1002),
      ("ping fragmented", [0x09, 0x80], .fragmentedControlFrame, 1002),
      ("close fragmented", [0x08, 0x80], .fragmentedControlFrame, 1002),
      ("ping of 126 bytes", [0x89, 0xfe], .longControlFrame, 1002),
      ("close with a length of eight bytes", [0x88, 0xff], .longControlFrame, 1002),
      ("continuation of nothing", [0x80, 0x80, 0, 0, 0, 0], .unexpectedContinuation, 1002),
      ("unfinished continuation of nothing", [0x00, 0x80, 0, 0, 0, 0], .unexpectedContinuation, 1002),
      ("text inside a message", frame(.text, [], isFinal: false) + frame(.text, []), .interruptedMessage, 1002),
      (
        "continuation behind a message",
        frame(.text, [], isFinal: false) + frame(.continuation, []) + frame(.continuation, []), .unexpectedContinuation, 1002
      ),
      ("length 125 in two bytes", [0x81, 0xfe, 0, 125], .overlongLength, 1002),
      ("length 0 in two bytes", [0x81, 0xfe, 0, 0], .overlongLength, 1002),
      ("length 65,535 in eight bytes", [0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], .overlongLength, 1002),
      ("highest bit of a length", [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], .impossibleLength, 1002),
      ("largest length", [0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], .messageTooLarge, 1009),
      ("one byte too many", [0x81, 0xfe, 0x40, 0x01], .messageTooLarge, 1009),
      (
        "too large in fragments", frame(.text, .letters(16_000), isFinal: false) + [0x80, 0xfe, 0x01, 0x81], .messageTooLarge,
        1009
      ),
      ("binary", [0x82, 0x80], .binaryMessage, 1003),
      ("binary fragment", [0x02, 0x80], .binaryMessage, 1003),
      ("invalid UTF-8", frame(.text, [0x41, 0xff]), .invalidUTF8, 1007),
      ("truncated UTF-8", frame(.text, [0xe2, 0x82]), .invalidUTF8, 1007),
      ("surrogate", frame(.text, [0xed, 0xa0, 0x80]), .invalidUTF8, 1007),
      (
        "UTF-8 truncated in the last fragment", frame(.text, [0xe2], isFinal: false) + frame(.continuation, [0x82]), .invalidUTF8,
        1007
      ),
      ("UTF-8 broken over fragments", frame(.text, [0xe2], isFinal: false) + frame(.continuation, [0x28]), .invalidUTF8, 1007),
      ("invalid UTF-8 in an unfinished fragment", frame(.text, [0xff], isFinal: false), .invalidUTF8, 1007),
      ("close payload of one byte", frame(.close, [0x03]), .invalidClosePayload, 1002),
      ("close reason not UTF-8", frame(.close, [0x03, 0xe8, 0xff]), .invalidUTF8, 1007),
    ] as [(String, [UInt8], WebSocketViolation, UInt16)])
  func violations(what: String, bytes: [UInt8], violation: WebSocketViolation, closeCode: UInt16) {
    var peer = Peer()
    #expect(peer.receive(bytes).last == .violation(violation), "\(what)")
    #expect(violation.closeCode == closeCode)
    #expect(violation.code == (closeCode == 1009 ? ErrorCode.tooLarge : .badRequest))
    #expect(peer.receive(frame(.text, utf8("too late"))) == [], "nothing is decoded behind a violation")
    #expect(peer.decoder.hasEnded && peer.remainder.isEmpty)
    #expect(WebSocketCloseCode.maySend(closeCode) && violation.sentence.utf8.count <= 123)
  }

  @Test("a client refuses masked frames")
  func maskedFromServer() {
    #expect(decode([0x81, 0x80], role: .client) == [.violation(.maskedFrame)])
    #expect(WebSocketViolation.maskedFrame.closeCode == 1002)
  }

  @Test("a message at the limit is taken, in one frame and in several")
  func atLimit() {
    let whole = [UInt8].letters(16_384)
    #expect(decode(frame(.text, whole)) == [.text(whole)])
    let pieces = frame(.text, Array(whole[..<9_000]), isFinal: false) + frame(.continuation, Array(whole[9_000...]))
    #expect(decode(pieces) == [.text(whole)])
  }

  @Test("UTF-8 may be cut anywhere between fragments")
  func utf8AcrossFragments() {
    let message = utf8("κόσμε é€😀")
    for cut in 0...message.count {
      let bytes = frame(.text, Array(message[..<cut]), isFinal: false) + frame(.continuation, Array(message[cut...]))
      #expect(decode(bytes) == [.text(message)])
    }
    // One byte to a fragment.
    let last = message.count - 1
    let chopped = message.enumerated().flatMap { index, byte in
      frame(index == 0 ? .text : .continuation, [byte], isFinal: index == last)
    }
    #expect(decode(chopped) == [.text(message)])
  }

  @Test("fragments without end are refused, tiny ones sooner; single frames are not counted")
  func fragmentLimits() {
    var limits = WebSocketDecoder.Limits()
    limits.fragmentsMax = 10
    limits.tinyFragmentsMax = 4
    func message(of pieces: [Int]) -> [UInt8] {
      pieces.enumerated().flatMap { index, count in
        frame(index == 0 ? .text : .continuation, .letters(count), isFinal: index == pieces.count - 1)
      }
    }
    var fine = Peer(limits: limits)
    #expect(fine.receive(message(of: [Int](repeating: 16, count: 10))) == [.text(.letters(16, times: 10))])
    #expect(fine.receive(message(of: [1, 0, 1, 1])) == [.text(.letters(1, times: 3))])
    #expect(fine.receive(message(of: [Int](repeating: 1, count: 4))).count == 1, "each message is counted anew")
    for _ in 0..<20 { #expect(fine.receive(frame(.text, [])) == [.text([])]) }

    var many = Peer(limits: limits)
    #expect(many.receive(message(of: [Int](repeating: 16, count: 11))) == [.violation(.tooManyFragments)])
    var tiny = Peer(limits: limits)
    #expect(tiny.receive(message(of: [0, 0, 0, 0, 0])) == [.violation(.tooManyFragments)])
    #expect(WebSocketViolation.tooManyFragments.closeCode == 1008)
  }

  @Test("close codes: those that may be sent are told, the others are a violation")
  func closeCodes() {
    for code in UInt16(0)...5_100 {
      let bytes = frame(.close, [UInt8(code >> 8), UInt8(code & 0xff)])
      let isValid = (1000...1003).contains(code) || (1007...1014).contains(code) || (3000...4999).contains(code)
      #expect(decode(bytes) == (isValid ? [.close(code, [])] : [.violation(.invalidCloseCode)]), "\(code)")
    }
    #expect(decode(frame(.close, [0xff, 0xff])) == [.violation(.invalidCloseCode)])
    #expect(decode(frame(.close, [])) == [.close(nil, [])])
    let reason = utf8("bye é")
    #expect(decode(frame(.close, [0x03, 0xe8] + reason)) == [.close(1000, reason)])
    #expect(decode(frame(.close, [0x03, 0xe8] + .letters(123))) == [.close(1000, .letters(123))])
  }

  @Test("nothing behind a close frame is looked at")
  func afterClose() {
    #expect(decode(frame(.close, [0x03, 0xe8]) + frame(.text, utf8("late")) + [0xff, 0xff]) == [.close(1000, [])])
    let inside = frame(.text, utf8("a"), isFinal: false) + frame(.close, []) + frame(.continuation, utf8("b"))
    #expect(decode(inside) == [.close(nil, [])])
  }

  @Test("what is kept for each connection is small: 8 bytes")
  func size() {
    #expect(MemoryLayout<WebSocketProgress>.stride == 8)
    #expect(MemoryLayout<WebSocketEvent>.stride <= 32)
  }
}

extension [UInt8] {
  /// So many letters.
  static func letters(_ count: Int, times: Int = 1) -> [UInt8] {
    let once = (0..<count).map { UInt8(ascii: "a") + UInt8($0 % 26) }
    return (0..<times).flatMap { _ in once }
  }

  /// The same with another first byte.
  func settingFirst(_ byte: UInt8) -> [UInt8] { [byte] + dropFirst() }
}
