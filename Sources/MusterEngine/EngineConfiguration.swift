package import MusterModel

/// Every setting of the engine, with its default.
///
/// Durations are exact to one tick (100 ms).
///
/// One published timeline follows from it: from pulling the plug to a visible leave pass at most `heartbeatInterval +
/// heartbeatTimeout + resumeWindow`, 50 s by default.
package struct EngineConfiguration: Sendable {
  /// The name of this node as clients see it.
  package var node = "n1"

  // Heartbeats and grace.
  package var heartbeatInterval: Duration = .seconds(25)
  package var heartbeatTimeout: Duration = .seconds(10)
  package var resumeWindow: Duration = .seconds(15)
  package var httpLease: Duration = .seconds(60)
  /// How long whoever was present before a restart stays shown without coming back; up to a tenth is added.
  package var recoveryWindow: Duration = .seconds(30)
  package var awayAfter: Duration = .seconds(300)
  package var helloTimeout: Duration = .seconds(5)
  package var slowConsumerTimeout: Duration = .seconds(30)

  // Expiry.
  package var sessionIdleTTL: Duration = .seconds(30 * 60)
  package var sessionLifetime: Duration = .seconds(30 * 86_400)
  package var lastSeenRetention: Duration = .seconds(30 * 86_400)

  // Login policy.
  package var sessionsPerUserMax = 32
  /// Limits for single device classes, on top of `sessionsPerUserMax`.
  package var sessionsPerDeviceMax: [Device: Int] = [:]
  package var loginPolicy = LoginPolicy.replaceOldest
  package var guestsAllowed = true

  // Limits.
  package var connectionsPerPlaneMax = 1 << 20
  package var sessionsPerShardMax = 1 << 26
  package var channelsPerSessionMax = 100
  package var watchesPerConnectionMax = 5_000
  package var requestsPerSecond = 50
  package var requestsBurst = 100
  package var requestsInFlightMax = 256
  package var metaBytesMax = 2 << 10
  package var dataBytesMax = 8 << 10
  package var statusTextBytesMax = 140
  package var pageMembersMax = 1_000
  /// Messages on the way from one plane to another; above it a plane refuses new requests with `overloaded`.
  package var mailboxMessagesMax = 1 << 16
  /// How many timers one turn fires before it lets others run.
  package var timersPerTurnMax = 256

  // Channels.
  package var defaultNamespace = NamespaceSettings()
  package var namespaces: [String: NamespaceSettings] = [:]

  package init() {}
}

/// What happens when a user logs in once more than allowed.
package enum LoginPolicy: String, Sendable, CaseIterable {
  /// The new login is refused with `session_limit`.
  case reject
  /// The oldest session ends as `replaced`.
  case replaceOldest = "replace_oldest"
  /// The oldest session on the same class of device ends; without one the login is refused.
  case replaceSameDevice = "replace_same_device"
}

/// The settings of the channels of one namespace.
package struct NamespaceSettings: Sendable, Hashable {
  /// Up to so many present users every change is announced.
  package var announceMax = 200
  /// Up to so many the net changes of each interval are told; above it only counts.
  package var intervalMax = 10_000
  /// The window in ``ChannelMode/interval`` and ``ChannelMode/count``, 1 to 5 s.
  package var interval: Duration = .seconds(1)
  /// Whether clients may send signals to a channel or to others.
  package var signalsAllowed = true
  /// Whether a client may observe without being a member.
  package var observersAllowed = true
  /// How many member changes the channel remembers for `sync`.
  package var ringChangesMax = 1_024
  /// For how long it remembers them.
  package var ringAge: Duration = .seconds(60)

  package init() {}
}

extension EngineConfiguration {
  /// A setting that is out of its range or contradicts another.
  package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name of the setting, as in the configuration file.
    package var setting: String
    /// What is wrong and what is allowed.
    package var message: String

    package init(setting: String, message: String) {
      self.setting = setting
      self.message = message
    }

    package var description: String { "\(setting): \(message)" }
  }

  /// Relates the settings to their ranges and to each other.
  ///
  /// - Returns: Every problem, not only the first.
  package func problems() -> [Problem] {
    var found: [Problem] = []
    func check(_ setting: String, _ holds: Bool, _ message: String) {
      if !holds { found.append(Problem(setting: setting, message: message)) }
    }
    func range(_ setting: String, _ value: Duration, _ allowed: ClosedRange<Duration>) {
      check(setting, allowed.contains(value), "\(value) is not within \(allowed.lowerBound) to \(allowed.upperBound)")
    }
    func range(_ setting: String, _ value: Int, _ allowed: ClosedRange<Int>) {
      check(setting, allowed.contains(value), "\(value) is not within \(allowed.lowerBound) to \(allowed.upperBound)")
    }
    range("heartbeat_interval", heartbeatInterval, .seconds(1) ... .seconds(3600))
    range("heartbeat_timeout", heartbeatTimeout, .seconds(1) ... .seconds(600))
    range("resume_window", resumeWindow, .zero ... .seconds(300))
    range("recovery_window", recoveryWindow, .zero ... .seconds(3600))
    range("http_lease", httpLease, .seconds(5) ... .seconds(3600))
    range("away_after", awayAfter, .seconds(1) ... .seconds(86_400))
    range("hello_timeout", helloTimeout, .milliseconds(100) ... .seconds(60))
    range("slow_consumer_timeout", slowConsumerTimeout, .seconds(1) ... .seconds(600))
    range("session_idle_ttl", sessionIdleTTL, .seconds(1) ... .seconds(30 * 86_400))
    range("session_lifetime", sessionLifetime, .seconds(1) ... .seconds(365 * 86_400))
    range("last_seen_retention", lastSeenRetention, .seconds(60) ... .seconds(365 * 86_400))
    check(
      "session_idle_ttl", sessionIdleTTL >= heartbeatInterval + heartbeatTimeout + resumeWindow,
      "\(sessionIdleTTL) is shorter than heartbeat_interval + heartbeat_timeout + resume_window: "
        + "a session would expire while it is still shown as present")
    check(
      "session_lifetime", sessionLifetime >= sessionIdleTTL,
      "\(sessionLifetime) is shorter than session_idle_ttl (\(sessionIdleTTL))")
    range("sessions_per_user_max", sessionsPerUserMax, 1...10_000)
    for (device, limit) in sessionsPerDeviceMax.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      range("sessions_per_device_max.\(device.name)", limit, 1...10_000)
    }
    range("channels_per_session_max", channelsPerSessionMax, 1...10_000)
    range("watches_per_connection_max", watchesPerConnectionMax, 0...100_000)
    range("requests_per_second", requestsPerSecond, 1...1_000_000)
    range("requests_burst", requestsBurst, 1...1_000_000)
    range("requests_in_flight_max", requestsInFlightMax, 1...65_536)
    range("meta_bytes_max", metaBytesMax, 2...65_536)
    range("data_bytes_max", dataBytesMax, 2...1 << 20)
    range("status_text_bytes_max", statusTextBytesMax, 0...1_024)
    range("page_members_max", pageMembersMax, 1...1_000)
    range("mailbox_messages_max", mailboxMessagesMax, 64...1 << 24)
    range("timers_per_turn_max", timersPerTurnMax, 1...1 << 20)
    range("connections_per_plane_max", connectionsPerPlaneMax, 1...1 << 26)
    range("sessions_per_shard_max", sessionsPerShardMax, 1...1 << 28)
    check("node", (1...32).contains(node.utf8.count), "the name has \(node.utf8.count) bytes, allowed are 1 to 32")
    for (name, settings) in [("default", defaultNamespace)] + namespaces.sorted(by: { $0.key < $1.key }) {
      let prefix = "namespaces.\(name)"
      range("\(prefix).announce_max", settings.announceMax, 0...1_000_000)
      check(
        "\(prefix).interval_max", settings.intervalMax >= settings.announceMax,
        "\(settings.intervalMax) is below announce_max (\(settings.announceMax))")
      range("\(prefix).interval", settings.interval, .seconds(1) ... .seconds(5))
      range("\(prefix).ring_changes_max", settings.ringChangesMax, 0...65_536)
      range("\(prefix).ring_age", settings.ringAge, .zero ... .seconds(600))
    }
    return found
  }

  /// The settings that hold for a channel.
  package func settings(of channel: ChannelName) -> NamespaceSettings {
    namespaces.isEmpty
      ? defaultNamespace
      : namespaces[String(decoding: channel.namespace, as: UTF8.self)] ?? defaultNamespace
  }
}
