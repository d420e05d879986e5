package import MusterJSON

/// The requests that a load sends, composed without allocating.
package enum Requests {
  /// Who a connection says it is.
  package enum Identity: Sendable, Equatable {
    /// A user of its own, by prefix and number; for servers in development mode.
    case user(prefix: String)
    /// The same token for every connection.
    case token(String)

    /// Whether what one connection does can be told from what another does, in the server's counts.
    package var isOwn: Bool { if case .user = self { true } else { false } }
  }

  /// The ops that name a channel and nothing that a load would vary.
  package enum ChannelOp: Sendable {
    case join
    case observe
    case leave
    case count
  }

  /// `{"op":"hello",…}`, with the id 0.
  ///
  /// - Parameters:
  ///   - identity: Who it is.
  ///   - number: Which connection.
  ///   - sessionToken: The secret of a session that is to go on; it stands for the identity.
  ///   - writer: Where it goes.
  package static func hello(
    _ identity: Identity, number: Int, sessionToken: [UInt8]? = nil, into writer: inout JSONWriter
  ) {
    begin("hello", id: 0, &writer)
    writer.pair("device", string: "bot")
    if let sessionToken {
      writer.pair("token", string: sessionToken)
      writer.endObject()
      return
    }
    switch identity {
    case .user(let prefix): writer.pair("user", string: "\(prefix)\(number)")
    case .token(let token): writer.pair("token", string: token)
    }
    writer.endObject()
  }

  /// `{"op":"beat","id":…}`, the message that there is most of.
  package static func beat(id: Int, into writer: inout JSONWriter) {
    begin("beat", id: id, &writer)
    writer.endObject()
  }

  /// `{"op":"join",…}` or another that names a channel; no members are asked for.
  package static func channel(_ op: ChannelOp, id: Int, channel: [UInt8], into writer: inout JSONWriter) {
    switch op {
    case .join: begin("join", id: id, &writer)
    case .observe: begin("observe", id: id, &writer)
    case .leave: begin("leave", id: id, &writer)
    case .count: begin("count", id: id, &writer)
    }
    writer.pair("channel", string: channel)
    switch op {
    case .join, .observe: writer.pair("list", integer: 0)
    case .leave, .count: break
    }
    writer.endObject()
  }

  /// An actor's change of its `meta`: which actor it is, and when the change was due.
  package static func update(id: Int, channel: [UInt8], stamp: Stamp, into writer: inout JSONWriter) {
    begin("update", id: id, &writer)
    writer.pair("channel", string: channel)
    writer.key("patch")
    writer.beginObject()
    writer.key("bench")
    writer.beginArray()
    writer.integer(stamp.actor)
    writer.integer(stamp.nanoseconds)
    writer.endArray()
    writer.endObject()
    writer.endObject()
  }

  private static func begin(_ op: String, id: Int, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.pair("op", string: op)
    writer.pair("id", integer: id)
  }
}

/// What an actor writes into its `meta`, and every observer reads there.
package struct Stamp: Sendable, Equatable {
  /// Which actor.
  package var actor: Int
  /// When the update was due, in nanoseconds since the load began: a number that JSON carries exactly.
  package var nanoseconds: Int

  package init(actor: Int, nanoseconds: Int) {
    self.actor = actor
    self.nanoseconds = nanoseconds
  }
}
