import MusterJSON
import MusterModel
import MusterWire
import Testing

/// What came of a message: easier to compare than a tuple or an error.
enum Decoded: Hashable {
  case request(RequestID, Request)
  case refused(RequestID, ErrorCode, String)
}

func decoded(_ message: [UInt8], limits: WireLimits = WireLimits()) -> Decoded {
  do throws(RefusedMessage) {
    let (id, request) = try MessageDecoder(limits: limits).decode(message.span.bytes)
    return .request(id, request)
  } catch {
    return .refused(error.id, error.refusal.code, error.refusal.message)
  }
}

func decoded(_ message: String, limits: WireLimits = WireLimits()) -> Decoded { decoded(utf8(message), limits: limits) }

private let room = ChannelName("room:1")!

/// An object as it was sent.
private func payload(_ json: String) -> Payload { Payload(validated: utf8(json)) }

/// An object of exactly so many bytes.
private func object(bytes: Int) -> String { "{\"a\":\"" + String(repeating: "x", count: bytes - 8) + "\"}" }

@Suite struct MessageDecoderTests {
  @Test(
    "every op, with all of its members and with none that may be left out",
    arguments: [
      (#"{"op":"beat"}"#, .beat),
      (#"{"op":"join","channel":"room:1"}"#, .join(room, meta: .empty, list: 100)),
      (
        #"{"op":"join","channel":"room:1","meta":{"a": [1, 2]},"list":1000}"#,
        .join(room, meta: payload(#"{"a": [1, 2]}"#), list: 1_000)
      ),
      (#"{"op":"join","channel":"room:1","list":0}"#, .join(room, meta: .empty, list: 0)),
      (#"{"op":"observe","channel":"room:1"}"#, .observe(room, list: 100)),
      (#"{"op":"observe","channel":"room:1","list":5}"#, .observe(room, list: 5)),
      (#"{"op":"unobserve","channel":"room:1"}"#, .unobserve(room)),
      (#"{"op":"leave","channel":"room:1"}"#, .leave(room)),
      (#"{"op":"update","channel":"room:1","patch":{"a":null}}"#, .update(room, patch: payload(#"{"a":null}"#))),
      (#"{"op":"status","status":"dnd"}"#, .status(StatusChange(status: .dnd))),
      (#"{"op":"status","status":"invisible","text":"x"}"#, .status(StatusChange(status: .invisible, text: utf8("x")))),
      (#"{"op":"status","text":""}"#, .status(StatusChange(status: nil, text: []))),
      (
        #"{"op":"status","status":"away","text":"é","scope":"user","for_ms":60000}"#,
        .status(StatusChange(status: .away, text: utf8("é"), scope: .user, forMilliseconds: 60_000))
      ),
      (#"{"op":"status","status":null,"scope":"user"}"#, .status(StatusChange(status: nil, scope: .user))),
      (#"{"op":"status","status":"online","scope":"session"}"#, .status(StatusChange(status: .online))),
      (#"{"op":"activity","state":"active"}"#, .activity(idle: false)),
      (#"{"op":"activity","state":"idle"}"#, .activity(idle: true)),
      (#"{"op":"list","channel":"room:1"}"#, .list(room, limit: 100, cursor: nil)),
      (#"{"op":"list","channel":"room:1","limit":1,"cursor":"zz"}"#, .list(room, limit: 1, cursor: Cursor(ordinal: 1_295))),
      (#"{"op":"count","channel":"room:1"}"#, .count(room)),
      (#"{"op":"users","ids":[]}"#, .users([])),
      (#"{"op":"users","ids":["bob","alice","bob"]}"#, .users([UserID("bob")!, UserID("alice")!])),
      (#"{"op":"watch","users":["bob"]}"#, .watch([UserID("bob")!])),
      (#"{"op":"unwatch","users":["bob"]}"#, .unwatch([UserID("bob")!])),
      (#"{"op":"sync","channel":"room:1","epoch":"k3f9","seq":12}"#, .sync(room, epoch: Epoch("k3f9")!, seq: Seq(12))),
      (#"{"op":"signal","to":{"user":"bob"},"data":1}"#, .signal(.user(UserID("bob")!), data: utf8("1"))),
      (
        #"{"op":"signal","to":{"channel":"room:1","x":[1]},"data":{"a": 1}}"#,
        .signal(.channel(room), data: utf8(#"{"a": 1}"#))
      ),
      (
        #"{"op":"signal","to":{"session":"000102030405060708090A0b0c0d0e0f","user":null},"data":null}"#,
        .signal(.session(SessionID(high: 0x0001_0203_0405_0607, low: 0x0809_0a0b_0c0d_0e0f)), data: utf8("null"))
      ),
      (#"{"op":"data"}"#, .data(patch: nil, ifVersion: nil)),
      (#"{"op":"data","patch":{},"if_version":7}"#, .data(patch: .empty, ifVersion: 7)),
      (#"{"op":"bye"}"#, .bye(logout: false, graceMilliseconds: 0)),
      (#"{"op":"bye","logout":true,"grace_ms":5000}"#, .bye(logout: true, graceMilliseconds: 5_000)),
      (#"{"op":"hello"}"#, .hello(Hello(credentials: .anonymous))),
    ] as [(String, Request)])
  func ops(message: String, request: Request) {
    #expect(decoded(message) == .request(.none, request))
    // The same with white space, an id, members that mean nothing, and the members in the opposite order.
    let spaced = "\n{ \"id\" : 7 , \"extra\":{\"op\":\"x\"}," + message.dropFirst().dropLast() + ", \"zz\" :null }\t"
    #expect(decoded(spaced) == .request(.integer(7), request))
  }

  @Test("a hello carries all that a session can be born with")
  func hello() {
    let message = #"""
      {"op":"hello","id":1,"token":"a.b.c","device":"ios","heartbeat_ms":25000,"resume_window_ms":0,"idle_ttl_ms":60000,
       "lifetime_ms":86400000,"status":"invisible","text":"brb",
       "resume":{"channels":{"room:1":{"epoch":"k3f9","seq":12},"ro\u006fm:2":{"seq":0,"x":1,"epoch":"0"},
       "room:1":{"epoch":"k3f9","seq":13}},"else":[]}}
      """#
    let points = [
      ResumePoint(channel: room, epoch: Epoch("k3f9")!, seq: Seq(13)),
      ResumePoint(channel: ChannelName("room:2")!, epoch: Epoch("0")!, seq: Seq(0)),
    ]
    let hello = Hello(
      credentials: .token(utf8("a.b.c")), device: .ios, heartbeatMilliseconds: 25_000, resumeWindowMilliseconds: 0,
      idleTTLMilliseconds: 60_000, lifetimeMilliseconds: 86_400_000, status: .invisible, text: utf8("brb"), resume: points)
    #expect(decoded(message) == .request(.integer(1), .hello(hello)))
    #expect(decoded(#"{"op":"hello","user":"alice"}"#) == .request(.none, .hello(Hello(credentials: .user(UserID("alice")!)))))
    #expect(decoded(#"{"op":"hello","guest":true}"#) == .request(.none, .hello(Hello(credentials: .anonymous))))
    #expect(decoded(#"{"op":"hello","resume":{}}"#) == .request(.none, .hello(Hello(credentials: .anonymous))))
  }

  @Test("the empty text is a beat without an id; a beat may have one")
  func beats() {
    #expect(decoded("") == .request(.none, .beat))
    #expect(decoded(#"{"op": "beat"}"#) == .request(.none, .beat))
    #expect(decoded(#"{"op":"beat","id":"b1"}"#) == .request(.string(utf8("b1")), .beat))
    for (message, isBare) in [("", true), (#"{"op":"beat"}"#, true), (#"{"op":"bear"}"#, false), (#"{"ip":"beat"}"#, false)] {
      let bytes = utf8(message)
      let verdict = MessageDecoder.isBareBeat(bytes.span.bytes)
      #expect(verdict == isBare)
    }
  }

  @Test(
    "an id keeps its JSON type",
    arguments: [
      ("1", .integer(1)), ("-9223372036854775808", .integer(.min)), ("\"\"", .string([])), ("\"1\"", .string(utf8("1"))),
      (#""\u00e9\n""#, .string(utf8("é\n"))),
      ("\"" + String(repeating: "x", count: 32) + "\"", .string([UInt8](repeating: 0x78, count: 32))),
      ("null", .none),
    ] as [(String, RequestID)])
  func ids(json: String, id: RequestID) {
    #expect(decoded("{\"op\":\"beat\",\"id\":\(json)}") == .request(id, .beat))
  }

  @Test(
    "an id of another type is refused, without an id",
    arguments: ["1.5", "1e3", "9223372036854775808", "true", "{}", "[1]", "\"" + String(repeating: "x", count: 33) + "\""])
  func wrongIDs(json: String) {
    let rule = "\"id\" must be a 64-bit integer or a string of at most 32 bytes."
    #expect(decoded("{\"op\":\"beat\",\"id\":\(json)}") == .refused(.none, .badRequest, rule))
  }

  @Test("a refusal knows the id, wherever it stands")
  func idOfRefusal() {
    let missing = "\"channel\" is missing."
    #expect(decoded(#"{"id":5,"op":"join"}"#) == .refused(.integer(5), .badRequest, missing))
    #expect(decoded(#"{"op":"join","meta":{},"id":"x"}"#) == .refused(.string(utf8("x")), .badRequest, missing))
    #expect(
      decoded(#"{"op":"join","channel":1,"id":6}"#) == .refused(.integer(6), .badRequest, "\"channel\" must be a string."))
    #expect(
      decoded(#"{"id":5,"op":"join" "channel":"x"}"#)
        == .refused(.integer(5), .badRequest, "The message is not valid JSON: unexpected byte at byte 20."))
    #expect(decoded(#"{"op":"join","channel":"a","id":1,"id":2,"list":-1}"#).id == .integer(2), "the last id counts")
  }

  @Test(
    "an unknown op is refused by its name, with the id",
    arguments: [
      ("\"jion\"", "\"jion\""), ("\"\"", "\"\""), ("\"JOIN\"", "\"JOIN\""), (#""join\u0000""#, "\"join\0\""),
      ("\"" + String(repeating: "x", count: 33) + "\"", "This"),
    ])
  func unknownOp(op: String, named: String) {
    #expect(decoded("{\"op\":\(op),\"id\":3}") == .refused(.integer(3), .unsupportedOp, "\(named) is not an op of muster.v1."))
  }

  @Test("of duplicate members the last counts, and escaped names are the same names")
  func duplicates() {
    #expect(decoded(#"{"op":"leave","channel":"a","channel":"room:1"}"#) == .request(.none, .leave(room)))
    #expect(decoded(#"{"op":"beat","op":"leave","channel":"room:1"}"#) == .request(.none, .leave(room)))
    #expect(decoded(#"{"\u006fp":"le\u0061ve","ch\u0061nnel":"room\u003a1"}"#) == .request(.none, .leave(room)))
    #expect(decoded(#"{"op":"leave","channel":1,"channel":"room:1"}"#) == .request(.none, .leave(room)))
  }

  @Test("null is the same as leaving a member out")
  func nulls() {
    let message = #"{"op":"join","id":null,"channel":"room:1","meta":null,"list":null,"token":null}"#
    #expect(decoded(message) == .request(.none, .join(room, meta: .empty, list: 100)))
    #expect(decoded(#"{"op":"data","patch":null,"if_version":null}"#) == .request(.none, .data(patch: nil, ifVersion: nil)))
    #expect(decoded(#"{"op":null}"#) == .refused(.none, .badRequest, "\"op\" is missing."))
  }

  @Test(
    "what is only passed on is not touched",
    arguments: [#"{ "a" : 1.50 , "a":"\u0041\/" }"#, #"{"😀":[ ]}"#, "{\n}", #"{"\ud83d\ude00":1E400}"#])
  func untouched(json: String) {
    #expect(
      decoded("{\"op\":\"join\",\"channel\":\"room:1\",\"meta\": \(json) }")
        == .request(.none, .join(room, meta: payload(json), list: 100)))
    #expect(
      decoded("{\"op\":\"signal\",\"to\":{\"channel\":\"room:1\"},\"data\": [\(json)]\n}")
        == .request(.none, .signal(.channel(room), data: utf8("[\(json)]"))))
  }

  @Test("limits are exact, and what is over one is too_large")
  func limits() {
    func join(_ bytes: Int) -> String { "{\"id\":1,\"op\":\"join\",\"channel\":\"room:1\",\"meta\":\(object(bytes: bytes))}" }
    #expect(decoded(join(2_048)).code == nil)
    #expect(decoded(join(2_049)) == .refused(.integer(1), .tooLarge, "\"meta\" has 2049 bytes, allowed are 2048."))
    func update(_ bytes: Int) -> String { "{\"op\":\"update\",\"channel\":\"room:1\",\"patch\":\(object(bytes: bytes))}" }
    #expect(decoded(update(2_048)).code == nil)
    #expect(decoded(update(2_049)).code == .tooLarge)
    func data(_ bytes: Int) -> String { "{\"op\":\"data\",\"patch\":\(object(bytes: bytes))}" }
    #expect(decoded(data(8_192)).code == nil)
    #expect(decoded(data(8_193)).code == .tooLarge)
    func signal(_ bytes: Int) -> String { "{\"op\":\"signal\",\"to\":{\"user\":\"a\"},\"data\":\(object(bytes: bytes))}" }
    #expect(decoded(signal(8_192)).code == nil)
    #expect(decoded(signal(8_193)) == .refused(.none, .tooLarge, "\"data\" has 8193 bytes, allowed are 8192."))
    func status(_ bytes: Int) -> String { "{\"op\":\"status\",\"text\":\"\\u0061\(String(repeating: "x", count: bytes - 1))\"}" }
    #expect(decoded(status(140)).code == nil)
    #expect(decoded(status(141)) == .refused(.none, .tooLarge, "\"text\" has 141 bytes, allowed are 140."))
    func token(_ bytes: Int) -> String { "{\"op\":\"hello\",\"token\":\"\(String(repeating: "x", count: bytes))\"}" }
    #expect(decoded(token(8_192)).code == nil)
    #expect(decoded(token(8_193)).code == .tooLarge)
    func padded(_ bytes: Int) -> String { "{\"op\":\"beat\"}" + String(repeating: " ", count: bytes - 13) }
    #expect(decoded(padded(16_384)) == .request(.none, .beat))
    #expect(decoded(padded(16_385)) == .refused(.none, .tooLarge, "The message has 16385 bytes, allowed are 16384."))
  }

  @Test("lists have as many elements as allowed, duplicates counted")
  func listLimits() {
    var limits = WireLimits()
    limits.messageBytesMax = 1 << 20
    func list(_ op: String, _ member: String, _ count: Int) -> String {
      "{\"op\":\"\(op)\",\"\(member)\":[" + (0..<count).map { "\"u\($0)\"" }.joined(separator: ",") + "]}"
    }
    #expect(decoded(list("users", "ids", 1_000), limits: limits).code == nil)
    #expect(
      decoded(list("users", "ids", 1_001), limits: limits)
        == .refused(.none, .tooLarge, "\"ids\" has more than 1000 elements."))
    #expect(decoded(list("watch", "users", 5_000), limits: limits).code == nil)
    #expect(decoded(list("watch", "users", 5_001), limits: limits).code == .tooLarge)
    #expect(decoded(list("unwatch", "users", 5_001), limits: limits).code == .tooLarge)
    func hello(_ count: Int) -> String {
      let points = (0..<count).map { "\"c\($0)\":{\"epoch\":\"1\",\"seq\":1}" }.joined(separator: ",")
      return "{\"op\":\"hello\",\"resume\":{\"channels\":{\(points)}}}"
    }
    #expect(decoded(hello(100), limits: limits).code == nil)
    #expect(
      decoded(hello(101), limits: limits) == .refused(.none, .tooLarge, "\"resume\" names more than 100 channels."))
  }

  @Test("the depth limit holds for the message as a whole")
  func depth() {
    func nested(_ levels: Int) -> String {
      let meta = String(repeating: "{\"a\":", count: levels) + "1" + String(repeating: "}", count: levels)
      return "{\"op\":\"join\",\"id\":1,\"channel\":\"room:1\",\"meta\":\(meta)}"
    }
    #expect(decoded(nested(31)).code == nil)
    #expect(
      decoded(nested(32)) == .refused(.integer(1), .badRequest, "The message is not valid JSON: nested too deeply at byte 201."))
  }

  @Test("random messages never trap; whatever is refused says why", arguments: [41] as [UInt64])
  func neverTraps(seed: UInt64) {
    var random = Seeded(seed)
    let samples = [
      #"{"op":"hello","id":"x","token":"t","resume":{"channels":{"room:1":{"epoch":"k3f9","seq":12}}}}"#,
      #"{"op":"join","id":1,"channel":"room:1","meta":{"a":[1,2]},"list":10}"#,
      #"{"op":"signal","to":{"session":"000102030405060708090a0b0c0d0e0f"},"data":[null]}"#,
      #"{"op":"status","status":"dnd","text":"é","scope":"user","for_ms":1}"#, #"{"op":"users","ids":["a","b"]}"#,
    ].map(utf8)
    var accepted = 0
    for _ in 0..<100_000 {
      var message = samples.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 0...3, using: &random) where !message.isEmpty {
        let place = Int.random(in: 0..<message.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: message.remove(at: place)
        case 1: message.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 2: message[place] = "{}[]\":,0nt".utf8.randomElement(using: &random)!
        default: message.removeSubrange(place...)
        }
      }
      switch decoded(message) {
      case .request: accepted += 1
      case .refused(_, _, let sentence): #expect(sentence.utf8.count > 10)
      }
    }
    #expect((20_000...80_000).contains(accepted), "the damage must hit some and miss others: \(accepted)")
  }
}

extension Decoded {
  /// The code of a refusal.
  var code: ErrorCode? {
    if case .refused(_, let code, _) = self { code } else { nil }
  }

  var id: RequestID {
    switch self {
    case .request(let id, _), .refused(let id, _, _): id
    }
  }
}
