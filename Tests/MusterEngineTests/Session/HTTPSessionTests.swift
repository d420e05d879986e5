import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// Sessions without a WebSocket, held by HTTP heartbeats; on real threads, since their requests wait for answers.
@Suite("Sessions over HTTP")
struct HTTPSessionTests {
  private let alice = UserID.named("alice")
  private let room = ChannelName.named("room:1")

  private func hello(_ device: Device = .web) -> Hello {
    Hello(credentials: .user(alice), device: device)
  }

  @Test("an opened session is present for 60 s and then dormant; a heartbeat renews it and wakes it again")
  func lease() async throws {
    try await LoopbackHarness().run { harness in
      let welcome = try await harness.engine.open(.member(alice), hello())
      #expect(!welcome.resumed)
      #expect(await harness.engine.stats().attached == 1)
      await harness.advance(.seconds(59))
      #expect(await harness.engine.users([alice], includeInvisible: false).first?.status == .online)
      let beat = try await harness.engine.heartbeat(welcome.session)
      #expect(beat.next == .seconds(30))
      #expect(beat.presence.status == .online)
      await harness.advance(.seconds(59))
      #expect(await harness.engine.stats().attached == 1)
      await harness.advance(.seconds(2))
      #expect(await harness.engine.stats().dormant == 1)
      #expect(await harness.engine.users([alice], includeInvisible: false).first?.status == .offline)
      #expect(try await harness.engine.heartbeat(welcome.session).presence.status == .online)
      #expect(await harness.engine.stats().attached == 1)
    }
  }

  @Test("any request renews the lease")
  func requestsRenew() async throws {
    try await LoopbackHarness().run { harness in
      let session = try await harness.engine.open(.member(alice), hello()).session
      for _ in 0..<3 {
        await harness.advance(.seconds(50))
        _ = await harness.engine.request(session, .data(patch: nil, ifVersion: nil))
      }
      #expect(await harness.engine.stats().attached == 1)
      await harness.advance(.seconds(62))
      #expect(await harness.engine.stats().dormant == 1)
    }
  }

  @Test("HTTP alone is enough to join, update, list and signal; it observes nothing")
  func requests() async throws {
    try await LoopbackHarness(planes: 3).run { harness in
      let session = try await harness.engine.open(.member(alice), hello()).session
      let joined = await harness.engine.request(session, .join(room, meta: Payload(text: "{\"a\":1}"), list: 10))
      guard case .channel(let snapshot) = joined else {
        Issue.record("join was answered by \(joined)")
        return
      }
      #expect(snapshot.members.map(\.user) == [alice])
      #expect(await harness.engine.channel(room)?.observers == 0)
      guard case .updated = await harness.engine.request(session, .update(room, patch: Payload(text: "{\"a\":2}"))) else {
        Issue.record("update was refused")
        return
      }
      #expect(await harness.engine.members(of: room, cursor: nil, limit: 10)?.members.first?.meta.text == "{\"a\":2}")
      #expect(await harness.engine.request(session, .signal(.channel(room), data: [0x31])) == .delivered(0))
      #expect(await harness.engine.request(session, .signal(.user(alice), data: [0x31])) == .delivered(0))
      #expect(await harness.engine.request(session, .leave(room)) == .left(changed: true))
      await harness.advance(.seconds(1))
      #expect(await harness.engine.channel(room) == nil)
      for request in [Request.watch([alice]), .observe(room, list: 1), .unobserve(room), .users([alice]), .hello(hello())] {
        #expect(await harness.engine.request(session, request).code == .unsupportedOp)
      }
    }
  }

  @Test("leave goes at once or after the grace; logout ends the session; what is gone is session_expired")
  func leaving() async throws {
    try await LoopbackHarness().run { harness in
      let session = try await harness.engine.open(.member(alice), hello()).session
      try await harness.engine.leave(session, logout: false, grace: .seconds(5))
      #expect(await harness.engine.stats().detached == 1)
      await harness.advance(.seconds(4))
      #expect(await harness.engine.stats().detached == 1)
      await harness.advance(.seconds(2))
      #expect(await harness.engine.stats().dormant == 1)
      _ = try await harness.engine.heartbeat(session)
      try await harness.engine.leave(session, logout: false, grace: .zero)
      #expect(await harness.engine.stats().dormant == 1)
      try await harness.engine.leave(session, logout: true, grace: .zero)
      #expect(await harness.engine.stats().sessions == 0)
      let refusal = await #expect(throws: Refusal.self) { try await harness.engine.heartbeat(session) }
      #expect(refusal?.code == .sessionExpired)
    }
  }

  @Test("a session that gets a WebSocket is held by it: when that is lost the grace of 15 s begins, whatever the HTTP lease was")
  func webSocketTakesOver() async throws {
    try await LoopbackHarness().run { harness in
      let session = try await harness.engine.open(.member(alice), hello()).session
      let connection = try #require(await harness.login(.session(session), Hello(credentials: .anonymous), plane: 1))
      await harness.settle()
      _ = try await harness.engine.heartbeat(session)
      await harness.engine.connectionShards[1].closed(connection, .lost)
      await harness.settle()
      #expect(await harness.engine.stats().detached == 1)
      await harness.advance(.seconds(16))
      #expect(await harness.engine.stats().dormant == 1)
    }
  }

  @Test("a session whose WebSocket is lost can be held by HTTP heartbeats from then on")
  func httpTakesOver() async throws {
    try await LoopbackHarness().run { harness in
      let connection = try #require(await harness.login(.member(alice), hello(), plane: 0))
      await harness.settle()
      let session = try #require(await harness.engine.user(alice, includeInvisible: false)?.sessions.first?.session)
      await harness.engine.connectionShards[0].closed(connection, .lost)
      await harness.settle()
      _ = try await harness.engine.heartbeat(session)
      await harness.advance(.seconds(50))
      #expect(await harness.engine.stats().attached == 1)
      await harness.advance(.seconds(11))
      #expect(await harness.engine.stats().dormant == 1)
    }
  }

  @Test("login policy, bans and guests hold over HTTP as they do over a WebSocket")
  func refusals() async throws {
    try await LoopbackHarness { configuration in
      configuration.sessionsPerUserMax = 1
      configuration.loginPolicy = .reject
      configuration.guestsAllowed = false
    }.run { harness in
      _ = try await harness.engine.open(.member(alice), hello())
      let limit = await #expect(throws: Refusal.self) { try await harness.engine.open(.member(alice), hello()) }
      #expect(limit?.code == .sessionLimit)
      let guest = await #expect(throws: Refusal.self) { try await harness.engine.open(.guest, hello()) }
      #expect(guest?.code == .unauthorized)
      #expect(try await harness.engine.ban(alice, for: .seconds(9), reason: "no") == 1)
      let ban = await #expect(throws: Refusal.self) { try await harness.engine.open(.member(alice), hello()) }
      #expect(ban == Refusal(.banned, "no", retryAfterMilliseconds: 9_000))
    }
  }
}
