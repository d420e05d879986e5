import Logging
import MusterEdge
import MusterEngine
import MusterModel
import MusterStorage

extension Setting {
  /// Every setting of a server outside the namespaces, in the order in which they are shown.
  package static let all: [Setting] = server + storage + edge + times + sessions + limits

  private static let server: [Setting] = [
    .address("listen", \.listen, "where clients connect"),
    .address("admin_listen", \.adminListen, "where operators and backends connect"),
    .flag("dev", \.isDevelopment, "development mode: believes a bare user id, serves loopback only"),
    .count("threads", \.threads, "data-plane threads; 0 takes one for each core"),
    .choice("transport", \.transport, "how WebSockets are served: by epoll loops of our own, or by NIO"),
    .choice("log_level", \.logLevel, "how much is logged"),
    .text("node", \.engine.node, "the name of this node as clients see it"),
    .duration("drain_spread", \.drainSpread, "over how long a stopping server spreads the return of its clients"),
    .secret("api_key", \.apiKey, "what the admin port asks for as bearer token, and relays need; needed off loopback"),
    .secret("token_secret", \.tokenSecret, "from which the key of session tokens is made; not set: the one kept in data_dir"),
  ]

  private static let storage: [Setting] = [
    .text(
      "data_dir", \.dataDirectory, "the directory of log and snapshots; made when there is none, held by one server at a time"),
    .durability(
      "durability", \.storage.log.durability,
      "when changes are acknowledged: commit (on disk), interval=MS (synced every so often) or none (snapshots only)"),
    .choice("recover", \.recovery, "what a start does with files that are not sound: strict refuses, salvage takes what is"),
    .duration("recovery_window", \.engine.recoveryWindow, "how long sessions that were present stay shown after a restart"),
    .duration("snapshot_interval", \.storage.checkpointInterval, "how often a snapshot is made, if anything has changed"),
    .count("snapshot_log_bytes", \.storage.checkpointLogBytes, "so much log makes a snapshot due earlier"),
    .count("segment_bytes", \.storage.log.segmentBytes, "how long one file of the log becomes; so much room is taken in advance"),
  ]

  private static let edge: [Setting] = [
    .list(
      "origins", \.origins, "web pages that may talk to the public port, with commas, or *; not set: the own host, with dev any"),
    .choice("cookie_same_site", \.cookieSameSite, "when browsers send the session cookie along"),
    .count("connections_max", \.limits.connectionsMax, "WebSockets in all"),
    .count("connections_per_address_max", \.limits.connectionsPerAddressMax, "WebSockets from one address; 0: no limit"),
    .count("http_connections_max", \.limits.httpConnectionsMax, "open sockets that are not WebSockets"),
    .count("message_bytes_max", \.limits.messageBytesMax, "bytes of a message of a client"),
    .count("relay_message_bytes_max", \.limits.relayMessageBytesMax, "bytes of a batch of a relay"),
    .count("malformed_messages_max", \.limits.malformedMessagesMax, "malformed messages in a row that end a connection"),
    .count("header_bytes_max", \.limits.headerBytesMax, "bytes of the header fields of a request"),
    .count("body_bytes_max", \.limits.bodyBytesMax, "bytes of the body of a request"),
    .duration("request_timeout", \.limits.requestTimeout, "how long a socket may take to send its first request"),
    .duration("http_idle_timeout", \.limits.httpIdleTimeout, "how long a kept-alive HTTP connection may stay silent"),
    .duration("close_timeout", \.limits.closeTimeout, "how long a client may take to answer the close of its WebSocket"),
    .count("outbound_bytes_high", \.limits.outboundBytesHigh, "unsent bytes above which a connection is congested"),
    .count("outbound_bytes_low", \.limits.outboundBytesLow, "unsent bytes below which it is not congested any more"),
  ]

  private static let times: [Setting] = [
    .duration("heartbeat_interval", \.engine.heartbeatInterval, "how often a client shows that it is there"),
    .duration("heartbeat_timeout", \.engine.heartbeatTimeout, "how much later than that a connection counts as lost"),
    .duration("resume_window", \.engine.resumeWindow, "how long a session without a connection is still shown as present"),
    .duration("http_lease", \.engine.httpLease, "how long one HTTP heartbeat holds a session"),
    .duration("away_after", \.engine.awayAfter, "how long a session is idle before it is away"),
    .duration("hello_timeout", \.engine.helloTimeout, "how long a new connection may take to say hello"),
    .duration(
      "slow_consumer_timeout", \.engine.slowConsumerTimeout, "how long a connection may take nothing of what it is sent"),
    .duration("session_idle_ttl", \.engine.sessionIdleTTL, "how long a session lives without a heartbeat"),
    .duration("session_lifetime", \.engine.sessionLifetime, "how long a session lives at the most"),
    .duration("last_seen_retention", \.engine.lastSeenRetention, "how long it is known when a user was last seen"),
  ]

  private static let sessions: [Setting] =
    [
      .flag("guests_allowed", \.engine.guestsAllowed, "whether a visitor without credentials is let in"),
      .choice("login_policy", \.engine.loginPolicy, "what one login too many does"),
      .count("sessions_per_user_max", \.engine.sessionsPerUserMax, "sessions of one user"),
    ]
    + Device.allCases.map { device in
      .optionalCount(
        "sessions_per_device_max.\(device.name)", \.engine.sessionsPerDeviceMax[device],
        "sessions of one user on this class of device; no limit of its own when not set")
    }

  private static let limits: [Setting] = [
    .count("channels_per_session_max", \.engine.channelsPerSessionMax, "channels that a session may be in"),
    .count("watches_per_connection_max", \.engine.watchesPerConnectionMax, "users that a connection may watch"),
    .count("requests_per_second", \.engine.requestsPerSecond, "requests of a connection, on average"),
    .count("requests_burst", \.engine.requestsBurst, "requests of a connection at once"),
    .count("requests_in_flight_max", \.engine.requestsInFlightMax, "requests of a connection that wait for their answer"),
    .count("meta_bytes_max", \.engine.metaBytesMax, "bytes of a member's meta"),
    .count("data_bytes_max", \.engine.dataBytesMax, "bytes of a session's data, and of a signal's"),
    .count("status_text_bytes_max", \.engine.statusTextBytesMax, "bytes of a status text"),
    .count("page_members_max", \.engine.pageMembersMax, "members on one page of a list"),
    .count("connections_per_plane_max", \.engine.connectionsPerPlaneMax, "connections on one data-plane thread"),
    .count("sessions_per_shard_max", \.engine.sessionsPerShardMax, "sessions on one data-plane thread"),
    .count("mailbox_messages_max", \.engine.mailboxMessagesMax, "messages on the way between two data-plane threads"),
    .count("timers_per_turn_max", \.engine.timersPerTurnMax, "timers that fire before others get their turn"),
  ]

  /// The settings of the channels of one namespace.
  ///
  /// `namespace` is `default`, or a name of one's own; the settings of that one start from those of `default`.
  package static func namespace(_ namespace: String) -> [Setting] {
    let prefix = "namespaces.\(namespace)."
    return [
      .count(
        "\(prefix)announce_max", \.[namespace: namespace].announceMax,
        "up to so many present users, every change is told"),
      .count(
        "\(prefix)interval_max", \.[namespace: namespace].intervalMax,
        "up to so many, the net changes of each interval; above, only counts"),
      .duration("\(prefix)interval", \.[namespace: namespace].interval, "the interval of net changes and of counts"),
      .flag(
        "\(prefix)signals_allowed", \.[namespace: namespace].signalsAllowed, "whether clients may send signals to a channel"),
      .flag(
        "\(prefix)observers_allowed", \.[namespace: namespace].observersAllowed,
        "whether clients may observe without being a member"),
      .count("\(prefix)ring_changes_max", \.[namespace: namespace].ringChangesMax, "changes that a channel remembers for sync"),
      .duration("\(prefix)ring_age", \.[namespace: namespace].ringAge, "for how long it remembers them"),
    ]
  }

  /// What the settings of channels without a namespace of their own are called.
  package static let defaultNamespace = "default"
}

extension ServerConfiguration {
  /// The settings of one namespace; one that was not named before starts from those of `default`.
  fileprivate subscript(namespace name: String) -> NamespaceSettings {
    get {
      name == Setting.defaultNamespace
        ? engine.defaultNamespace : engine.namespaces[name, default: engine.defaultNamespace]
    }
    set {
      if name == Setting.defaultNamespace {
        engine.defaultNamespace = newValue
      } else {
        engine.namespaces[name] = newValue
      }
    }
  }
}

extension ServerConfiguration {
  /// What recovery does with what is not sound, as a setting.
  enum Recovery: String, Sendable, CaseIterable {
    case strict
    case salvage
  }

  fileprivate var recovery: Recovery {
    get { storage.mode == .strict ? .strict : .salvage }
    set { storage.mode = newValue == .strict ? .strict : .salvage }
  }
}
