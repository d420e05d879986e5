import MusterJSON
import MusterModel

extension RequestFields {
  /// Reads the members that the op asks for.
  func request(within limits: WireLimits) throws(Refusal) -> Request {
    switch try op() {
    case .beat: return .beat
    case .hello: return .hello(try hello(within: limits))
    case .join:
      let meta = try object(.meta, bytesMax: limits.metaBytesMax) ?? .empty
      return .join(try channel(), meta: meta, list: try list(limits))
    case .observe: return .observe(try channel(), list: try list(limits))
    case .unobserve: return .unobserve(try channel())
    case .leave: return .leave(try channel())
    case .update:
      guard let patch = try object(.patch, bytesMax: limits.metaBytesMax) else { throw missing(.patch) }
      return .update(try channel(), patch: patch)
    case .status: return .status(try statusChange(limits))
    case .activity: return try activity()
    case .list:
      let limit = try integer(.limit, in: 1...Int64(limits.pageMembersMax)).map(Int.init) ?? limits.pageMembersDefault
      return .list(try channel(), limit: limit, cursor: try cursor())
    case .count: return .count(try channel())
    case .users: return .users(try users(.ids, max: limits.usersMax))
    case .watch: return .watch(try users(.users, max: limits.watchesMax))
    case .unwatch: return .unwatch(try users(.users, max: limits.watchesMax))
    case .sync: return .sync(try channel(), epoch: try epoch(), seq: try seq())
    case .signal: return .signal(try target(), data: try raw(.data, bytesMax: limits.signalBytesMax))
    case .data:
      let patch = try object(.patch, bytesMax: limits.dataBytesMax)
      let version = try integer(.ifVersion, in: 0...Int64.max).map(UInt64.init)
      return .data(patch: patch, ifVersion: version)
    case .bye:
      return .bye(logout: try bool(.logout) ?? false, graceMilliseconds: try milliseconds(.graceMilliseconds) ?? 0)
    }
  }

  private func op() throws(Refusal) -> Operation {
    guard var reader = reader(at: .op) else { throw missing(.op) }
    guard let text = try? reader.string() else { throw wrong(.op, "must be a string") }
    guard let op = reader.packed(text).flatMap(Operation.init) else { throw unsupported(text, in: reader) }
    return op
  }

  private func unsupported(_ op: JSONText, in reader: borrowing JSONReader) -> Refusal {
    let name = reader.length(of: op) <= 32 ? "\"\(String(decoding: reader.bytes(of: op), as: UTF8.self))\"" : "This"
    return Refusal(.unsupportedOp, "\(name) is not an op of muster.v1.")
  }

  private func list(_ limits: WireLimits) throws(Refusal) -> Int {
    try integer(.list, in: 0...Int64(limits.pageMembersMax)).map(Int.init) ?? limits.pageMembersDefault
  }

  private func cursor() throws(Refusal) -> Cursor? {
    guard let utf8 = try string(.cursor, bytesMax: .max) else { return nil }
    guard let ordinal = Base36.read(utf8) else { throw wrong(.cursor, "must be a \"next\" that the server has given") }
    return Cursor(ordinal: ordinal)
  }

  private func activity() throws(Refusal) -> Request {
    let isIdle = try word(.state, "active and idle") { name -> Bool? in
      switch name {
      case packed("idle"): true
      case packed("active"): false
      default: nil
      }
    }
    guard let isIdle else { throw missing(.state) }
    return .activity(idle: isIdle)
  }

  private func statusChange(_ limits: WireLimits) throws(Refusal) -> StatusChange {
    let scope = try word(.scope, "session and user") { name -> StatusChange.Scope? in
      switch name {
      case packed("session"): .session
      case packed("user"): .user
      default: nil
      }
    }
    let change = StatusChange(
      status: try status(), text: try string(.text, bytesMax: limits.statusTextBytesMax), scope: scope ?? .session,
      forMilliseconds: try milliseconds(.forMilliseconds))
    switch change.scope {
    case .session:
      guard change.status != nil || change.text != nil else { throw missing(.status) }
      guard change.forMilliseconds == nil else { throw wrong(.forMilliseconds, "goes with \"scope\":\"user\" only") }
    case .user:
      // To lift an override by leaving a member out would be too easy to do by mistake.
      guard kind(of: .status) != nil else { throw wrong(.status, "is missing; null lifts what was set for the user") }
    }
    return change
  }

  func status() throws(Refusal) -> Status? {
    try word(.status, "online, away, dnd and invisible", Status.init)
  }

  private func target() throws(Refusal) -> SignalTarget {
    guard var reader = reader(at: .to) else { throw missing(.to) }
    let rule = "must be an object with one of \"user\", \"session\" and \"channel\""
    guard (try? reader.beginObject()) != nil else { throw wrong(.to, rule) }
    var target: SignalTarget?
    // The text is valid JSON, so the reader can only stop where the object ends.
    while let key = try? reader.nextKey() {
      let isKnown = reader.matches(key, "user") || reader.matches(key, "session") || reader.matches(key, "channel")
      guard isKnown, (try? reader.kind()) != .null else {
        _ = try? reader.skipValue()
        continue
      }
      guard target == nil, let text = try? reader.string() else { throw wrong(.to, rule) }
      let utf8 = reader.bytes(of: text)
      if reader.matches(key, "channel") {
        target = .channel(try channel(utf8))
      } else if reader.matches(key, "user") {
        target = .user(try user(utf8))
      } else {
        target = .session(try session(utf8))
      }
    }
    guard let target else { throw wrong(.to, rule) }
    return target
  }

  private func user(_ utf8: [UInt8]) throws(Refusal) -> UserID {
    guard let user = UserID(utf8: utf8) else { throw wrong(.to, "names a user, whose id \(Self.userRule)") }
    return user
  }

  private func session(_ utf8: [UInt8]) throws(Refusal) -> SessionID {
    guard utf8.count == 32, let high = Hexadecimal.read(utf8[..<16]), let low = Hexadecimal.read(utf8[16...]) else {
      throw wrong(.to, "names a session, whose id has 32 hexadecimal digits")
    }
    return SessionID(high: high, low: low)
  }
}

/// What a client can ask for, by the name of the op.
enum Operation: UInt8, CaseIterable {
  case beat, hello, join, observe, unobserve, leave, update, status, activity, list, count, users, watch, unwatch, sync, signal
  case data, bye

  /// The op with a name.
  ///
  /// Kept apart from what is made of it, so that it compiles to a run of comparisons.
  init?(_ name: PackedName) {
    switch name {
    case packed("beat"): self = .beat
    case packed("hello"): self = .hello
    case packed("join"): self = .join
    case packed("observe"): self = .observe
    case packed("unobserve"): self = .unobserve
    case packed("leave"): self = .leave
    case packed("update"): self = .update
    case packed("status"): self = .status
    case packed("activity"): self = .activity
    case packed("list"): self = .list
    case packed("count"): self = .count
    case packed("users"): self = .users
    case packed("watch"): self = .watch
    case packed("unwatch"): self = .unwatch
    case packed("sync"): self = .sync
    case packed("signal"): self = .signal
    case packed("data"): self = .data
    case packed("bye"): self = .bye
    default: return nil
    }
  }
}
