package import Logging
package import MusterAccess
package import MusterEdge
package import MusterEngine
import MusterWire
package import NIOCore

/// Planes on the loops of NIO: each WebSocket is a channel on the loop of its plane.
///
/// It runs wherever NIO runs, and under TLS.
package final class NIOTransport: Sendable {
  /// The executors of the planes, in their order; the engine is made with them.
  package let executors: [NIOPlaneExecutor]
  /// The public port, on the same loops.
  package let gateway: Gateway
  private let edges: [PlaneEdge]

  /// Makes one plane of each loop.
  ///
  /// - Parameters:
  ///   - loops: The loops of the planes; the public port's server must run on the same.
  ///   - limits: What is taken from outside.
  ///   - engine: The limits of the engine, so that both agree.
  ///   - judge: Who decides about upgrades.
  ///   - admission: Who counts the sockets.
  ///   - authenticator: Who decides who somebody is.
  ///   - tokens: Who makes the session tokens.
  ///   - logger: For what concerns no single request.
  package init(
    loops: [any EventLoop], limits: GatewayLimits, engine: EngineConfiguration, judge: UpgradeJudge, admission: Admission,
    authenticator: any Authenticator, tokens: any SessionTokens, logger: Logger
  ) {
    let executors = loops.map(NIOPlaneExecutor.init)
    let wireLimits = WireLimits(limits, engine)
    let edges = executors.map {
      PlaneEdge(
        executor: $0, limits: limits, wireLimits: wireLimits, tokens: tokens, authenticator: authenticator, logger: logger)
    }
    self.executors = executors
    self.edges = edges
    gateway = Gateway(
      loops: loops, limits: limits, judge: judge, admission: admission,
      transport: .planes(Dictionary(uniqueKeysWithValues: zip(loops.map { ObjectIdentifier($0) }, edges))))
  }

  /// The ways out of the planes, in their order; the engine is made with them.
  package var sinks: [any EventSink] { edges }

  /// Ties each edge to the connection shard of its plane.
  ///
  /// Called once, before the first socket and before the engine starts.
  package func connect(to engine: PresenceEngine) {
    for (edge, shard) in zip(edges, engine.connectionShards) { edge.connect(to: shard) }
  }

  /// Ends all WebSockets without a word, and the turns of all planes: the last thing that happens to a transport.
  ///
  /// Afterwards the loops may be shut down.
  package func shutDown() async {
    gateway.stop()
    for (executor, edge) in zip(executors, edges) {
      // Fails on a loop that is shut down already, which has ended its sockets itself.
      try? await executor.eventLoop.submit { edge.closeAll() }.get()
    }
    for executor in executors { executor.stop() }
  }
}
