import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Signals")
struct SignalTests {
  private let alice = UserID.named("alice")
  private let room = ChannelName.named("room:1")

  private func received(_ client: ManualClient) -> [Signal] {
    client.receive()
    return client.signals
  }

  @Test("a signal to a user reaches every connection of every session, and says from whom", arguments: 1...3)
  func toUser(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    let desk = try harness.login("alice")
    let tab = try harness.resume(try desk.session, plane: planes - 1)
    let phone = try harness.login("alice", device: .ios, plane: planes - 1)
    let bob = try harness.login("bob", plane: planes - 1)
    #expect(bob.ask(.signal(.user(alice), data: Array("{\"a\":1}".utf8))) == .delivered(3))
    let signal = Signal(from: .session(.named("bob"), try bob.session), to: .user(alice), data: Array("{\"a\":1}".utf8))
    for client in [desk, tab, phone] { #expect(received(client) == [signal]) }
    #expect(received(bob) == [])
    #expect(bob.ask(.signal(.user(.named("nobody")), data: [0x31])) == .delivered(0))
  }

  @Test("a signal to a session reaches its connections only; one without connections, or unknown, gets none", arguments: 1...3)
  func toSession(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    let desk = try harness.login("alice")
    let session = try desk.session
    let phone = try harness.login("alice", device: .ios)
    let bob = try harness.login("bob", plane: planes - 1)
    #expect(bob.ask(.signal(.session(session), data: [0x31])) == .delivered(1))
    #expect(received(desk).count == 1)
    #expect(received(phone).isEmpty)
    desk.drop()
    harness.settle()
    #expect(bob.ask(.signal(.session(session), data: [0x31])) == .delivered(0))
    #expect(bob.ask(.signal(.session(SessionID(high: 7, low: 7)), data: [0x31])) == .delivered(0))
  }

  @Test("a signal to a channel needs membership and reaches all observers", arguments: 1...3)
  func toChannel(planes: Int) throws {
    let harness = EngineHarness(planes: planes)
    let sender = try harness.login("alice")
    let member = try harness.login("bob", plane: planes - 1)
    let observer = try harness.login("carol", plane: planes - 1)
    member.join("room:1")
    observer.observe("room:1")
    #expect(sender.ask(.signal(.channel(room), data: [0x31]))?.code == .notJoined)
    sender.join("room:1")
    #expect(sender.ask(.signal(.channel(room), data: [0x32])) == .delivered(3))
    for client in [sender, member, observer] { #expect(received(client).map(\.data) == [[0x32]]) }
    #expect(observer.ask(.signal(.channel(room), data: [0x33]))?.code == .notJoined)
  }

  @Test("permission is the namespace's: to channels their own, to users and sessions the default one's")
  func permission() throws {
    let harness = EngineHarness { configuration in
      var silent = NamespaceSettings()
      silent.signalsAllowed = false
      configuration.namespaces["quiet"] = silent
    }
    let client = try harness.login("alice")
    client.join("quiet:1")
    client.join("room:1")
    #expect(client.ask(.signal(.channel(.named("quiet:1")), data: [0x31]))?.code == .forbidden)
    #expect(client.ask(.signal(.channel(room), data: [0x31])) == .delivered(1))
    #expect(client.ask(.signal(.user(alice), data: [0x31])) == .delivered(1))

    let strict = EngineHarness { $0.defaultNamespace.signalsAllowed = false }
    let other = try strict.login("alice")
    #expect(other.ask(.signal(.user(alice), data: [0x31]))?.code == .forbidden)
    #expect(other.ask(.signal(.session(try other.session), data: [0x31]))?.code == .forbidden)
    #expect(received(other) == [])
  }

  @Test("a server signals whom it likes, and counts invisible ones too", arguments: 1...3)
  func fromServer(planes: Int) async throws {
    let harness = EngineHarness(planes: planes)
    let client = try harness.login("alice", plane: planes - 1) { $0.status = .invisible }
    client.join("quiet:1")
    #expect(await harness.engine.signal(.user(alice), data: [0x31]) == 1)
    #expect(await harness.engine.signal(.session(try client.session), data: [0x32]) == 1)
    #expect(await harness.engine.signal(.channel(.named("quiet:1")), data: [0x33]) == 1)
    #expect(await harness.engine.signal(.channel(.named("nowhere")), data: [0x33]) == 0)
    harness.settle()
    #expect(received(client).map(\.data) == [[0x31], [0x32], [0x33]])
    #expect(received(client).allSatisfy { $0.from == .server })
  }

  @Test("a signal to a connection that does not keep up is lost, not queued")
  func congested() throws {
    let harness = EngineHarness()
    let client = try harness.login("alice")
    let bob = try harness.login("bob")
    client.join("room:1")
    bob.join("room:1")
    client.congest()
    bob.ask(.signal(.user(alice), data: [0x31]))
    bob.ask(.signal(.channel(room), data: [0x32]))
    client.drain()
    harness.settle()
    #expect(received(client) == [])
    #expect(harness.stats.conflated >= 2)
    bob.ask(.signal(.user(alice), data: [0x33]))
    #expect(received(client).map(\.data) == [[0x33]])
  }
}
