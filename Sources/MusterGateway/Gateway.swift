package import Logging
package import MusterAccess
package import MusterEngine
import MusterWire
package import NIOCore
import NIOHTTP1
import Synchronization

/// What all sockets of the public port share: the planes' edges, the limits, and who may come in.
package final class Gateway: Sendable {
  /// The path of the WebSocket endpoint.
  package static let path = "/v1/connect"

  package let limits: GatewayLimits
  package let origins: OriginPolicy
  package let authenticator: any Authenticator
  package let tokens: any SessionTokens
  /// The executors of the planes, in their order; the engine is made with them.
  package let executors: [NIOPlaneExecutor]

  let admission: Admission
  private let edges: [PlaneEdge]
  private let edgeByLoop: [ObjectIdentifier: PlaneEdge]
  private let isAdmitting = Atomic<Bool>(true)

  /// Makes one plane of each loop.
  ///
  /// - Parameters:
  ///   - loops: The loops of the planes; the public port's server must run on the same.
  ///   - limits: What is taken from outside.
  ///   - engine: The limits of the engine, so that both agree.
  ///   - origins: The pages that may connect.
  ///   - authenticator: Who decides who somebody is.
  ///   - tokens: Who makes the session tokens.
  ///   - logger: For what concerns no single request.
  package init(
    loops: [any EventLoop], limits: GatewayLimits, engine: EngineConfiguration, origins: OriginPolicy,
    authenticator: any Authenticator, tokens: any SessionTokens, logger: Logger
  ) {
    self.limits = limits
    self.origins = origins
    self.authenticator = authenticator
    self.tokens = tokens
    admission = Admission(limits: limits)
    let executors = loops.map(NIOPlaneExecutor.init)
    let wireLimits = WireLimits(limits, engine)
    self.executors = executors
    edges = executors.map {
      PlaneEdge(
        executor: $0, limits: limits, wireLimits: wireLimits, tokens: tokens, authenticator: authenticator,
        logger: logger)
    }
    edgeByLoop = Dictionary(uniqueKeysWithValues: zip(loops.map { ObjectIdentifier($0) }, edges))
  }

  /// The ways out of the planes, in their order; the engine is made with them.
  package var sinks: [any EventSink] { edges }

  /// Ties each edge to the connection shard of its plane.
  ///
  /// Called once, before the first socket and before the engine starts.
  package func connect(to engine: PresenceEngine) {
    for (edge, shard) in zip(edges, engine.connectionShards) { edge.connect(to: shard) }
  }

  /// Refuses upgrades from now on.
  package func stopAdmitting() {
    isAdmitting.store(false, ordering: .releasing)
  }

  /// Ends all WebSockets without a word, and the turns of all planes: the last thing that happens to a gateway.
  ///
  /// Afterwards the loops may be shut down.
  package func shutDown() async {
    for (executor, edge) in zip(executors, edges) {
      // Fails on a loop that is shut down already, which has ended its sockets itself.
      try? await executor.eventLoop.submit { edge.closeAll() }.get()
    }
    for executor in executors { executor.stop() }
  }

  var admits: Bool { isAdmitting.load(ordering: .acquiring) }

  /// How many WebSockets, and how many other sockets, are open on the public port.
  package var openSockets: (webSockets: Int, http: Int) { admission.sockets }

  /// The edge of the plane that a channel lives on.
  func edge(of channel: any Channel) -> PlaneEdge {
    guard let edge = edgeByLoop[ObjectIdentifier(channel.eventLoop)] else {
      preconditionFailure("the public port must run on the loops of the planes")
    }
    return edge
  }

  var decoderLimits: NIOHTTPDecoderLimitConfiguration {
    var configuration = NIOHTTPDecoderLimitConfiguration()
    configuration.maxHeaderFieldSize = limits.headerBytesMax
    configuration.maxHeaderListSize = limits.headerBytesMax
    configuration.maxHeaderFieldCount = 100
    return configuration
  }
}
