import MusterJSON
import MusterModel
import MusterWire
import Testing

@Suite struct BeatFrameTests {
  @Test(
    "the usual heartbeats are recognised",
    arguments: [
      ("", ScannedBeat.bare), (#"{"op":"beat"}"#, .bare), (#" { "op" : "beat" } "#, .bare),
      (#"{"op":"beat","id":0}"#, .numbered(0)), (#"{"op":"beat","id":17}"#, .numbered(17)),
      (#"{"id":999999999999999999,"op":"beat"}"#, .numbered(999_999_999_999_999_999)),
      (#"{ "id" : 3 , "op" : "beat" }"#, .numbered(3)),
    ])
  func usual(text: String, beat: ScannedBeat) {
    #expect(BeatFrame.scan(utf8(text).span.bytes) == beat)
  }

  @Test(
    "everything else is left to the decoder",
    arguments: [
      " ", "{}", #"{"op":"bye"}"#, #"{"op":"beat""#, #"{"op":"beat"}}"#, #"{"op":"beat","id":01}"#, #"{"op":"beat","id":-1}"#,
      #"{"op":"beat","id":1.0}"#, #"{"op":"beat","id":"1"}"#, #"{"op":"beat","id":null}"#, #"{"op":"beat","id":1,"id":2}"#,
      #"{"op":"beat","op":"beat"}"#, #"{"op":"beat","x":1}"#, #"{"op":"beat",}"#, #"{"op":"beat" "id":1}"#,
      #"{"op":"beat","id":1000000000000000000}"#, #"{"id":1}"#, #"{"op":"b\u0065at"}"#, "{\"op\":\"beat\",\n\"id\":1}",
    ])
  func unusual(text: String) {
    #expect(BeatFrame.scan(utf8(text).span.bytes) == .other)
  }

  /// What the decoder makes of a text, as far as it is a heartbeat.
  private func decoded(_ text: [UInt8]) -> ScannedBeat {
    guard let (id, request) = try? MessageDecoder().decode(text.span.bytes), case .beat = request else { return .other }
    switch id {
    case .none: return .bare
    case .integer(let value): return .numbered(value)
    case .string: return .other
    }
  }

  @Test("what is recognised means the same to the decoder, however texts are mutated", arguments: [51, 52, 53] as [UInt64])
  func agrees(seed: UInt64) {
    var random = Seeded(seed)
    let pieces = [
      "{", "}", "\"op\"", "\"id\"", ":", ",", "\"beat\"", " ", "1", "0", "42", "-7", "null", "\"x\"", "999999999999999999", "\t",
      "{\"op\":\"beat\"", ",\"id\":", "}",
    ]
    var recognised = 0
    for round in 0..<20_000 {
      var text: [UInt8]
      if Bool.random(using: &random) {
        text = utf8((0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined())
      } else {
        let id = Int64.random(in: 0...[9, 1_000, .max].randomElement(using: &random)!, using: &random)
        text = utf8([#"{"op":"beat","id":\#(id)}"#, #"{ "id" : \#(id), "op":"beat"}"#].randomElement(using: &random)!)
        for _ in 0..<Int.random(in: 0...2, using: &random) where !text.isEmpty {
          let place = Int.random(in: 0..<text.count, using: &random)
          switch Int.random(in: 0...2, using: &random) {
          case 0: text[place] = UInt8.random(in: 0x20...0x7e, using: &random)
          case 1: text.remove(at: place)
          default: text.insert(UInt8.random(in: 0x20...0x7e, using: &random), at: place)
          }
        }
      }
      let beat = BeatFrame.scan(text.span.bytes)
      if beat != .other {
        recognised += 1
        #expect(beat == decoded(text), "seed \(seed), round \(round): \(String(decoding: text, as: UTF8.self))")
      }
      // The same in a frame, in front of something else, at any offset.
      let before = Int.random(in: 0...9, using: &random)
      let framed = frame(.text, text, isFinal: true, mask: UInt32.random(in: 0 ... .max, using: &random))
      let bytes = [UInt8](repeating: 0x55, count: before) + framed + [0x81, 0x80, 1, 2]
      var offset = before
      let taken = BeatFrame.take(bytes.span.bytes, at: &offset)
      #expect(taken == beat && offset == (beat == .other ? before : before + framed.count), "seed \(seed), round \(round)")
    }
    #expect(recognised > 1_000)
  }

  @Test("no frame is taken before it is whole, and none that is not a whole masked text")
  func incomplete() {
    let whole = frame(.text, utf8(#"{"op":"beat","id":1}"#), isFinal: true, mask: 0x0102_0304)
    for count in 0..<whole.count {
      var offset = 0
      #expect(BeatFrame.take(Array(whole[..<count]).span.bytes, at: &offset) == .other && offset == 0)
    }
    for (opcode, isFinal) in [(WebSocketOpcode.text, false), (.continuation, true), (.ping, true), (.close, true)] {
      let bytes = frame(opcode, [], isFinal: isFinal, mask: 0)
      var offset = 0
      #expect(BeatFrame.take(bytes.span.bytes, at: &offset) == .other)
    }
    var offset = 0
    #expect(BeatFrame.take(frame(.text, [], isFinal: true, mask: nil).span.bytes, at: &offset) == .other)
  }

  /// The reply to a heartbeat, as the encoders write it.
  private func encodedReply(_ id: Int64, _ time: Int64) -> [UInt8] {
    var writer = JSONWriter()
    let start = WebSocketEncoder.begin(into: &writer.buffer)
    MessageEncoder.write(.beat(serverTime: WallTime(milliseconds: time)), to: .integer(id), into: &writer)
    WebSocketEncoder.end(start, .text, in: &writer.buffer)
    return writer.copyBytes()
  }

  /// What is answered to some bytes with so much room, and where the next frame begins.
  private func answered(
    _ bytes: [UInt8], from start: Int, at time: Int64, room roomBytes: Int = 64 << 10, with reply: inout BeatReply
  ) -> (run: BeatReply.Run, bytes: [UInt8], offset: Int) {
    // What is in the slack must not matter: it continues what a heartbeat could be.
    let input = bytes + [UInt8](repeating: 0x55, count: BeatReply.slackBytes)
    var room = [UInt8](repeating: 0, count: roomBytes)
    var offset = start
    let run = input.withUnsafeBytes { input in
      room.withUnsafeMutableBytes { reply.answer(input, from: &offset, to: bytes.count, at: time, into: $0) }
    }
    return (run, Array(room[..<run.bytes]), offset)
  }

  @Test("replies are those that the encoders write", arguments: [0, 7, 12_345, 12_345_678, 123_456_789, 999_999_999_999_999_999])
  func replies(id: Int64) {
    var reply = BeatReply()
    for time in [0, 9, 10, 1_800_000_000_000, .max, -1, .min] as [Int64] {
      let text = utf8(#"{"op":"beat","id":\#(id)}"#)
      let answer = answered(frame(.text, text, isFinal: true, mask: 0xa1b2_c3d4), from: 0, at: time, with: &reply)
      #expect(answer.bytes == encodedReply(id, time) && answer.run.beats == 1)
    }
  }

  @Test(
    "a run of heartbeats ends at what is none of them, and is answered as they are one by one", arguments: [61, 62] as [UInt64])
  func runs(seed: UInt64) {
    var random = Seeded(seed)
    var reply = BeatReply()
    for round in 0..<3_000 {
      var bytes = [UInt8](repeating: 0x81, count: Int.random(in: 0...9, using: &random))
      let start = bytes.count
      for _ in 0..<Int.random(in: 0...20, using: &random) {
        let id = Int64.random(in: 0...[9, 99_999_999, 1_000_000_000_000_000_000].randomElement(using: &random)!, using: &random)
        var text = utf8(
          [#"{"op":"beat","id":\#(id)}"#, #"{"op":"beat","id":\#(id)}"#, #"{"id":\#(id),"op":"beat"}"#, "", #"{"op":"beat"}"#]
            .randomElement(using: &random)!)
        if Int.random(in: 0..<20, using: &random) == 0, let place = text.indices.randomElement(using: &random) {
          text[place] = UInt8.random(in: 0x20...0x7e, using: &random)
        }
        bytes += frame(.text, text, isFinal: true, mask: UInt32.random(in: 0 ... .max, using: &random))
      }
      bytes.removeLast(min(bytes.count - start, Int.random(in: 0...40, using: &random) / 3))
      let time = Int64.random(in: 0...9_999_999_999_999, using: &random)
      var expected: [UInt8] = []
      var beats = 0
      var offset = start
      while true {
        let beat = BeatFrame.take(bytes.span.bytes, at: &offset)
        if beat == .other { break }
        beats += 1
        if case .numbered(let id) = beat { expected += encodedReply(id, time) }
      }
      let answer = answered(bytes, from: start, at: time, with: &reply)
      #expect(answer.bytes == expected && answer.run.beats == beats && answer.offset == offset, "seed \(seed), round \(round)")
    }
  }

  @Test("no more heartbeats are taken than there is room to answer")
  func room() {
    var reply = BeatReply()
    let one = frame(.text, utf8(#"{"op":"beat","id":1}"#), isFinal: true, mask: 7)
    let bytes = Array(repeating: one, count: 10).flatMap { $0 }
    #expect(answered(bytes, from: 0, at: 1, room: BeatReply.roomBytesMin - 1, with: &reply).run.beats == 0)
    let room = BeatReply.roomBytesMin + 2 * encodedReply(1, 1).count
    let answer = answered(bytes, from: 0, at: 1, room: room, with: &reply)
    #expect(answer.run.beats == 3 && answer.offset == 3 * one.count)
  }
}
