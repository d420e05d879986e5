package import MusterModel

/// Reads change nothing. The control plane uses them as they are: what it is shown is not part of the order in which observers
/// are told, so it does not count as exposed.
extension ChannelState {
  /// One channel for operators and backends, or `nil` when there is none of that name.
  package func detail(of name: ChannelName) -> ChannelDetail? {
    let channel = channels.find(name)
    guard channel != .none else { return nil }
    return ChannelDetail(
      channel: name, mode: channels.rows[channel].mode, epoch: epoch, seq: channels.rows[channel].seq,
      occupancy: channels.rows[channel].occupancy, observers: channels.rows[channel].observers)
  }

  /// The counts of a channel; zeros when there is none of that name.
  package func occupancy(of name: ChannelName) -> Occupancy {
    let channel = channels.find(name)
    return channel == .none ? Occupancy() : channels.rows[channel].occupancy
  }

  /// The number of the last event of a channel; of one that does not exist, the one that it would begin with.
  func seq(of name: ChannelName) -> Seq {
    let channel = channels.find(name)
    return channel == .none ? floor : channels.rows[channel].seq
  }

  /// A page of the members of a channel, in any mode.
  ///
  /// - Parameters:
  ///   - name: The channel.
  ///   - cursor: `next` of the page before; `nil` begins.
  ///   - limit: Taken as at least 1 and at most `pageMembersMax`.
  /// - Complexity: O(log members + limit).
  /// - Returns: `nil` when there is no channel of that name.
  package func page(of name: ChannelName, cursor: Cursor?, limit: Int) -> MemberPage? {
    let channel = channels.find(name)
    guard channel != .none else { return nil }
    let page = list(channel, from: cursor, limit: min(max(1, limit), pageMembersMax))
    return MemberPage(members: page.members, seq: channels.rows[channel].seq, next: page.next)
  }

  /// A channel as it is now, under the number of its last event.
  ///
  /// - Parameters:
  ///   - channel: One in use.
  ///   - limit: How many members; taken as at least 0 and at most `pageMembersMax`.
  /// - Returns: In ``ChannelMode/count`` without members.
  func snapshot(of channel: Slot, limit: Int) -> ChannelSnapshot {
    let mode = channels.rows[channel].mode
    var page: (members: [Member], next: Cursor?) = ([], nil)
    if mode != .count { page = list(channel, from: nil, limit: min(max(0, limit), pageMembersMax)) }
    return ChannelSnapshot(
      channel: channels.name(of: channel), mode: mode, epoch: epoch, seq: channels.rows[channel].seq,
      occupancy: channels.rows[channel].occupancy, members: page.members, next: page.next)
  }

  private func list(_ channel: Slot, from cursor: Cursor?, limit: Int) -> (members: [Member], next: Cursor?) {
    let page = channels.rows[channel].order.page(from: cursor?.ordinal ?? 0, limit: limit)
    return (page.slots.map { members.view(of: $0) }, page.next.map { Cursor(ordinal: $0) })
  }

  /// The counters of the shard.
  package var counters: ChannelCounters {
    var counters = ChannelCounters()
    counters.channels = channels.slots.count
    counters.members = memberCount
    counters.observers = observerCount
    counters.events = events
    counters.overflows = overflows
    return counters
  }

  /// Goes on with a scan for names.
  ///
  /// - Parameters:
  ///   - scan: What is looked for, and how far the scan has come.
  ///   - rows: How many rows to look at.
  /// - Complexity: O(rows × log of the scan's limit), and for each name found the names found behind it.
  /// - Returns: Whether all rows have been looked at.
  package func look(for scan: inout ChannelScan, rows: Int) -> ChannelProgress {
    let end = min(channels.slots.rows, scan.rowsPassed + max(1, rows))
    while scan.rowsPassed < end {
      if let name = channels.rows[Slot(UInt32(scan.rowsPassed))].name { scan.offer(name) }
      scan.rowsPassed += 1
    }
    return scan.rowsPassed < channels.slots.rows ? .moreDue : .done
  }
}

/// A search for the first names behind a name, in the order of their bytes, done piece by piece.
///
/// Only the control plane lists channels, so there is no index in order for each join to keep up: all rows are looked at,
/// a few thousand in one turn. A channel that lives throughout the scan is found; one that comes or goes may be or not.
package struct ChannelScan: Sendable {
  package let prefix: [UInt8]
  package let after: ChannelName?
  /// How many names are kept.
  package let limit: Int
  /// The first names so far, ascending.
  package private(set) var names: [ChannelName] = []
  fileprivate(set) var rowsPassed = 0

  /// A scan that has not begun.
  ///
  /// - Parameters:
  ///   - prefix: The bytes that the names begin with; empty for all.
  ///   - after: Only names behind it.
  ///   - limit: Taken as at least 1 and at most 10,000.
  package init(prefix: [UInt8], after: ChannelName?, limit: Int) {
    self.prefix = prefix
    self.after = after
    self.limit = min(max(1, limit), 10_000)
  }

  /// Keeps a name if it is among the first.
  fileprivate mutating func offer(_ name: ChannelName) {
    guard name.utf8.starts(with: prefix) else { return }
    if let after, !after.utf8.lexicographicallyPrecedes(name.utf8) { return }
    if names.count == limit, let last = names.last, !name.utf8.lexicographicallyPrecedes(last.utf8) { return }
    var low = 0
    var high = names.count
    while low < high {
      let middle = (low + high) / 2
      if names[middle].utf8.lexicographicallyPrecedes(name.utf8) { low = middle + 1 } else { high = middle }
    }
    names.insert(name, at: low)
    if names.count > limit { names.removeLast() }
  }
}
