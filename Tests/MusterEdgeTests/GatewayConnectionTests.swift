import MusterEdge
import MusterEngine
import MusterJSON
import MusterModel
import MusterWire
import Testing

/// A client that puts bytes in, and the connection that makes steps of them.
private struct Line {
  var connection: GatewayConnection
  private let rules: GatewayRules

  init(_ configure: (inout GatewayLimits) -> Void = { _ in }) {
    var limits = GatewayLimits()
    configure(&limits)
    connection = GatewayConnection()
    rules = GatewayRules(limits)
  }

  /// Everything that comes of some bytes, until the connection waits.
  mutating func steps(_ bytes: [UInt8]) -> [GatewayStep] {
    var bytes = bytes
    var offset = 0
    var steps: [GatewayStep] = []
    while true {
      let step = bytes.withUnsafeMutableBytes { bytes in
        var span = bytes.mutableBytes
        return connection.next(in: &span, at: &offset, under: rules)
      }
      if step == .wait { return steps }
      steps.append(step)
    }
  }

  mutating func steps(_ text: String) -> [GatewayStep] { steps(frame(.text, Array(text.utf8))) }
}

private func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8], mask: UInt32? = 0x0102_0304) -> [UInt8] {
  var buffer = OutputBuffer()
  WebSocketEncoder.append(opcode, payload.span.bytes, mask: mask, to: &buffer)
  return buffer.copyBytes()
}

private func closeFrame(_ code: UInt16) -> [UInt8] {
  frame(.close, [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)])
}

private let alice = UserID("alice")!
private let room = ChannelName("room:1")!
private let hello = #"{"op":"hello","id":1,"user":"alice"}"#

@Suite("A connection's protocol, without a socket")
struct GatewayConnectionTests {
  @Test("what is kept for each connection is small: 14 bytes")
  func size() {
    #expect(MemoryLayout<GatewayConnection>.size == 14)
  }

  @Test("messages become requests, in their order, however many come together")
  func requests() {
    var line = Line()
    let count = #"{"op":"count","id":"c","channel":"room:1"}"#
    let bytes = frame(.text, Array(hello.utf8)) + frame(.text, []) + frame(.text, Array(count.utf8))
    #expect(
      line.steps(bytes) == [
        .hello(.integer(1), Hello(credentials: .user(alice))),
        .request(.none, .beat),
        .request(.string(Array("c".utf8)), .count(room)),
      ])
  }

  @Test("a frame cut anywhere is the same once it is whole")
  func cuts() {
    let bytes = frame(.text, Array(hello.utf8))
    for cut in 1..<bytes.count {
      var line = Line()
      #expect(line.steps(Array(bytes[..<cut])).isEmpty, "cut at \(cut)")
      #expect(line.steps(bytes) == [.hello(.integer(1), Hello(credentials: .user(alice)))], "cut at \(cut)")
    }
  }

  @Test("a second hello is refused; the connection goes on")
  func secondHello() {
    var line = Line()
    _ = line.steps(hello)
    #expect(
      line.steps(hello) == [.refuse(.integer(1), Refusal(.badRequest, "This connection has already said hello."))])
    #expect(line.steps(#"{"op":"beat","id":2}"#) == [.request(.integer(2), .beat)])
  }

  @Test("a ping is answered with its payload, a pong is a sign of life")
  func pings() {
    var line = Line()
    #expect(line.steps(frame(.ping, [1, 2, 3])) == [.pong(6..<9)])
    #expect(line.steps(frame(.pong, [])) == [.heard])
  }

  @Test(
    "the client's close is echoed; 1000 is a goodbye, everything else a loss",
    arguments: [(1000, ConnectionEnd.goodbye), (1001, .lost), (3000, .lost), (4000, .lost)] as [(UInt16, ConnectionEnd)])
  func close(code: UInt16, end: ConnectionEnd) {
    var line = Line()
    #expect(line.steps(closeFrame(code)) == [.finish(end, CloseFrame(code: code, reason: ""))])
    #expect(!line.connection.isOpen)
    #expect(line.steps(hello).isEmpty)
    let isNeeded = line.connection.close()
    #expect(!isNeeded, "one close frame is enough")
  }

  @Test("a close without a code is echoed without one, and is a loss")
  func closeWithoutCode() {
    var line = Line()
    #expect(line.steps(frame(.close, [])) == [.finish(.lost, CloseFrame(code: nil, reason: ""))])
  }

  @Test("behind our own close only the client's counts")
  func ownClose() {
    var line = Line()
    let isNeeded = line.connection.close()
    let isNeededAgain = line.connection.close()
    #expect(isNeeded && !isNeededAgain)
    #expect(line.steps(frame(.text, Array(hello.utf8)) + frame(.ping, [1])).isEmpty)
    #expect(line.steps(closeFrame(4000)) == [.finished])
    #expect(line.steps(closeFrame(4000)).isEmpty)
  }

  @Test(
    "broken framing closes with the code that says why",
    arguments: [
      (frame(.text, Array("{}".utf8), mask: nil), 1002),
      ([0x83, 0x80, 0, 0, 0, 0], 1002),
      ([0xc1, 0x80, 0, 0, 0, 0], 1002),
      (frame(.binary, [1]), 1003),
      (frame(.text, [0xff]), 1007),
      (frame(.close, [0x03]), 1002),
      (closeFrame(1005), 1002),
    ] as [([UInt8], UInt16)])
  func violations(bytes: [UInt8], code: UInt16) {
    var line = Line()
    guard case .finish(.lost, let close)? = line.steps(bytes).first else {
      Issue.record("no close")
      return
    }
    #expect(close.code == code)
    #expect(!close.reason.isEmpty)
    #expect(line.steps(hello).isEmpty)
  }

  @Test("a message over the limit closes with our own code, before it has arrived")
  func tooLarge() {
    var line = Line { $0.messageBytesMax = 1 << 10 }
    #expect(line.steps(frame(.text, [UInt8](repeating: UInt8(ascii: " "), count: 1 << 10))).count == 1)
    let head = Array(frame(.text, [UInt8](repeating: 0, count: (1 << 10) + 1)).prefix(8))
    guard case .finish(.lost, let close)? = line.steps(head).first else {
      Issue.record("no close")
      return
    }
    #expect(close.code == ErrorCode.tooLarge.rawValue)
  }

  @Test("malformed messages are answered one by one, until there are too many in a row")
  func malformed() {
    var line = Line { $0.malformedMessagesMax = 3 }
    for _ in 0..<2 {
      guard case .refuse(.integer(7), let refusal)? = line.steps(#"{"id":7,"op":"nonsense"}"#).first else {
        Issue.record("no error")
        return
      }
      #expect(refusal.code == .unsupportedOp)
    }
    #expect(line.steps("") == [.request(.none, .beat)], "a good message starts the count anew")
    for _ in 0..<2 { #expect(line.steps("{").count == 1) }
    guard case .finish(.lost, let close)? = line.steps("{").first else {
      Issue.record("no close")
      return
    }
    #expect(close.code == ErrorCode.badRequest.rawValue)
  }

  @Test("a refusal becomes a close frame; one that answers single requests is no reason to close with")
  func closeFrames() {
    #expect(CloseFrame(nil) == CloseFrame(code: 1000, reason: ""))
    #expect(CloseFrame(Refusal(.banned, "spam")) == CloseFrame(code: 4504, reason: "spam"))
    #expect(CloseFrame(Refusal(.notFound)).code == ErrorCode.badRequest.rawValue)
  }
}
