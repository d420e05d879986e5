import MusterEngine
import MusterJSON
import MusterModel
package import MusterStorage

/// Shows what a data directory holds, one JSON object a line: the users and sessions of the snapshot, then the records behind it.
///
/// Nothing is changed and no lock is taken. What is unsound is left out: ``Inspection`` tells of it.
package enum Dump {
  /// Writes all lines.
  ///
  /// - Parameters:
  ///   - path: A directory that exists.
  ///   - line: Takes each line, without a line break.
  /// - Returns: Whether everything is sound.
  /// - Throws: When the directory cannot be read at all.
  package static func run(_ path: String, _ line: ([UInt8]) -> Void) throws(DiskError) -> Bool {
    let disk = ReadOnlyDisk(try FileDisk(path: path))
    let inspection = try Inspection.run(path, verifies: false)
    line(Array(inspection.json.utf8))
    if let manifest = inspection.manifest, let reader = try? SnapshotReader(manifest.snapshot, on: disk) {
      dump(reader, line)
    }
    var recovery = LogRecovery(on: disk, behind: inspection.checkpoint, mode: .salvage)
    _ = try? recovery.run { part in
      guard case .records(let records) = part else { return }
      for record in records { line(object { $0.members(of: record) }) }
    }
    return inspection.isSound
  }

  private static func dump(_ reader: SnapshotReader, _ line: ([UInt8]) -> Void) {
    var lister = PageLister()
    for index in reader.frames.indices {
      guard let frame = try? reader.frame(index) else { continue }
      try? lister.list(frame) { user in
        line(object { $0.members(of: user) })
        for session in user.sessions { line(object { $0.members(of: session, user: user.id) }) }
      }
    }
  }

  private static func object(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    body(&writer)
    writer.endObject()
    return writer.copyBytes()
  }
}

extension JSONWriter {
  fileprivate mutating func members(of user: ListedUser) {
    pair("type", string: "user")
    pair("user", string: user.id.utf8)
    pair("kind", string: user.kind.name)
    pair("through_lsn", integer: user.through.rawValue)
    if let seen = user.lastSeen { pair("last_seen_ms", integer: seen.milliseconds) }
    if let override = user.override { pair("override", override) }
    if let ban = user.ban { pair("ban", ban) }
    pair("sessions", integer: user.sessions.count)
  }

  fileprivate mutating func members(of session: ListedSession, user: UserID) {
    pair("type", string: "session")
    pair("session", string: session.id.text)
    pair("user", string: user.utf8)
    pair("device", string: session.device.name)
    pair("phase", string: session.isDormant ? "dormant" : "present")
    pair("status", string: session.status.name)
    pair("text", string: session.text)
    pair("created_ms", integer: session.created.milliseconds)
    pair("last_heard_ms", integer: session.lastHeard.milliseconds)
    pair("expires_ms", integer: session.expires.milliseconds)
    pair("data", session.data)
    key("channels")
    beginObject()
    for membership in session.memberships {
      key(membership.channel.utf8)
      raw(membership.meta.json)
    }
    endObject()
  }

  fileprivate mutating func members(of record: LoggedMutation) {
    pair("type", string: "record")
    pair("lsn", integer: record.lsn.rawValue)
    pair("at_ms", integer: record.wall.milliseconds)
    switch record.mutation {
    case .granted(let grant): members(of: grant)
    case .dormant(let session, let reason): what("dormant", session, reason)
    case .awake(let session): what("awake", session)
    case .ended(let session, let reason): what("ended", session, reason)
    case .joined(let session, let channel, let meta): what("joined", session, channel, meta)
    case .left(let session, let channel): what("left", session, channel)
    case .metaSet(let session, let channel, let meta): what("meta_set", session, channel, meta)
    case .statusSet(let session, let status, let text):
      what("status_set", session)
      pair("status", string: status.name)
      pair("text", string: text)
    case .overridden(let user, let override):
      pair("mutation", string: "overridden")
      pair("user", string: user.utf8)
      if let override { pair("override", override) } else { pair("override", raw: Array("null".utf8)) }
    case .dataSet(let session, let data):
      what("data_set", session)
      pair("data", data)
    case .banned(let user, let ban):
      pair("mutation", string: "banned")
      pair("user", string: user.utf8)
      if let ban { pair("ban", ban) } else { pair("ban", raw: Array("null".utf8)) }
    }
  }

  private mutating func members(of grant: SessionGrant) {
    what("granted", grant.session)
    pair("user", string: grant.user.utf8)
    pair("kind", string: grant.kind.name)
    pair("device", string: grant.device.name)
    pair("status", string: grant.status.name)
    pair("text", string: grant.text)
    pair("created_ms", integer: grant.created.milliseconds)
    pair("expires_ms", integer: grant.expires.milliseconds)
    pair("idle_ttl_ms", integer: grant.idleTTL.milliseconds)
    pair("resume_window_ms", integer: grant.resumeWindow.milliseconds)
  }

  private mutating func what(
    _ mutation: String, _ session: SessionID, _ reason: LeaveReason? = nil
  ) {
    pair("mutation", string: mutation)
    pair("session", string: session.text)
    if let reason { pair("reason", string: reason.name) }
  }

  private mutating func what(_ mutation: String, _ session: SessionID, _ channel: ChannelName, _ meta: Payload? = nil) {
    what(mutation, session)
    pair("channel", string: channel.utf8)
    if let meta { pair("meta", raw: meta.json) }
  }

  private mutating func pair(_ name: StaticString, _ data: SessionData) {
    key(name)
    beginObject()
    pair("version", integer: data.version)
    pair("public", raw: data.public.json)
    pair("private", raw: data.private.json)
    endObject()
  }

  private mutating func pair(_ name: StaticString, _ override: StatusOverride) {
    key(name)
    beginObject()
    pair("status", string: override.status.name)
    if let text = override.text { pair("text", string: text) }
    if let until = override.until { pair("until_ms", integer: until.milliseconds) }
    endObject()
  }

  private mutating func pair(_ name: StaticString, _ ban: Ban) {
    key(name)
    beginObject()
    pair("reason", string: ban.reason)
    if let until = ban.until { pair("until_ms", integer: until.milliseconds) }
    endObject()
  }
}
