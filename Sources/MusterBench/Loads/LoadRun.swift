/// A load while it runs: the workers, the watched server, and what is known so far.
package struct LoadRun {
  let settings: LoadSettings
  let crew: Crew
  let server: ServerProcess?
  /// Results, in the order of the report.
  var sections: [Report.Section] = []
  /// What went wrong apart from what the connections count themselves.
  var troubles = Tally()

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
