package import MusterJSON
package import MusterModel

// How the values of the model are written, in replies, in pushes and over HTTP alike.
//
// `value` writes a whole JSON value; `members` writes the members of an object that the caller has begun.
extension JSONWriter {
  /// Writes the id of a request with its JSON type; `null` for none.
  package mutating func value(_ id: RequestID) {
    switch id {
    case .none: null()
    case .integer(let value): integer(value)
    case .string(let utf8): string(utf8)
    }
  }

  /// Writes an error object.
  package mutating func value(_ refusal: Refusal) {
    beginObject()
    pair("code", integer: Int(refusal.code.rawValue))
    pair("name", string: refusal.code.name)
    pair("message", string: refusal.message)
    pair("retry", bool: refusal.code.isRetryable)
    if let milliseconds = refusal.retryAfterMilliseconds { pair("retry_after_ms", integer: milliseconds) }
    if let current = refusal.current { members(of: current) }
    endObject()
  }

  /// Writes a member of a channel.
  package mutating func value(_ member: Member) {
    beginObject()
    pair("user", string: member.user.utf8)
    pair("kind", string: member.kind.name)
    pair("status", string: member.status.name)
    if !member.text.isEmpty { pair("text", string: member.text) }
    if !member.meta.isEmpty { pair("meta", raw: member.meta.json) }
    pair("devices", devices: member.devices)
    pair("since_ms", integer: member.since.milliseconds)
    endObject()
  }

  /// Writes the counts of a channel.
  package mutating func value(_ occupancy: Occupancy) {
    beginObject()
    pair("users", integer: occupancy.users)
    pair("guests", integer: occupancy.guests)
    pair("sessions", integer: occupancy.sessions)
    endObject()
  }

  /// Writes the version and the data of a session.
  package mutating func members(of view: SessionDataView) {
    pair("version", integer: view.version)
    pair("data", raw: view.data.json)
  }

  /// Writes what others see of a user, without the user's id and kind.
  package mutating func members(of presence: UserPresence) {
    pair("status", string: presence.status.name)
    if !presence.text.isEmpty { pair("text", string: presence.text) }
    if let lastSeen = presence.lastSeen { pair("last_seen_ms", integer: lastSeen.milliseconds) }
    pair("devices", devices: presence.devices)
  }

  /// Writes what changed in a channel.
  package mutating func members(of diff: Diff) {
    pair("channel", string: diff.channel.utf8)
    pair("epoch", epoch: diff.epoch)
    pair("prev", integer: diff.prev.rawValue)
    pair("seq", integer: diff.seq.rawValue)
    pair("joins", members: diff.joins)
    pair("updates", members: diff.updates)
    key("leaves")
    beginArray()
    for leave in diff.leaves {
      beginObject()
      pair("user", string: leave.user.utf8)
      pair("reason", string: leave.reason.name)
      endObject()
    }
    endArray()
    key("occupancy")
    value(diff.occupancy)
  }

  /// Writes a channel as it stands.
  package mutating func members(of snapshot: ChannelSnapshot) {
    pair("channel", string: snapshot.channel.utf8)
    pair("mode", string: snapshot.mode.name)
    pair("epoch", epoch: snapshot.epoch)
    pair("seq", integer: snapshot.seq.rawValue)
    key("occupancy")
    value(snapshot.occupancy)
    pair("members", members: snapshot.members)
    if let next = snapshot.next { pair("next", cursor: next) }
  }

  /// Writes a signal.
  package mutating func members(of signal: Signal) {
    key("from")
    switch signal.from {
    case .server: string("server")
    case .session(let user, let session):
      beginObject()
      pair("user", string: user.utf8)
      pair("session", session: session)
      endObject()
    }
    key("to")
    beginObject()
    switch signal.to {
    case .user(let user): pair("user", string: user.utf8)
    case .session(let session): pair("session", session: session)
    case .channel(let channel): pair("channel", string: channel.utf8)
    }
    endObject()
    pair("data", raw: signal.data)
  }

  /// Writes what a session learns when it is let in.
  ///
  /// - Parameters:
  ///   - welcome: What the engine says.
  ///   - sessionToken: The secret form of the session's id, plain text; `nil` leaves it out.
  package mutating func members(of welcome: Welcome, sessionToken: [UInt8]?) {
    pair("user", string: welcome.user.utf8)
    pair("kind", string: welcome.kind.name)
    pair("session", session: welcome.session)
    if let sessionToken { pair("session_token", string: sessionToken) }
    pair("connection", connection: welcome.connection)
    pair("resumed", bool: welcome.resumed)
    pair("epoch", epoch: welcome.epoch)
    pair("node", string: welcome.node)
    pair("heartbeat_interval_ms", integer: welcome.heartbeatIntervalMilliseconds)
    pair("heartbeat_timeout_ms", integer: welcome.heartbeatTimeoutMilliseconds)
    pair("resume_window_ms", integer: welcome.resumeWindowMilliseconds)
    pair("session_expires_ms", integer: welcome.sessionExpires.milliseconds)
    pair("server_time_ms", integer: welcome.serverTime.milliseconds)
  }
}

// Pairs whose value is a type of the model.
extension JSONWriter {
  /// Writes a key and an array of members.
  package mutating func pair(_ name: StaticString, members: [Member]) {
    key(name)
    beginArray()
    for member in members { value(member) }
    endArray()
  }

  /// Writes a key and an object with the presence of each user under the user's id.
  package mutating func pair(_ name: StaticString, users: [UserPresence]) {
    key(name)
    beginObject()
    for presence in users {
      key(presence.user.utf8)
      beginObject()
      members(of: presence)
      endObject()
    }
    endObject()
  }

  /// Writes a key and an array of device classes.
  package mutating func pair(_ name: StaticString, devices: DeviceSet) {
    key(name)
    beginArray()
    var rest = devices.rawValue
    while rest > 0 {
      if let device = Device(rawValue: UInt8(rest.trailingZeroBitCount)) { string(device.name) }
      rest &= rest &- 1
    }
    endArray()
  }

  /// Writes a key and an epoch.
  package mutating func pair(_ name: StaticString, epoch: Epoch) {
    key(name)
    string(room: Base36.digitsMax) { Base36.write(epoch.rawValue, to: $0) }
  }

  /// Writes a key and a cursor.
  package mutating func pair(_ name: StaticString, cursor: Cursor) {
    key(name)
    string(room: Base36.digitsMax) { Base36.write(cursor.ordinal, to: $0) }
  }

  /// Writes a key and the id of a session.
  package mutating func pair(_ name: StaticString, session: SessionID) {
    key(name)
    string(room: 32) { room in
      // SAFETY: the room has 32 bytes, so 16 are left behind the first half.
      Hexadecimal.write(session.high, to: room)
      Hexadecimal.write(session.low, to: UnsafeMutableRawBufferPointer(rebasing: room[16...]))
      return 32
    }
  }

  /// Writes a key and the id of a connection.
  package mutating func pair(_ name: StaticString, connection: ConnectionID) {
    key(name)
    string(room: 16) { room in
      Hexadecimal.write(connection.rawValue, to: room)
      return 16
    }
  }
}
