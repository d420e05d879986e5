import MusterBench
import MusterJSON
import Testing

@Suite struct DialectRequestTests {
  private func composed(_ dialect: Dialect, _ request: LoadRequest, number: Int = 7) -> String {
    var writer = JSONWriter()
    dialect.compose(request, number: number, into: &writer)
    return String(decoding: writer.buffer.copyBytes(), as: UTF8.self)
  }

  private let stamp = Stamp(actor: 2, nanoseconds: 1_234)
  private let channel = Array("bench:x".utf8)

  @Test("a session goes on with its secret, whoever its user is")
  func resume() {
    let token = Array("secret".utf8)
    #expect(
      composed(.muster, .hello(.user(prefix: "bench-"), sessionToken: token))
        == #"{"op":"hello","id":0,"device":"bot","token":"secret"}"#)
    #expect(
      composed(.muster, .hello(.user(prefix: "bench-"), sessionToken: nil))
        == #"{"op":"hello","id":0,"device":"bot","user":"bench-7"}"#)
  }

  @Test("what Redis is sent is RESP, byte for byte")
  func redis() {
    #expect(composed(.redis, .beat(id: 1)) == "*3\r\n$6\r\nEXPIRE\r\n$7\r\nbench-7\r\n$2\r\n60\r\n")
    #expect(composed(.redis, .channel(.observe, id: 1, channel)) == "*2\r\n$9\r\nSUBSCRIBE\r\n$7\r\nbench:x\r\n")
    let hello = composed(.redis, .hello(.user(prefix: "u"), sessionToken: nil))
    #expect(hello.hasPrefix("*5\r\n$3\r\nSET\r\n$7\r\nbench-7\r\n$100\r\n"))
    #expect(hello.hasSuffix("$2\r\nEX\r\n$2\r\n60\r\n"))
  }

  @Test("what a broker is sent is MQTT 3.1.1, byte for byte")
  func mqtt() {
    #expect(
      MQTT.connect(client: "bench-7")
        == [0x10, 19, 0, 4, 77, 81, 84, 84, 4, 2, 0, 0, 0, 7, 98, 101, 110, 99, 104, 45, 55])
    #expect(MQTT.subscribe(topic: [97]) == [0x82, 6, 0, 1, 0, 1, 97, 0])
    #expect(MQTT.publish(topic: [97], [1, 2]) == [0x30, 5, 0, 1, 97, 1, 2])
    #expect(Dialect.mqtt.constantBeat(number: 1) == [0xc0, 0])
    // 200 bytes of payload and 3 of topic: the length takes two bytes, the lower seven bits first.
    #expect(MQTT.publish(topic: [97], Array(repeating: 0, count: 200)).prefix(3) == [0x30, 0x80 | 75, 1])
  }

  @Test(
    "a change is as long as promised, begins as it is recognised, and carries its stamp", arguments: [0, 9_007_199_254_740_991])
  func change(nanoseconds: Int) {
    let stamp = Stamp(actor: 63, nanoseconds: nanoseconds)
    let text = Dialect.change(stamp)
    #expect(text.count == Dialect.changeBytes)
    text.withUnsafeBytes { bytes in
      let view = MessageView(bytes)
      #expect(view.head == .push(.diff))
      var found: [Stamp] = []
      view.forEachStamp { found.append($0) }
      #expect(found == [stamp])
    }
    #expect(composed(.echo, .change(id: 1, channel: channel, stamp)) == "!pub " + String(decoding: text, as: UTF8.self))
  }

  @Test("heartbeats that are the same bytes each time are those that are composed")
  func constant() {
    for dialect in Dialect.allCases {
      guard let beat = dialect.constantBeat(number: 7) else { continue }
      #expect(composed(dialect, .beat(id: 3)) == String(decoding: beat, as: UTF8.self), "\(dialect)")
    }
  }
}

@Suite struct DialectAnswerTests {
  private func resp(_ text: String) -> RESP.Step { Array(text.utf8).withUnsafeBytes { RESP.next($0, at: 0) } }

  @Test("recorded answers of Redis 7 are what they are")
  func redis() {
    #expect(resp("+OK\r\n:1\r\n") == .value(.answer, end: 5))
    #expect(resp(":1\r\n") == .value(.answer, end: 4))
    #expect(resp("$-1\r\n") == .value(.answer, end: 5))
    #expect(resp("-ERR unknown command\r\n") == .value(.error("ERR unknown command"), end: 22))
    let subscribed = "*3\r\n$9\r\nsubscribe\r\n$7\r\nbench:x\r\n:1\r\n"
    #expect(resp(subscribed) == .value(.answer, end: subscribed.utf8.count))
    let message = "*3\r\n$7\r\nmessage\r\n$7\r\nbench:x\r\n$2\r\nhi\r\n"
    #expect(resp(message + "+") == .value(.message, end: message.utf8.count))
    #expect(resp("HTTP/1.1 400\r\n") == .violation)
    #expect(resp("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n") == .violation)
    let bytes = Array(message.utf8)
    for length in bytes.indices {
      #expect(bytes[..<length].withUnsafeBytes { RESP.next($0, at: 0) } == .incomplete)
    }
  }

  private func mqtt(_ bytes: [UInt8]) -> MQTT.Packet? { bytes.withUnsafeBytes { MQTT.next($0, at: 0)?.packet } }

  @Test("recorded packets of mosquitto 2 are what they are")
  func mqtt() {
    #expect(mqtt([0x20, 2, 0, 0]) == .answer)
    #expect(mqtt([0x20, 2, 0, 5]) == .refusal(code: 5))
    #expect(mqtt([0x90, 3, 0, 1, 0]) == .answer)
    #expect(mqtt([0x90, 3, 0, 1, 0x80]) == .refusal(code: 0x80))
    #expect(mqtt([0xd0, 0]) == .answer)
    #expect(mqtt([0x30, 4, 0, 1, 97, 98]) == .publish)
    #expect(mqtt([0xe0, 0]) == .unexpected(14))
    for packet in [[0x20], [0x20, 2, 0], [0x30, 0x80], [0x30, 0xff, 0xff, 0xff, 0xff, 1]] as [[UInt8]] {
      #expect(mqtt(packet) == nil)
    }
  }

  private func frame(_ bytes: [UInt8]) -> ServerFrame { bytes.withUnsafeBytes { ServerFrame.next($0, at: 0) } }

  @Test("frames of a server are taken apart; what none should send is named")
  func frames() {
    #expect(frame([0x81, 2, 104, 105, 9]) == .message(2..<4, end: 4))
    #expect(frame([0x82, 0]) == .message(2..<2, end: 2))
    #expect(frame([0x81, 126, 0, 2, 1, 1]) == .message(4..<6, end: 6))
    #expect(frame([0x89, 1, 7]) == .ping(2..<3, end: 3))
    #expect(frame([0x8a, 0]) == .pong(end: 2))
    #expect(frame([0x88, 2, 3, 232]) == .close(code: 1000, end: 4))
    #expect(frame([0x88, 0]) == .close(code: nil, end: 2))
    for (bytes, needed) in [([], 2), ([0x81], 2), ([0x81, 3, 1], 5), ([0x81, 126, 0], 4), ([0x81, 127, 0], 10)]
      as [([UInt8], Int)]
    {
      #expect(frame(bytes) == .needs(needed))
    }
    let endless: [UInt8] = [0x81, 127] + Array(repeating: 0xff, count: 8)
    for bytes in [[0x81, 0x80, 0, 0, 0, 0], [0x01, 1, 1], [0x80, 1, 1], [0x83, 0], endless] as [[UInt8]] {
      guard case .violation = frame(bytes) else {
        Issue.record("taken: \(bytes)")
        continue
      }
    }
  }

  @Test("a batch of a relay has the bytes of muster.relay.v1; its reply is told by its bit")
  func relay() {
    var writer = JSONWriter()
    RelayBatch.heartbeats(Array(0..<32)[...], id: 0x0102, into: &writer.buffer)
    #expect(writer.buffer.copyBytes() == [1, 0, 0, 0, 2, 1, 0, 0, 2, 0, 0, 0] + Array(0..<32))
    writer = JSONWriter()
    RelayBatch.opens(prefix: "u", numbers: 9..<11, id: 1, into: &writer.buffer)
    #expect(
      writer.buffer.copyBytes() == [2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 117, 57]
        + [0, 4, 3, 0, 0, 0, 0, 0, 117, 49, 48])
    let reply: [UInt8] = [0x81, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0]
    reply.withUnsafeBytes {
      #expect(RelayBatch.head(of: $0) == .ok(id: 5, body: 12))
      #expect(RelayBatch.entries(of: $0) == 1)
    }
    let refusal: [UInt8] = [0x81, 0, 0xa3, 0x0f, 5, 0, 0, 0, 0, 0, 0, 0]
    guard case .failed(5, _) = refusal.withUnsafeBytes({ RelayBatch.head(of: $0) }) else {
      Issue.record("a refusal was taken for an answer")
      return
    }
  }
}
