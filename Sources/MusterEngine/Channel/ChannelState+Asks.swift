package import MusterModel

/// Who asks about which channel, and what the answer must wait for.
struct Inquiry {
  var channel: ChannelName
  var connection: ConnectionID
  var id: RequestID
  /// The record that must be durable before the answer may be sent.
  var after: LSN
}

extension ChannelState {
  /// Answers what a connection wants to know of a channel, or changes who observes it.
  mutating func answer(_ ask: ChannelAsk, _ inquiry: Inquiry, into outputs: inout [ChannelOutput]) {
    switch ask {
    case .observe(let list):
      observe(inquiry, list: list, into: &outputs)
    case .look(let list):
      reply(.channel(shownSnapshot(of: inquiry.channel, limit: list)), to: inquiry, into: &outputs)
    case .resume(let point):
      resume(inquiry, from: point, into: &outputs)
    case .answer(let answer, let effect):
      reply(answer, effect, to: inquiry, into: &outputs)
    case .updated:
      reply(.updated(seq: seq(of: inquiry.channel)), to: inquiry, into: &outputs)
    case .list(let limit, let cursor):
      expose(inquiry.channel)
      let page = page(of: inquiry.channel, cursor: cursor, limit: limit)
      reply(.members(page ?? MemberPage(members: [], seq: floor, next: nil)), to: inquiry, into: &outputs)
    case .count:
      expose(inquiry.channel)
      reply(.occupancy(occupancy(of: inquiry.channel)), to: inquiry, into: &outputs)
    case .sync(let epoch, let seq):
      let point = ResumePoint(channel: inquiry.channel, epoch: epoch, seq: seq)
      if let diffs = diffs(since: point) {
        reply(.diffs(diffs), to: inquiry, into: &outputs)
      } else {
        reply(.snapshot(shownSnapshot(of: inquiry.channel, limit: pageMembersMax)), to: inquiry, into: &outputs)
      }
    case .signal(let signal):
      let delivered = self.signal(signal, in: inquiry.channel, into: &outputs)
      // Always, as for every request: the connection counts what it has not been answered.
      reply(.delivered(delivered), to: inquiry, into: &outputs)
    case .resync:
      push(.snapshot(shownSnapshot(of: inquiry.channel, limit: pageMembersMax)), to: inquiry, into: &outputs)
    }
  }

  /// Hands a signal to all observers of a channel.
  ///
  /// - Returns: How many grants to observe there are, and so how many connections get it at most.
  package mutating func signal(
    _ signal: Signal, in channel: ChannelName, into outputs: inout [ChannelOutput]
  ) -> Int {
    let slot = channels.find(channel)
    guard slot != .none, channels.rows[slot].observers > 0 else { return 0 }
    spread(.signal(signal), of: slot, into: &outputs)
    return channels.rows[slot].observers
  }

  private mutating func observe(_ inquiry: Inquiry, list: Int, into outputs: inout [ChannelOutput]) {
    guard let channel = findOrMake(inquiry.channel) else {
      overflows += 1
      reply(.refused(.tooManyChannels), to: inquiry, into: &outputs)
      return
    }
    grant(channel, plane: inquiry.connection.shard)
    let snapshot = shownSnapshot(of: inquiry.channel, limit: list)
    reply(.channel(snapshot), .observes(inquiry.channel), to: inquiry, into: &outputs)
  }

  /// Makes a connection that comes back an observer, without an answer of its own: `hello` has been answered.
  ///
  /// When the table is full the connection is told to come back later, rather than left with a channel that stays silent.
  private mutating func resume(_ inquiry: Inquiry, from point: ResumePoint?, into outputs: inout [ChannelOutput]) {
    guard let channel = findOrMake(inquiry.channel) else {
      overflows += 1
      let refusal = ConnectionMessage.refuse(inquiry.connection, .none, .tooManyChannels)
      outputs.append(ChannelOutput(plane: inquiry.connection.shard, message: refusal))
      return
    }
    grant(channel, plane: inquiry.connection.shard)
    var silent = inquiry
    silent.id = .none
    reply(.empty, .observes(inquiry.channel), to: silent, into: &outputs)
    if let point, point.channel == inquiry.channel, let diffs = diffs(since: point) {
      for diff in diffs { push(.diff(diff), to: inquiry, into: &outputs) }
    } else {
      push(.snapshot(shownSnapshot(of: inquiry.channel, limit: pageMembersMax)), to: inquiry, into: &outputs)
    }
  }

  /// What was told since a point, or `nil` when only a snapshot can bring the client up to date.
  private func diffs(since point: ResumePoint) -> [Diff]? {
    let channel = channels.find(point.channel)
    guard channel != .none, point.epoch == epoch else { return nil }
    // Also in count mode: a client at the current number will get the next count event like all others.
    if point.seq == channels.rows[channel].seq { return [] }
    return channels.rows[channel].ring.diffs(after: point.seq)
  }

  /// A snapshot for a client: whoever has seen what is pending must be told what becomes of it.
  private mutating func shownSnapshot(of name: ChannelName, limit: Int) -> ChannelSnapshot {
    expose(name)
    let channel = channels.find(name)
    guard channel == .none else { return snapshot(of: channel, limit: limit) }
    return ChannelSnapshot(
      channel: name, mode: .announce, epoch: epoch, seq: floor, occupancy: Occupancy(), members: [], next: nil)
  }

  /// Notes that a client is shown what is, under the number of the last event, before it was told.
  private mutating func expose(_ name: ChannelName) {
    let channel = channels.find(name)
    guard channel != .none else { return }
    if channels.rows[channel].changes > 0 { channels.rows[channel].exposures &+= 1 }
    if channels.rows[channel].mode == .count, hasNews(channel) { channels.rows[channel].owesCount = true }
  }

  private func reply(
    _ reply: Reply, _ effect: ReplyEffect = .none, to inquiry: Inquiry, into outputs: inout [ChannelOutput]
  ) {
    let message = ConnectionMessage.reply(inquiry.connection, inquiry.id, reply, effect, after: inquiry.after)
    outputs.append(ChannelOutput(plane: inquiry.connection.shard, message: message))
  }

  private func push(_ push: Push, to inquiry: Inquiry, into outputs: inout [ChannelOutput]) {
    outputs.append(ChannelOutput(plane: inquiry.connection.shard, message: .push(inquiry.connection, push)))
  }
}

extension Refusal {
  fileprivate static let tooManyChannels = Refusal(
    .overloaded, "The server holds as many channels as it can; try again later.")
}
