package import MusterJSON
package import MusterModel

/// Turns replies and pushes into the text of messages.
///
/// Each call writes one whole JSON object. Texts and `meta` that are empty are left out; so are times that are not known.
package enum MessageEncoder {
  /// Writes the reply to a request.
  ///
  /// Without an id nothing is written, unless it is a refusal: that has `"re":null` then, and can be told from a push.
  ///
  /// - Parameters:
  ///   - reply: What the engine says.
  ///   - id: Echoed with its JSON type.
  ///   - sessionToken: The secret form of the session's id, for the reply to a `hello`; plain text.
  ///   - writer: Where the object goes.
  /// - Returns: Whether anything was written.
  @discardableResult
  package static func write(
    _ reply: Reply, to id: RequestID, sessionToken: [UInt8]? = nil, into writer: inout JSONWriter
  ) -> Bool {
    if case .none = id {
      guard case .refused = reply else { return false }
    }
    writer.beginObject()
    writer.key("re")
    writer.value(id)
    if case .refused(let refusal) = reply {
      writer.key("error")
      writer.value(refusal)
    } else {
      writer.key("ok")
      writer.beginObject()
      writeMembers(of: reply, sessionToken, into: &writer)
      writer.endObject()
    }
    writer.endObject()
    return true
  }

  /// Writes a push.
  ///
  /// - Complexity: O(bytes written); no allocation once the writer's memory suffices.
  package static func write(_ push: Push, into writer: inout JSONWriter) {
    writer.beginObject()
    switch push {
    case .diff(let diff):
      writer.pair("ev", literal: "diff")
      writer.members(of: diff)
    case .snapshot(let snapshot):
      writer.pair("ev", literal: "snapshot")
      writer.members(of: snapshot)
    case .count(let count):
      writer.pair("ev", literal: "count")
      writer.pair("channel", string: count.channel.utf8)
      writer.pair("mode", string: ChannelMode.count.name)
      writer.pair("epoch", epoch: count.epoch)
      writer.pair("seq", integer: count.seq.rawValue)
      writer.key("occupancy")
      writer.value(count.occupancy)
    case .presence(let users):
      writer.pair("ev", literal: "presence")
      writer.pair("users", users: users)
    case .signal(let signal):
      writer.pair("ev", literal: "signal")
      writer.members(of: signal)
    case .reconnect(let milliseconds, let reason):
      writer.pair("ev", literal: "reconnect")
      writer.pair("after_ms", integer: milliseconds)
      writer.pair("reason", string: reason)
    case .ended(let reason, let message):
      writer.pair("ev", literal: "ended")
      writer.pair("reason", string: reason.name)
      writer.pair("message", string: message)
    }
    writer.endObject()
  }

  private static func writeMembers(of reply: Reply, _ sessionToken: [UInt8]?, into writer: inout JSONWriter) {
    switch reply {
    case .hello(let welcome): writer.members(of: welcome, sessionToken: sessionToken)
    case .beat(let serverTime): writer.pair("server_time_ms", integer: serverTime.milliseconds)
    case .channel(let snapshot): writer.members(of: snapshot)
    case .left(let changed): writer.pair("changed", bool: changed)
    case .updated(let seq): writer.pair("seq", integer: seq.rawValue)
    case .presence(let presence):
      writer.pair("user", string: presence.user.utf8)
      writer.pair("kind", string: presence.kind.name)
      writer.members(of: presence)
    case .empty, .refused: break
    case .members(let page):
      writer.pair("members", members: page.members)
      writer.pair("seq", integer: page.seq.rawValue)
      if let next = page.next { writer.pair("next", cursor: next) }
    case .occupancy(let occupancy):
      writer.key("occupancy")
      writer.value(occupancy)
    case .users(let users): writer.pair("users", users: users)
    case .diffs(let diffs):
      writer.key("diffs")
      writer.beginArray()
      for diff in diffs {
        writer.beginObject()
        writer.members(of: diff)
        writer.endObject()
      }
      writer.endArray()
    case .snapshot(let snapshot):
      writer.key("snapshot")
      writer.beginObject()
      writer.members(of: snapshot)
      writer.endObject()
    case .delivered(let count): writer.pair("delivered", integer: count)
    case .data(let view): writer.members(of: view)
    }
  }
}
