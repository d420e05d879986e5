import Foundation
import MusterJSON
import Testing

@Suite struct JSONValidatorTests {
  @Test(
    "accepts what RFC 8259 accepts",
    arguments: [
      "{}", "[]", "\"\"", "0", "-0", "-0.0e-0", "1E+2", "1e2", "1.25", "123456789012345678901234567890", "true", "false", "null",
      " \t\r\n{ \"a\" : [ 1 , { } , [ ] ] } ", "[[],[[]],{}]", "{\"a\":1,\"a\":2}", "{\"\":null}",
      #""\"\\\/\b\f\n\r\t\u0041\u00e9\uD83D\uDE00\u0000""#, "\"\u{7f}é€😀\u{10ffff}\u{2028}\"", "[1,2,3,4,5,6,7,8,9]",
      "\"0123456789abcdef\"", "\"012345é789abcdef\"", "{\"a\":{\"b\":{\"c\":[[[{}]]]}}}",
    ])
  func accepts(json: String) throws {
    try JSONValidator.validate(utf8(json))
  }

  @Test(
    "refuses everything else, with the reason and the place",
    arguments: [
      ("", .unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("{", .unexpectedEnd, 1), ("[", .unexpectedEnd, 1),
      ("[1", .unexpectedEnd, 2), ("[1,", .unexpectedEnd, 3), ("{\"a\"", .unexpectedEnd, 4), ("{\"a\":", .unexpectedEnd, 5),
      ("\"", .unexpectedEnd, 1), ("\"abc", .unexpectedEnd, 4), ("\"abcdefgh", .unexpectedEnd, 9), ("\"\\", .unexpectedEnd, 2),
      ("\"\\u12", .unexpectedEnd, 5), ("tru", .unexpectedEnd, 3), ("-", .unexpectedEnd, 1), ("1.", .unexpectedEnd, 2),
      ("1e", .unexpectedEnd, 2), ("1e+", .unexpectedEnd, 3),
      ("[1,]", .unexpectedByte, 3), ("[,1]", .unexpectedByte, 1), ("[1 2]", .unexpectedByte, 3), ("[1}", .unexpectedByte, 2),
      ("{\"a\":1]", .unexpectedByte, 6), ("{\"a\":1,}", .unexpectedByte, 7), ("{,}", .unexpectedByte, 1),
      ("{\"a\" 1}", .unexpectedByte, 5), ("{a:1}", .unexpectedByte, 1), ("{1:1}", .unexpectedByte, 1),
      ("{'a':1}", .unexpectedByte, 1), ("{\"a\":1 \"b\":2}", .unexpectedByte, 7), ("{\"a\"}", .unexpectedByte, 4),
      ("[\"a\":1]", .unexpectedByte, 4), ("]", .unexpectedByte, 0), ("True", .unexpectedByte, 0), ("nul!", .unexpectedByte, 3),
      ("NaN", .unexpectedByte, 0), ("+1", .unexpectedByte, 0), (".5", .unexpectedByte, 0), ("//x\n1", .unexpectedByte, 0),
      ("\u{feff}1", .unexpectedByte, 0), ("\u{a0}1", .unexpectedByte, 0), ("\u{c}1", .unexpectedByte, 0),
      ("01", .malformedNumber, 1), ("-01", .malformedNumber, 2), ("-a", .malformedNumber, 1), ("1.e1", .malformedNumber, 2),
      ("1.5.5", .malformedNumber, 3), ("1ee5", .malformedNumber, 2), ("0x10", .malformedNumber, 1), ("1-2", .malformedNumber, 1),
      ("[1a]", .malformedNumber, 2), ("--1", .malformedNumber, 1),
      ("\"\\x41\"", .malformedEscape, 1), ("\"\\U0041\"", .malformedEscape, 1), ("\"\\u004g\"", .malformedEscape, 6),
      ("\"\\'\"", .malformedEscape, 1),
      ("\"\\ud800\"", .loneSurrogate, 1), ("\"\\ud800x\"", .loneSurrogate, 1), ("\"\\udc00\"", .loneSurrogate, 1),
      ("\"\\ud800\\ud800\"", .loneSurrogate, 1), ("\"\\ud83d\\u0041\"", .loneSurrogate, 1),
      ("\"\\ud83d\\n\"", .loneSurrogate, 1), ("\"a\\udfff\\ud800\"", .loneSurrogate, 2),
      ("\"a\tb\"", .controlCharacter, 2), ("\"\u{0}\"", .controlCharacter, 1), ("\"abcdefg\u{1f}\"", .controlCharacter, 8),
      ("{\"a\n\":1}", .controlCharacter, 3),
      ("1 2", .trailingBytes, 2), ("{}}", .trailingBytes, 2), ("[]\u{0}", .trailingBytes, 2), ("null,", .trailingBytes, 4),
      ("truefalse", .trailingBytes, 4),
    ] as [(String, JSONError.Reason, Int)])
  func refuses(json: String, reason: JSONError.Reason, offset: Int) {
    #expect(throws: JSONError(reason, at: offset)) { try JSONValidator.validate(utf8(json)) }
  }

  @Test(
    "invalid UTF-8 is refused in values, in keys and in what is skipped",
    arguments: [
      [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc3], [0xc3, 0x28], [0xe0, 0x9f, 0xbf], [0xe2, 0x82], [0xe2, 0x28, 0xa1],
      [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf0, 0x8f, 0xbf, 0xbf], [0xf0, 0x9f, 0x98], [0xf4, 0x90, 0x80, 0x80],
      [0xf5, 0x80, 0x80, 0x80], [0xfe], [0xff],
    ] as [[UInt8]])
  func invalidUTF8(bad: [UInt8]) {
    for prefix in ["", "1234567", "é"] {
      let string = utf8("\"" + prefix) + bad + utf8("\"")
      for json in [string, utf8("{") + string + utf8(":1}"), utf8("[[") + string + utf8("]]")] {
        let error = #expect(throws: JSONError.self) { try JSONValidator.validate(json) }
        #expect(error?.reason == .invalidUTF8, "\(json)")
      }
    }
  }

  @Test("the depth limit counts arrays and objects alike, and is exact")
  func depth() throws {
    for limit in [0, 1, 2, 31, 32, 64] {
      for (open, close) in [("[", "]"), ("{\"k\":", "}"), ("[{\"k\":", "}]")] {
        let levels = open.count == 6 ? limit / 2 : limit
        let fits = String(repeating: open, count: levels) + "1" + String(repeating: close, count: levels)
        try JSONValidator.validate(utf8(fits), depthMax: limit)
        let deeper = "[" + fits + "]"
        let error = #expect(throws: JSONError.self) { try JSONValidator.validate(utf8(deeper), depthMax: levels * (close.count)) }
        #expect(error?.reason == .tooDeep)
      }
    }
    let hostile = utf8(String(repeating: "[", count: 1_000_000))
    #expect(throws: JSONError(.tooDeep, at: 32)) { try JSONValidator.validate(hostile) }
  }

  @Test("the kind of the whole value is told")
  func kinds() throws {
    let examples: [(String, JSONKind)] = [
      (" {}", .object), ("[] ", .array), ("\"\"", .string), ("-1", .number), ("true", .bool), ("false", .bool), ("null", .null),
    ]
    for (json, kind) in examples { #expect(try JSONValidator.validate(utf8(json)) == kind) }
  }

  @Test("agrees with Foundation on 20,000 damaged texts", arguments: [0x6a73_6f6e] as [UInt64])
  func agreesWithFoundation(seed: UInt64) {
    var random = Seeded(seed)
    var accepted = 0
    for round in 0..<20_000 {
      var json = SampleJSON.random(depth: 4, using: &random).untidyBytes(using: &random)
      for _ in 0..<Int.random(in: 0...2, using: &random) where !json.isEmpty {
        let place = Int.random(in: 0..<json.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: json.remove(at: place)
        case 1: json.insert(Array("{}[]\",:\\u0 1-.eE".utf8).randomElement(using: &random)!, at: place)
        default: json.swapAt(place, Int.random(in: 0..<json.count, using: &random))
        }
      }
      // Foundation refuses numbers beyond `Double` and accepts a comma behind the last element; the grammar has it otherwise.
      if text(json).contains(/[eE]\+?\d{3}|,\s*[\]}]/) { continue }
      let ours = (try? JSONValidator.validate(json)) != nil
      let theirs = (try? JSONSerialization.jsonObject(with: Data(json), options: .fragmentsAllowed)) != nil
      #expect(ours == theirs, "seed \(seed), round \(round): \(text(json))")
      accepted += ours ? 1 : 0
    }
    #expect((4_000...16_000).contains(accepted), "the damage must hit some texts and miss others: \(accepted) of 20,000")
  }

  @Test("100,000 random texts neither trap nor run beyond their end", arguments: [7] as [UInt64])
  func neverTraps(seed: UInt64) {
    var random = Seeded(seed)
    let alphabet = Array("{}[]\",:\\u00dD8nulltruefalse-+.0123eE \n\u{0}é😀".utf8) + [0x80, 0xff, 0xed, 0xf4]
    for _ in 0..<100_000 {
      let json = (0..<Int.random(in: 0..<40, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
      do throws(JSONError) {
        try JSONValidator.validate(json)
      } catch {
        #expect((0...json.count).contains(error.offset))
      }
    }
  }
}
