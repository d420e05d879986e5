import Hummingbird
import HummingbirdCore
package import Logging
import MusterAccess
import MusterEdge
import MusterEngine
import MusterHTTP
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import UnixSignals

/// Where a running server listens.
package struct ServerAddresses: Sendable, Hashable {
  package var `public`: ListenAddress
  package var admin: ListenAddress
}

/// A whole server, put together from its configuration: one engine, its planes, the public port and the admin port.
///
/// ### Lifetime
/// ``run(stopsOnSignals:onReady:)`` once; everything is made in it and gone after it.
package struct MusterServer: Sendable {
  private let configuration: ServerConfiguration
  private let logger: Logger

  /// Prepares a server; nothing is opened yet.
  ///
  /// - Parameters:
  ///   - configuration: One without ``ServerConfiguration/problems()``.
  ///   - logger: For everything that happens.
  package init(configuration: ServerConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Serves until it is asked to stop, then drains.
  ///
  /// - Parameters:
  ///   - stopsOnSignals: Whether SIGTERM and SIGINT ask it to stop.
  ///   - onReady: Called once, when both ports listen.
  /// - Throws: ``ServerError`` when a port cannot be taken.
  package func run(stopsOnSignals: Bool = false, onReady: @escaping @Sendable (ServerAddresses) -> Void) async throws {
    let control = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var failure: (any Error)?
    do {
      try await serve(control: control, signals: stopsOnSignals ? [.sigterm, .sigint] : [], onReady: onReady)
    } catch {
      failure = error
    }
    await EventLoops.end(control)
    if let failure { throw failure }
  }

  private func serve(
    control: MultiThreadedEventLoopGroup, signals: [UnixSignal], onReady: @escaping @Sendable (ServerAddresses) -> Void
  ) async throws {
    let tokens = configuration.tokenSecret.map { TokenMint(secret: Array($0.utf8)) } ?? TokenMint()
    let authenticator = TokenAuthenticator(tokens: tokens, isDevelopment: configuration.isDevelopment)
    let origins = configuration.originPolicy
    let limits = limits
    let judge = UpgradeJudge(origins: origins, relays: configuration.relayPolicy)
    let admission = Admission(limits: limits)
    let dataPlane = try makeDataPlane(
      DataPlaneParts(
        limits: limits, engine: configuration.engine, judge: judge, admission: admission, authenticator: authenticator,
        tokens: tokens, logger: logger))
    let engine = PresenceEngine(
      configuration: configuration.engine, executors: dataPlane.executors, sinks: dataPlane.sinks, clock: SystemClock(),
      journal: MemoryJournal(), random: SystemRandom())
    dataPlane.connect(to: engine)
    engine.start()
    let readiness = Readiness()
    let ready = ReadyNotice(readiness, onReady)
    let stopping = StopSwitch()
    let publicAPI = PublicAPI(
      engine: engine, authenticator: authenticator, tokens: tokens, readiness: readiness, origins: origins,
      cookie: configuration.cookie, bodyBytesMax: configuration.limits.bodyBytesMax)
    let adminAPI = AdminAPI(
      engine: engine, tokens: tokens, readiness: readiness, key: configuration.apiKey,
      hooks: .init(openSockets: { admission.sockets }, drain: { stopping.stop() }))
    let publicPort = dataPlane.makePort(
      address: configuration.listen, responder: publicAPI.router().buildResponder(),
      onListening: { ready.publicPortListens(at: $0) })
    let adminPort = Listener(
      setting: "admin_listen", address: configuration.adminListen, responder: adminAPI.router().buildResponder(),
      server: .http1(configuration: adminChannel), group: control, logger: logger,
      onListening: { ready.adminPortListens(at: $0) })
    let drain = DrainService(
      engine: engine, judge: judge, admission: admission, readiness: readiness, spread: configuration.drainSpread, logger: logger)

    // The last stops first.
    // A port that cannot be taken stops the others in peace, too, and not without a word to clients that were quick.
    let ports = ([adminPort, publicPort] as [any Service]).map {
      ServiceGroupConfiguration.ServiceConfiguration(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
    }
    var group = ServiceGroupConfiguration(
      services: ports + [.init(service: drain)], gracefulShutdownSignals: signals, logger: serviceLogger)
    group.maximumGracefulShutdownDuration = configuration.drainSpread + DrainService.patience + .seconds(3)
    let services = ServiceGroup(configuration: group)
    stopping.arm { await services.triggerGracefulShutdown() }
    do {
      try await services.run()
      await dataPlane.shutDown()
    } catch {
      await dataPlane.shutDown()
      throw error
    }
  }

  private func makeDataPlane(_ parts: DataPlaneParts) throws -> any DataPlane {
    let threads = configuration.planes(cores: System.coreCount)
    #if os(Linux)
      if configuration.transport == .reactor { return try ReactorDataPlane(threads: threads, parts) }
    #endif
    return NIODataPlane(threads: threads, parts)
  }

  /// The limits of the edge, with what the process may have open.
  private var limits: GatewayLimits {
    var limits = configuration.limits
    limits.socketsMax = Descriptors.raiseLimit() - Descriptors.reserved
    if limits.connectionsMax > limits.socketsMax {
      logger.info(
        "the process may have fewer open sockets than connections_max; the limit of open files sets that",
        metadata: ["connections_max": "\(limits.connectionsMax)", "sockets_max": "\(limits.socketsMax)"])
    }
    return limits
  }

  private var adminChannel: HTTP1Channel.Configuration {
    HTTP1Channel.Configuration(
      idleTimeout: TimeAmount(configuration.limits.httpIdleTimeout),
      httpDecoderConfiguration: .init(
        maxHeaderFieldSize: configuration.limits.headerBytesMax, maxHeaderListSize: configuration.limits.headerBytesMax,
        maxHeaderFieldCount: 100))
  }

  /// The life of the services is told by our own words; theirs are for whoever looks for trouble.
  private var serviceLogger: Logger {
    var logger = logger
    if logger.logLevel > .debug { logger.logLevel = .error }
    return logger
  }
}

extension ServerConfiguration {
  /// Which pages may use the public port.
  fileprivate var originPolicy: OriginPolicy {
    if isDevelopment && origins.isEmpty { return .any }
    return OriginPolicy(origins) ?? .sameHost
  }

  fileprivate var cookie: PublicAPI.Cookie {
    .init(sameSite: cookieSameSite.attribute, isSecure: !listen.isLoopback)
  }
}

/// Waits until both ports listen.
private final class ReadyNotice: Sendable {
  private let readiness: Readiness
  private let onReady: @Sendable (ServerAddresses) -> Void
  private let ports = Mutex<(public: ListenAddress?, admin: ListenAddress?)>((nil, nil))

  init(_ readiness: Readiness, _ onReady: @escaping @Sendable (ServerAddresses) -> Void) {
    self.readiness = readiness
    self.onReady = onReady
  }

  func publicPortListens(at address: ListenAddress) {
    tell(
      ports.withLock {
        $0.public = address
        return $0
      })
  }

  func adminPortListens(at address: ListenAddress) {
    tell(
      ports.withLock {
        $0.admin = address
        return $0
      })
  }

  private func tell(_ ports: (public: ListenAddress?, admin: ListenAddress?)) {
    guard let `public` = ports.public, let admin = ports.admin else { return }
    readiness.begin()
    onReady(ServerAddresses(public: `public`, admin: admin))
  }
}

/// Stops the services from inside, once there are any.
private final class StopSwitch: Sendable {
  private let action = Mutex<(@Sendable () async -> Void)?>(nil)

  func arm(_ action: @escaping @Sendable () async -> Void) {
    self.action.withLock { $0 = action }
  }

  func stop() {
    guard let action = action.withLock({ $0 }) else { return }
    Task { await action() }
  }
}
