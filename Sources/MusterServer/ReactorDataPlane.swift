#if os(Linux)
  import Hummingbird
  import HummingbirdCore
  import Logging
  import MusterAccess
  import MusterEdge
  import MusterEngine
  import MusterGateway
  import MusterModel
  import MusterReactor
  import NIOCore
  import NIOPosix
  import ServiceLifecycle

  /// Planes on threads of their own, each an epoll loop.
  ///
  /// They accept on the public port and take the upgrades; every other socket goes on to a loop of NIO, untouched, and comes back
  /// if it turns out to be an upgrade after all.
  struct ReactorDataPlane: DataPlane {
    private let transport: ReactorTransport
    private let loops: MultiThreadedEventLoopGroup
    private let gateway: Gateway
    private let logger: Logger

    init(threads: Int, _ parts: DataPlaneParts) throws {
      loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
      logger = parts.logger
      let log = parts.logger
      transport = try ReactorTransport(
        threads: threads, limits: parts.limits, engine: parts.engine, judge: parts.judge, admission: parts.admission,
        authenticator: parts.authenticator, tokens: parts.tokens, notice: { log.take($0) })
      gateway = Gateway(
        loops: Array(loops.makeIterator()), limits: parts.limits, judge: parts.judge, admission: parts.admission,
        adopter: transport)
    }

    var executors: [any PlaneExecutor] { transport.executors }
    var sinks: [any EventSink] { transport.sinks }

    func connect(to engine: PresenceEngine) {
      transport.connect(to: engine)
    }

    func makePort<Responder: HTTPResponder>(
      address: ListenAddress, responder: Responder, onListening: @escaping @Sendable (ListenAddress) -> Void
    ) -> any Service where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
      ReactorPort(
        address: address, transport: transport,
        channels: GatewayChannel(gateway: gateway, responder: HTTPAnswering.responder(of: responder, logger: logger)),
        loops: loops, logger: logger, onListening: onListening)
    }

    func shutDown() async {
      gateway.stop()
      await transport.shutDown()
      await EventLoops.end(loops)
    }
  }

  extension Logger {
    /// Tells an operator what has happened at the edge.
    fileprivate func take(_ notice: ReactorNotice) {
      switch notice {
      case .outOfDescriptors(let error), .cannotAccept(let error):
        warning("a connection could not be accepted", metadata: ["error": "\(error)"])
      case .turnedAway(let address, let refusal):
        debug(
          "a connection was turned away",
          metadata: ["peer": "\(address)", "code": "\(refusal.code.name)", "why": "\(refusal.message)"])
      case .ended(let close):
        debug(
          "a client ended or broke a connection",
          metadata: ["code": "\(close.code.map(String.init) ?? "none")", "reason": "\(close.reason)"])
      }
    }
  }
#endif
