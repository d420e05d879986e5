import MusterJSON
import Testing

/// What a writer has written in a closure.
private func writing(_ body: (inout JSONWriter) -> Void) -> String {
  var writer = JSONWriter(capacity: 16)
  body(&writer)
  return text(writer.copyBytes())
}

@Suite struct JSONWriterTests {
  @Test("commas and colons stand where they must")
  func structure() {
    let json = writing { writer in
      writer.beginObject()
      writer.pair("a", integer: 1)
      writer.key("b")
      writer.beginArray()
      writer.endArray()
      writer.key("c")
      writer.beginArray()
      writer.integer(1)
      writer.beginObject()
      writer.endObject()
      writer.beginObject()
      writer.pair("x", bool: true)
      writer.pair("y", bool: false)
      writer.endObject()
      writer.null()
      writer.endArray()
      writer.pair("d", string: "e")
      writer.pair("f", string: utf8("g"))
      writer.pair("h", raw: utf8(#"{"as": "it is"}"#))
      writer.key(utf8("i\"j"))
      writer.string(room: 8) { room in
        room.copyBytes(from: "0f".utf8)
        return 2
      }
      writer.endObject()
    }
    #expect(
      json == #"{"a":1,"b":[],"c":[1,{},{"x":true,"y":false},null],"d":"e","f":"g","h":{"as": "it is"},"i\"j":"0f"}"#)
  }

  @Test("quotes, backslashes and control characters are escaped, nothing else")
  func escapes() {
    let all = String(String.UnicodeScalarView((0..<0x80).compactMap(Unicode.Scalar.init)))
    let json = writing { $0.string(all + "é€😀\u{2028}") }
    let control = [
      "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007", "\\b", "\\t", "\\n", "\\u000b",
      "\\f",
      "\\r", "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017",
      "\\u0018",
      "\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e", "\\u001f",
    ]
    let plain = all.dropFirst(32).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    #expect(json == "\"" + control.joined() + plain + "é€😀\u{2028}\"")
  }

  @Test("an escape is found at each place of a word")
  func escapePlaces() {
    for length in 0..<20 {
      for place in 0...length {
        let before = String(repeating: "x", count: place)
        let after = String(repeating: "é", count: length - place)
        #expect(writing { $0.string(before + "\"" + after) } == "\"\(before)\\\"\(after)\"")
      }
    }
  }

  @Test("integers to both ends of 64 bits")
  func integers() {
    let json = writing { writer in
      writer.beginArray()
      writer.integer(0)
      writer.integer(9)
      writer.integer(-1)
      writer.integer(10)
      writer.integer(Int64.min)
      writer.integer(Int64.max)
      writer.integer(UInt64.max)
      writer.endArray()
    }
    #expect(
      json == "[0,9,-1,10,-9223372036854775808,9223372036854775807,18446744073709551615]")
  }

  @Test("doubles that JSON does not have become null")
  func doubles() {
    let values: [Double] = [0, -1.5, 1e300, 2.5e-7, .infinity, -.infinity, .nan]
    let json = writing { writer in
      writer.beginArray()
      for value in values { writer.double(value) }
      writer.endArray()
    }
    #expect(json == "[0.0,-1.5,1e+300,2.5e-07,null,null,null]")
  }

  @Test("values one after another are separate, also after a reset in the middle of one")
  func reuse() {
    var writer = JSONWriter()
    writer.beginObject()
    writer.endObject()
    writer.string("a")
    writer.integer(1)
    #expect(text(writer.copyBytes()) == #"{}"a"1"#)
    writer.beginArray()
    writer.integer(1)
    writer.removeAll(keepingCapacity: true)
    writer.beginArray()
    writer.integer(2)
    writer.endArray()
    #expect(text(writer.copyBytes()) == "[2]")
    #expect(writer.count == 3)
  }
}
