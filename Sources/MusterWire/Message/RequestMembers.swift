import MusterJSON

/// Where the members of one request stand, found in one pass over its text.
///
/// The members may come in any order, `op` and `id` too, so a request is first validated and mapped as a whole, and then read
/// in the order that the op asks for.
///
/// ### Ownership
/// The slots belong to ``withEmpty(_:)``, whose closure this value must not leave. They are on the stack: mapping a request
/// allocates nothing. (As stored properties they would be copied at each access, which was a third of the time of a `join`.)
// SAFETY: there is one slot for each name, read only where `present` says that it was written; valid inside `withEmpty`.
struct RequestMembers {
  /// The members that mean something to some op.
  enum Name: UInt8, CaseIterable {
    case op, id, channel, meta, list, patch, status, text, scope, forMilliseconds, state, limit, cursor, ids, users, epoch, seq
    case to, data, ifVersion, logout, graceMilliseconds, token, user, guest, device, heartbeatMilliseconds
    case resumeWindowMilliseconds, idleTTLMilliseconds, lifetimeMilliseconds, resume
  }

  /// Where one value stands.
  private struct Slot {
    var lower: UInt32
    var upper: UInt32
  }

  private let slots: UnsafeMutableBufferPointer<Slot>
  /// One bit for each name.
  private var present: UInt32 = 0

  /// Lends room for the members of one request.
  static func withEmpty<Result, Failure: Error>(
    _ body: (inout RequestMembers) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withUnsafeTemporaryAllocation(of: Slot.self, capacity: Name.allCases.count) { slots throws(Failure) in
      var members = RequestMembers(slots: slots)
      return try body(&members)
    }
  }

  /// Where the value of a member stands, or `nil` when the request has none; of duplicates the last counts.
  subscript(name: Name) -> Range<Int>? {
    guard present & 1 << UInt32(name.rawValue) != 0 else { return nil }
    let slot = slots[Int(name.rawValue)]
    return Int(slot.lower)..<Int(slot.upper)
  }

  /// Validates a whole request and notes where its members stand.
  ///
  /// After an error the members before it are known.
  mutating func scan(_ reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let key = try reader.nextKey() {
      let name = reader.packed(key).flatMap(Name.init)
      let range = try reader.skipValue()
      guard let name else { continue }
      // A request is far below 4 GiB: its size was limited before.
      slots.initializeElement(at: Int(name.rawValue), to: Slot(lower: UInt32(range.lowerBound), upper: UInt32(range.upperBound)))
      present |= 1 << UInt32(name.rawValue)
    }
    try reader.finish()
  }
}

extension RequestMembers.Name {
  /// The member as it is written.
  var text: StaticString {
    switch self {
    case .op: "op"
    case .id: "id"
    case .channel: "channel"
    case .meta: "meta"
    case .list: "list"
    case .patch: "patch"
    case .status: "status"
    case .text: "text"
    case .scope: "scope"
    case .forMilliseconds: "for_ms"
    case .state: "state"
    case .limit: "limit"
    case .cursor: "cursor"
    case .ids: "ids"
    case .users: "users"
    case .epoch: "epoch"
    case .seq: "seq"
    case .to: "to"
    case .data: "data"
    case .ifVersion: "if_version"
    case .logout: "logout"
    case .graceMilliseconds: "grace_ms"
    case .token: "token"
    case .user: "user"
    case .guest: "guest"
    case .device: "device"
    case .heartbeatMilliseconds: "heartbeat_ms"
    case .resumeWindowMilliseconds: "resume_window_ms"
    case .idleTTLMilliseconds: "idle_ttl_ms"
    case .lifetimeMilliseconds: "lifetime_ms"
    case .resume: "resume"
    }
  }

  /// The member with a name, or `nil` when it means nothing and is to be ignored.
  init?(_ name: PackedName) {
    switch name {
    case packed("op"): self = .op
    case packed("id"): self = .id
    case packed("channel"): self = .channel
    case packed("meta"): self = .meta
    case packed("list"): self = .list
    case packed("patch"): self = .patch
    case packed("status"): self = .status
    case packed("text"): self = .text
    case packed("scope"): self = .scope
    case packed("for_ms"): self = .forMilliseconds
    case packed("state"): self = .state
    case packed("limit"): self = .limit
    case packed("cursor"): self = .cursor
    case packed("ids"): self = .ids
    case packed("users"): self = .users
    case packed("epoch"): self = .epoch
    case packed("seq"): self = .seq
    case packed("to"): self = .to
    case packed("data"): self = .data
    case packed("if_version"): self = .ifVersion
    case packed("logout"): self = .logout
    case packed("grace_ms"): self = .graceMilliseconds
    case packed("token"): self = .token
    case packed("user"): self = .user
    case packed("guest"): self = .guest
    case packed("device"): self = .device
    case packed("heartbeat_ms"): self = .heartbeatMilliseconds
    case packed("resume_window_ms"): self = .resumeWindowMilliseconds
    case packed("idle_ttl_ms"): self = .idleTTLMilliseconds
    case packed("lifetime_ms"): self = .lifetimeMilliseconds
    case packed("resume"): self = .resume
    default: return nil
    }
  }
}
