/// How a server wants to be spoken to: what is sent for each thing that a load does, and how the answers are recognised.
///
/// The phases of a load know none of it: they say "a heartbeat on row 7" and hear "the reply to the oldest request". So the same
/// load, with the same schedule and the same clock, drives Muster and what people use instead of it.
///
/// What a heartbeat is in each is the cheapest thing that its users would take for one:
///
/// | dialect | hello | heartbeat | reply | change, as it is delivered |
/// | --- | --- | --- | --- | --- |
/// | `muster` | `hello` | `{"op":"beat","id":n}` | `{"re":n,…}` | `{"ev":"diff",…}` |
/// | `echo` | – | the same text | the same text | what `!pub` was given |
/// | `nchan` | – | `ping` | `pong` | what was published |
/// | `mqtt` | CONNECT | PINGREQ | PINGRESP | PUBLISH with QoS 0 |
/// | `redis` | `SET … EX` | `EXPIRE` | `:1` | a message of `SUBSCRIBE` |
package enum Dialect: String, Sendable, CaseIterable {
  /// The subprotocol `muster.v1`.
  case muster
  /// A WebSocket that sends back what it gets: the floor program and the peer in node.
  case echo
  /// nchan, a module of nginx: a channel is a path.
  case nchan
  /// MQTT 3.1.1 in binary frames, as mosquitto takes it.
  case mqtt
  /// Redis over plain TCP, in RESP 2.
  case redis
  /// The subprotocol `muster.relay.v1`: batches in binary frames, which only the relay load composes.
  case relay

  /// How what is composed becomes bytes of the connection.
  package enum Framing: Sendable {
    case text
    case binary
    /// The bytes as they are.
    case plain
  }

  /// How messages are framed.
  package var framing: Framing {
    switch self {
    case .muster, .echo, .nchan: .text
    case .mqtt, .relay: .binary
    case .redis: .plain
    }
  }

  /// Whether a connection begins with an HTTP upgrade.
  package var isWebSocket: Bool { framing != .plain }

  /// What is offered in the upgrade.
  package var subprotocol: String? {
    switch self {
    case .muster: "muster.v1"
    case .mqtt: "mqtt"
    case .relay: "muster.relay.v1"
    case .echo, .nchan, .redis: nil
    }
  }

  /// Whether the server has to be told who is there before anything else.
  package var hasGreeting: Bool { self == .muster || self == .mqtt || self == .redis }

  /// Whether a reply carries the id of its request; otherwise replies come in the order of the requests.
  package var hasRequestIDs: Bool { self == .muster || self == .relay }

  /// Whether there is a heartbeat that is taken without an answer.
  package var hasSilentBeat: Bool { self == .muster || self == .echo }

  /// Whether a change is answered to whoever makes it.
  package var acknowledgesChanges: Bool { self == .muster || self == .redis }

  /// Whether there is a change that the server has to keep, and answers.
  package var hasLastingChange: Bool { self == .muster || self == .redis }

  /// Whether who makes changes has to be a member first.
  package var actorsJoin: Bool { self == .muster }

  /// Whether observing takes a request; otherwise being connected to the right place is enough.
  package var observersSubscribe: Bool { self != .nchan }

  /// Whether a connection is ended with a close frame that is answered.
  package var saysGoodbye: Bool { self == .muster || self == .echo || self == .relay }
}
