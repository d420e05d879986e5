import MusterModel

/// A share that is being carried out, slice by slice.
struct RelayTask {
  let connection: ConnectionID
  let gather: UInt32
  let share: RelayShare
  /// How many entries have been carried out.
  var done = 0
  var outcome = RelayOutcome()
}

/// Batches of relays.
extension SessionShard {
  /// What a login or a logout counts for, in heartbeats: it is judged, logged and applied.
  private static let heartbeatsPerLogin = 8

  /// Carries out what relays have asked for, as much of it as so many heartbeats are worth.
  ///
  /// - Parameter left: What it may still be, less what it was.
  /// - Returns: Whether more is due.
  func carryOutRelays(limit left: inout Int) -> Bool {
    while left > 0, var task = relayTasks.popFirst() {
      let entries = task.share.positions.count
      let cost = if case .heartbeats = task.share.work { 1 } else { Self.heartbeatsPerLogin }
      let slice = task.done..<min(entries, task.done + max(1, left / cost))
      carryOut(slice, of: &task)
      task.done = slice.upperBound
      left -= slice.count * cost
      if task.done < entries {
        relayTasks.prepend(task)
      } else {
        send(.relayed(task.connection, gather: task.gather, task.outcome, after: appendedThrough), to: task.connection)
      }
    }
    return !relayTasks.isEmpty
  }

  private func carryOut(_ slice: Range<Int>, of task: inout RelayTask) {
    switch task.share.work {
    case .heartbeats(let sessions):
      var left: [Int] = []
      state.renew(sessions.span.extracting(slice), at: now, left: &left)
      for place in left {
        wake(sessions[slice.lowerBound + place], task.share.positions[slice.lowerBound + place], &task.outcome)
      }
    case .opens(let logins):
      for place in slice {
        task.outcome.opened.append((task.share.positions[place], open(logins[place])))
      }
    case .closes(let closes):
      for place in slice { close(closes[place], task.share.positions[place], &task.outcome) }
    }
  }

  /// Renews what a batch has left: a dormant session wakes, unless the log takes nothing.
  private func wake(_ id: SessionID, _ position: UInt32, _ outcome: inout RelayOutcome) {
    guard let session = state.find(id) else { return outcome.unknown.append(position) }
    if state.sessions.rows[session].phase == .dormant {
      guard isAccepting else { return outcome.unavailable.append(position) }
      commit([.awake(id)])
    }
    state.renew(session, at: now)
  }

  private func open(_ login: RelayLogin) -> Result<SessionID, ErrorCode> {
    let hello = Hello(credentials: .anonymous, device: login.device, idleTTLMilliseconds: login.idleTTLMilliseconds)
    switch state.decideLogin(login.login, hello, at: now, random: context.random) {
    case .refused(let refusal): return .failure(refusal.code)
    case .resumed: preconditionFailure("a relay opens new sessions only")
    case .granted where !isAccepting: return .failure(Refusal.notAccepting.code)
    case .granted(let replaced, let grant):
      commit(replaced.map { .ended($0, .replaced) } + [.granted(grant)])
      if let session = state.find(grant.session) { state.renew(session, at: now) }
      return .success(grant.session)
    }
  }

  private func close(_ close: RelayClose, _ position: UInt32, _ outcome: inout RelayOutcome) {
    guard let session = state.find(close.session) else { return outcome.unknown.append(position) }
    let mutation: Mutation
    switch close.how {
    case .logout: mutation = .ended(close.session, .left)
    case .leave:
      // A connection of its own holds the session all the same.
      guard state.sessions[session].attachments == 0, state.sessions.rows[session].phase != .dormant else { return }
      mutation = .dormant(close.session, .left)
    }
    guard isAccepting else { return outcome.unavailable.append(position) }
    commit([mutation])
  }
}
