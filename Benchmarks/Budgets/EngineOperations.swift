import MusterEngine
import MusterModel

#if os(Linux)
  import MusterReactor
#endif

/// Operations on the state of a shard, without actors and clocks.
enum EngineOperations {
  private static let sessionsCount = 4_096
  private static let start = WallTime(milliseconds: 1_700_000_000_000)

  /// The same numbers in every run.
  private struct Numbers: RandomSource {
    private let value: UInt64

    init(_ value: Int) {
      self.value = UInt64(bitPattern: Int64(value))
    }

    func next() -> UInt64 {
      let spread = value &* 0xd6e8_feb8_6659_fd93
      return (spread ^ spread >> 32) &* 0xd6e8_feb8_6659_fd93
    }
  }

  private static func moment(_ tick: UInt32) -> Moment {
    Moment(tick: Tick(tick), wall: WallTime(milliseconds: start.milliseconds + Int64(tick) * Int64(Tick.milliseconds)))
  }

  private static func user(_ number: Int) -> UserID {
    UserID(unchecked: Array("user-\(100_000_000 + number)".utf8))
  }

  private static func grant(_ user: UserID, _ number: Int, _ configuration: EngineConfiguration) -> SessionGrant {
    SessionGrant(
      session: SessionID(placement: user.placement, random: Numbers(number).next(), Numbers(~number).next()), user: user,
      kind: .member, device: .web, status: .online, text: [], created: start,
      expires: WallTime(milliseconds: start.milliseconds + configuration.sessionLifetime.milliseconds),
      idleTTL: configuration.sessionIdleTTL, resumeWindow: configuration.resumeWindow)
  }

  private static func makeState() -> SessionState {
    SessionState(shard: 0, configuration: EngineConfiguration(), now: Tick(0), hashKey: StableHash.Key(1, 2))
  }

  /// Opens sessions that are held by heartbeats.
  private static func fill(_ state: inout SessionState, _ count: Int, isHeld: Bool = true) -> [SessionID] {
    let configuration = EngineConfiguration()
    var changes: [SessionChange] = []
    return (0..<count).map { number in
      let grant = grant(user(number), number, configuration)
      state.apply(.granted(grant), at: moment(0), into: &changes)
      if isHeld, let session = state.find(grant.session) { state.renew(session, at: moment(0)) }
      return grant.session
    }
  }

  // MARK: Heartbeats

  static func beatBySlot(_ count: Int) {
    var state = makeState()
    let ids = fill(&state, sessionsCount)
    let slots = ids.compactMap { state.find($0) }
    for number in 0..<count { state.heard(slots[number & (sessionsCount - 1)], at: Tick(UInt32(truncatingIfNeeded: number))) }
  }

  /// In batches of 64; counted are ids.
  static func beatByID(_ count: Int) {
    var state = makeState()
    let ids = fill(&state, sessionsCount)
    let span = ids.span
    var left: [Int] = []
    for batch in 0..<count / 64 {
      let first = batch * 64 & (sessionsCount - 1)
      state.renew(span.extracting(first..<first + 64), at: moment(1), left: &left)
    }
    precondition(left.isEmpty, "all sessions are known and attached")
  }

  static func beatOfConnection(_ count: Int) {
    var state = ConnectionState(
      shard: 0, configuration: EngineConfiguration(), placement: Placement(planes: 1), now: Tick(0))
    let connections = (0..<sessionsCount).compactMap { _ in state.open(remote: "", at: moment(0)) }
    for number in 0..<count {
      state.heard(connections[number & (sessionsCount - 1)], at: Tick(UInt32(truncatingIfNeeded: number)))
    }
  }

  // MARK: Life

  static func open(_ count: Int) {
    var state = makeState()
    _ = fill(&state, count, isHeld: false)
    keep(state)
  }

  /// Judged as well as carried out.
  static func login(_ count: Int) {
    var state = makeState()
    var changes: [SessionChange] = []
    for number in 0..<count {
      let login = Login.member(user(number))
      let decision = state.decideLogin(login, Hello(credentials: .anonymous), at: moment(0), random: Numbers(number))
      guard case .granted(_, let grant) = decision else { preconditionFailure("a login was refused") }
      state.apply(.granted(grant), at: moment(0), into: &changes)
    }
  }

  /// Opened, and then dormant by its timer.
  static func dormant(_ count: Int) {
    var state = makeState()
    _ = fill(&state, count)
    precondition(pass(&state, to: 700) == count, "all leases are over")
  }

  /// Opened, dormant, and then expired by its timer.
  static func expire(_ count: Int) {
    var state = makeState()
    _ = fill(&state, count)
    precondition(pass(&state, to: 700) == count, "all leases are over")
    precondition(pass(&state, to: 40_000) == count, "all sessions have been idle for too long")
  }

  /// - Returns: How many sessions time has done something to.
  private static func pass(_ state: inout SessionState, to tick: UInt32) -> Int {
    var changes: [SessionChange] = []
    var done = 0
    var isMoreDue = true
    while isMoreDue {
      let due = state.advance(to: Tick(tick), limit: 512)
      for session in due.sessions {
        switch state.fire(session: session, at: moment(tick), into: &changes) {
        case .rearmed, .refreshed: continue
        case .becomesDormant(let id, let reason): state.apply(.dormant(id, reason), at: moment(tick), into: &changes)
        case .expires(let id): state.apply(.ended(id, .expired), at: moment(tick), into: &changes)
        }
        done += 1
      }
      isMoreDue = due.isMoreDue
    }
    return done
  }

  static func idleTick(_ count: Int) {
    var state = makeState()
    for (number, id) in fill(&state, sessionsCount).enumerated() {
      guard let session = state.find(id) else { continue }
      state.attach(session, ConnectionID(shard: 0, slot: UInt32(number), generation: 0), at: moment(0))
    }
    // Nothing is due before the end of the lifetime, which is on the coarsest level of the wheel.
    for number in 0..<count { keep(state.advance(to: Tick(UInt32(number)), limit: 512)) }
  }

  // MARK: Requests

  static func joinAndLeave(_ count: Int) {
    var state = makeState()
    let ids = fill(&state, sessionsCount)
    let channels = (0..<64).map { ChannelName("room:\($0)") ?? ChannelName(utf8: [0x61]) }.compactMap { $0 }
    var changes: [SessionChange] = []
    for number in 0..<count {
      guard let session = state.find(ids[number & (sessionsCount - 1)]) else { preconditionFailure("a session is gone") }
      let channel = channels[number & 63]
      carryOut(state.decideJoin(session, channel, meta: .empty), &state, &changes)
      carryOut(state.decideLeave(session, channel), &state, &changes)
      changes.removeAll(keepingCapacity: true)
    }
  }

  static func status(_ count: Int) {
    var state = makeState()
    let ids = fill(&state, sessionsCount)
    var changes: [SessionChange] = []
    for number in 0..<count {
      guard let session = state.find(ids[number & (sessionsCount - 1)]) else { preconditionFailure("a session is gone") }
      let status: Status = number & sessionsCount == 0 ? .away : .online
      carryOut(state.decideStatus(session, StatusChange(status: status, text: nil), at: moment(1)), &state, &changes)
      changes.removeAll(keepingCapacity: true)
    }
  }

  private static func carryOut(_ decision: Decision, _ state: inout SessionState, _ changes: inout [SessionChange]) {
    guard case .mutations(let mutations) = decision, mutations.count == 1 else { preconditionFailure("nothing changes") }
    for mutation in mutations { state.apply(mutation, at: moment(1), into: &changes) }
  }
}

/// The bytes of a row in each table: what a session, a connection, a membership costs.
enum RowBytes {
  static var json: String {
    var bytes = SessionState.rowBytes.merging(ConnectionState.rowBytes) { first, _ in first }
    #if os(Linux)
      bytes.merge(DrivenEdge.rowBytes) { first, _ in first }
    #endif
    let rows = bytes.sorted { $0.key < $1.key }
    return "{" + rows.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}"
  }
}
