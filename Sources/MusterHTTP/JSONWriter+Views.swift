import MusterEngine
import MusterJSON
import MusterModel
import MusterWire

// How the views of the engine are written over HTTP. `value` writes a whole JSON value; `members` writes the members of an
// object that the caller has begun.
extension JSONWriter {
  /// Writes the counters.
  mutating func members(of stats: EngineStats) {
    pair("users", integer: stats.members)
    pair("guests", integer: stats.guests)
    pair("sessions", integer: stats.sessions)
    pair("attached", integer: stats.attached)
    pair("detached", integer: stats.detached)
    pair("dormant", integer: stats.dormant)
    pair("connections", integer: stats.connections)
    pair("channels", integer: stats.channels)
    pair("memberships", integer: stats.memberships)
    pair("observers", integer: stats.observers)
    pair("watches", integer: stats.watches)
    pair("users_known", integer: stats.usersKnown)
    key("devices")
    beginObject()
    for device in Device.allCases {
      key(Array(device.name.utf8))
      integer(stats.devices[Int(device.rawValue)])
    }
    endObject()
    key("timers")
    beginObject()
    pair("sessions", integer: stats.sessionTimers)
    pair("connections", integer: stats.connectionTimers)
    endObject()
    key("totals")
    beginObject()
    pair("heartbeats", integer: stats.heartbeats)
    pair("requests", integer: stats.requests)
    pair("refused", integer: stats.refused)
    pair("mutations", integer: stats.mutations)
    pair("sessions_granted", integer: stats.sessionsGranted)
    pair("sessions_ended", integer: stats.sessionsEnded)
    pair("events", integer: stats.events)
    pair("deliveries", integer: stats.deliveries)
    pair("conflated", integer: stats.conflated)
    pair("turns", integer: stats.turns)
    endObject()
  }

  /// Writes a user as others see it, with id and kind.
  mutating func identifiedMembers(of presence: UserPresence) {
    pair("user", string: presence.user.utf8)
    pair("kind", string: presence.kind.name)
    members(of: presence)
  }

  /// Writes a user with all sessions.
  ///
  /// - Parameters:
  ///   - detail: The user.
  ///   - includesInvisible: Whether to tell what the user's own sessions see.
  mutating func members(of detail: UserDetail, includesInvisible: Bool) {
    identifiedMembers(of: detail.presence)
    if includesInvisible { pair("own_status", string: detail.ownStatus.name) }
    if let override = detail.override {
      key("override")
      beginObject()
      pair("status", string: override.status.name)
      if let text = override.text { pair("text", string: text) }
      if let until = override.until { pair("until_ms", integer: until.milliseconds) }
      endObject()
    }
    if let ban = detail.ban {
      key("ban")
      beginObject()
      pair("reason", string: ban.reason)
      if let until = ban.until { pair("until_ms", integer: until.milliseconds) }
      endObject()
    }
    key("sessions")
    beginArray()
    for session in detail.sessions {
      beginObject()
      members(of: session)
      endObject()
    }
    endArray()
  }

  /// Writes a session.
  mutating func members(of detail: SessionDetail) {
    pair("session", session: detail.session)
    pair("user", string: detail.user.utf8)
    pair("kind", string: detail.kind.name)
    pair("device", string: detail.device.name)
    pair("phase", string: detail.phase.name)
    pair("status", string: detail.status.name)
    if !detail.text.isEmpty { pair("text", string: detail.text) }
    pair("idle", bool: detail.isIdle)
    pair("created_ms", integer: detail.created.milliseconds)
    pair("last_heard_ms", integer: detail.lastHeard.milliseconds)
    pair("expires_ms", integer: detail.expires.milliseconds)
    pair("deadline_ms", integer: detail.deadline.milliseconds)
    pair("resume_window_ms", integer: detail.resumeWindowMilliseconds)
    pair("idle_ttl_ms", integer: detail.idleTTLMilliseconds)
    pair("http_lease", bool: detail.holdsHTTPLease)
    key("connections")
    beginArray()
    for connection in detail.connections { string(connection.text) }
    endArray()
    key("channels")
    beginArray()
    for channel in detail.channels { string(channel.utf8) }
    endArray()
    key("data")
    beginObject()
    members(of: detail.data)
    endObject()
  }

  /// Writes both parts of a session's data.
  mutating func members(of data: SessionData) {
    pair("version", integer: data.version)
    pair("public", raw: data.public.json)
    pair("private", raw: data.private.json)
  }

  /// Writes why a user is shown as it is.
  mutating func members(of explanation: UserExplanation) {
    pair("user", string: explanation.user.utf8)
    key("explanation")
    beginArray()
    for sentence in explanation.sentences { string(sentence) }
    endArray()
    if let detail = explanation.detail {
      key("detail")
      beginObject()
      // Whoever asks for reasons is told all of them.
      members(of: detail, includesInvisible: true)
      endObject()
    }
    key("connections")
    beginArray()
    for connection in explanation.connections {
      beginObject()
      members(of: connection)
      endObject()
    }
    endArray()
  }

  /// Writes a connection.
  mutating func members(of detail: ConnectionDetail) {
    pair("connection", connection: detail.connection)
    pair("remote", string: detail.remote)
    pair("last_heard_ms", integer: detail.lastHeard.milliseconds)
    pair("deadline_ms", integer: detail.deadline.milliseconds)
    pair("congested", bool: detail.isCongested)
    pair("channels_observed", integer: detail.channelsObserved)
    pair("users_watched", integer: detail.usersWatched)
  }

  /// Writes a channel.
  mutating func members(of detail: ChannelDetail) {
    pair("channel", string: detail.channel.utf8)
    pair("mode", string: detail.mode.name)
    pair("epoch", epoch: detail.epoch)
    pair("seq", integer: detail.seq.rawValue)
    key("occupancy")
    value(detail.occupancy)
    pair("observers", integer: detail.observers)
  }

  /// Writes a page of members.
  mutating func members(of page: MemberPage) {
    pair("members", members: page.members)
    pair("seq", integer: page.seq.rawValue)
    if let next = page.next { pair("next", cursor: next) }
  }

  /// Writes what became of one part of a larger request: its own answer, or its own error.
  mutating func value(_ reply: Reply) {
    beginObject()
    switch reply {
    case .refused(let refusal):
      key("error")
      value(refusal)
    case .channel(let snapshot), .snapshot(let snapshot):
      members(of: snapshot)
    case .left(let changed):
      pair("changed", bool: changed)
    default:
      break
    }
    endObject()
  }
}
