/// Several measurements on the same connections, one after another: connecting them is paid for once.
///
/// What the comparison runs against each server: heartbeats with a reply, heartbeats without, and a storm at the end.
package struct CompositeLoad: Load {
  package static let command = "suite"
  package var settings: LoadSettings
  /// How often each connection sends a heartbeat.
  package var interval: Duration
  package var warmUp: Duration
  package var duration: Duration
  /// Whether a storm follows.
  package var storms: Bool

  package init(settings: LoadSettings, interval: Duration, warmUp: Duration, duration: Duration, storms: Bool) {
    self.settings = settings
    self.interval = interval
    self.warmUp = warmUp
    self.duration = duration
    self.storms = storms
  }

  private var storm: StormLoad { StormLoad(settings: settings, atOnceMax: settings.connections, resumes: true) }

  package var keepsSessionTokens: Bool { storms && storm.keepsSessionTokens }

  package var parameters: [Report.Field] {
    beat(.answered(every: interval)).parameters + [.init("storms", "storm at the end", .flag(storms))]
  }

  package func validate() throws(LoadError) {
    try beat(.answered(every: interval)).validate()
    if storms { try storm.validate() }
  }

  package func measure(_ run: inout LoadRun) throws(LoadError) {
    try beat(.answered(every: interval)).measure(&run)
    if settings.dialect.hasSilentBeat, !run.isInterrupted {
      var silent = beat(.silent(every: interval))
      silent.key = "silent"
      try silent.measure(&run)
    }
    if storms, !run.isInterrupted { try storm.measure(&run) }
  }

  package var isDivisible: Bool { true }

  package func section(_ key: String, of outcome: Outcome) -> Report.Section? {
    switch key {
    case "beat": return beat(.answered(every: interval)).section(key, of: outcome)
    case "silent":
      var silent = beat(.silent(every: interval))
      silent.key = key
      return silent.section(key, of: outcome)
    default: return storm.section(key, of: outcome)
    }
  }

  private func beat(_ mode: BeatLoad.Mode) -> BeatLoad {
    BeatLoad(settings: settings, mode: mode, warmUp: warmUp, duration: duration)
  }
}
