import Foundation
import Testing

extension Interop {
  /// Sound frames, unsound content: each is answered by its code, and the connection goes on.
  @Suite("A message that is not what the protocol asks for is answered by its code", .server(["malformed_messages_max": "1000"]))
  struct MessageTests {
    private let server: Server
    private let client: WebSocket

    init() throws {
      server = try .current
      client = try WebSocket(server.public, user: "alice")
    }

    /// Sends a text and expects an error without `re`, then an answer to something sound.
    private func expectBadRequest(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
      try client.send(text: text)
      let answer = try client.receiveMessage()
      #expect(answer["error"]["name"] == "bad_request", "\(text.prefix(80)) got \(answer)", sourceLocation: sourceLocation)
      #expect(answer["error"]["code"] == 4500, sourceLocation: sourceLocation)
      #expect(answer["error"]["retry"] == .bool(false), sourceLocation: sourceLocation)
      #expect(answer["error"]["message"].string?.isEmpty == false, sourceLocation: sourceLocation)
      #expect(answer["re"].isNull, sourceLocation: sourceLocation)
      try client.expectAlive()
    }

    @Test(
      "what is not JSON",
      arguments: [
        "{", "}", "{}}", "{\"op\":\"beat\"}x", "{\"op\":\"beat\"}{\"op\":\"beat\"}", "{'op':'beat'}", "{op:\"beat\"}", "nonsense",
        "{\"op\":\"beat\",}", "{\"op\":\"beat\",\"a\":01}", "{\"op\":\"beat\",\"a\":NaN}", "{\"op\":\"beat\",\"a\":+1}",
        "{\"op\":\"beat\",\"a\":.5}", "{\"op\":\"beat\",\"a\":1.}", "{\"op\":\"beat\",\"a\":\"\u{1}\"}",
        "\u{feff}{\"op\":\"beat\"}",
        "{\"op\":\"beat\",\"a\":\"\\x\"}", "{\"op\":\"beat\",\"a\":\"\\u12\"}", "{\"op\":\"beat\",\"a\":\"\\ud800\"}",
        "{\"op\":\"beat\",\"a\":[1,]}", "{\"op\":\"beat\",\"a\":truth}", "// {}", " ",
      ])
    func notJSON(_ text: String) throws {
      try expectBadRequest(text)
    }

    @Test("what is JSON, but no object", arguments: ["[]", "1", "\"beat\"", "null", "true", "[{\"op\":\"beat\"}]"])
    func notAnObject(_ text: String) throws {
      try expectBadRequest(text)
    }

    @Test("nesting as deep as a message allows", arguments: ["[", "{\"a\":"])
    func deepNesting(_ opening: String) throws {
      let depth = 16_000 / opening.utf8.count
      try expectBadRequest(String(repeating: opening, count: depth))
      let closing = opening == "[" ? "]" : "}"
      let half = depth / 2 - 50
      let nested = String(repeating: opening, count: half) + "1" + String(repeating: closing, count: half)
      try expectBadRequest("{\"op\":\"join\",\"channel\":\"room:1\",\"meta\":\(nested)}")
      // Within a reason it is nobody's business.
      let fair = String(repeating: "[", count: 20) + String(repeating: "]", count: 20)
      #expect(try !client.request("join", ["channel": "room:deep", "meta": JSON(parsing: "{\"a\":\(fair)}")])["ok"].isNull)
    }

    @Test(
      "an op that is missing or no string",
      arguments: ["{}", "{\"op\":1}", "{\"op\":null}", "{\"op\":[\"beat\"]}", "{\"op\":{}}"])
    func noOp(_ text: String) throws {
      try expectBadRequest(text)
    }

    @Test("an op that nobody knows: unsupported_op, with the id", arguments: ["fly", "", "BEAT", "hello ", "beatbeat"])
    func unknownOp(_ op: String) throws {
      let reply = try client.request(op)
      #expect(reply["error"]["name"] == "unsupported_op" && reply["error"]["code"] == 5006)
      // Errors are told even to those who gave no id.
      try client.send(text: JSON.object(["op": .string(op)]).description)
      let answer = try client.receiveMessage()
      #expect(answer["error"]["name"] == "unsupported_op" && answer["re"].isNull)
      try client.expectAlive()
    }

    @Test(
      "an id that is neither an integer nor a short string",
      arguments: ["1.5", "true", "[1]", "{}", "9223372036854775808", "1e400", "\"\(String(repeating: "x", count: 33))\""])
    func badID(_ id: String) throws {
      try expectBadRequest("{\"op\":\"beat\",\"id\":\(id)}")
    }

    @Test(
      "an id comes back as it was given",
      arguments: [
        0, -1, 9_223_372_036_854_775_807, "", "a\"b\\c", "ünïcödé", "\u{1f41d}", .string(String(repeating: "x", count: 32)),
      ] as [JSON])
    func goodID(_ id: JSON) throws {
      try client.send(text: JSON.object(["op": "beat", "id": id]).description)
      #expect(try client.reply(to: id)["ok"]["server_time_ms"].int != nil)
    }

    @Test("members that nobody knows are ignored, wherever they stand")
    func unknownMembers() throws {
      try client.send(text: #"{"future":{"op":"leave","id":9},"id":"x","more":[{"id":1}],"op":"beat","op2":"join"}"#)
      #expect(try !client.reply(to: "x")["ok"].isNull)
    }

    @Test("requests with fields of the wrong type or value: bad_request, with the id", arguments: WrongRequest.all)
    func wrongFields(_ wrong: WrongRequest) throws {
      let message = "{\"id\":\"w\",\(wrong.text.dropFirst())"
      try client.send(text: message)
      let reply = try client.reply(to: "w")
      #expect(wrong.names.contains(reply["error"]["name"].string ?? ""), "\(message.prefix(120)) got \(reply)")
      try client.expectAlive()
    }

    @Test(
      "a channel name that is empty, too long, or has nothing on one side of its colon: invalid_channel",
      arguments: ["", ":", "room:", ":1", "a\u{7f}", "a\nb", String(repeating: "x", count: 129)])
    func channelNames(_ name: String) throws {
      for op in ["join", "observe", "count", "list"] {
        let reply = try client.request(op, ["channel": .string(name)])
        #expect(reply["error"]["name"] == "invalid_channel" && reply["error"]["code"] == 5004, "\(op) got \(reply)")
      }
      #expect(try !client.request("join", ["channel": .string(String(repeating: "ü", count: 64))])["ok"].isNull)
    }

    @Test("a channel that one is not in: not_joined for an update, no change for a leave")
    func notJoined() throws {
      let reply = try client.request("update", ["channel": "room:elsewhere", "patch": [:]])
      #expect(reply["error"]["name"] == "not_joined" && reply["error"]["code"] == 5005)
      #expect(try client.request("leave", ["channel": "room:elsewhere"])["ok"]["changed"] == .bool(false))
      #expect(try !client.request("unobserve", ["channel": "room:elsewhere"])["ok"].isNull)
    }

    @Test("meta, data and signals over their limits: too_large, and what was there stays")
    func tooLarge() throws {
      func object(_ bytes: Int) -> JSON { ["x": .string(String(repeating: "x", count: bytes - 8))] }
      #expect(try !client.request("join", ["channel": "room:large", "meta": object(2048)])["ok"].isNull)
      #expect(try !client.request("data", ["patch": object(8192)])["ok"].isNull)
      let refused = [
        try client.request("join", ["channel": "room:larger", "meta": object(2049)]),
        try client.request("update", ["channel": "room:large", "patch": ["y": 1]]),
        try client.request("data", ["patch": ["y": 1]]),
        try client.request("signal", ["to": ["user": "alice"], "data": object(8193)]),
      ]
      for reply in refused { #expect(reply["error"]["name"] == "too_large" && reply["error"]["code"] == 4510, "\(reply)") }
      #expect(try client.request("data")["ok"]["data"] == object(8192))
    }

    @Test("a second hello: bad_request, and the session goes on")
    func secondHello() throws {
      let reply = try client.request("hello", ["user": "bob"])
      #expect(reply["error"]["name"] == "bad_request", "\(reply)")
      try client.expectAlive()
    }

    @Test("a request before hello is refused, and closes with 4500", arguments: ["join", "beat", "list", "bye"])
    func requestBeforeHello(_ op: String) throws {
      let early = try WebSocket(server.public)
      let reply = try early.request(op, ["channel": "room:1"])
      #expect(reply["error"]["name"] == "bad_request" && reply["error"]["code"] == 4500, "\(op) got \(reply)")
      #expect(try early.expectClose() == 4500)
    }

    @Test(
      "a hello with a user that is none: bad_request",
      arguments: [
        "{\"user\":\"\"}", "{\"user\":1}", "{\"user\":\"a\\nb\"}", "{\"user\":\"\(String(repeating: "x", count: 129))\"}",
        "{\"user\":[]}",
      ])
    func badUser(_ fields: String) throws {
      let early = try WebSocket(server.public)
      try early.send(text: "{\"op\":\"hello\",\"id\":1,\(fields.dropFirst())")
      #expect(try early.reply(to: 1)["error"]["name"] == "bad_request")
    }

    @Test("a token that is none: unauthorized and 4501, for a made-up one and for one that was tampered with")
    func badToken() throws {
      let early = try WebSocket(server.public)
      let welcome = try early.request("hello", ["user": "alice"])["ok"]
      let token = try #require(welcome["session_token"].string)
      let middle = token.index(token.startIndex, offsetBy: token.count / 2)
      let tampered = token.replacingCharacters(in: middle...middle, with: token[middle] == "0" ? "1" : "0")
      for wrong in ["nonsense", tampered, String(token.dropLast()), String(repeating: "x", count: 1000)] {
        let client = try WebSocket(server.public)
        let reply = try client.request("hello", ["token": .string(wrong)])
        #expect(reply["error"]["name"] == "unauthorized" && reply["error"]["code"] == 4501, "\(reply)")
        #expect(try client.expectClose() == 4501)
      }
    }
  }

  @Suite("Nonsense without end is not listened to for ever", .server(["malformed_messages_max": "20"]))
  struct PersistentNonsenseTests {
    @Test("twenty malformed messages in a row: 4500; a sound one in between starts the count anew")
    func malformedInARow() throws {
      let client = try WebSocket(try Server.current.public, user: "mallory")
      for _ in 0..<3 {
        for _ in 0..<15 {
          try client.send(text: "{")
          #expect(try client.receiveMessage()["error"]["name"] == "bad_request")
        }
        try client.expectAlive()
      }
      for _ in 0..<25 { try? client.send(text: "{") }
      #expect(try client.expectClose() == 4500)
    }
  }
}

/// A request with something wrong in it.
struct WrongRequest: Sendable, CustomTestStringConvertible {
  let text: String
  /// The names of the errors that would be right.
  let names: Set<String>

  var testDescription: String { String(text.prefix(80)) }

  private static func bad(_ text: String, or other: String? = nil) -> WrongRequest {
    WrongRequest(text: text, names: Set(["bad_request", other].compactMap(\.self)))
  }

  private static let manyUsers = (0...1000).map { "\"u\($0)\"" }.joined(separator: ",")

  static let all: [WrongRequest] = [
    bad(#"{"op":"join"}"#, or: "invalid_channel"), bad(#"{"op":"join","channel":1}"#, or: "invalid_channel"),
    bad(#"{"op":"join","channel":["room:1"]}"#, or: "invalid_channel"), bad(#"{"op":"join","channel":"room:1","meta":[]}"#),
    bad(#"{"op":"join","channel":"room:1","meta":"x"}"#), bad(#"{"op":"join","channel":"room:1","list":-1}"#),
    bad(#"{"op":"join","channel":"room:1","list":1001}"#), bad(#"{"op":"join","channel":"room:1","list":"all"}"#),
    bad(#"{"op":"join","channel":"room:1","list":1.5}"#), bad(#"{"op":"observe","channel":null}"#, or: "invalid_channel"),
    bad(#"{"op":"leave"}"#, or: "invalid_channel"), bad(#"{"op":"update","channel":"room:1"}"#),
    bad(#"{"op":"update","channel":"room:1","patch":3}"#), bad(#"{"op":"status","status":"sleeping"}"#),
    bad(#"{"op":"status","status":"offline"}"#), bad(#"{"op":"status","status":1}"#),
    bad(#"{"op":"status","status":"away","text":5}"#),
    bad("{\"op\":\"status\",\"status\":\"away\",\"text\":\"\(String(repeating: "x", count: 141))\"}", or: "too_large"),
    bad(#"{"op":"status","status":"away","scope":"world"}"#), bad(#"{"op":"status","status":"away","scope":"user","for_ms":-5}"#),
    bad(#"{"op":"status","status":"away","scope":"user","for_ms":"long"}"#), bad(#"{"op":"activity"}"#),
    bad(#"{"op":"activity","state":"lazy"}"#), bad(#"{"op":"list","channel":"room:1","limit":-1}"#),
    bad(#"{"op":"list","channel":"room:1","limit":1001}"#), bad(#"{"op":"list","channel":"room:1","cursor":{}}"#),
    bad(#"{"op":"list","channel":"room:1","cursor":"not a cursor!"}"#), bad(#"{"op":"users"}"#),
    bad(#"{"op":"users","ids":"bob"}"#),
    bad(#"{"op":"users","ids":[1]}"#), bad(#"{"op":"users","ids":[""]}"#),
    bad("{\"op\":\"users\",\"ids\":[\(manyUsers)]}", or: "too_large"),
    bad(#"{"op":"watch","users":{}}"#), bad(#"{"op":"watch"}"#), bad(#"{"op":"unwatch","users":[null]}"#),
    bad(#"{"op":"sync","channel":"room:1"}"#), bad(#"{"op":"sync","channel":"room:1","epoch":"x y","seq":1}"#),
    bad(#"{"op":"sync","channel":"room:1","epoch":"k3f9","seq":-1}"#), bad(#"{"op":"signal","data":1}"#),
    bad(#"{"op":"signal","to":"bob","data":1}"#), bad(#"{"op":"signal","to":{},"data":1}"#),
    bad(#"{"op":"signal","to":{"user":"bob","channel":"room:1"},"data":1}"#),
    bad(#"{"op":"signal","to":{"session":"xyz"},"data":1}"#),
    bad(#"{"op":"signal","to":{"user":"bob"}}"#), bad(#"{"op":"data","patch":[1]}"#),
    bad(#"{"op":"data","patch":{},"if_version":-1}"#),
    bad(#"{"op":"data","patch":{},"if_version":"1"}"#), bad(#"{"op":"bye","grace_ms":-1}"#), bad(#"{"op":"bye","logout":"yes"}"#),
    bad(#"{"op":"bye","grace_ms":"soon"}"#),
  ]
}
