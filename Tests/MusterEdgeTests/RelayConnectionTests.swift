import MusterEdge
import MusterEngine
import MusterJSON
import MusterModel
import MusterWire
import Testing

/// A backend that puts bytes in, and the connection that makes steps of them.
private struct RelayLine {
  var connection: GatewayConnection
  private let rules: GatewayRules

  init(_ configure: (inout GatewayLimits) -> Void = { _ in }) {
    var limits = GatewayLimits()
    configure(&limits)
    connection = GatewayConnection(speaking: .relay)
    rules = GatewayRules(limits)
  }

  /// Everything that comes of some bytes, until the connection waits; and what it then needs.
  mutating func take(_ bytes: [UInt8]) -> (steps: [GatewayStep], needed: Int) {
    var bytes = bytes
    var offset = 0
    var steps: [GatewayStep] = []
    while true {
      let step = bytes.withUnsafeMutableBytes { bytes in
        var span = bytes.mutableBytes
        return connection.next(in: &span, at: &offset, under: rules)
      }
      if step == .wait { return (steps, connection.bytesNeeded(after: Array(bytes[offset...]).span.bytes, under: rules)) }
      steps.append(step)
    }
  }

  mutating func steps(_ bytes: [UInt8]) -> [GatewayStep] { take(bytes).steps }
}

private func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
  var buffer = OutputBuffer()
  WebSocketEncoder.append(opcode, payload.span.bytes, isFinal: isFinal, mask: 0x0102_0304, to: &buffer)
  return buffer.copyBytes()
}

private func batch(_ request: RelayRequest, id: UInt32) -> [UInt8] {
  var buffer = OutputBuffer()
  RelayEncoder.write(request, id: id, into: &buffer)
  return frame(.binary, buffer.copyBytes())
}

private let sessions = RelayRequest.heartbeats((1...20).map { SessionID(high: 7, low: $0) })
private let opens = RelayRequest.opens([RelayOpen(user: UserID("ada"), device: .ios), RelayOpen(user: nil, device: .web)])

@Suite("A relay's protocol, without a socket")
struct RelayConnectionTests {
  @Test("binary messages become batches, in their order, however many come together")
  func batches() {
    var line = RelayLine()
    #expect(line.connection.isOpen && line.connection.isRelay)
    #expect(
      line.steps(batch(opens, id: 1) + frame(.ping, [9]) + batch(sessions, id: .max))
        == [.batch(1, opens), .pong(line.pongRange(behind: batch(opens, id: 1))), .batch(.max, sessions)])
    #expect(line.steps(frame(.pong, [])) == [.heard])
  }

  @Test("a batch cut anywhere is the same once it is whole, and it is told how long that is")
  func cuts() {
    let bytes = batch(sessions, id: 3)
    for cut in 1..<bytes.count {
      var line = RelayLine()
      let (steps, needed) = line.take(Array(bytes[..<cut]))
      #expect(steps.isEmpty && needed > cut && needed <= bytes.count, "cut at \(cut)")
      #expect(cut < 8 || needed == bytes.count, "cut at \(cut)")
      #expect(line.steps(bytes) == [.batch(3, sessions)], "cut at \(cut)")
    }
  }

  @Test(
    "a text message closes with 1003, be it a heartbeat of a client",
    arguments: ["", #"{"op":"beat"}"#, #"{"op":"beat","id":1}"#, #"{"op":"hello","id":1,"user":"ada"}"#])
  func text(_ text: String) {
    var line = RelayLine()
    let bytes = frame(.text, Array(text.utf8))
    #expect(!line.connection.mayBeat)
    #expect(line.steps(bytes) == [.finish(.lost, CloseFrame(code: 1003, reason: WebSocketViolation.textMessage.sentence))])
    #expect(line.steps(batch(sessions, id: 1)).isEmpty)
  }

  @Test("a malformed batch closes with what is wrong, and nothing behind it is looked at")
  func malformed() {
    let examples: [([UInt8], RelayViolation)] = [
      ([], .tooShort), ([9, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], .unknownKind), ([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], .noEntries),
    ]
    for (payload, violation) in examples {
      var line = RelayLine()
      let close = CloseFrame(code: ErrorCode.badRequest.rawValue, reason: violation.sentence)
      #expect(line.steps(frame(.binary, payload) + batch(sessions, id: 1)) == [.finish(.lost, close)])
      #expect(!line.connection.isOpen)
      let isNeeded = line.connection.close()
      #expect(!isNeeded, "one close frame is enough")
    }
  }

  @Test("a batch over the limit closes with our own code, before it has arrived; one in fragments, too")
  func tooLarge() {
    for bytes in [
      Array(frame(.binary, [UInt8](repeating: 0, count: (1 << 10) + 1)).prefix(8)), frame(.binary, [1], isFinal: false),
    ] {
      var line = RelayLine { $0.relayMessageBytesMax = 1 << 10 }
      guard case .finish(.lost, let close)? = line.steps(bytes).first else {
        Issue.record("no close")
        continue
      }
      #expect(close.code == ErrorCode.tooLarge.rawValue)
    }
  }

  @Test("the limit of clients is not that of relays")
  func limits() throws {
    var line = RelayLine { $0.messageBytesMax = 1 << 10 }
    let long = RelayRequest.heartbeats((0..<10_000).map { SessionID(high: 1, low: $0) })
    #expect(line.steps(batch(long, id: 5)) == [.batch(5, long)])
  }

  @Test("behind our own close only the relay's counts, and its close is echoed before")
  func closes() {
    let goodbye = frame(.close, [0x03, 0xe8])
    var line = RelayLine()
    #expect(line.steps(goodbye) == [.finish(.goodbye, CloseFrame(code: 1000, reason: ""))])
    line = RelayLine()
    let isNeeded = line.connection.close()
    #expect(isNeeded && !line.connection.isOpen && line.connection.isRelay)
    #expect(line.steps(batch(sessions, id: 1) + frame(.ping, [1])).isEmpty)
    #expect(line.steps(goodbye) == [.finished])
  }

  @Test("the limit of a batch has a range of its own")
  func range() {
    var limits = GatewayLimits()
    #expect(limits.problems().isEmpty)
    limits.relayMessageBytesMax = (2 << 20) + 1
    #expect(limits.problems().map(\.setting) == ["relay_message_bytes_max"])
  }
}

extension RelayLine {
  /// Where the one byte of a ping stands that comes behind other bytes.
  fileprivate func pongRange(behind bytes: [UInt8]) -> Range<Int> { bytes.count + 6..<bytes.count + 7 }
}
