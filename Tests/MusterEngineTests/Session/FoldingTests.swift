import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Folded sessions")
struct FoldingTests {
  // MARK: What folds

  @Test("a session that is nothing but logged in is one row; what it is given unfolds it, and falling dormant folds it again")
  func folds() throws {
    var state = Pair()
    let id = state.grant("alice")
    #expect(state.folded.foldedCount == 1)
    state.apply(.joined(id, .named("room"), meta: .empty))
    #expect(state.folded.foldedCount == 0)
    state.apply(.left(id, .named("room")))
    #expect(state.folded.foldedCount == 0)
    state.apply(.dormant(id, .left))
    #expect(state.folded.foldedCount == 1)
    #expect(state.differences() == [])
    state.apply(.awake(id))
    #expect(state.folded.foldedCount == 1)
    state.apply(.ended(id, .kicked))
    #expect(state.folded.foldedCount == 0)
    #expect(state.differences() == [])
  }

  @Test(
    "a session keeps its own row for what a folded one has no room for",
    arguments: [
      { $0.text = Array("busy".utf8) }, { $0.status = .invisible }, { $0.idleTTL = .seconds(600) }, { $0.resumeWindow = .zero },
    ] as [@Sendable (inout SessionGrant) -> Void])
  func keepsItsOwn(_ configure: @Sendable (inout SessionGrant) -> Void) {
    var state = Pair()
    let id = state.grant("alice", configure)
    #expect(state.folded.foldedCount == 0)
    state.apply(.dormant(id, .left))
    #expect(state.folded.foldedCount == 0)
    #expect(state.differences() == [])
  }

  @Test("the second session of a user unfolds the first, and the first is folded again when it is alone and dormant")
  func second() {
    var state = Pair()
    let first = state.grant("alice")
    let second = state.grant("alice")
    #expect(state.folded.foldedCount == 0)
    state.apply(.ended(second, .left))
    state.apply(.dormant(first, .left))
    #expect(state.folded.foldedCount == 1)
    #expect(state.differences() == [])
  }

  @Test("while last seen could be forgotten before the session ends, nothing is folded")
  func shortMemory() {
    var configuration = EngineConfiguration()
    configuration.lastSeenRetention = configuration.sessionIdleTTL
    var state = Pair(configuration)
    _ = state.grant("alice")
    #expect(state.folded.foldedCount == 0)
  }

  @Test("a session at rest takes less than 96 bytes in all, its user with an id of 14 bytes included")
  func memory() {
    let sessions = 100_000
    var state = SessionState(shard: 0, configuration: EngineConfiguration(), now: Tick(0), hashKey: StableHash.Key(1, 2))
    var changes: [SessionChange] = []
    let now = Moment(tick: Tick(0), wall: Pair.start)
    for number in 0..<sessions {
      let user = UserID(unchecked: Array("user-\(100_000_000 + number)".utf8))
      let grant = Pair.grant(user, number, configuration: EngineConfiguration(), at: now.wall)
      state.apply(.granted(grant), at: now, into: &changes)
      state.apply(.dormant(grant.session, .left), at: now, into: &changes)
    }
    #expect(changes.isEmpty)
    #expect(state.foldedCount == sessions)
    #expect(state.bytesReserved <= sessions * 96, "\(Double(state.bytesReserved) / Double(sessions)) bytes for each")
  }

  // MARK: Nothing depends on it

  @Test("whatever happens, folding is not seen: the same history without it gives the same answers, counts and changes")
  func differential() {
    for seed in scenarioSeeds(60) {
      var random = SeededRandom(seed: seed)
      var state = Pair()
      for step in 0..<150 {
        state.step(&random)
        let differences = state.differences()
        if !differences.isEmpty {
          Issue.record("seed \(seed), step \(step): \(differences)")
          return
        }
      }
    }
  }

  // MARK: Batches

  @Test("renewing in batches does what renewing one by one does, and leaves the unknown and the dormant")
  func batches() {
    for seed in scenarioSeeds(8) {
      var random = SeededRandom(seed: seed)
      var state = Pair()
      var ids: [SessionID] = []
      for number in 0..<100 {
        let id = state.grant("user\(number)")
        ids.append(id)
        if Int.random(in: 0..<4, using: &random) == 0 { state.apply(.dormant(id, .timeout)) }
        if Int.random(in: 0..<8, using: &random) == 0 { state.apply(.ended(id, .kicked)) }
      }
      for _ in 0..<4 {
        state.pass(ticks: UInt32.random(in: 0..<300, using: &random))
        let batch = (0..<Int.random(in: 0..<200, using: &random)).map { _ in ids.randomElement(using: &random)! }
        var left: [Int] = []
        state.folded.renew(batch.span, at: state.now, left: &left)
        var expected: [Int] = []
        for (place, id) in batch.enumerated() {
          if let session = state.unfolded.find(id), !state.isDormant(id) {
            state.unfolded.renew(session, at: state.now)
          } else {
            expected.append(place)
          }
        }
        #expect(left == expected, "seed \(seed)")
        #expect(state.differences() == [], "seed \(seed)")
      }
    }
  }
}

/// Two states with one history: one folds what can be folded, in the other everything is unfolded again after each step.
private struct Pair: ~Copyable {
  static let start = WallTime(milliseconds: 1_700_000_000_000)
  private static let users = ["alice", "bob", "carol", "guest:dave"]

  var folded: SessionState
  var unfolded: SessionState
  private(set) var now = Moment(tick: Tick(0), wall: Self.start)
  private let configuration: EngineConfiguration
  private var sessions: [SessionID] = []
  private var names: Set<String> = Set(Self.users)
  private var told: (folded: [String], unfolded: [String]) = ([], [])

  init(_ configuration: EngineConfiguration = EngineConfiguration()) {
    self.configuration = configuration
    folded = SessionState(shard: 0, configuration: configuration, now: Tick(0), hashKey: StableHash.Key(1, 2))
    unfolded = SessionState(shard: 0, configuration: configuration, now: Tick(0), hashKey: StableHash.Key(1, 2))
  }

  static func grant(_ user: UserID, _ number: Int, configuration: EngineConfiguration, at wall: WallTime) -> SessionGrant {
    SessionGrant(
      session: SessionID(placement: user.placement, random: UInt64(number) &* 0x9e37_79b9_7f4a_7c15, UInt64(number)), user: user,
      kind: user.utf8.starts(with: SessionState.guestPrefix.utf8) ? .guest : .member, device: .web, status: .online, text: [],
      created: wall, expires: WallTime(milliseconds: wall.milliseconds + configuration.sessionLifetime.milliseconds),
      idleTTL: configuration.sessionIdleTTL, resumeWindow: configuration.resumeWindow)
  }

  mutating func grant(_ user: String, _ configure: (inout SessionGrant) -> Void = { _ in }) -> SessionID {
    names.insert(user)
    var grant = Self.grant(.named(user), sessions.count + 1, configuration: configuration, at: now.wall)
    configure(&grant)
    sessions.append(grant.session)
    apply(.granted(grant))
    return grant.session
  }

  mutating func apply(_ mutation: Mutation) {
    change { state, now, changes in state.apply(mutation, at: now, into: &changes) }
  }

  private mutating func change(_ body: (inout SessionState, Moment, inout [SessionChange]) -> Void) {
    var changes: (folded: [SessionChange], unfolded: [SessionChange]) = ([], [])
    body(&folded, now, &changes.folded)
    body(&unfolded, now, &changes.unfolded)
    for id in sessions {
      if let session = unfolded.find(id) { unfolded.unfold(session, at: now) }
    }
    told.folded += changes.folded.map { "\($0)" }
    told.unfolded += changes.unfolded.map { "\($0)" }
  }

  func isDormant(_ id: SessionID) -> Bool {
    unfolded.find(id).map { unfolded.detail(of: $0, at: now).phase == .dormant } ?? false
  }

  /// Lets time pass and does what it does, tick by tick.
  mutating func pass(ticks: UInt32) {
    now.tick = now.tick.advanced(by: ticks)
    now.wall.milliseconds += Int64(ticks) * Int64(Tick.milliseconds)
    change { state, now, changes in
      let due = state.advance(to: now.tick, limit: .max)
      // The wheels are of the same order only as far as ticks go.
      for session in due.sessions {
        switch state.fire(session: session, at: now, into: &changes) {
        case .rearmed, .refreshed: break
        case .becomesDormant(let id, let reason): state.apply(.dormant(id, reason), at: now, into: &changes)
        case .expires(let id): state.apply(.ended(id, .expired), at: now, into: &changes)
        }
      }
      for user in due.users {
        switch state.fire(user: user, at: now, into: &changes) {
        case .rearmed, .forgotten: break
        case .overrideEnds(let user): state.apply(.overridden(user, nil), at: now, into: &changes)
        case .banEnds(let user): state.apply(.banned(user, nil), at: now, into: &changes)
        }
      }
    }
  }

  mutating func step(_ random: inout SeededRandom) {
    let user = Self.users.randomElement(using: &random)!
    let live = sessions.filter { unfolded.find($0) != nil }
    guard let id = live.randomElement(using: &random), Int.random(in: 0..<4, using: &random) > 0 else {
      if Int.random(in: 0..<3, using: &random) > 0 { return pass(ticks: UInt32.random(in: 1..<9_000, using: &random)) }
      let hasText = Int.random(in: 0..<6, using: &random) == 0
      _ = grant(user) { if hasText { $0.text = [0x61] } }
      return
    }
    let isDormant = isDormant(id)
    let isIn = unfolded.find(id).map { unfolded.channels(of: $0).contains(.named("room")) } ?? false
    switch Int.random(in: 0..<14, using: &random) {
    case 0: apply(.ended(id, .kicked))
    case 1, 2: if !isDormant { apply(.dormant(id, .left)) }
    case 3, 4: if isDormant { apply(.awake(id)) }
    case 5, 6: apply(isIn ? .left(id, .named("room")) : .joined(id, .named("room"), meta: .empty))
    case 7: apply(.statusSet(id, [.online, .dnd, .invisible].randomElement(using: &random)!, text: []))
    case 8:
      let until = WallTime(milliseconds: now.wall.milliseconds + 60_000)
      apply(.overridden(.named(user), StatusOverride(status: .dnd, text: nil, until: until)))
    case 9: apply(.banned(.named(user), Ban(until: WallTime(milliseconds: now.wall.milliseconds + 60_000), reason: [])))
    case 10: change { state, now, _ in state.watch([.named(user)], plane: 0, at: now) }
    case 11: change { state, _, _ in state.unwatch([.named(user)], plane: 0) }
    case 12: change { state, now, changes in state.find(id).map { state.setIdle($0, true, at: now, into: &changes) } }
    default: if !isDormant { change { state, now, _ in state.find(id).map { state.renew($0, at: now) } } }
    }
  }

  /// In what the two differ, and what contradicts itself in either.
  func differences() -> [String] {
    var found = folded.invariantViolations(at: now.tick) + unfolded.invariantViolations(at: now.tick)
    if folded.stats != unfolded.stats { found.append("\(folded.stats) and \(unfolded.stats)") }
    if told.folded.sorted() != told.unfolded.sorted() { found.append("others were told \(told.folded) and \(told.unfolded)") }
    for name in names.sorted() {
      let (one, other) = (folded.detail(of: .named(name), at: now), unfolded.detail(of: .named(name), at: now))
      if one != other { found.append("\(String(describing: one)) and \(String(describing: other))") }
    }
    return found
  }
}
