import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Data of a session")
struct SessionDataTests {
  private func read(_ client: ManualClient) -> SessionDataView? {
    if case .data(let view) = client.ask(.data(patch: nil, ifVersion: nil)) { view } else { nil }
  }

  private func patch(_ client: ManualClient, _ patch: String, ifVersion: UInt64? = nil) -> Reply? {
    client.ask(.data(patch: Payload(text: patch), ifVersion: ifVersion))
  }

  @Test("data begins empty at version 0; each change is a merge patch and adds one; what changes nothing adds none")
  func versions() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    #expect(read(alice) == SessionDataView(version: 0, data: .empty))
    let first = SessionDataView(version: 1, data: Payload(text: "{\"a\":1,\"b\":{\"c\":2}}"))
    #expect(patch(alice, "{\"a\":1,\"b\":{\"c\":2}}") == .data(first))
    let second = SessionDataView(version: 2, data: Payload(text: "{\"b\":{\"c\":2,\"d\":3}}"))
    #expect(patch(alice, "{\"a\":null,\"b\":{\"d\":3}}") == .data(second))
    let records = harness.journal.records.count
    #expect(patch(alice, "{\"b\":{\"d\":3}}") == .data(second))
    #expect(harness.journal.records.count == records)
  }

  @Test("if_version makes a patch conditional; a conflict answers with the current version and data and changes nothing")
  func conflict() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let tab = try harness.resume(try alice.session, plane: 1)
    #expect(patch(alice, "{\"n\":1}", ifVersion: 0)?.code == nil)
    let refusal = try #require(patch(tab, "{\"n\":2}", ifVersion: 0)?.refusal)
    #expect(refusal.code == .conflict)
    #expect(refusal.current == SessionDataView(version: 1, data: Payload(text: "{\"n\":1}")))
    #expect(read(tab)?.version == 1)
    #expect(patch(tab, "{\"n\":2}", ifVersion: 1) == .data(SessionDataView(version: 2, data: Payload(text: "{\"n\":2}"))))
  }

  @Test("8 KiB are taken, a byte more is refused whole and never truncated")
  func limit() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let frame = "{\"a\":\"\"}".utf8.count
    let largest = "{\"a\":\"" + String(repeating: "x", count: 8_192 - frame) + "\"}"
    #expect(patch(alice, largest)?.code == nil)
    #expect(read(alice)?.data.json.count == 8_192)
    #expect(patch(alice, "{\"b\":1}")?.code == .tooLarge)
    #expect(read(alice) == SessionDataView(version: 1, data: Payload(text: largest)))
    #expect(patch(alice, "{\"a\":null,\"b\":1}")?.code == nil, "a patch that makes room is taken")
    #expect(read(alice)?.data.text == "{\"b\":1}")
  }

  @Test("the private part is the server's: a client neither sees nor changes it, and both count for limit and version")
  func privatePart() async throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let session = try alice.session
    #expect(patch(alice, "{\"seen\":1}")?.code == nil)
    let data = try await harness.engine.patchData(
      of: session, public: Payload(text: "{\"by\":\"server\"}"), private: Payload(text: "{\"secret\":2}"), ifVersion: 1)
    #expect(data.version == 2)
    #expect(data.private.text == "{\"secret\":2}")
    #expect(read(alice) == SessionDataView(version: 2, data: Payload(text: "{\"seen\":1,\"by\":\"server\"}")))

    let large = Payload(text: "{\"p\":\"" + String(repeating: "x", count: 8_100) + "\"}")
    _ = try await harness.engine.patchData(of: session, public: nil, private: large, ifVersion: nil)
    #expect(patch(alice, "{\"more\":\"" + String(repeating: "y", count: 100) + "\"}")?.code == .tooLarge)
    #expect(read(alice)?.version == 3)
  }

  @Test("a server's conflict shows both parts; data of a session that is gone is session_expired")
  func serverConflict() async throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let session = try alice.session
    _ = try await harness.engine.patchData(of: session, public: nil, private: Payload(text: "{\"a\":1}"), ifVersion: nil)
    let conflict = await #expect(throws: Refusal.self) {
      try await harness.engine.patchData(of: session, public: nil, private: .empty, ifVersion: 7)
    }
    #expect(conflict?.code == .conflict)
    #expect(conflict?.current?.data.text == "{\"public\":{},\"private\":{\"a\":1}}")
    alice.ask(.bye(logout: true, graceMilliseconds: 0))
    let gone = await #expect(throws: Refusal.self) {
      try await harness.engine.patchData(of: session, public: .empty, private: nil, ifVersion: nil)
    }
    #expect(gone?.code == .sessionExpired)
  }

  @Test("data belongs to the session: it survives dormancy, and another session of the user has its own")
  func belongsToSession() throws {
    let harness = EngineHarness()
    let alice = try harness.login("alice")
    let session = try alice.session
    _ = patch(alice, "{\"a\":1}")
    let phone = try harness.login("alice", device: .ios)
    #expect(read(phone)?.version == 0)
    alice.drop(.goodbye)
    harness.settle()
    #expect(read(try harness.resume(session))?.data.text == "{\"a\":1}")
  }
}
