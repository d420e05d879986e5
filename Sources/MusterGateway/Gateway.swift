package import MusterEdge
package import NIOCore
import NIOHTTP1

/// The public port as NIO sees it: what all its sockets share, and where their upgrades go.
///
/// With planes on NIO's loops a WebSocket stays where it was accepted. With planes elsewhere (see ``SocketAdopter``) it is handed
/// over, and NIO keeps the plain requests only.
package final class Gateway: Sendable {
  /// Who takes the sockets that have become WebSockets.
  enum Transport: Sendable {
    /// The edges of planes that run on the same loops as the public port.
    case planes([ObjectIdentifier: PlaneEdge])
    case adopter(any SocketAdopter)
  }

  package let limits: GatewayLimits
  package let judge: UpgradeJudge
  package let admission: Admission
  let transport: Transport
  private let deadlines: [ObjectIdentifier: SocketDeadlines]

  /// Makes the public port on some loops.
  ///
  /// - Parameters:
  ///   - loops: The loops of the public port, and no others.
  ///   - limits: What is taken from outside.
  ///   - judge: Who decides about upgrades.
  ///   - admission: Who counts the sockets.
  ///   - transport: Who takes the WebSockets.
  init(
    loops: [any EventLoop], limits: GatewayLimits, judge: UpgradeJudge, admission: Admission, transport: Transport
  ) {
    self.limits = limits
    self.judge = judge
    self.admission = admission
    self.transport = transport
    deadlines = Dictionary(
      uniqueKeysWithValues: loops.map { (ObjectIdentifier($0), SocketDeadlines(eventLoop: $0, limits: limits)) })
  }

  /// Makes a public port whose WebSockets are handed over.
  package convenience init(
    loops: [any EventLoop], limits: GatewayLimits, judge: UpgradeJudge, admission: Admission, adopter: any SocketAdopter
  ) {
    self.init(loops: loops, limits: limits, judge: judge, admission: admission, transport: .adopter(adopter))
  }

  /// Stops what runs on the loops, so that they may be shut down.
  package func stop() {
    for deadline in deadlines.values { deadline.stop() }
  }

  /// The deadlines of the sockets on a channel's loop.
  func deadlines(of channel: any Channel) -> SocketDeadlines {
    guard let deadlines = deadlines[ObjectIdentifier(channel.eventLoop)] else {
      preconditionFailure("a socket of the public port is on a loop that is not one of its loops")
    }
    return deadlines
  }

  var decoderLimits: NIOHTTPDecoderLimitConfiguration {
    var configuration = NIOHTTPDecoderLimitConfiguration()
    configuration.maxHeaderFieldSize = limits.headerBytesMax
    configuration.maxHeaderListSize = limits.headerBytesMax
    configuration.maxHeaderFieldCount = 100
    return configuration
  }
}
