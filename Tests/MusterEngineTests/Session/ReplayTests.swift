import MusterEngine
import MusterModel
import MusterTestKit
import Testing

/// One code path for live and replay: the records of the journal, applied to nothing, give what there was.
@Suite("Replay")
struct ReplayTests {
  @Test(
    "the journal, applied to a fresh state, gives the same users, sessions, memberships, status and data",
    arguments: scenarioSeeds(60))
  func sameState(seed: UInt64) async throws {
    let planes = 1 + Int(seed % 3)
    var life = Life(seed: seed, planes: planes)
    for _ in 0..<120 { try await life.step() }
    life.harness.settle()
    for plane in 0..<planes {
      let live = ShardImage(of: life, plane: plane)
      let replayed = ShardImage(replaying: life.harness.journal.records, of: life, plane: plane)
      try #require(live.users == replayed.users, "seed \(seed), plane \(plane)")
      try #require(live.stats == replayed.stats, "seed \(seed), plane \(plane)")
    }
    // Each channel gathers what the users of all planes are in.
    let records = life.harness.journal.records
    let told = (0..<planes).map { ShardImage(replaying: records, of: life, plane: $0).rosters }
    for channel in Life.channels {
      let roster = told.reduce(into: [UserID: Member]()) { $0.merge($1[channel] ?? [:]) { first, _ in first } }
      try #require(roster == life.harness.roster(of: channel.text), "seed \(seed), \(channel.text)")
    }
  }
}

/// Users who change whatever is logged, and nothing else: nobody is idle.
struct Life {
  static let names = ["alice", "bob", "carol", "dave"].map { UserID.named($0) }
  static let channels = ["room:1", "room:2", "lobby"].map { ChannelName.named($0) }

  let harness: EngineHarness
  let random: SeededRandom
  var clients: [ManualClient] = []
  var sessions: [SessionID] = []
  var guests: [UserID] = []

  init(seed: UInt64, planes: Int) {
    random = SeededRandom(seed: seed)
    harness = EngineHarness(planes: planes, seed: seed, configure: Self.configure)
  }

  static func configure(_ configuration: inout EngineConfiguration) {
    configuration.sessionsPerUserMax = 3
    configuration.sessionIdleTTL = .seconds(60)
    configuration.requestsBurst = 10_000
  }

  mutating func step() async throws {
    let plane = random.below(harness.executors.count)
    switch random.below(20) {
    case 0, 1:
      let user = random.pick(Self.names).text
      let client = try harness.login(user, device: random.pick(Device.allCases), plane: plane) { hello in
        hello.status = random.happens(percent: 30) ? random.pick([.dnd, .invisible]) : nil
        hello.text = random.happens(percent: 30) ? Array("hi".utf8) : nil
        hello.resumeWindowMilliseconds = random.happens(percent: 30) ? random.below(20_000) : nil
        hello.lifetimeMilliseconds = random.happens(percent: 20) ? 30_000 + random.below(300_000) : nil
      }
      try note(client)
    case 2:
      let client = try harness.visit(plane: plane)
      try note(client)
      guests.append(try client.letIn().user)
    case 3:
      guard !sessions.isEmpty else { return }
      let status: Status? = random.happens(percent: 30) ? .invisible : nil
      try note(try harness.resume(random.pick(sessions), plane: plane) { $0.status = status })
    case 4: if !clients.isEmpty { clients.remove(at: random.below(clients.count)).drop(random.pick([.lost, .goodbye])) }
    case 5: pass(ticks: 1 + UInt32(random.below(400)))
    case 6: pass(ticks: 1 + UInt32(random.below(20)))
    case 7: await operate()
    default: if !clients.isEmpty { random.pick(clients).ask(request()) }
    }
    clients.removeAll { !$0.isOpen }
  }

  private mutating func note(_ client: ManualClient) throws {
    client.receive()
    guard let welcome = client.welcome else { return }
    clients.append(client)
    sessions.append(welcome.session)
  }

  private func pass(ticks: UInt32) {
    harness.advance(.milliseconds(Int(ticks) * Tick.milliseconds), beating: clients)
  }

  private func request() -> Request {
    let channel = random.pick(Self.channels)
    let payload = Payload(text: "{\"\(random.pick(["a", "b"]))\":\(random.pick(["1", "2", "null", "{\"c\":3}"]))}")
    switch random.below(10) {
    case 0...2: return .join(channel, meta: payload, list: 0)
    case 3: return .leave(channel)
    case 4: return .update(channel, patch: payload)
    case 5:
      let text = [UInt8(0x61 + random.below(3))]
      return .status(StatusChange(status: random.pick([.online, .away, .dnd, .invisible]), text: text))
    case 6: return .data(patch: payload, ifVersion: nil)
    case 7:
      let status = random.pick([nil, Status.dnd, .invisible, .online])
      return .status(StatusChange(status: status, scope: .user, forMilliseconds: random.pick([nil, 5_000, 60_000])))
    case 8: return .bye(logout: random.happens(percent: 50), graceMilliseconds: random.below(10_000))
    default: return .join(channel, meta: .empty, list: 0)
    }
  }

  /// What a server does.
  private func operate() async {
    let user = random.pick(Self.names)
    switch random.below(3) {
    case 0: _ = try? await harness.engine.ban(user, for: .seconds(20), reason: "why")
    case 1: _ = try? await harness.engine.unban(user)
    default: _ = try? await harness.engine.kick(user: user, except: nil, message: "")
    }
    harness.settle()
  }
}

/// What a shard knows that must survive a restart.
struct ShardImage {
  var users: [UserID: UserDetail] = [:]
  var rosters: [ChannelName: [UserID: Member]] = [:]
  var stats = EngineStats()

  /// What there is.
  init(of life: Life, plane: Int) {
    let moment = life.harness.clock.moment
    let names = Life.names + life.guests
    (users, stats) = life.harness.sessions(plane) { shard in
      (Self.users(names, in: shard.state, at: moment), Self.lasting(shard.state.stats))
    }
  }

  /// What the records say that there was.
  init(replaying records: [ManualJournal.Record], of life: Life, plane: Int) {
    let moment = life.harness.clock.moment
    var state = SessionState(
      shard: plane, configuration: life.harness.engine.configuration, now: Tick(0), hashKey: StableHash.Key(1, 2))
    var changes: [SessionChange] = []
    for record in records where life.harness.engine.placement.plane(of: record.mutation) == plane {
      let age = UInt32((moment.wall.milliseconds - record.wall.milliseconds) / Int64(Tick.milliseconds))
      let then = Moment(tick: Tick(moment.tick.rawValue - age), wall: record.wall)
      state.apply(record.mutation, at: then, into: &changes)
    }
    for case .channel(let message) in changes {
      switch message {
      case .put(let channel, let member, sessions: _): rosters[channel, default: [:]][member.user] = member
      case .drop(let channel, let user, _): rosters[channel]?[user] = nil
      case .ask, .release: break
      }
    }
    users = Self.users(Life.names + life.guests, in: state, at: moment)
    stats = Self.lasting(state.stats)
  }

  private static func users(
    _ names: [UserID], in state: borrowing SessionState, at moment: Moment
  ) -> [UserID: UserDetail] {
    var found: [UserID: UserDetail] = [:]
    for name in names {
      guard var detail = state.detail(of: name, at: moment) else { continue }
      for index in detail.sessions.indices { detail.sessions[index].forgetWhatHeartbeatsRestore() }
      found[name] = detail
    }
    return found
  }

  static func lasting(_ stats: EngineStats) -> EngineStats {
    var lasting = stats
    lasting.detached += lasting.attached
    lasting.attached = 0
    return lasting
  }
}

extension SessionDetail {
  /// Connections and what was heard of them are soft: the next heartbeat brings them back.
  mutating func forgetWhatHeartbeatsRestore() {
    if phase == .attached { phase = .detached }
    connections = []
    lastHeard = WallTime(milliseconds: 0)
    deadline = WallTime(milliseconds: 0)
  }
}
