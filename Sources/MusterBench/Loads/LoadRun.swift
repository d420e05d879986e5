/// A load while it runs: the workers, the watched server, and what is known so far.
package struct LoadRun {
  let settings: LoadSettings
  let crew: Crew
  let server: ServerProcess?
  /// Results, in the order of the report.
  var sections: [Report.Section] = []
  /// What went wrong apart from what the connections count themselves.
  var troubles = Tally()

  /// The same parts as sums, for whoever adds up those of several processes.
  var outcomes: [(key: String, outcome: Outcome)] = []
  /// Where this process waits for the others of its load.
  let gate: (any LoadGate)?

  init(settings: LoadSettings, crew: Crew, server: ServerProcess?, gate: (any LoadGate)? = nil) {
    self.settings = settings
    self.crew = crew
    self.server = server
    self.gate = gate
  }

  /// Ends a part of a load.
  mutating func finish(_ key: String, _ outcome: Outcome, _ section: (Outcome) -> Report.Section) {
    outcomes.append((key, outcome))
    sections.append(section(outcome))
  }

  /// Waits until all processes of the load have come so far; the connections are kept meanwhile.
  func pass(_ mark: LoadMark) throws(LoadError) {
    guard let gate else { return }
    try gate.arrive(at: mark)
    while !(try gate.isOpen(for: mark)), !isInterrupted {
      try crew.leg(crew.phases { _, _ in HoldPhase() }, until: .now().advanced(by: .milliseconds(2)))
    }
  }

  /// Whether somebody asked to stop early.
  var isInterrupted: Bool { StopSignal.isRaised }

  /// When the parts of a load begin and end, from now on.
  struct Span {
    /// Connections need a moment to be quiet again.
    static let lead: Duration = .milliseconds(50)

    let start: MonotonicTime
    let measured: Range<MonotonicTime>

    init(warmUp: Duration, duration: Duration) {
      start = MonotonicTime.now().advanced(by: Self.lead)
      let begin = start.advanced(by: warmUp)
      measured = begin..<begin.advanced(by: duration)
    }
  }

  /// The flags that all measured loads share.
  static func validate(warmUp: Duration, duration: Duration) throws(LoadError) {
    try LoadSettings.check("--warmup", warmUp, .zero ... .seconds(3600))
    try LoadSettings.check("--duration", duration, LoadSettings.Bounds.span)
  }

  /// What is a channel's name is the server's to judge; here it only has to be short.
  static func validate(channel: String) throws(LoadError) {
    guard (1...1_000).contains(channel.utf8.count) else { throw .plan("a channel's name has 1 to 1000 bytes") }
  }
}
