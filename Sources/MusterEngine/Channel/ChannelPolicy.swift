import MusterModel

/// The settings of a namespace as a channel shard needs them: in ticks, looked up once for each channel.
struct ChannelPolicy {
  var announceMax: Int
  var intervalMax: Int
  /// How long changes are gathered in ``ChannelMode/interval`` and ``ChannelMode/count``.
  var intervalTicks: UInt32
  var ringChangesMax: Int
  var ringAgeTicks: UInt32

  init(_ settings: NamespaceSettings) {
    announceMax = settings.announceMax
    intervalMax = settings.intervalMax
    intervalTicks = max(1, settings.interval.ticks)
    ringChangesMax = settings.ringChangesMax
    ringAgeTicks = settings.ringAge.ticks
  }

  /// The mode of a channel with so many present users, coming from another mode.
  ///
  /// A threshold is crossed upwards above it and downwards below 80 % of it, so a channel that hovers around one does not
  /// flutter. A threshold of 0 that was crossed once is never crossed back.
  func mode(present: Int, from mode: ChannelMode) -> ChannelMode {
    let atLeast: ChannelMode = present > intervalMax ? .count : present > announceMax ? .interval : .announce
    guard atLeast.rawValue < mode.rawValue else { return atLeast }
    if mode == .count, !isFarBelow(present, intervalMax) { return .count }
    return isFarBelow(present, announceMax) ? .announce : .interval
  }

  private func isFarBelow(_ present: Int, _ threshold: Int) -> Bool { present * 5 < threshold * 4 }
}
