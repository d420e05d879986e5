import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// A log that takes nothing stops changes, and nothing else; one that has failed promises nothing any more.
@Suite("A log that is full or has failed")
struct FullLogTests {
  private let room = ChannelName.named("room:1")

  @Test("while the log takes nothing changes are refused, and what changes nothing goes on")
  func refused() async throws {
    let harness = EngineHarness(planes: 2)
    let client = try harness.login("alice")
    client.join("room:1")
    client.ask(.status(StatusChange(status: .dnd)))
    let records = harness.journal.records.count
    harness.journal.become(.full)
    for request in [
      Request.status(StatusChange(status: .away)), .join(.named("room:2"), meta: .empty, list: 1), .leave(room),
      .update(room, patch: Payload(text: "{\"a\":1}")), .data(patch: Payload(text: "{\"a\":1}"), ifVersion: nil),
      .bye(logout: true, graceMilliseconds: 0), .bye(logout: false, graceMilliseconds: 0),
    ] {
      #expect(client.ask(request)?.code == .unavailable)
    }
    for request in [
      Request.status(StatusChange(status: .dnd)), .join(room, meta: .empty, list: 1), .leave(.named("room:3")), .beat,
      .list(room, limit: 10, cursor: nil), .data(patch: nil, ifVersion: nil), .users([.named("bob")]),
    ] {
      let answer = client.ask(request)
      #expect(answer != nil && answer?.code == nil)
    }
    #expect(try harness.login("bob").refusal?.code == .overloaded, "the code can close a WebSocket")
    #expect(try harness.resume(try client.session).isOpen, "resuming a session that is present changes nothing")
    await #expect(throws: Refusal.self) {
      _ = try await harness.engine.kick(user: .named("alice"), except: nil, message: "")
    }
    await #expect(throws: Refusal.self) { _ = try await harness.engine.ban(.named("mallory"), for: nil, reason: "") }
    #expect(harness.journal.records.count == records)
    harness.journal.become(.accepting)
    #expect(client.ask(.leave(room))?.code == nil)
    #expect(harness.violations() == [])
  }

  @Test("timers that would be logged wait until the log takes them again")
  func timers() throws {
    let harness = EngineHarness { $0.sessionIdleTTL = .seconds(60) }
    let lost = try harness.login("alice")
    let left = try harness.login("bob")
    lost.drop(.lost)
    harness.journal.become(.full)
    left.drop(.goodbye)
    harness.advance(.seconds(20))
    #expect(harness.stats.detached == 2)
    harness.journal.become(.accepting)
    harness.advance(.seconds(2))
    #expect(harness.stats.dormant == 2)
    harness.journal.become(.full)
    harness.advance(.seconds(90))
    #expect(harness.stats.sessions == 2)
    harness.journal.become(.accepting)
    harness.advance(.seconds(2))
    #expect(harness.stats.sessions == 0)
    #expect(harness.violations() == [])
  }

  @Test("what is held back when the log fails is answered with unavailable; nobody is told of success")
  func failed() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    client.receive()
    harness.journal.hold()
    let held = [Request.status(StatusChange(status: .dnd)), .join(room, meta: .empty, list: 1)].map { client.send($0) }
    let newcomer = try harness.connect(plane: 1)
    newcomer.hello(.member(.named("bob")), Hello(credentials: .user(.named("bob"))))
    harness.settle()
    harness.journal.become(.failed)
    harness.advance(ticks: 1)
    client.receive()
    #expect(held.allSatisfy { client.answers[$0]?.code == .unavailable })
    newcomer.receive()
    #expect(newcomer.welcome == nil && !newcomer.isOpen)
    #expect(harness.violations() == [])
  }

  @Test("whoever changed something through the control plane learns that it was not kept")
  func failedControlPlane() async throws {
    try await LoopbackHarness(planes: 2).run { harness in
      let alice = UserID.named("alice")
      let session = try await harness.engine.open(.member(alice), Hello(credentials: .user(alice))).session
      harness.journal.hold()
      await withTaskGroup(of: Bool.self) { group in
        group.addTask {
          do throws(Refusal) {
            _ = try await harness.engine.ban(.named("mallory"), for: nil, reason: "")
            return false
          } catch { return error.code == .unavailable }
        }
        group.addTask {
          let reply = await harness.engine.request(session, .data(patch: Payload(text: "{\"a\":1}"), ifVersion: nil))
          if case .refused(let refusal) = reply { return refusal.code == .unavailable }
          return false
        }
        while harness.journal.records.count < 3 { await harness.settle() }
        harness.journal.become(.failed)
        await harness.settle()
        for await isUnavailable in group { #expect(isUnavailable) }
      }
    }
  }
}
