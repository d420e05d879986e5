import MusterEngine
import MusterModel

/// A channel shard, the lanes to and from the planes, and clients, all driven by one seed.
///
/// ```
/// sessions ── put, drop ──▶ state ── lane of each plane ──▶ clients
///                             ▲                                │
///                             └──────── asks, releases ────────┘
/// ```
/// Lanes keep their order and deliver whenever the dice say so.
final class ChannelWorld {
  private static let channels = [ChannelName.staged("a:1"), .staged("b:1")]
  private static let planes = 2

  /// Who is present with which view and how many sessions: the truth that everybody must come to.
  private struct Presence {
    var view: Member
    var sessions: Int
  }

  private let configuration: EngineConfiguration
  private var random: ChannelRandom
  /// How much more often users come than go: some channels are mostly empty, some mostly full.
  private let crowding: Int
  private var state: ChannelState
  private var epoch = Epoch(rawValue: 1)
  private var now = Moment(tick: Tick(0), wall: WallTime(milliseconds: 0))
  private var truth: [ChannelName: [UserID: Presence]] = [:]
  private var asks: [[ChannelMessage]] = Array(repeating: [], count: planes)
  private var lanes: [[ConnectionMessage]] = Array(repeating: [], count: planes)
  private var clients: [ChannelClient] = []
  /// Connections that the planes count as observers of a channel.
  private var observers: Set<ConnectionID> = []
  private var connections: UInt32 = 0
  private(set) var complaints: [String] = []
  private(set) var kinds: Set<String> = []

  init(seed: UInt64) {
    var random = ChannelRandom(seed: seed)
    var configuration = EngineConfiguration()
    configuration.pageMembersMax = Int.random(in: 1...4, using: &random)
    configuration.defaultNamespace = Self.tinySettings(&random)
    configuration.namespaces["b"] = Self.tinySettings(&random)
    self.configuration = configuration
    crowding = Int.random(in: 12...30, using: &random)
    state = ChannelState(
      configuration: configuration, epoch: epoch, now: now.tick, hashKey: StableHash.Key(seed, ~seed))
    for number in 0..<4 {
      let channel = Self.channels[number % 2]
      clients.append(ChannelClient(channel: channel, connection: .staged(plane: 0, 0), isLossy: number >= 2))
    }
    self.random = random
  }

  private static func tinySettings(_ random: inout ChannelRandom) -> NamespaceSettings {
    var settings = NamespaceSettings()
    settings.announceMax = Int.random(in: 0...4, using: &random)
    settings.intervalMax = settings.announceMax + Int.random(in: 0...4, using: &random)
    settings.interval = .milliseconds(Int.random(in: 1...8, using: &random) * Tick.milliseconds)
    settings.ringChangesMax = Int.random(in: 0...12, using: &random)
    settings.ringAge = .milliseconds(Int.random(in: 0...40, using: &random) * Tick.milliseconds)
    return settings
  }

  private func dice(_ sides: Int) -> Int { Int.random(in: 0..<sides, using: &random) }

  // MARK: Steps

  /// Lets something happen.
  func step() {
    switch dice(100) {
    case 0..<crowding: put()
    case crowding..<42: drop()
    case 42..<52: passTime(ticks: dice(4))
    case 52..<62: flush(limit: 1 + dice(6))
    case 62..<74: deliver(plane: dice(Self.planes), 1 + dice(6))
    case 74..<84: ask(plane: dice(Self.planes), 1 + dice(4))
    case 84..<88: list()
    case 88..<96: act(on: dice(clients.count))
    case 96..<99: stall(dice(clients.count))
    default: if dice(4) == 0 { restart() }
    }
    compareCounts()
  }

  private func put() {
    let (channel, user) = (Self.channels[dice(2)], dice(8))
    let kind: UserKind = (user == 0) != (dice(20) == 0) ? .guest : .member
    let presence = Presence(view: .staged("u\(user)", text: ["", "x", "y"][dice(3)], kind: kind), sessions: 1 + dice(2))
    truth[channel, default: [:]][presence.view.user] = presence
    receive(.put(channel, presence.view, sessions: presence.sessions))
  }

  private func drop() {
    let (channel, user) = (Self.channels[dice(2)], UserID.staged("u\(dice(8))"))
    truth[channel]?[user] = nil
    receive(.drop(channel, user, .left))
  }

  private func passTime(ticks: Int) {
    now.tick = now.tick.advanced(by: UInt32(ticks))
    _ = state.advance(to: now.tick, limit: 1 + dice(3))
  }

  private func flush(limit: Int) {
    var outputs: [ChannelOutput] = []
    _ = state.flush(at: now, limit: limit, into: &outputs)
    post(outputs)
  }

  private func receive(_ message: ChannelMessage) {
    var outputs: [ChannelOutput] = []
    state.receive(message, at: now, into: &outputs)
    post(outputs)
  }

  private func post(_ outputs: [ChannelOutput]) {
    for output in outputs { lanes[output.plane].append(output.message) }
  }

  private func ask(plane: Int, _ count: Int) {
    for message in asks[plane].prefix(count) { receive(message) }
    asks[plane].removeFirst(min(count, asks[plane].count))
  }

  /// Somebody who does not observe reads along: what is shown must not disturb those who do.
  private func list() {
    let ask: ChannelAsk = [.list(limit: 2, nil), .count, .look(list: 3), .updated][dice(4)]
    receive(.ask(Self.channels[dice(2)], .staged(plane: dice(Self.planes), 1 << 20), .integer(0), ask, after: .zero))
  }

  // MARK: Clients

  private func act(on client: Int) {
    if !clients[client].isObserving {
      observe(client)
    } else if clients[client].isOffline {
      reconnect(client)
    } else if dice(3) == 0 {
      send(.answer(.empty, .unobserves(clients[client].channel)), from: client, id: .none)
      clients[client].forget()
    } else {
      lose(client)
      if dice(2) == 0 { reconnect(client) }
    }
  }

  private func observe(_ client: Int) {
    clients[client].isObserving = true
    clients[client].reconnect(freshConnection())
    send(.observe(list: dice(6)), from: client, id: .integer(0))
  }

  /// The client comes back on another connection, maybe to another plane.
  private func reconnect(_ client: Int) {
    clients[client].reconnect(freshConnection())
    send(.resume(clients[client].point), from: client, id: .none)
  }

  private func lose(_ client: Int) {
    let connection = clients[client].connection
    if observers.remove(connection) != nil {
      asks[connection.shard].append(.release(clients[client].channel, plane: connection.shard, grants: 1))
    }
    clients[client].goOffline()
  }

  private func freshConnection() -> ConnectionID {
    connections += 1
    return .staged(plane: dice(Self.planes), connections)
  }

  private func stall(_ client: Int) {
    guard clients[client].isOnline else { return }
    if clients[client].isStale { drain(client) } else { clients[client].isStale = true }
  }

  private func drain(_ client: Int) {
    guard clients[client].isStale, !clients[client].awaitsResync, observers.contains(clients[client].connection) else {
      return
    }
    clients[client].awaitsResync = true
    send(.resync, from: client, id: .none)
  }

  private func send(_ ask: ChannelAsk, from client: Int, id: RequestID) {
    let connection = clients[client].connection
    asks[connection.shard].append(.ask(clients[client].channel, connection, id, ask, after: .zero))
  }

  private func restart() {
    kinds.insert("restart")
    epoch = Epoch(rawValue: epoch.rawValue + 1)
    state = ChannelState(
      configuration: configuration, epoch: epoch, now: now.tick, hashKey: StableHash.Key(epoch.rawValue, 1))
    asks = Array(repeating: [], count: Self.planes)
    lanes = Array(repeating: [], count: Self.planes)
    observers = []
    for (channel, present) in truth {
      for presence in present.values { receive(.put(channel, presence.view, sessions: presence.sessions)) }
    }
    for client in clients.indices where clients[client].isOnline { reconnect(client) }
  }

  // MARK: What a plane does

  private func deliver(plane: Int, _ count: Int) {
    for message in lanes[plane].prefix(count) { deliver(message, plane: plane) }
    lanes[plane].removeFirst(min(count, lanes[plane].count))
    for client in clients.indices {
      for want in clients[client].takeWants() {
        switch want {
        case .page(let cursor, let id): send(.list(limit: 1 + dice(4), cursor), from: client, id: id)
        case .sync(let epoch, let seq): send(.sync(epoch: epoch, seq: seq), from: client, id: .integer(0))
        }
      }
    }
  }

  private func deliver(_ message: ConnectionMessage, plane: Int) {
    switch message {
    case .reply(let connection, let id, let reply, let effect, after: _):
      let client = clients.firstIndex { $0.connection == connection && $0.isOnline }
      switch effect {
      case .observes(let channel):
        if client != nil {
          observers.insert(connection)
        } else {
          asks[plane].append(.release(channel, plane: plane, grants: 1))
        }
      case .unobserves(let channel):
        if observers.remove(connection) != nil { asks[plane].append(.release(channel, plane: plane, grants: 1)) }
      default: break
      }
      if let client { clients[client].receive(reply, to: id) }
    case .push(let connection, let push):
      guard let client = clients.firstIndex(where: { $0.connection == connection && $0.isOnline }) else { return }
      if case .snapshot = push, clients[client].awaitsResync {
        clients[client].isStale = false
        clients[client].awaitsResync = false
      }
      clients[client].receive(push)
    case .event(let channel, let event):
      note(event)
      for client in clients.indices where isReached(client, by: channel, on: plane) { clients[client].receive(event) }
    default: complaints.append("unexpected \(message)")
    }
  }

  private func isReached(_ client: Int, by channel: ChannelName, on plane: Int) -> Bool {
    let connection = clients[client].connection
    guard clients[client].isOnline, clients[client].channel == channel, connection.shard == plane else { return false }
    guard observers.contains(connection), !clients[client].isStale else { return false }
    return !(clients[client].isLossy && dice(5) == 0)
  }

  private func note(_ event: ChannelEvent) {
    switch event {
    case .diff: kinds.insert("diff")
    case .count: kinds.insert("count")
    case .snapshot: kinds.insert("snapshot")
    case .signal: kinds.insert("signal")
    }
  }

  // MARK: The end

  /// Nothing happens any more, until nobody has anything to say for longer than any interval.
  func comeToRest() {
    for client in clients.indices where clients[client].isOffline { reconnect(client) }
    var quietTicks = 0
    for _ in 0..<400 where quietTicks < 10 {
      for client in clients.indices { drain(client) }
      for plane in 0..<Self.planes { ask(plane: plane, .max) }
      passTime(ticks: 1)
      flush(limit: 50)
      quietTicks = lanes.allSatisfy(\.isEmpty) ? quietTicks + 1 : 0
      for plane in 0..<Self.planes { deliver(plane: plane, .max) }
    }
    if quietTicks < 10 { complaints.append("does not come to rest") }
  }

  /// Those who may have lost the last event ask for it.
  func syncLossy() {
    for client in clients.indices where clients[client].isLossy && clients[client].isObserving {
      clients[client].wantSync()
    }
    comeToRest()
  }

  /// Every number and, now and then, every invariant.
  private func compareCounts() {
    for channel in Self.channels {
      let expected = occupancy(of: channel)
      let found = state.occupancy(of: channel)
      if found != expected { complaints.append("\(channel.text): \(found.asLine) counted, \(expected.asLine) present") }
    }
    let members = truth.values.reduce(0) { $0 + $1.count }
    if state.counters.members != members { complaints.append("\(state.counters.members) counted, \(members) present") }
  }

  func checkInvariants() {
    complaints += state.invariantViolations()
  }

  private func occupancy(of channel: ChannelName) -> Occupancy {
    var occupancy = Occupancy()
    for presence in (truth[channel] ?? [:]).values {
      if presence.view.kind == .guest { occupancy.guests += 1 } else { occupancy.users += 1 }
      occupancy.sessions += presence.sessions
    }
    return occupancy
  }

  /// Compares what clients see with the truth.
  func compareViews(lossy: Bool) {
    for client in clients where client.isObserving && client.isLossy == lossy { compare(client) }
    for client in clients { complaints += client.complaints }
    let expected = clients.filter(\.isObserving).count
    if state.counters.observers != expected {
      complaints.append("\(state.counters.observers) observers counted, there are \(expected)")
    }
  }

  private func compare(_ client: ChannelClient) {
    let name = "client of \(client.channel.text) on \(client.connection.text)"
    guard let server = state.detail(of: client.channel) else { return complaints.append("\(name): no channel") }
    guard client.isKnown, client.seq == server.seq, client.epoch == epoch else {
      return complaints.append("\(name): at \(client.seq.rawValue), the channel at \(server.seq.rawValue)")
    }
    let (seen, expected) = (client.occupancy, occupancy(of: client.channel))
    if seen.users != expected.users || seen.guests != expected.guests {
      complaints.append("\(name): sees \(seen.asLine), present are \(expected.asLine)")
    }
    guard (client.mode == .count) == (server.mode == .count) else {
      return complaints.append("\(name): thinks \(client.mode), is \(server.mode)")
    }
    if server.mode == .count {
      if seen != expected { complaints.append("\(name): sees \(seen.asLine), present are \(expected.asLine)") }
    } else if client.members != (truth[client.channel] ?? [:]).mapValues(\.view) || client.next != nil {
      let seen = Array(client.members.values).asLabels.sorted()
      let present = (truth[client.channel] ?? [:]).values.map(\.view.asLabel).sorted()
      complaints.append("\(name): sees \(seen), present are \(present)")
    }
  }
}
