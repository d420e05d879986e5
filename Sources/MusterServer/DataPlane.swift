import Hummingbird
import HummingbirdCore
import Logging
import MusterAccess
import MusterEdge
import MusterEngine
import MusterGateway
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The threads of the planes, and the public port on top of them.
///
/// ### Lifetime
/// Made, connected to its engine, run as ``DataPlane/port`` for as long as it serves; then ``DataPlane/shutDown()``.
protocol DataPlane: Sendable {
  /// The threads of the planes; the engine is made with them.
  var executors: [any PlaneExecutor] { get }
  /// The ways out of the planes, in their order; the engine is made with them.
  var sinks: [any EventSink] { get }

  /// Ties the transports to the engine, before the first socket and before the engine starts.
  func connect(to engine: PresenceEngine)

  /// The public port as a service: it listens while the service runs.
  ///
  /// - Parameters:
  ///   - address: Where to listen.
  ///   - responder: What answers the requests that are not upgrades.
  ///   - onListening: Called with the address that was taken.
  /// - Returns: The service; it may be run once.
  func makePort<Responder: HTTPResponder>(
    address: ListenAddress, responder: Responder, onListening: @escaping @Sendable (ListenAddress) -> Void
  ) -> any Service where Responder.Context: InitializableFromSource<ApplicationRequestContextSource>

  /// Ends all WebSockets without a word, and the turns of all planes; the threads are gone afterwards.
  func shutDown() async
}

/// What every data plane is made of, whatever its threads are.
struct DataPlaneParts: Sendable {
  var limits: GatewayLimits
  var engine: EngineConfiguration
  var judge: UpgradeJudge
  var admission: Admission
  var authenticator: any Authenticator
  var tokens: any SessionTokens
  var logger: Logger
}

/// Planes on NIO's loops.
struct NIODataPlane: DataPlane {
  private let loops: MultiThreadedEventLoopGroup
  private let transport: NIOTransport
  private let logger: Logger

  init(threads: Int, _ parts: DataPlaneParts) {
    loops = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    logger = parts.logger
    transport = NIOTransport(
      loops: Array(loops.makeIterator()), limits: parts.limits, engine: parts.engine, judge: parts.judge,
      admission: parts.admission, authenticator: parts.authenticator, tokens: parts.tokens, logger: parts.logger)
  }

  var executors: [any PlaneExecutor] { transport.executors }
  var sinks: [any EventSink] { transport.sinks }

  func connect(to engine: PresenceEngine) {
    transport.connect(to: engine)
  }

  func makePort<Responder: HTTPResponder>(
    address: ListenAddress, responder: Responder, onListening: @escaping @Sendable (ListenAddress) -> Void
  ) -> any Service where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    let gateway = transport.gateway
    return Listener(
      setting: "listen", address: address, responder: responder,
      server: HTTPServerBuilder { GatewayChannel(gateway: gateway, responder: $0) }, group: loops, logger: logger,
      onListening: onListening)
  }

  func shutDown() async {
    await transport.shutDown()
    await EventLoops.end(loops)
  }
}
