import MusterJSON
import Testing

@Suite struct MergePatchTests {
  /// Applies a patch given as text.
  private func apply(_ patch: String, to target: String, bytesMax: Int = 8_192) throws -> String {
    text(try MergePatch.apply(patch: utf8(patch), to: utf8(target), bytesMax: bytesMax))
  }

  @Test(
    "RFC 7396, appendix A: every example",
    arguments: [
      (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
      (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
      (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#),
      (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
      (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
      (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
      (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
      (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
      (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
      (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
      (#"{"a":"foo"}"#, #"null"#, #"null"#),
      (#"{"a":"foo"}"#, #""bar""#, #""bar""#),
      (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
      (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
      (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
  func appendixA(target: String, patch: String, result: String) throws {
    #expect(try apply(patch, to: target) == result)
  }

  @Test("RFC 7396, section 3: the example document")
  func section3() throws {
    let target = """
      {"title": "Goodbye!", "author": {"givenName": "John", "familyName": "Doe"}, "tags": ["example", "sample"],
       "content": "This will be unchanged"}
      """
    let patch = #"{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}"#
    let result =
      #"{"title":"Hello!","author":{"givenName":"John"},"tags":["example"],"content":"This will be unchanged","#
      + #""phoneNumber":"+01-123-456-7890"}"#
    #expect(try apply(patch, to: target) == result)
  }

  @Test(
    "nulls of a patch remove or are left out, at every level; those inside arrays and of the target stay",
    arguments: [
      (#"{"a":{"b":1}}"#, #"{"a":{"b":null}}"#, #"{"a":{}}"#),
      (#"{}"#, #"{"a":{"b":null,"c":{"d":null}}}"#, #"{"a":{"c":{}}}"#),
      (#"{"a":1}"#, #"{"a":{"b":null}}"#, #"{"a":{}}"#),
      (#"{"a":1}"#, #"{"a":[null,{"b":null}]}"#, #"{"a":[null,{"b":null}]}"#),
      (#"{"a":null,"b":{"c":null}}"#, #"{"d":1}"#, #"{"a":null,"b":{"c":null},"d":1}"#),
      (#"{"a":1}"#, #"{"b":null}"#, #"{"a":1}"#),
    ])
  func nulls(target: String, patch: String, result: String) throws {
    #expect(try apply(patch, to: target) == result)
  }

  @Test(
    "the result is canonical",
    arguments: [
      (" { \"b\" : [ 1 , 2 ] ,\n\"a\" : \"\\u0041\\/\" } ", "{}", #"{"b":[1,2],"a":"A/"}"#),
      (#"{"a":1,"b":2,"a":3}"#, "{}", #"{"a":3,"b":2}"#),
      (#"{"x":{"a":1,"a":2},"y":[{"a":1,"\u0061":2}]}"#, "{}", #"{"x":{"a":2},"y":[{"a":2}]}"#),
      (#"{"a":1}"#, #"{"\u0061":2}"#, #"{"a":2}"#),
      (#"{"a":1}"#, #"{"a":2,"a":null}"#, #"{}"#),
      (#"{"a":1}"#, #"{"a":null,"a":2}"#, #"{"a":2}"#),
      (#"{"n":1.50,"m":1E+2}"#, "{}", #"{"n":1.50,"m":1E+2}"#),
    ])
  func canonical(target: String, patch: String, result: String) throws {
    #expect(try apply(patch, to: target) == result)
  }

  @Test("a result over the limit is refused, one at the limit is not")
  func sizeLimit() throws {
    #expect(try apply(#"{"b":"xy"}"#, to: #"{"a":1}"#, bytesMax: 16) == #"{"a":1,"b":"xy"}"#)
    #expect(throws: MergePatch.Failure.tooLarge) { try apply(#"{"b":"xy"}"#, to: #"{"a":1}"#, bytesMax: 15) }
    #expect(throws: MergePatch.Failure.tooLarge) { try apply("12345", to: "{}", bytesMax: 4) }
    // What is removed does not count.
    #expect(try apply(#"{"a":null,"b":1}"#, to: #"{"a":"much longer"}"#, bytesMax: 7) == #"{"b":1}"#)
  }

  @Test("what is not JSON, or too deep, is refused and named")
  func invalid() {
    let deep = utf8(String(repeating: "[", count: 33) + String(repeating: "]", count: 33))
    #expect(throws: MergePatch.Failure.invalidPatch(JSONError(.unexpectedEnd, at: 1))) { try apply("{", to: "{}") }
    #expect(throws: MergePatch.Failure.invalidTarget(JSONError(.trailingBytes, at: 2))) { try apply("{}", to: "{}x") }
    #expect(throws: MergePatch.Failure.invalidPatch(JSONError(.tooDeep, at: 32))) {
      try MergePatch.apply(patch: deep, to: utf8("{}"), bytesMax: 100)
    }
    #expect(throws: MergePatch.Failure.invalidTarget(JSONError(.unexpectedEnd, at: 0))) { try apply("{}", to: "") }
  }

  @Test(
    "does what the RFC's pseudocode does; twice is once; an empty patch changes nothing", arguments: [21, 22, 23] as [UInt64])
  func properties(seed: UInt64) throws {
    var random = Seeded(seed)
    for round in 0..<2_000 {
      let target = SampleJSON.random(depth: 4, using: &random)
      let patch = random.hits(oneIn: 8) ? .random(depth: 4, using: &random) : SampleJSON.randomObject(depth: 4, using: &random)
      let once = try MergePatch.apply(
        patch: patch.untidyBytes(using: &random), to: target.untidyBytes(using: &random), bytesMax: 1 << 20)
      #expect(once == merged(target, patch).bytes, "seed \(seed), round \(round)")
      #expect(try MergePatch.apply(patch: patch.bytes, to: once, bytesMax: 1 << 20) == once, "seed \(seed), round \(round)")
      if case .object = target {
        #expect(try MergePatch.apply(patch: utf8("{}"), to: target.bytes, bytesMax: 1 << 20) == target.bytes)
      }
    }
  }

  /// The pseudocode of RFC 7396, section 2, on trees.
  private func merged(_ target: SampleJSON?, _ patch: SampleJSON) -> SampleJSON {
    guard case .object(let changes) = patch else { return patch }
    var pairs: [SampleJSON.Pair] = []
    if case .object(let base) = target { pairs = base }
    for change in changes {
      let place = pairs.firstIndex { $0.key == change.key }
      if change.value == .null {
        if let place { pairs.remove(at: place) }
      } else if let place {
        pairs[place].value = merged(pairs[place].value, change.value)
      } else {
        pairs.append(SampleJSON.Pair(key: change.key, value: merged(nil, change.value)))
      }
    }
    return .object(pairs)
  }
}
