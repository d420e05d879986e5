package import MusterModel

/// Backends that keep the sockets of their clients themselves.
extension ConnectionState {
  /// How many batches of one relay may be unanswered; more are refused.
  static let relayBatchesMax = 16

  /// Makes an open connection a relay.
  ///
  /// Its silence is treated as that of any connection; its batches are its signs of life.
  package mutating func beginRelay(_ connection: ConnectionID, at now: Tick) -> Bool {
    guard !isDraining, let slot = slot(of: connection), rows[slot].phase == .open else { return false }
    rows[slot].phase = .relay
    rows[slot].lastHeard = now
    rows[slot].silenceTicks = (configuration.heartbeatInterval + configuration.heartbeatTimeout).ticks
    rows[slot].pingTicks = (configuration.heartbeatInterval + configuration.heartbeatTimeout / 4).ticks
    wheel.arm(slot, at: now.advanced(by: rows[slot].pingTicks))
    return true
  }

  /// Hands the entries of a batch to the shards of their sessions, in one message for each shard.
  package mutating func relay(
    _ connection: ConnectionID, _ id: UInt32, _ request: RelayRequest, isOverloaded: Bool, random: any RandomSource,
    at now: Tick, into actions: inout [ConnectionAction]
  ) {
    guard let slot = slot(of: connection), rows[slot].phase == .relay else { return }
    rows[slot].lastHeard = now
    counters.requests += 1
    if isDraining { return refuse(slot, id, request, .drain, into: &actions) }
    guard !isOverloaded, rows[slot].inFlight < Self.relayBatchesMax else {
      return refuse(slot, id, request, .overloaded, into: &actions)
    }
    var shares = RelayShares(planes: placement.planes)
    switch request {
    case .heartbeats(let sessions):
      counters.heartbeats += UInt64(sessions.count)
      shares.split(sessions, placement)
    case .opens(let opens): shares.split(opens, placement, random)
    case .closes(let closes): shares.split(closes, placement)
    }
    rows[slot].inFlight += 1
    lastGather &+= 1
    var gather = RelayGather(connection: connection, id: id, request: request.kind, missing: 0)
    if case .opens(let opens) = request { gather.opened = Array(repeating: .failure(.internal), count: opens.count) }
    for (plane, share) in shares.byPlane.enumerated() where !share.positions.isEmpty {
      gather.missing += 1
      actions.append(.tellSession(.relay(connection, gather: lastGather, share), plane: plane))
    }
    relayGathers[lastGather] = gather
  }

  private mutating func refuse(
    _ slot: Slot, _ id: UInt32, _ request: RelayRequest, _ code: ErrorCode, into actions: inout [ConnectionAction]
  ) {
    counters.refused += 1
    actions.append(.answer(.refused(code), id, request.kind, connection(in: slot)))
  }

  /// Takes what became of one share; the last one sends the answer on its way.
  mutating func relayed(
    _ connection: ConnectionID, _ number: UInt32, _ outcome: RelayOutcome, after: LSN, durable: LSN,
    into actions: inout [ConnectionAction]
  ) {
    // Taken out, so that its lists have one owner while they change.
    guard var gather = relayGathers.removeValue(forKey: number) else { return }
    gather.missing -= 1
    gather.after = max(gather.after, after)
    gather.unknown += outcome.unknown
    for opened in outcome.opened { gather.opened[Int(opened.position)] = opened.result }
    guard gather.missing == 0 else {
      relayGathers[number] = gather
      return
    }
    let reply: RelayReply =
      switch gather.request {
      case .heartbeats: .heartbeats(unknown: gather.unknown.sorted())
      case .opens: .opens(gather.opened)
      case .closes: .closes(unknown: gather.unknown.sorted())
      }
    hold(
      .relay(connection, gather.id, gather.request, reply), of: connection, after: gather.after, durable: durable,
      into: &actions)
  }
}

/// The entries of a batch, by the plane of their sessions.
private struct RelayShares {
  var byPlane: [RelayShare]

  init(planes: Int) {
    byPlane = Array(repeating: RelayShare(), count: planes)
  }

  mutating func split(_ sessions: [SessionID], _ placement: Placement) {
    if placement.planes == 1 {
      byPlane[0].work = .heartbeats(sessions)
      byPlane[0].positions = Array(0..<UInt32(sessions.count))
      return
    }
    var ids = byPlane.map { _ in [SessionID]() }
    for (position, session) in sessions.enumerated() {
      let plane = placement.plane(of: session)
      ids[plane].append(session)
      byPlane[plane].positions.append(UInt32(position))
    }
    for plane in byPlane.indices { byPlane[plane].work = .heartbeats(ids[plane]) }
  }

  mutating func split(_ opens: [RelayOpen], _ placement: Placement, _ random: any RandomSource) {
    var logins = byPlane.map { _ in [RelayLogin]() }
    for (position, open) in opens.enumerated() {
      let login = open.user.map { Login.member($0) } ?? .guest(UserID(guestFrom: random))
      let plane = placement.plane(of: login)
      logins[plane].append(RelayLogin(login: login, device: open.device, idleTTLMilliseconds: open.idleTTLMilliseconds))
      byPlane[plane].positions.append(UInt32(position))
    }
    for plane in byPlane.indices { byPlane[plane].work = .opens(logins[plane]) }
  }

  mutating func split(_ closes: [RelayClose], _ placement: Placement) {
    var shares = byPlane.map { _ in [RelayClose]() }
    for (position, close) in closes.enumerated() {
      let plane = placement.plane(of: close.session)
      shares[plane].append(close)
      byPlane[plane].positions.append(UInt32(position))
    }
    for plane in byPlane.indices { byPlane[plane].work = .closes(shares[plane]) }
  }
}
