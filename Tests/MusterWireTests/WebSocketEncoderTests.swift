import MusterJSON
import MusterWire
import Testing

@Suite struct WebSocketEncoderTests {
  @Test(
    "a frame is begun, written and ended in place, one behind the other",
    arguments: [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
  func inPlace(count: Int) {
    var limits = WebSocketDecoder.Limits()
    limits.messageBytesMax = 1 << 20
    var writer = JSONWriter()
    for payload in [utf8("before"), .letters(count), utf8("behind")] {
      let start = WebSocketEncoder.begin(into: &writer.buffer)
      writer.buffer.append(payload)
      WebSocketEncoder.end(start, .text, in: &writer.buffer)
    }
    var client = Peer(role: .client, limits: limits)
    #expect(client.receive(writer.copyBytes()) == [.text(utf8("before")), .text(.letters(count)), .text(utf8("behind"))])
    #expect(client.remainder.isEmpty)
  }

  @Test("heads are as short as they can be")
  func heads() {
    #expect(frame(.text, utf8("hi"), mask: nil) == [0x81, 2] + utf8("hi"))
    #expect(Array(frame(.text, .letters(126), mask: nil)[..<4]) == [0x81, 126, 0, 126])
    #expect(Array(frame(.text, .letters(65_535), mask: nil)[..<4]) == [0x81, 126, 0xff, 0xff])
    #expect(Array(frame(.text, .letters(65_536), mask: nil)[..<10]) == [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0])
    #expect(frame(.ping, [], mask: nil) == [0x89, 0])
    #expect(frame(.continuation, [1], isFinal: false, mask: nil) == [0x00, 1, 1])
    #expect(frame(.text, utf8("Hello"), mask: 0x3d21_fa37) == [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
  }

  @Test("a frame that is given up leaves nothing behind")
  func abandon() {
    var buffer = OutputBuffer()
    buffer.append("kept")
    let start = WebSocketEncoder.begin(into: &buffer)
    buffer.append("given up")
    WebSocketEncoder.abandon(start, in: &buffer)
    #expect(buffer.copyBytes() == utf8("kept"))
  }

  @Test("the reason of a close frame is cut between two characters, at 123 bytes")
  func closeReason() {
    func sent(_ reason: String) -> [Told] {
      var buffer = OutputBuffer()
      WebSocketEncoder.appendClose(4000, reason: reason, to: &buffer)
      var client = Peer(role: .client)
      return client.receive(buffer.copyBytes())
    }
    let ascii = String(repeating: "x", count: 123)
    #expect(sent("") == [.close(4000, [])])
    #expect(sent(ascii) == [.close(4000, utf8(ascii))])
    #expect(sent(ascii + "y") == [.close(4000, utf8(ascii))])
    let short = String(repeating: "x", count: 121)
    #expect(sent(short + "é") == [.close(4000, utf8(short + "é"))])
    #expect(sent(short + "€") == [.close(4000, utf8(short))])
    #expect(sent(String(repeating: "😀", count: 40)) == [.close(4000, utf8(String(repeating: "😀", count: 30)))])
    #expect(WebSocketEncoder.wholeCharacters(utf8("é"), bytesMax: 1) == 0)
  }
}
