import MusterJSON
import Testing

/// Reads a text with a reader that ends with the closure.
private func reading<Result>(_ json: String, _ body: (inout JSONReader) throws -> Result) rethrows -> Result {
  try utf8(json).withUnsafeBytes { bytes in
    var reader = JSONReader(bytes)
    return try body(&reader)
  }
}

/// A name as one number, its first byte lowest.
private func packed(_ name: String) -> UInt128 {
  name.utf8.reversed().reduce(0) { $0 << 8 | UInt128($1) }
}

@Suite struct JSONReaderTests {
  @Test("an object is read along the structure that the caller expects; the rest is skipped")
  func object() throws {
    let json = #" { "skip" : {"deep":[1,"]}"]} , "channel" : "room:1" , "seq":12, "on" : true, "none":null, "list":[1, 2,3] } "#
    try reading(json) { reader in
      var seen: [String] = []
      try reader.beginObject()
      while let key = try reader.nextKey() {
        seen.append(text(reader.bytes(of: key)))
        switch try reader.kind() {
        case .string: seen.append(text(reader.bytes(of: try reader.string())))
        case .number: seen.append(String(try reader.integer()))
        case .bool: seen.append(String(try reader.bool()))
        case .null: try reader.null()
        case .array:
          try reader.beginArray()
          while try reader.nextElement() { seen.append(String(try reader.integer())) }
        case .object: #expect(try reader.skipValue() == 12..<29)
        }
      }
      try reader.finish()
      #expect(seen == ["skip", "channel", "room:1", "seq", "12", "on", "true", "none", "list", "1", "2", "3"])
    }
  }

  @Test("the range of a skipped value is the value without the space around it")
  func rawRange() throws {
    for value in ["{}", "[ 1 , 2 ]", "\"a b\"", "-1.5e3", "true", "null", "{\"a\": {\"b\" :[]}}"] {
      let json = " \n" + value + "\t "
      try reading(json) { reader in
        #expect(try reader.skipValue() == 2..<(2 + value.utf8.count))
        try reader.finish()
      }
    }
  }

  @Test("integers are exact to both ends of 64 bits")
  func integers() throws {
    let examples: [(String, Int64)] = [
      ("0", 0), ("-0", 0), ("7", 7), ("-12", -12), ("9223372036854775807", .max), ("-9223372036854775808", .min),
    ]
    for (json, value) in examples { #expect(try reading(json) { try $0.integer() } == value) }
  }

  @Test(
    "what is a number but not an integer of 64 bits is refused as such",
    arguments: ["1.0", "1e3", "-0.5", "1E0", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1e400"])
  func notIntegers(json: String) {
    #expect(throws: JSONError(.notAnInteger, at: 0)) { try reading(json) { try $0.integer() } }
  }

  @Test("a value of another kind is refused as such, whichever was asked for")
  func wrongKinds() {
    for json in ["{}", "[]", "\"\"", "1", "true", "null"] {
      let wrong = JSONError(.wrongKind, at: 1)
      if json != "{}" { #expect(throws: wrong) { try reading(" " + json) { try $0.beginObject() } } }
      if json != "[]" { #expect(throws: wrong) { try reading(" " + json) { try $0.beginArray() } } }
      if json != "\"\"" { #expect(throws: wrong) { try reading(" " + json) { try $0.string() } } }
      if json != "1" { #expect(throws: wrong) { try reading(" " + json) { try $0.integer() } } }
      if json != "true" { #expect(throws: wrong) { try reading(" " + json) { try $0.bool() } } }
      if json != "null" { #expect(throws: wrong) { try reading(" " + json) { try $0.null() } } }
    }
  }

  @Test("escape sequences are resolved, surrogate pairs among them")
  func escapes() throws {
    let json = #""a\"\\\/\b\f\n\r\t\u0000\u00E9\u20ac\ud83d\uDE00z""#
    try reading(json) { reader in
      let string = try reader.string()
      let bytes = reader.bytes(of: string)
      #expect(!string.isPlain)
      #expect(text(bytes) == "a\"\\/\u{8}\u{c}\n\r\t\u{0}é€😀z")
      #expect(reader.length(of: string) == bytes.count)
    }
    try reading("\"plain é€😀\"") { reader in
      let string = try reader.string()
      #expect(string.isPlain)
      #expect(text(reader.bytes(of: string)) == "plain é€😀")
      #expect(reader.length(of: string) == 15)
    }
  }

  @Test("names are told apart however they are escaped")
  func names() throws {
    let examples: [(json: String, matches: Bool)] = [
      (#""channel""#, true), (#""ch\u0061nnel""#, true), (#""\u0063\u0068\u0061\u006e\u006e\u0065\u006c""#, true),
      (#""channe""#, false), (#""channels""#, false), (#""Channel""#, false), (#""channel\u0000""#, false), (#""""#, false),
      (#""ch\u0061nnels""#, false), (#""ch\u0061nne""#, false), (#""a much longer name than fits""#, false),
    ]
    for (json, matches) in examples {
      try reading(json) { reader in
        let name = try reader.string()
        #expect(reader.matches(name, "channel") == matches, "\(json)")
        #expect((reader.packed(name) == packed("channel")) == matches, "\(json)")
      }
      // With more text behind it, a name is packed by another way.
      try reading("[\(json), \"                \"]") { reader in
        try reader.beginArray()
        _ = try reader.nextElement()
        #expect((reader.packed(try reader.string()) == packed("channel")) == matches, "\(json)")
      }
    }
    try reading(#"["resume_window_ms","resume_window_mss","\u0072esume_window_ms"]"#) { reader in
      try reader.beginArray()
      var names: [UInt128?] = []
      while try reader.nextElement() { names.append(reader.packed(try reader.string())) }
      #expect(names == [packed("resume_window_ms"), nil, packed("resume_window_ms")])
    }
  }

  @Test("duplicate keys are handed out as they come")
  func duplicates() throws {
    try reading(#"{"a":1,"a":2}"#) { reader in
      var values: [Int64] = []
      try reader.beginObject()
      while try reader.nextKey() != nil { values.append(try reader.integer()) }
      #expect(values == [1, 2])
    }
  }

  @Test("stepping by hand refuses the same malformed structure as skipping")
  func structure() {
    func walk(_ reader: inout JSONReader) throws {
      switch try reader.kind() {
      case .object:
        try reader.beginObject()
        while try reader.nextKey() != nil { try walk(&reader) }
      case .array:
        try reader.beginArray()
        while try reader.nextElement() { try walk(&reader) }
      default: try reader.skipValue()
      }
    }
    let malformed = [
      "[1,]", "[,1]", "[1 2]", "[1}", "{\"a\":1]", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{a:1}", "{\"a\":1 \"b\":2}", "[[]",
      "{\"a\":{}",
      "[", "{", "[1,", "{\"a\"", "[[1]2]",
    ]
    for json in malformed {
      let stepped = #expect(throws: JSONError.self) { try reading(json) { try walk(&$0) } }
      let skipped = #expect(throws: JSONError.self) { try reading(json) { _ = try $0.skipValue() } }
      #expect(stepped == skipped, "\(json)")
    }
  }

  @Test("the depth limit holds across entering and skipping")
  func depth() throws {
    try utf8("[[[1]]]").withUnsafeBytes { bytes in
      var reader = JSONReader(bytes, depthMax: 3)
      try reader.beginArray()
      #expect(try reader.nextElement())
      try reader.skipValue()
      var shallow = JSONReader(bytes, depthMax: 2)
      try shallow.beginArray()
      #expect(try shallow.nextElement())
      #expect(throws: JSONError(.tooDeep, at: 2)) { try shallow.skipValue() }
      var shallower = JSONReader(bytes, depthMax: 1)
      try shallower.beginArray()
      #expect(try shallower.nextElement())
      #expect(throws: JSONError(.tooDeep, at: 1)) { try shallower.beginArray() }
    }
  }

  @Test("whatever is written is read back, however untidily it was written", arguments: [1, 2, 3] as [UInt64])
  func roundTrip(seed: UInt64) throws {
    var random = Seeded(seed)
    for _ in 0..<3_000 {
      let value = SampleJSON.random(depth: 5, using: &random)
      #expect(try SampleJSON(reading: value.bytes) == value, "seed \(seed)")
      #expect(try SampleJSON(reading: value.untidyBytes(using: &random)) == value, "seed \(seed)")
    }
  }

  @Test("a truncated text is never taken for a whole one", arguments: [4] as [UInt64])
  func truncation(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<300 {
      let json = SampleJSON.randomObject(depth: 4, using: &random).untidyBytes(using: &random)
      let end = json.lastIndex(of: UInt8(ascii: "}"))!
      for length in 0...end {
        #expect(throws: JSONError.self) { try JSONValidator.validate(Array(json[..<length])) }
      }
    }
  }
}
