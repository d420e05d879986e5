import MusterJSON
import MusterModel
import Testing

@testable import MusterWire

@Suite struct MessageRefusalTests {
  @Test(
    "what is not a request at all is a bad_request that says where",
    arguments: [
      ("[]", "A message must be a JSON object."), ("1", "A message must be a JSON object."),
      ("\"beat\"", "A message must be a JSON object."), ("{}", "\"op\" is missing."),
      (" ", "The message is not valid JSON: unexpected end at byte 1."),
      ("beat", "The message is not valid JSON: unexpected byte at byte 0."),
      ("{\"op\":\"beat\"", "The message is not valid JSON: unexpected end at byte 12."),
      ("{\"op\":\"beat\"}}", "The message is not valid JSON: bytes after the value at byte 13."),
      ("{\"op\":\"beat\",\"x\":01}", "The message is not valid JSON: malformed number at byte 18."),
      ("{\"op\":7}", "\"op\" must be a string."), ("{\"op\":[\"beat\"]}", "\"op\" must be a string."),
    ])
  func notARequest(message: String, sentence: String) {
    #expect(decoded(message) == .refused(.none, .badRequest, sentence))
  }

  @Test("invalid UTF-8 in a member that means nothing is refused all the same")
  func invalidUTF8() {
    let message = utf8("{\"op\":\"beat\",\"x\":\"") + [0xc3, 0x28] + utf8("\"}")
    #expect(decoded(message) == .refused(.none, .badRequest, "The message is not valid JSON: invalid UTF-8 at byte 18."))
  }

  @Test(
    "each member that must be there is named when it is not",
    arguments: [
      ("join", "channel", "{}"), ("observe", "channel", ""), ("unobserve", "channel", ""), ("leave", "channel", ""),
      ("list", "channel", ""), ("count", "channel", ""), ("update", "patch", #""channel":"a""#),
      ("update", "channel", #""patch":{}"#), ("status", "status", ""), ("activity", "state", ""), ("users", "ids", ""),
      ("watch", "users", ""), ("unwatch", "users", ""), ("sync", "channel", #""epoch":"1","seq":1"#),
      ("sync", "epoch", #""channel":"a","seq":1"#), ("sync", "seq", #""channel":"a","epoch":"1""#),
      ("signal", "to", #""data":1"#), ("signal", "data", #""to":{"user":"a"}"#),
    ])
  func missing(op: String, member: String, others: String) {
    let rest = others.hasPrefix("\"") ? "," + others : ""
    #expect(decoded("{\"id\":9,\"op\":\"\(op)\"\(rest)}") == .refused(.integer(9), .badRequest, "\"\(member)\" is missing."))
  }

  @Test(
    "each member of a wrong type is named with what it must be",
    arguments: [
      ("join", #""channel":7"#, #""channel" must be a string."#),
      ("join", #""channel":["room:1"]"#, #""channel" must be a string."#),
      ("join", #""channel":"a","meta":[]"#, #""meta" must be an object."#),
      ("join", #""channel":"a","meta":"{}""#, #""meta" must be an object."#),
      ("join", #""channel":"a","list":"5""#, #""list" must be an integer from 0 to 1000."#),
      ("join", #""channel":"a","list":1.0"#, #""list" must be an integer from 0 to 1000."#),
      ("join", #""channel":"a","list":-1"#, #""list" must be an integer from 0 to 1000."#),
      ("observe", #""channel":"a","list":1001"#, #""list" must be an integer from 0 to 1000."#),
      ("update", #""channel":"a","patch":1"#, #""patch" must be an object."#),
      ("update", #""channel":"a","patch":[{}]"#, #""patch" must be an object."#),
      ("status", #""status":"offline""#, #""status" must be one of online, away, dnd and invisible."#),
      ("status", #""status":"Online""#, #""status" must be one of online, away, dnd and invisible."#),
      ("status", #""status":1"#, #""status" must be one of online, away, dnd and invisible."#),
      ("status", #""status":"dnd","text":5"#, #""text" must be a string."#),
      ("status", #""status":"dnd","scope":"all""#, #""scope" must be one of session and user."#),
      ("status", #""status":"dnd","for_ms":5"#, #""for_ms" goes with "scope":"user" only."#),
      ("status", #""status":"dnd","scope":"user","for_ms":-5"#, #""for_ms" must be an integer from 0 to 31622400000."#),
      ("status", #""status":"dnd","scope":"user","for_ms":"1h""#, #""for_ms" must be an integer from 0 to 31622400000."#),
      ("status", #""text":"x","scope":"user""#, #""status" is missing; null lifts what was set for the user."#),
      ("activity", #""state":"away""#, #""state" must be one of active and idle."#),
      ("activity", #""state":true"#, #""state" must be one of active and idle."#),
      ("list", #""channel":"a","limit":0"#, #""limit" must be an integer from 1 to 1000."#),
      ("list", #""channel":"a","limit":1001"#, #""limit" must be an integer from 1 to 1000."#),
      ("list", #""channel":"a","cursor":5"#, #""cursor" must be a string."#),
      ("list", #""channel":"a","cursor":"NO""#, #""cursor" must be a "next" that the server has given."#),
      ("list", #""channel":"a","cursor":"""#, #""cursor" must be a "next" that the server has given."#),
      ("users", #""ids":"bob""#, #""ids" must be an array of strings."#),
      ("users", #""ids":{"bob":1}"#, #""ids" must be an array of strings."#),
      ("users", #""ids":["bob",7]"#, #""ids" must be an array of strings."#),
      ("users", #""ids":["bob",null]"#, #""ids" must be an array of strings."#),
      ("watch", #""users":[""]"#, #""users" holds an id; each must have 1 to 128 bytes and no control characters."#),
      ("unwatch", #""users":["\u0007"]"#, #""users" holds an id; each must have 1 to 128 bytes and no control characters."#),
      ("sync", #""channel":"a","epoch":5,"seq":1"#, #""epoch" must be a string."#),
      ("sync", #""channel":"a","epoch":"?","seq":1"#, #""epoch" must be an epoch as the server has given it."#),
      ("sync", #""channel":"a","epoch":"zzzzzzzzzzzzz","seq":1"#, #""epoch" must be an epoch as the server has given it."#),
      ("sync", #""channel":"a","epoch":"1","seq":-1"#, #""seq" must be an integer from 0 to 9223372036854775807."#),
      ("sync", #""channel":"a","epoch":"1","seq":"1""#, #""seq" must be an integer from 0 to 9223372036854775807."#),
      ("signal", #""to":"bob","data":1"#, #""to" must be an object with one of "user", "session" and "channel"."#),
      ("signal", #""to":{},"data":1"#, #""to" must be an object with one of "user", "session" and "channel"."#),
      ("signal", #""to":{"user":1},"data":1"#, #""to" must be an object with one of "user", "session" and "channel"."#),
      (
        "signal", #""to":{"user":"a","channel":"b"},"data":1"#,
        #""to" must be an object with one of "user", "session" and "channel"."#
      ),
      ("signal", #""to":{"session":"ab"},"data":1"#, #""to" names a session, whose id has 32 hexadecimal digits."#),
      (
        "signal", #""to":{"session":"+0102030405060708090a0b0c0d0e0f00"},"data":1"#,
        #""to" names a session, whose id has 32 hexadecimal digits."#
      ),
      (
        "signal", #""to":{"user":""},"data":1"#,
        #""to" names a user, whose id must have 1 to 128 bytes and no control characters."#
      ),
      ("data", #""patch":7"#, #""patch" must be an object."#),
      ("data", #""patch":{},"if_version":-1"#, #""if_version" must be an integer from 0 to 9223372036854775807."#),
      ("data", #""patch":{},"if_version":"1""#, #""if_version" must be an integer from 0 to 9223372036854775807."#),
      ("bye", #""logout":1"#, #""logout" must be true or false."#),
      ("bye", #""grace_ms":true"#, #""grace_ms" must be an integer from 0 to 31622400000."#),
      ("hello", #""token":5"#, #""token" must be a string."#),
      ("hello", #""token":"""#, #""token" is empty."#),
      ("hello", #""user":"\u0000""#, #""user" must have 1 to 128 bytes and no control characters."#),
      ("hello", #""guest":"yes""#, #""guest" must be true or false."#),
      ("hello", #""token":"a","user":"b""#, #""token" excludes "user" and "guest", and these each other."#),
      ("hello", #""user":"b","guest":true"#, #""token" excludes "user" and "guest", and these each other."#),
      ("hello", #""device":"toaster""#, #""device" must be one of web, ios, android, desktop, bot and other."#),
      ("hello", #""heartbeat_ms":"25s""#, #""heartbeat_ms" must be an integer from 0 to 31622400000."#),
      ("hello", #""resume_window_ms":-1"#, #""resume_window_ms" must be an integer from 0 to 31622400000."#),
      ("hello", #""idle_ttl_ms":1e3"#, #""idle_ttl_ms" must be an integer from 0 to 31622400000."#),
      ("hello", #""lifetime_ms":31622400001"#, #""lifetime_ms" must be an integer from 0 to 31622400000."#),
      ("hello", #""status":"offline""#, #""status" must be one of online, away, dnd and invisible."#),
    ])
  func wrongTypes(op: String, members: String, sentence: String) {
    #expect(decoded("{\"op\":\"\(op)\",\(members),\"id\":\"z\"}") == .refused(.string(utf8("z")), .badRequest, sentence))
  }

  @Test(
    "a resume that is not as it must be is refused with an example",
    arguments: [
      "[]", #"{"channels":[]}"#, #"{"channels":{"a":1}}"#, #"{"channels":{"a":{}}}"#, #"{"channels":{"a":{"epoch":"1"}}}"#,
      #"{"channels":{"a":{"seq":1}}}"#, #"{"channels":{"a":{"epoch":1,"seq":1}}}"#, #"{"channels":{"a":{"epoch":"!","seq":1}}}"#,
      #"{"channels":{"a":{"epoch":"1","seq":-1}}}"#, #"{"channels":{"a":{"epoch":"1","seq":"1"}}}"#,
    ])
  func malformedResume(json: String) {
    let sentence = #""resume" must be like {"channels":{"room:1":{"epoch":"k3f9","seq":12}}}."#
    #expect(decoded("{\"op\":\"hello\",\"resume\":\(json)}") == .refused(.none, .badRequest, sentence))
  }

  @Test(
    "a name that no channel can have is invalid_channel, in every place",
    arguments: ["", ":", ":a", "room:", "a\\u0000b", "\\u007f", String(repeating: "x", count: 129)])
  func invalidChannel(name: String) {
    for op in ["join", "observe", "unobserve", "leave", "list", "count"] {
      #expect(decoded("{\"op\":\"\(op)\",\"id\":1,\"channel\":\"\(name)\"}").code == .invalidChannel)
    }
    #expect(decoded("{\"op\":\"signal\",\"to\":{\"channel\":\"\(name)\"},\"data\":1}").code == .invalidChannel)
    #expect(
      decoded("{\"op\":\"hello\",\"resume\":{\"channels\":{\"\(name)\":{\"epoch\":\"1\",\"seq\":1}}}}").code == .invalidChannel)
  }

  @Test("the names of members are found by what they are written as")
  func memberNames() throws {
    for name in RequestMembers.Name.allCases {
      let json = utf8("\"\(name.text)\"")
      try json.withUnsafeBytes { bytes in
        var reader = JSONReader(bytes)
        let packed = try #require(reader.packed(try reader.string()))
        #expect(RequestMembers.Name(packed) == name)
      }
    }
  }

  @Test("words of the model are read as they are written")
  func words() throws {
    func name(_ word: String) throws -> PackedName {
      try utf8("\"\(word)\"").withUnsafeBytes { bytes in
        var reader = JSONReader(bytes)
        return try #require(reader.packed(try reader.string()))
      }
    }
    for status in Status.allCases { #expect(Status(try name(status.name)) == (status == .offline ? nil : status)) }
    for device in Device.allCases { #expect(Device(try name(device.name)) == device) }
    #expect(Status(try name("busy")) == nil)
    #expect(Device(try name("tv")) == nil)
  }
}
