import MusterJSON
import MusterModel
import MusterWire
import Testing

/// What a reply looks like.
private func written(_ reply: Reply, to id: RequestID = .integer(1), sessionToken: [UInt8]? = nil) -> String? {
  var writer = JSONWriter()
  let hasWritten = MessageEncoder.write(reply, to: id, sessionToken: sessionToken, into: &writer)
  return hasWritten ? text(writer.copyBytes()) : nil
}

/// What a push looks like.
private func written(_ push: Push) -> String {
  var writer = JSONWriter()
  MessageEncoder.write(push, into: &writer)
  return text(writer.copyBytes())
}

private let room = ChannelName("room:1")!
private let alice = UserID("alice")!
private let epoch = Epoch("k3f9")!
private let session = SessionID(high: 0x0001_0203_0405_0607, low: 0xf809_0a0b_0c0d_0e0f)
private let bob = Member(
  user: UserID("bob")!, kind: .member, status: .online, text: utf8("hi \"there\""),
  meta: Payload(validated: utf8(#"{"a": 1}"#)), devices: [DeviceSet(.web), DeviceSet(.bot)], since: WallTime(milliseconds: 1_000))
private let guest = Member(
  user: UserID("g:1")!, kind: .guest, status: .away, text: [], meta: .empty, devices: DeviceSet(.ios),
  since: WallTime(milliseconds: 2_000))
private let bobJSON =
  #"{"user":"bob","kind":"member","status":"online","text":"hi \"there\"","meta":{"a": 1},"devices":["web","bot"],"since_ms":1000}"#
private let guestJSON = #"{"user":"g:1","kind":"guest","status":"away","devices":["ios"],"since_ms":2000}"#
private let occupancy = Occupancy(users: 2, guests: 1, sessions: 4)
private let occupancyJSON = #"{"users":2,"guests":1,"sessions":4}"#
private let diff = Diff(
  channel: room, epoch: epoch, prev: Seq(11), seq: Seq(12), joins: [bob], updates: [guest],
  leaves: [Leave(user: alice, reason: .tokenExpired)], occupancy: occupancy)
private let diffMembersJSON =
  #""channel":"room:1","epoch":"k3f9","prev":11,"seq":12,"joins":[\#(bobJSON)],"updates":[\#(guestJSON)],"#
  + #""leaves":[{"user":"alice","reason":"token_expired"}],"occupancy":\#(occupancyJSON)"#
private let snapshot = ChannelSnapshot(
  channel: room, mode: .interval, epoch: epoch, seq: Seq(12), occupancy: occupancy, members: [bob, guest],
  next: Cursor(ordinal: 1_295))
private let snapshotMembersJSON =
  #""channel":"room:1","mode":"interval","epoch":"k3f9","seq":12,"occupancy":\#(occupancyJSON),"#
  + #""members":[\#(bobJSON),\#(guestJSON)],"next":"zz""#

@Suite struct MessageEncoderTests {
  @Test("the reply to a hello, with and without a session token")
  func hello() {
    let welcome = Welcome(
      user: alice, kind: .member, session: session, connection: ConnectionID(rawValue: 0xab), resumed: false, epoch: epoch,
      node: "n1", heartbeatIntervalMilliseconds: 25_000, heartbeatTimeoutMilliseconds: 10_000,
      resumeWindowMilliseconds: 15_000, sessionExpires: WallTime(milliseconds: 1_800_000_000_000),
      serverTime: WallTime(milliseconds: 1_700_000_000_000))
    func json(_ token: String) -> String {
      #"{"re":1,"ok":{"user":"alice","kind":"member","session":"0001020304050607f8090a0b0c0d0e0f",\#(token)"#
        + #""connection":"00000000000000ab","resumed":false,"epoch":"k3f9","node":"n1","heartbeat_interval_ms":25000,"#
        + #""heartbeat_timeout_ms":10000,"resume_window_ms":15000,"session_expires_ms":1800000000000,"#
        + #""server_time_ms":1700000000000}}"#
    }
    #expect(written(.hello(welcome)) == json(""))
    #expect(written(.hello(welcome), sessionToken: utf8("secret")) == json(#""session_token":"secret","#))
  }

  @Test(
    "every other reply",
    arguments: [
      (.beat(serverTime: WallTime(milliseconds: 5)), #"{"server_time_ms":5}"#),
      (.channel(snapshot), "{\(snapshotMembersJSON)}"),
      (.left(changed: true), #"{"changed":true}"#),
      (.updated(seq: Seq(.max)), #"{"seq":18446744073709551615}"#),
      (
        .presence(UserPresence(user: alice, kind: .member, status: .invisible, text: utf8("é"), devices: DeviceSet(.web))),
        #"{"user":"alice","kind":"member","status":"invisible","text":"é","devices":["web"]}"#
      ),
      (.empty, "{}"),
      (.members(MemberPage(members: [guest], seq: Seq(3), next: nil)), #"{"members":[\#(guestJSON)],"seq":3}"#),
      (
        .members(MemberPage(members: [], seq: Seq(3), next: Cursor(ordinal: .max))),
        #"{"members":[],"seq":3,"next":"3w5e11264sgsf"}"#
      ),
      (.occupancy(occupancy), #"{"occupancy":\#(occupancyJSON)}"#),
      (
        .users([
          UserPresence(user: UserID("b\"b")!, kind: .member, status: .offline, lastSeen: WallTime(milliseconds: 60_000)),
          UserPresence(user: alice, kind: .guest, status: .dnd, text: utf8("x"), devices: DeviceSet(.other)),
        ]),
        #"{"users":{"b\"b":{"status":"offline","last_seen_ms":60000,"devices":[]},"alice":{"status":"dnd","text":"x","devices":["other"]}}}"#
      ),
      (.users([]), #"{"users":{}}"#),
      (.diffs([diff, diff]), "{\"diffs\":[{\(diffMembersJSON)},{\(diffMembersJSON)}]}"),
      (.diffs([]), #"{"diffs":[]}"#),
      (.snapshot(snapshot), "{\"snapshot\":{\(snapshotMembersJSON)}}"),
      (.delivered(3), #"{"delivered":3}"#),
      (.data(SessionDataView(version: 4, data: Payload(validated: utf8(#"{"x":[]}"#)))), #"{"version":4,"data":{"x":[]}}"#),
    ] as [(Reply, String)])
  func replies(reply: Reply, json: String) {
    #expect(written(reply) == "{\"re\":1,\"ok\":\(json)}")
    #expect(written(reply, to: .none) == nil, "without an id there is no reply")
  }

  @Test("an id is echoed with its JSON type")
  func ids() {
    #expect(written(.empty, to: .integer(.min)) == #"{"re":-9223372036854775808,"ok":{}}"#)
    #expect(written(.empty, to: .string(utf8("1"))) == #"{"re":"1","ok":{}}"#)
    #expect(written(.empty, to: .string(utf8("\"\u{1}é"))) == #"{"re":"\"\u0001é","ok":{}}"#)
  }

  @Test("a refusal is told with and without an id")
  func refusals() {
    let error = #"{"code":4500,"name":"bad_request","message":"\"list\" must be …","retry":false}"#
    let refusal = Reply.refused(Refusal(.badRequest, "\"list\" must be …"))
    #expect(written(refusal) == "{\"re\":1,\"error\":\(error)}")
    #expect(written(refusal, to: .none) == "{\"re\":null,\"error\":\(error)}")
    #expect(
      written(.refused(Refusal(.rateLimited, retryAfterMilliseconds: 250)))
        == #"{"re":1,"error":{"code":4508,"name":"rate_limited","message":"Too many requests.","retry":true,"retry_after_ms":250}}"#
    )
    let current = SessionDataView(version: 9, data: Payload(validated: utf8(#"{"a":1}"#)))
    #expect(
      written(.refused(Refusal(.conflict, current: current)))
        == #"{"re":1,"error":{"code":5002,"name":"conflict","message":"The version is not the current one.","retry":false,"version":9,"data":{"a":1}}}"#
    )
  }

  @Test(
    "every push",
    arguments: [
      (.diff(diff), "{\"ev\":\"diff\",\(diffMembersJSON)}"),
      (
        .diff(
          Diff(
            channel: room, epoch: Epoch(rawValue: 0), prev: Seq(0), seq: Seq(1), joins: [], updates: [], leaves: [],
            occupancy: Occupancy())),
        #"{"ev":"diff","channel":"room:1","epoch":"0","prev":0,"seq":1,"joins":[],"updates":[],"leaves":[],"occupancy":{"users":0,"guests":0,"sessions":0}}"#
      ),
      (.snapshot(snapshot), "{\"ev\":\"snapshot\",\(snapshotMembersJSON)}"),
      (
        .count(CountChange(channel: room, epoch: epoch, seq: Seq(7), occupancy: occupancy)),
        #"{"ev":"count","channel":"room:1","mode":"count","epoch":"k3f9","seq":7,"occupancy":\#(occupancyJSON)}"#
      ),
      (
        .presence([UserPresence(user: alice, kind: .member, status: .online, devices: DeviceSet(.android))]),
        #"{"ev":"presence","users":{"alice":{"status":"online","devices":["android"]}}}"#
      ),
      (
        .signal(Signal(from: .session(alice, session), to: .channel(room), data: utf8("[1, 2]"))),
        #"{"ev":"signal","from":{"user":"alice","session":"0001020304050607f8090a0b0c0d0e0f"},"to":{"channel":"room:1"},"data":[1, 2]}"#
      ),
      (
        .signal(Signal(from: .server, to: .user(alice), data: utf8("null"))),
        #"{"ev":"signal","from":"server","to":{"user":"alice"},"data":null}"#
      ),
      (
        .signal(Signal(from: .server, to: .session(session), data: utf8("\"x\""))),
        #"{"ev":"signal","from":"server","to":{"session":"0001020304050607f8090a0b0c0d0e0f"},"data":"x"}"#
      ),
      (.reconnect(afterMilliseconds: 1_500, reason: "drain"), #"{"ev":"reconnect","after_ms":1500,"reason":"drain"}"#),
      (.ended(.replaced, message: "bye"), #"{"ev":"ended","reason":"replaced","message":"bye"}"#),
    ] as [(Push, String)])
  func pushes(push: Push, json: String) throws {
    #expect(written(push) == json)
    try JSONValidator.validate(utf8(json))
  }

  @Test("ids are written in full, with their leading zeros, as the model writes them")
  func identifiers() {
    var random = Seeded(51)
    for _ in 0..<200 {
      let high = UInt64.random(in: 0 ... .max, using: &random) >> UInt64.random(in: 0..<64, using: &random)
      let id = SessionID(high: high, low: ~high >> UInt64.random(in: 0..<64, using: &random))
      let connection = ConnectionID(rawValue: high)
      let epoch = Epoch(rawValue: high)
      var writer = JSONWriter()
      writer.beginObject()
      writer.pair("s", session: id)
      writer.pair("c", connection: connection)
      writer.pair("e", epoch: epoch)
      writer.endObject()
      #expect(text(writer.copyBytes()) == #"{"s":"\#(id.text)","c":"\#(connection.text)","e":"\#(epoch.text)"}"#)
      #expect(Cursor(Cursor(ordinal: high).text) == Cursor(ordinal: high))
    }
    for none in ["", "A", "-1", "+1", " 1", "zzzzzzzzzzzzz", "00000000000000"] { #expect(Cursor(none) == nil) }
  }

  @Test("what the server writes about a channel, a client can send back")
  func roundTrip() {
    for (ordinal, seq) in [(0, 0), (1_295, 12), (UInt64.max, UInt64(Int64.max))] {
      let cursor = Cursor(ordinal: ordinal)
      #expect(
        decoded("{\"op\":\"list\",\"channel\":\"room:1\",\"cursor\":\"\(cursor.text)\"}")
          == .request(.none, .list(room, limit: 100, cursor: cursor)))
      let epoch = Epoch(rawValue: ordinal)
      #expect(
        decoded("{\"op\":\"sync\",\"channel\":\"room:1\",\"epoch\":\"\(epoch.text)\",\"seq\":\(seq)}")
          == .request(.none, .sync(room, epoch: epoch, seq: Seq(seq))))
    }
    #expect(
      decoded("{\"op\":\"signal\",\"to\":{\"session\":\"\(session.text)\"},\"data\":1}")
        == .request(.none, .signal(.session(session), data: utf8("1"))))
  }
}
