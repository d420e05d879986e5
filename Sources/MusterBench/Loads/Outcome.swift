/// What one part of a load came to, as sums: so that what several processes measured side by side can be added up.
///
/// A report is made from it at the end, by a function that does not know how many there were.
package struct Outcome: Sendable {
  /// What is counted.
  package enum Count: String, Sendable, CaseIterable {
    case done, sent, replies, skipped, late, dropped, resumed, connected
    case heartbeatMilliseconds = "heartbeat_ms"
  }

  /// What is timed.
  package enum Latency: String, Sendable, CaseIterable {
    case reply, lateness, fence, storm, tcp, upgrade, hello
  }

  package var counts: [Count: Int] = [:]
  package var latencies: [Latency: LatencyRecord] = [:]
  /// How long it took, where that is not the time of the usage.
  package var seconds = 0.0
  package var usage = Usage()
  package var plateaus: [Plateau] = []

  package init() {}

  init(_ usage: Usage) {
    self.usage = usage
  }

  package subscript(_ count: Count) -> Int { counts[count] ?? 0 }

  /// The server with so many connections open.
  package struct Plateau: Sendable, Equatable {
    package var connections: Int
    /// CPU spent on connecting up to here, in nanoseconds.
    package var cpuNanoseconds: Double
    package var residentBytes: Int
    package var privateBytes: Int?

    package init(connections: Int, cpuNanoseconds: Double, residentBytes: Int, privateBytes: Int?) {
      self.connections = connections
      self.cpuNanoseconds = cpuNanoseconds
      self.residentBytes = residentBytes
      self.privateBytes = privateBytes
    }
  }

  /// Adds what another process measured in the same span.
  ///
  /// Counts and latencies add up, and so does the CPU of the generators. The server is one and was watched by all, so its
  /// figures stay those that this one read; of times the longer counts.
  package mutating func add(_ other: Outcome) {
    for (count, value) in other.counts where count != .heartbeatMilliseconds { counts[count, default: 0] += value }
    counts[.heartbeatMilliseconds] = counts[.heartbeatMilliseconds] ?? other.counts[.heartbeatMilliseconds]
    for (name, record) in other.latencies { latencies[name, default: LatencyRecord()].add(record) }
    seconds = max(seconds, other.seconds)
    usage.seconds = max(usage.seconds, other.usage.seconds)
    usage.own += other.usage.own
    for (index, plateau) in other.plateaus.enumerated() where plateaus.indices.contains(index) {
      plateaus[index].connections += plateau.connections
    }
  }

  /// How much was done in a second of the measured span.
  var donePerSecond: Double { usage.seconds > 0 ? Double(self[.done]) / usage.seconds : 0 }

  /// The latencies of one kind, as a field, when there are any.
  func field(_ key: String, _ title: String, _ name: Latency) -> [Report.Field] {
    latencies[name]?.summary.map { [.init(key, title, .latency($0))] } ?? []
  }

  /// How punctual the generator was, for a section.
  var punctuality: [Report.Field] {
    var fields: [Report.Field] = [.init("late_sends", "sent more than 1 ms late", .integer(self[.late]))]
    if self[.skipped] > 0 {
      fields.append(.init("skipped", "due on a connection that had ended", .integer(self[.skipped])))
    }
    return fields + field("lateness_us", "due to sent", .lateness)
  }
}
