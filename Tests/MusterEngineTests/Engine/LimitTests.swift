import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// Every limit has an answer: a code, and whether the connection goes on.
@Suite("Limits")
struct LimitTests {
  private let room = ChannelName.named("room:1")
  private let alice = UserID.named("alice")

  @Test("the first request must be hello, a beat included; anything else closes with bad_request")
  func requestBeforeHello() throws {
    let harness = EngineHarness()
    let requests: [Request] = [
      .beat, .join(room, meta: .empty, list: 1), .users([alice]), .bye(logout: false, graceMilliseconds: 0),
    ]
    for request in requests {
      let client = try harness.connect()
      let id = client.send(request)
      harness.settle()
      client.receive()
      #expect(client.answers[id]?.code == .badRequest)
      #expect(client.refusal?.code == .badRequest)
      #expect(client.closings == 1)
    }
    #expect(harness.stats.connections == 0)
    #expect(harness.stats.sessions == 0)
  }

  @Test("a second hello is refused with bad_request; the connection and its session go on")
  func helloTwice() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    client.hello(.member(.named("bob")), Hello(credentials: .anonymous))
    harness.settle()
    client.receive()
    #expect(client.answers[.integer(2)]?.code == .badRequest)
    #expect(client.isOpen)
    #expect(client.ask(.beat) == .beat(serverTime: harness.clock.wall))
    #expect(harness.stats.members == 1)
    #expect(harness.presence(of: "bob").status == .offline)

    let eager = try harness.connect()
    eager.hello(.member(.named("carol")), Hello(credentials: .anonymous))
    eager.hello(.member(.named("dave")), Hello(credentials: .anonymous))
    harness.settle()
    eager.receive()
    #expect(eager.welcome?.user == .named("carol"))
    #expect(eager.answers[.integer(2)]?.code == .badRequest)
    #expect(harness.stats.members == 2)
  }

  @Test("hellos over and over are requests too: they come too fast")
  func helloFlood() throws {
    let harness = EngineHarness { $0.requestsBurst = 5 }
    let client = try harness.login("alice")
    for _ in 0..<20 { client.hello(.member(alice), Hello(credentials: .anonymous)) }
    harness.settle()
    #expect(client.refusal?.code == .rateLimited)
  }

  @Test("a burst of 100, then 50 a second: more are refused with the time to wait, and the connection goes on")
  func rate() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    var refused = 0
    for _ in 0..<110 where client.ask(.count(room))?.code == .rateLimited { refused += 1 }
    #expect(refused == 10)
    #expect(client.ask(.count(room))?.refusal?.retryAfterMilliseconds == 20)
    harness.advance(ticks: 1)
    let answers = (0..<6).map { _ in client.ask(.count(room))?.code }
    #expect(answers == [nil, nil, nil, nil, nil, .rateLimited], "five tokens flow in with each tick")
    client.heard()
    harness.advance(.seconds(10))
    refused = 0
    for _ in 0..<110 where client.ask(.count(room))?.code == .rateLimited { refused += 1 }
    #expect(refused == 10, "never more than a burst is saved")
    #expect(client.isOpen)
  }

  @Test("a beat costs nothing: it is never too fast, and is answered at once with the time")
  func beats() throws {
    let harness = EngineHarness { $0.requestsBurst = 1 }
    let client = try harness.login("alice")
    for _ in 0..<500 { #expect(client.ask(.beat) == .beat(serverTime: harness.clock.wall)) }
  }

  @Test("who goes on regardless for a whole burst is closed with rate_limited; one request in time clears the strikes")
  func strikes() throws {
    let harness = EngineHarness { configuration in
      configuration.requestsBurst = 10
      configuration.requestsPerSecond = 10
    }
    let client = try harness.login("alice")
    for _ in 0..<20 { client.send(.count(room)) }
    harness.settle()
    #expect(client.isOpen, "ten in time and ten strikes")
    harness.advance(.seconds(1))
    for _ in 0..<20 { client.send(.count(room)) }
    harness.settle()
    #expect(client.isOpen)
    client.send(.count(room))
    harness.settle()
    #expect(client.refusal?.code == .rateLimited)
    #expect(client.closings == 1)
    #expect(harness.stats.detached == 1)
  }

  @Test("more requests in flight than allowed are refused as overloaded; answers make room again")
  func inFlight() throws {
    let harness = EngineHarness { $0.requestsInFlightMax = 10 }
    let client = try harness.login("alice", plane: 1)
    let ids = (0..<12).map { _ in client.send(.count(room)) }
    client.receive()
    #expect(ids.map { client.answers[$0]?.code } == [ErrorCode?](repeating: nil, count: 10) + [.overloaded, .overloaded])
    #expect(client.answers[ids[11]]?.refusal?.retryAfterMilliseconds != nil)
    harness.settle()
    #expect(client.ask(.count(room))?.code == nil)
    #expect(client.isOpen)
  }

  @Test("requests behind a hello count as in flight, so that what waits is limited")
  func inFlightBehindHello() throws {
    let harness = EngineHarness { $0.requestsInFlightMax = 3 }
    let client = try harness.connect()
    client.hello(.member(alice), Hello(credentials: .user(alice)))
    let ids = (0..<5).map { _ in client.send(.count(room)) }
    harness.settle()
    client.receive()
    #expect(ids.map { client.answers[$0]?.code } == [nil, nil, nil, .overloaded, .overloaded])
  }

  @Test("while a mailbox is over its limit new requests and logins are overloaded and timers wait; then all goes on")
  func overloaded() throws {
    let harness = EngineHarness(planes: 2) { configuration in
      configuration.mailboxMessagesMax = 64
      configuration.requestsBurst = 1_000
      configuration.requestsInFlightMax = 1_000
    }
    // Users of both planes, so that each has something for the other.
    let names = (0..<40).map { "user\($0)" }
    let far = names.filter { harness.engine.placement.plane(of: UserID.named($0)) == 1 }
    let client = try harness.login(far[0], plane: 0)
    let silent = try harness.connect(plane: 0)
    for _ in 0..<70 { client.send(.status(StatusChange(status: .online))) }
    harness.turn(0)
    harness.turn(0)
    let refused = client.send(.count(room))
    let login = try harness.connect(plane: 0)
    login.hello(.member(.named(far[1])), Hello(credentials: .anonymous))
    client.receive()
    login.receive()
    #expect(client.answers[refused]?.code == .overloaded)
    #expect(client.isOpen)
    #expect(login.refusal?.code == .overloaded)
    harness.clock.advance(ticks: 100)
    harness.turn(0)
    #expect(silent.isOpen, "its timer waits")
    harness.settle()
    harness.advance(ticks: 1)
    #expect(silent.refusal?.code == .helloTimeout)
    #expect(client.ask(.count(room))?.code == nil)
    #expect(try harness.login(far[1]).isOpen)
    #expect(harness.violations() == [])
  }

  @Test("a full table of connections takes no more, until one goes")
  func connections() throws {
    let harness = EngineHarness(planes: 2) { $0.connectionsPerPlaneMax = 2 }
    let first = try harness.connect(plane: 0)
    _ = try harness.connect(plane: 0)
    #expect(throws: EngineHarness.NoRoom.self) { try harness.connect(plane: 0) }
    _ = try harness.connect(plane: 1)
    first.drop()
    _ = try harness.connect(plane: 0)
    #expect(harness.stats.connections == 3)
  }

  @Test("a full table of sessions refuses new ones as overloaded and lets the old ones resume")
  func sessions() throws {
    let harness = EngineHarness(planes: 1) { $0.sessionsPerShardMax = 2 }
    let first = try harness.login("alice")
    let guest = try harness.visit()
    let third = try harness.login("carol")
    #expect(third.refusal?.code == .overloaded)
    #expect(third.closings == 1)
    first.drop()
    #expect(try harness.resume(try first.session).isOpen)
    guest.ask(.bye(logout: true, graceMilliseconds: 0))
    #expect(try harness.login("carol").isOpen)
    #expect(harness.violations() == [])
  }

  @Test("what a hello asks for is kept within bounds")
  func helloBounds() throws {
    let harness = EngineHarness()
    let modest = try harness.login("alice") { hello in
      hello.heartbeatMilliseconds = 0
      hello.resumeWindowMilliseconds = -5
      hello.idleTTLMilliseconds = 1
      hello.lifetimeMilliseconds = 0
    }
    let welcome = try modest.letIn()
    #expect(welcome.heartbeatIntervalMilliseconds == 1_000)
    #expect(welcome.resumeWindowMilliseconds == 0)
    #expect(welcome.sessionExpires == WallTime(milliseconds: harness.clock.wall.milliseconds + 1_000))
    let idleTTL = harness.detail(ofUser: "alice")?.sessions.first?.idleTTLMilliseconds
    #expect(idleTTL == 60_000, "no session expires while it is still shown as present, by either lease")
    let greedy = try harness.login("bob") { hello in
      hello.heartbeatMilliseconds = .max
      hello.resumeWindowMilliseconds = .max
      hello.idleTTLMilliseconds = .max
      hello.lifetimeMilliseconds = .max
    }
    let most = try greedy.letIn()
    #expect(most.heartbeatIntervalMilliseconds == 25_000)
    #expect(most.resumeWindowMilliseconds == 15_000)
    #expect(most.sessionExpires == WallTime(milliseconds: harness.clock.wall.milliseconds + 30 * 86_400_000))
    #expect(harness.detail(ofUser: "bob")?.sessions.first?.idleTTLMilliseconds == 30 * 60_000)
  }

  @Test("a resume window of nothing leaves at once when the connection is lost")
  func noGrace() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice") { $0.resumeWindowMilliseconds = 0 }
    client.join("room:1")
    client.drop()
    harness.settle()
    #expect(harness.stats.dormant == 1)
    #expect(harness.roster(of: "room:1").isEmpty)
    let again = try harness.resume(try client.session)
    #expect(harness.roster(of: "room:1").count == 1)
    #expect(again.isOpen)
    #expect(harness.violations() == [])
  }

  @Test("timers that come due all at once are fired a few per turn, and all of them in the end")
  func manyTimers() throws {
    let harness = EngineHarness(planes: 1) { configuration in
      configuration.timersPerTurnMax = 3
      configuration.sessionsPerUserMax = 100
    }
    for _ in 0..<50 { try harness.login("alice").drop() }
    harness.settle()
    #expect(harness.stats.detached == 50)
    harness.clock.advance(ticks: 200)
    harness.turn(0)
    #expect(harness.stats.dormant == 3)
    harness.settle()
    #expect(harness.stats.dormant == 50)
    #expect(harness.violations() == [])
  }
}
