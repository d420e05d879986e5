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

  @Test("the reply is the one that the encoders write", arguments: [0, 7, 12_345, .max, -1, .min] as [Int64])
  func reply(id: Int64) {
    var reply = BeatReply()
    for time in [0, 9, 10, 1_800_000_000_000, .max] as [Int64] {
      var writer = JSONWriter()
      let start = WebSocketEncoder.begin(into: &writer.buffer)
      MessageEncoder.write(.beat(serverTime: WallTime(milliseconds: time)), to: .integer(id), into: &writer)
      WebSocketEncoder.end(start, .text, in: &writer.buffer)
      var room = [UInt8](repeating: 0, count: BeatReply.bytesMax)
      let count = room.withUnsafeMutableBytes { reply.write(id, time, into: $0) }
      #expect(Array(room[..<count]) == writer.copyBytes())
    }
  }
}
