import MusterEngine
import MusterModel

/// A channel shard without a shard: drives a ``ChannelState`` by hand, turn by turn.
final class ChannelStage {
  static let epoch = Epoch(rawValue: 7)

  private var state: ChannelState
  private(set) var now = Moment(tick: Tick(0), wall: WallTime(milliseconds: 1_000_000))
  /// What was told since the last ``taken()``.
  private var outputs: [ChannelOutput] = []

  init(
    pageMembersMax: Int = 1_000, channelsMax: Int = 1 << 20, membersMax: Int = 1 << 20,
    namespaces: [String: NamespaceSettings] = [:], _ configure: (inout NamespaceSettings) -> Void = { _ in }
  ) {
    var configuration = EngineConfiguration()
    configuration.pageMembersMax = pageMembersMax
    configuration.namespaces = namespaces
    configure(&configuration.defaultNamespace)
    state = ChannelState(
      configuration: configuration, epoch: Self.epoch, now: now.tick, hashKey: StableHash.Key(1, 2),
      channelsMax: channelsMax, membersMax: membersMax)
  }

  // MARK: Inputs

  func put(_ member: Member, sessions: Int = 1, in channel: ChannelName = .stagedRoom) {
    receive(.put(channel, member, sessions: sessions))
  }

  func drop(_ user: String, _ reason: LeaveReason = .left, in channel: ChannelName = .stagedRoom) {
    receive(.drop(channel, .staged(user), reason))
  }

  func ask(
    _ ask: ChannelAsk, by connection: ConnectionID = .stagedFirst, id: RequestID = .integer(1), after: LSN = .zero,
    in channel: ChannelName = .stagedRoom
  ) {
    receive(.ask(channel, connection, id, ask, after: after))
  }

  func release(plane: Int, grants: Int = 1, in channel: ChannelName = .stagedRoom) {
    receive(.release(channel, plane: plane, grants: grants))
  }

  func receive(_ message: ChannelMessage) {
    state.receive(message, at: now, into: &outputs)
  }

  /// Ends the turn; the next one is in the same tick.
  @discardableResult
  func endTurn(limit: Int = 1_000_000) -> ChannelProgress {
    state.flush(at: now, limit: limit, into: &outputs)
  }

  /// Lets time pass, with a turn for each tick.
  func pass(ticks: Int, limit: Int = 1_000_000) {
    for _ in 0..<ticks {
      now.tick = now.tick.advanced(by: 1)
      now.wall.milliseconds += Int64(Tick.milliseconds)
      while state.advance(to: now.tick, limit: limit) == .moreDue {}
      while state.flush(at: now, limit: limit, into: &outputs) == .moreDue {}
    }
  }

  /// Moves the wheels to a tick, without a flush.
  func advance(to tick: Tick, limit: Int) -> ChannelProgress {
    state.advance(to: tick, limit: limit)
  }

  /// A signal through the control plane.
  func signal(_ signal: Signal) -> Int {
    state.signal(signal, in: .stagedRoom, into: &outputs)
  }

  // MARK: Reads

  var violations: [String] { state.invariantViolations() }
  var counters: ChannelCounters { state.counters }

  func detail(of channel: ChannelName = .stagedRoom) -> ChannelDetail? { state.detail(of: channel) }

  func occupancy(of channel: ChannelName = .stagedRoom) -> Occupancy { state.occupancy(of: channel) }

  func page(cursor: Cursor? = nil, limit: Int) -> MemberPage? {
    state.page(of: .stagedRoom, cursor: cursor, limit: limit)
  }

  func look(for scan: inout ChannelScan, rows: Int) -> ChannelProgress { state.look(for: &scan, rows: rows) }

  // MARK: Outputs

  /// What was told since the last time, and forgets it.
  func taken() -> [ChannelOutput] {
    defer { outputs = [] }
    return outputs
  }

  /// The events for one plane since the last time; forgets everything.
  func takenEvents(plane: Int = 0) -> [ChannelEvent] {
    taken().compactMap { output in
      guard output.plane == plane, case .event(_, let event) = output.message else { return nil }
      return event
    }
  }

  /// The events for one plane since the last time, each as one line; forgets everything.
  func takenLines(plane: Int = 0) -> [String] {
    takenEvents(plane: plane).map(\.asLine)
  }

  /// The replies and pushes since the last time; forgets everything.
  func takenAnswers() -> [Answer] {
    taken().compactMap { output in
      switch output.message {
      case .reply(let connection, let id, let reply, let effect, let after):
        Answer(connection: connection, id: id, reply: reply, push: nil, effect: effect, after: after)
      case .push(let connection, let push):
        Answer(connection: connection, id: .none, reply: nil, push: push, effect: .none, after: .zero)
      default: nil
      }
    }
  }

  /// What a connection was told, taken apart.
  struct Answer: Equatable {
    var connection: ConnectionID
    var id: RequestID
    var reply: Reply?
    var push: Push?
    var effect: ReplyEffect
    var after: LSN

    /// The snapshot in it, in whatever form.
    var snapshot: ChannelSnapshot? {
      if case .channel(let snapshot) = reply { return snapshot }
      if case .snapshot(let snapshot) = reply { return snapshot }
      if case .snapshot(let snapshot) = push { return snapshot }
      return nil
    }

    var page: MemberPage? {
      if case .members(let page) = reply { return page }
      return nil
    }

    var diffs: [Diff]? {
      if case .diffs(let diffs) = reply { return diffs }
      return nil
    }
  }
}

// MARK: Words for values

extension ChannelName {
  static let stagedRoom = staged("room:1")

  static func staged(_ text: String) -> ChannelName {
    guard let name = ChannelName(text) else { preconditionFailure("\(text) is no channel name") }
    return name
  }
}

extension UserID {
  static func staged(_ text: String) -> UserID { UserID(unchecked: Array(text.utf8)) }
}

extension ConnectionID {
  static let stagedFirst = staged(plane: 0, 1)

  static func staged(plane: Int, _ slot: UInt32) -> ConnectionID {
    ConnectionID(shard: plane, slot: slot, generation: 1)
  }
}

extension Member {
  static func staged(
    _ user: String, text: String = "", kind: UserKind = .member, status: Status = .online, devices: DeviceSet = DeviceSet(.web)
  ) -> Member {
    Member(
      user: .staged(user), kind: kind, status: status, text: Array(text.utf8), meta: .empty, devices: devices,
      since: WallTime(milliseconds: 0))
  }

  /// The user, and the text if there is one.
  var asLabel: String {
    text.isEmpty ? user.text : "\(user.text)=\(String(decoding: text, as: UTF8.self))"
  }
}

extension [Member] {
  var asLabels: [String] { map(\.asLabel) }
}

extension Occupancy {
  /// Users, guests and sessions as `2+1/4`.
  var asLine: String { "\(users)+\(guests)/\(sessions)" }
}

extension Diff {
  /// The diff as a line such as `0>1 +ann ~bob -cid(left) 2+0/2`: the numbers, who came, changed and went, the occupancy.
  var asLine: String {
    let joins = joins.map { "+\($0.asLabel)" }.sorted()
    let updates = updates.map { "~\($0.asLabel)" }.sorted()
    let leaves = leaves.map { "-\($0.user.text)(\($0.reason.name))" }.sorted()
    return (["\(prev.rawValue)>\(seq.rawValue)"] + joins + updates + leaves + [occupancy.asLine]).joined(separator: " ")
  }
}

extension ChannelEvent {
  /// The event as a line: a diff as above, `#3 count 5+0/5`, `#4 snapshot ann bob 2+0/2`.
  var asLine: String {
    switch self {
    case .diff(let diff): diff.asLine
    case .count(let count): "#\(count.seq.rawValue) count \(count.occupancy.asLine)"
    case .snapshot(let snapshot): snapshot.asLine
    case .signal(let signal): "signal \(String(decoding: signal.data, as: UTF8.self))"
    }
  }
}

extension ChannelSnapshot {
  /// The number, the members on it, the occupancy, and a sign when there are more pages.
  var asLine: String {
    let more = next == nil ? [] : ["…"]
    return (["#\(seq.rawValue) snapshot"] + members.asLabels + more + [occupancy.asLine]).joined(separator: " ")
  }
}
