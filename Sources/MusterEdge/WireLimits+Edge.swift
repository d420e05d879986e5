package import MusterEngine
package import MusterWire

extension WireLimits {
  /// The limits on messages that follow from those of the edge and of the engine.
  package init(_ limits: GatewayLimits, _ engine: EngineConfiguration) {
    self.init()
    messageBytesMax = limits.messageBytesMax
    metaBytesMax = engine.metaBytesMax
    dataBytesMax = engine.dataBytesMax
    signalBytesMax = engine.dataBytesMax
    statusTextBytesMax = engine.statusTextBytesMax
    pageMembersMax = engine.pageMembersMax
    pageMembersDefault = min(pageMembersDefault, engine.pageMembersMax)
    watchesMax = engine.watchesPerConnectionMax
    resumeChannelsMax = engine.channelsPerSessionMax
  }
}
