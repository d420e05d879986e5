package import MusterJSON

/// What a load wants to say on one connection, whatever the server speaks.
package enum LoadRequest: Sendable {
  /// Who is there; with the secret of a session, that session is to go on.
  case hello(Requests.Identity, sessionToken: [UInt8]?)
  /// A heartbeat that is answered.
  case beat(id: Int)
  /// A heartbeat that is not.
  case silentBeat
  /// Something about a channel.
  case channel(Requests.ChannelOp, id: Int, [UInt8])
  /// A change that must survive, answered once it does: with even ids the sender joins the channel, with odd ones it leaves.
  case lasting(id: Int, [UInt8])
  /// A change that every observer is to be told.
  case change(id: Int, channel: [UInt8], Stamp)
}

extension Dialect {
  /// How long the text of a change is that is told to each observer: about as long as a `diff` of Muster with one update.
  package static let changeBytes = 256

  /// A heartbeat, where all that one connection sends are the same bytes.
  package func constantBeat(number: Int) -> [UInt8]? {
    switch self {
    case .muster, .echo, .relay: nil
    case .nchan: Array("ping".utf8)
    case .mqtt: MQTT.ping
    case .redis: RESP.command(["EXPIRE", "bench-\(number)", "60"])
    }
  }

  /// Writes a request of the connection with this number, without its frame.
  ///
  /// What a dialect has no words for (its own properties say so) writes nothing, and is not asked for by any load that checks.
  package func compose(_ request: LoadRequest, number: Int, into writer: inout JSONWriter) {
    switch self {
    case .muster: Self.composeMuster(request, number: number, into: &writer)
    case .echo: Self.composeEcho(request, into: &writer)
    case .nchan:
      if case .change(_, _, let stamp) = request { writer.buffer.append(Self.change(stamp)) }
      if case .beat = request { writer.buffer.append("ping") }
    case .mqtt:
      switch request {
      case .hello: writer.buffer.append(MQTT.connect(client: "bench-\(number)"))
      case .beat: writer.buffer.append(MQTT.ping)
      case .channel(.observe, _, let name): writer.buffer.append(MQTT.subscribe(topic: name))
      case .change(_, let name, let stamp): writer.buffer.append(MQTT.publish(topic: name, Self.change(stamp)))
      case .channel, .silentBeat, .lasting: break
      }
    case .redis: Self.composeRedis(request, number: number, into: &writer)
    case .relay: break
    }
  }

  private static func composeMuster(_ request: LoadRequest, number: Int, into writer: inout JSONWriter) {
    switch request {
    case .hello(let identity, let token): Requests.hello(identity, number: number, sessionToken: token, into: &writer)
    case .beat(let id): Requests.beat(id: id, into: &writer)
    case .silentBeat: break
    case .channel(let op, let id, let name): Requests.channel(op, id: id, channel: name, into: &writer)
    case .lasting(let id, let name): Requests.channel(id % 2 == 0 ? .join : .leave, id: id, channel: name, into: &writer)
    case .change(let id, let name, let stamp): Requests.update(id: id, channel: name, stamp: stamp, into: &writer)
    }
  }

  private static func composeEcho(_ request: LoadRequest, into writer: inout JSONWriter) {
    switch request {
    case .beat(let id): Requests.beat(id: id, into: &writer)
    case .channel(.observe, _, _): writer.buffer.append("!sub")
    case .change(_, _, let stamp):
      writer.buffer.append("!pub ")
      writer.buffer.append(change(stamp))
    case .hello, .silentBeat, .channel, .lasting: break
    }
  }

  private static func composeRedis(_ request: LoadRequest, number: Int, into writer: inout JSONWriter) {
    switch request {
    case .hello, .lasting:
      // About what a session is: who, since when, from where.
      let session = String(repeating: "s", count: 100)
      writer.buffer.append(RESP.command(["SET", "bench-\(number)", session, "EX", "60"]))
    case .beat: writer.buffer.append(constantBeat(.redis, number))
    case .channel(.observe, _, let name):
      writer.buffer.append(RESP.command(["SUBSCRIBE", String(decoding: name, as: UTF8.self)]))
    case .change(_, let name, let stamp):
      let text = String(decoding: change(stamp), as: UTF8.self)
      writer.buffer.append(RESP.command(["PUBLISH", String(decoding: name, as: UTF8.self), text]))
    case .silentBeat, .channel: break
    }
  }

  private static func constantBeat(_ dialect: Dialect, _ number: Int) -> [UInt8] { dialect.constantBeat(number: number) ?? [] }

  /// What observers of a server are told that does not compose it itself: a JSON text with the stamp in it.
  package static func change(_ stamp: Stamp) -> [UInt8] {
    var writer = JSONWriter(capacity: changeBytes * 2)
    writer.beginObject()
    writer.pair("ev", string: "diff")
    writer.key("updates")
    writer.beginArray()
    writer.beginObject()
    writer.pair("user", string: "bench-\(stamp.actor)")
    writer.key("meta")
    writer.beginObject()
    writer.key("bench")
    writer.beginArray()
    writer.integer(stamp.actor)
    writer.integer(stamp.nanoseconds)
    writer.endArray()
    writer.endObject()
    writer.endObject()
    writer.endArray()
    // `,"pad":""}` are ten bytes more.
    // SAFETY: only the count is read, inside the closure.
    let pad = writer.withUnsafeBytes { max(0, changeBytes - $0.count - 10) }
    writer.pair("pad", string: String(repeating: "x", count: pad))
    writer.endObject()
    return writer.copyBytes()
  }
}
