/// What every load needs to know: where the server is, who connects, and how.
package struct LoadSettings: Sendable {
  /// Bounds that keep a slip of the keyboard from becoming an attack on the own machine.
  package enum Bounds {
    package static let connections = 1...1_000_000
    package static let threads = 1...64
    package static let atOnce = 1...10_000
    package static let sources = 1...200
    package static let perSecondMax = 10_000_000.0
    package static let span: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)
    package static let nameBytesMax = 8 << 10
  }

  /// The URL of the server, `ws://…`.
  package var url = "ws://127.0.0.1:7600/v1/connect"
  /// What the server speaks.
  package var dialect = Dialect.muster
  package var connections = 1_000
  package var threads = 1
  package var identity = Requests.Identity.user(prefix: "bench-")
  /// Whether who connects says who it is, where that takes a request; otherwise a connection counts as let in with its upgrade.
  ///
  /// Only for loads that say nothing afterwards, and end before the server gives up waiting for a hello.
  package var greets = true
  /// What the upgrade shows as `Authorization: Bearer`, such as the API key of a relay.
  package var apiKey: String?
  /// Connections opened per second; `nil` as fast as `connectAtOnceMax` allows.
  package var connectsPerSecond: Double? = 2_000
  /// Connections between their first packet and the answer to their hello.
  package var connectAtOnceMax = 128
  /// How long a connection may take for one step, and the last replies of a load to come in.
  package var timeout: Duration = .seconds(10)
  /// How long the server may tidy up before it is looked at.
  package var settling: Duration = .milliseconds(500)
  /// Over how many addresses of 127.0.0.0/8 the connections are spread.
  package var sources = 1
  /// The server's process, when it runs on this machine and is to be measured.
  package var serverPID: Int32?
  /// Which part of the load this process has.
  package var share = Share()
  /// Free text for the report, such as the commit of the server.
  package var note: String?
  /// How progress is shown.
  package var progress = ProgressBoard.Style.silent

  /// One process of those that run a load together.
  package struct Share: Sendable, Equatable {
    /// Which of them, from 0.
    package var index: Int
    package var count: Int
    /// The connections of all together; `nil` when there is only this one.
    package var total: Int?
    /// The number of this process's first connection among those of all.
    package var first: Int

    package init(index: Int = 0, count: Int = 1, total: Int? = nil, first: Int = 0) {
      self.index = index
      self.count = count
      self.total = total
      self.first = first
    }
  }

  package init() {}

  /// Relates the settings to their bounds.
  ///
  /// - Throws: ``LoadError/plan(_:)`` with a sentence that names the flag.
  package func validate() throws(LoadError) {
    _ = try ServerAddress.Parts(url: url)
    try Self.check("--connections", connections, Bounds.connections)
    try Self.check("--threads", threads, Bounds.threads)
    try Self.check("--at-once", connectAtOnceMax, Bounds.atOnce)
    try Self.check("--sources", sources, Bounds.sources)
    try Self.check("--timeout", timeout, .milliseconds(1) ... .seconds(600))
    guard threads <= connections else { throw .plan("--threads \(threads) is more than --connections \(connections)") }
    if let connectsPerSecond { try Self.checkRate("--connect-rate", connectsPerSecond) }
    let (flag, text) =
      switch identity {
      case .user(let prefix): ("--user-prefix", prefix)
      case .token(let token): ("--token", token)
      }
    if let apiKey {
      guard !apiKey.isEmpty, apiKey.utf8.count <= Bounds.nameBytesMax, apiKey.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
      else {
        throw .plan("--api-key is not 1 to \(Bounds.nameBytesMax) printable characters without spaces")
      }
    }
    guard text.utf8.count <= Bounds.nameBytesMax else { throw .plan("\(flag) is longer than \(Bounds.nameBytesMax) bytes") }
  }

  static func check<Value>(_ flag: String, _ value: Value, _ allowed: ClosedRange<Value>) throws(LoadError) {
    guard allowed.contains(value) else {
      throw .plan("\(flag) \(value) is not within \(allowed.lowerBound) to \(allowed.upperBound)")
    }
  }

  static func checkRate(_ flag: String, _ value: Double) throws(LoadError) {
    guard value > 0, value <= Bounds.perSecondMax else {
      throw .plan("\(flag) \(value) is not above 0 and at most \(Int(Bounds.perSecondMax)) a second")
    }
  }
}
