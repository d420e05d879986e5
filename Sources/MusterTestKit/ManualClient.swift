package import MusterEngine
package import MusterModel

/// A client without a network: it asks, and keeps a view of its channels as the protocol tells clients to.
///
/// ### Isolation
/// Belongs to the test of its harness.
package final class ManualClient {
  /// What a client knows of one channel.
  package struct View: Hashable {
    package var mode = ChannelMode.announce
    package var epoch: Epoch
    package var seq: Seq
    package var occupancy: Occupancy
    package var members: [UserID: Member] = [:]
    /// The list was longer than a page, and the rest has not been asked for.
    package var next: Cursor?
  }

  package let connection: ConnectionID
  package private(set) var welcome: Welcome?
  package private(set) var views: [ChannelName: View] = [:]
  package private(set) var users: [UserID: UserPresence] = [:]
  package private(set) var signals: [Signal] = []
  package private(set) var ended: LeaveReason?
  package private(set) var reconnects = 0
  package private(set) var events: [Push] = []
  private let harness: EngineHarness
  private var lastID: Int64 = 0
  private var syncs: [RequestID: ChannelName] = [:]
  private var lists: [RequestID: ChannelName] = [:]
  package private(set) var answers: [RequestID: Reply] = [:]
  /// The ids of all replies, in their order.
  package private(set) var answered: [RequestID] = []

  init(_ connection: ConnectionID, harness: EngineHarness) {
    self.connection = connection
    self.harness = harness
  }

  private var record: RecordingSink.Record { harness.sinks[connection.shard][connection] }

  /// Why the engine closed this connection; `nil` while it is open or when it ended normally.
  package var refusal: Refusal? { record.closing?.refusal }

  package var isClosed: Bool { record.closing != nil }

  /// How often the engine closed this connection: never more than once.
  package var closings: Int { record.closing?.count ?? 0 }

  /// Whether the engine knows this connection.
  package var isOpen: Bool {
    harness.connections(connection.shard) { [connection] in $0.detail(of: connection) != nil }
  }

  /// Whether the engine tells this connection the events of a channel.
  package func isObserving(_ channel: ChannelName) -> Bool {
    harness.connections(connection.shard) { [connection] in $0.state.observes(connection, channel) }
  }

  package var pings: Int { record.pings }

  package var isReading: Bool { record.isReading }

  /// Whether the engine tells this connection of a user.
  package func isWatching(_ user: UserID) -> Bool {
    harness.connections(connection.shard) { [connection] in $0.state.watches(connection, user) }
  }

  // MARK: Asking

  package func hello(_ identity: Identity, _ hello: Hello) {
    lastID += 1
    let id = RequestID.integer(lastID)
    harness.connections(connection.shard) { [connection] in $0.hello(connection, id, identity, hello) }
  }

  /// Sends a request, without waiting for anything.
  @discardableResult
  package func send(_ request: Request) -> RequestID {
    lastID += 1
    let id = RequestID.integer(lastID)
    if case .sync(let channel, _, _) = request { syncs[id] = channel }
    if case .list(let channel, _, _) = request { lists[id] = channel }
    harness.connections(connection.shard) { [connection] in $0.request(connection, id, request) }
    return id
  }

  /// Sends a request that is not to be answered.
  package func sendWithoutID(_ request: Request) {
    harness.connections(connection.shard) { [connection] in $0.request(connection, .none, request) }
  }

  /// Sends a request and lets the engine come to rest.
  @discardableResult
  package func ask(_ request: Request) -> Reply? {
    let id = send(request)
    harness.settle()
    receive()
    return answers[id]
  }

  package func heard() {
    harness.connections(connection.shard) { [connection] in $0.heard(connection) }
  }

  /// The transport is gone.
  package func drop(_ end: ConnectionEnd = .lost) {
    harness.connections(connection.shard) { [connection] in $0.closed(connection, end) }
  }

  package func congest() {
    harness.connections(connection.shard) { [connection] in $0.congested(connection) }
  }

  package func progress() {
    harness.connections(connection.shard) { [connection] in $0.progressed(connection) }
  }

  package func drain() {
    harness.connections(connection.shard) { [connection] in $0.drained(connection) }
  }

  // MARK: Hearing

  /// Takes in what came since the last call, in the manner of a client; asks `sync` where it sees a hole.
  package func receive() {
    for told in harness.sinks[connection.shard].take(from: connection) {
      switch told {
      case .push(let push): apply(push)
      case .reply(let id, let reply): apply(reply, to: id)
      }
    }
  }

  func forgetEvents() {
    events = []
  }

  package func view(of channel: String) -> View? {
    views[.named(channel)]
  }

  private func apply(_ push: Push) {
    events.append(push)
    switch push {
    case .diff(let diff): apply(diff)
    case .snapshot(let snapshot): apply(snapshot)
    case .count(let count):
      views[count.channel] = View(mode: .count, epoch: count.epoch, seq: count.seq, occupancy: count.occupancy)
    case .presence(let changed): for user in changed { users[user.user] = user }
    case .signal(let signal): signals.append(signal)
    case .reconnect: reconnects += 1
    case .ended(let reason, _): ended = reason
    }
  }

  private func apply(_ reply: Reply, to id: RequestID) {
    answers[id] = reply
    answered.append(id)
    switch reply {
    case .hello(let welcome): self.welcome = welcome
    case .channel(let snapshot), .snapshot(let snapshot): apply(snapshot)
    case .diffs(let diffs): for diff in diffs { apply(diff) }
    case .users(let found): for user in found { users[user.user] = user }
    case .members(let page):
      guard let channel = lists[id] else { return }
      for member in page.members { views[channel]?.members[member.user] = member }
      views[channel]?.next = page.next
    default: break
    }
  }

  private func apply(_ snapshot: ChannelSnapshot) {
    var view = View(
      mode: snapshot.mode, epoch: snapshot.epoch, seq: snapshot.seq, occupancy: snapshot.occupancy, next: snapshot.next)
    for member in snapshot.members { view.members[member.user] = member }
    views[snapshot.channel] = view
  }

  private func apply(_ diff: Diff) {
    guard var view = views[diff.channel], view.epoch == diff.epoch else { return }
    // Already known, for example from a snapshot that was on its way.
    guard diff.seq > view.seq else { return }
    guard diff.prev == view.seq else {
      send(.sync(diff.channel, epoch: view.epoch, seq: view.seq))
      return
    }
    for member in diff.joins + diff.updates { view.members[member.user] = member }
    for leave in diff.leaves { view.members[leave.user] = nil }
    view.seq = diff.seq
    view.occupancy = diff.occupancy
    views[diff.channel] = view
  }
}
