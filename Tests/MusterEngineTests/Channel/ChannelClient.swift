import MusterEngine
import MusterModel

/// What a client of the protocol makes of what it is told about one channel: the model that convergence is tested with.
///
/// It knows nothing of the server but its messages. It sees a hole only by `prev` and `seq`, forgets members when it is told a
/// count, and pages until it has the whole list.
struct ChannelClient {
  /// What the client wants to ask next.
  enum Want {
    case page(Cursor, RequestID)
    case sync(epoch: Epoch, seq: Seq)
  }

  let channel: ChannelName
  /// Loses events without being told.
  let isLossy: Bool
  var connection: ConnectionID
  /// Whether it wants to see the channel at all.
  var isObserving = false
  /// The connection does not drain: the plane drops its events, and asks for a snapshot when it does.
  var isStale = false
  var awaitsResync = false

  /// It observes, but has no connection just now.
  private(set) var isOffline = false
  private(set) var isKnown = false
  private(set) var epoch = Epoch(rawValue: 0)
  private(set) var seq = Seq(0)
  private(set) var mode = ChannelMode.announce
  private(set) var occupancy = Occupancy()
  private(set) var members: [UserID: Member] = [:]
  private(set) var next: Cursor?
  private(set) var wants: [Want] = []
  /// What must never happen.
  private(set) var complaints: [String] = []
  /// Pages of an older snapshot are not for this one.
  private var snapshots: Int64 = 0
  private var isSyncing = false

  init(channel: ChannelName, connection: ConnectionID, isLossy: Bool) {
    self.channel = channel
    self.connection = connection
    self.isLossy = isLossy
  }

  /// Where it stands, if it has seen the channel.
  var point: ResumePoint? { isKnown ? ResumePoint(channel: channel, epoch: epoch, seq: seq) : nil }

  var isOnline: Bool { isObserving && !isOffline }

  mutating func takeWants() -> [Want] {
    defer { wants = [] }
    return wants
  }

  /// The connection is lost; what was asked on it is never answered.
  mutating func goOffline() {
    isOffline = true
    isStale = false
    awaitsResync = false
    isSyncing = false
    wants = []
  }

  /// Forgets the channel, as one who does not observe it any more.
  mutating func forget() {
    isKnown = false
    isSyncing = false
    isObserving = false
    wants = []
    snapshots += 1
  }

  /// Goes on over a new connection.
  mutating func reconnect(_ connection: ConnectionID) {
    goOffline()
    isOffline = false
    self.connection = connection
    if isKnown { wantNextPage() }
  }

  /// Asks what it may have missed without noticing.
  mutating func wantSync() {
    guard isKnown, !isSyncing else { return }
    isSyncing = true
    wants.append(.sync(epoch: epoch, seq: seq))
  }

  mutating func receive(_ reply: Reply, to id: RequestID) {
    switch reply {
    case .channel(let snapshot):
      apply(snapshot)
    case .members(let page):
      guard isKnown, id == .integer(snapshots) else { return }
      for member in page.members { members[member.user] = member }
      next = page.next
      wantNextPage()
    case .diffs(let diffs):
      isSyncing = false
      for diff in diffs where diff.seq > seq { apply(diff, isChained: true) }
    case .snapshot(let snapshot):
      isSyncing = false
      apply(snapshot)
    default: break
    }
  }

  mutating func receive(_ push: Push) {
    switch push {
    case .diff(let diff): apply(diff, isChained: true)
    case .snapshot(let snapshot): apply(snapshot)
    default: complaints.append("pushed \(push)")
    }
  }

  mutating func receive(_ event: ChannelEvent) {
    switch event {
    case .diff(let diff):
      follow(diff.seq)
      apply(diff, isChained: false)
    case .count(let count):
      follow(count.seq)
      (seq, mode, occupancy) = (count.seq, .count, count.occupancy)
      members = [:]
      next = nil
      snapshots += 1
    case .snapshot(let snapshot):
      follow(snapshot.seq)
      apply(snapshot)
    case .signal: break
    }
  }

  /// An event has a greater number than what is known; the next one, if nothing was lost.
  private mutating func follow(_ seq: Seq) {
    if !isKnown { complaints.append("event \(seq.rawValue) before any snapshot") }
    if seq <= self.seq { complaints.append("event \(seq.rawValue) after \(self.seq.rawValue)") }
    if !isLossy, seq != self.seq.next { complaints.append("event \(seq.rawValue) after \(self.seq.rawValue) is a hole") }
  }

  private mutating func apply(_ snapshot: ChannelSnapshot) {
    isKnown = true
    (epoch, seq, mode, occupancy) = (snapshot.epoch, snapshot.seq, snapshot.mode, snapshot.occupancy)
    members = [:]
    for member in snapshot.members { members[member.user] = member }
    next = snapshot.next
    snapshots += 1
    isSyncing = false
    wantNextPage()
  }

  private mutating func apply(_ diff: Diff, isChained: Bool) {
    guard diff.prev == seq, diff.epoch == epoch else {
      if isChained { complaints.append("diff \(diff.asLine) does not fit \(seq.rawValue)") }
      return wantSync()
    }
    if mode == .count { complaints.append("diff \(diff.asLine) for one who knows no members") }
    seq = diff.seq
    occupancy = diff.occupancy
    for member in diff.joins + diff.updates { members[member.user] = member }
    for leave in diff.leaves { members[leave.user] = nil }
  }

  private mutating func wantNextPage() {
    if let next { wants.append(.page(next, .integer(snapshots))) }
  }
}
