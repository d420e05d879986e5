import Logging
import MusterAccess
import MusterEdge
import MusterEngine
import MusterHTTP
import MusterModel
import MusterStorage
import NIOCore
import NIOPosix

/// What a running server is made of, tied together.
///
/// ### Lifetime
/// ``begin()`` once, and ``end()`` in every case.
struct ServerParts: Sendable {
  let storage: ServerStorage
  let judge: UpgradeJudge
  let admission: Admission
  let dataPlane: any DataPlane
  let engine: PresenceEngine
  let readiness = Readiness()
  private let configuration: ServerConfiguration
  private let tokens: TokenMint
  private let authenticator: TokenAuthenticator
  private let origins: OriginPolicy

  /// Takes the data directory and makes the threads of the planes.
  init(_ configuration: ServerConfiguration, logger: Logger) throws {
    self.configuration = configuration
    storage = try ServerStorage.open(configuration, logger: logger)
    tokens = TokenMint(secret: storage.tokenSecret)
    authenticator = TokenAuthenticator(tokens: tokens, isDevelopment: configuration.isDevelopment)
    origins = configuration.originPolicy
    judge = UpgradeJudge(origins: origins, relays: configuration.relayPolicy)
    let limits = Self.limits(of: configuration, logger)
    admission = Admission(limits: limits)
    dataPlane = try Self.makeDataPlane(
      configuration,
      DataPlaneParts(
        limits: limits, engine: configuration.engine, judge: judge, admission: admission, authenticator: authenticator,
        tokens: tokens, logger: logger))
    engine = PresenceEngine(
      configuration: configuration.engine, executors: dataPlane.executors, sinks: dataPlane.sinks, clock: SystemClock(),
      journal: storage.journal, random: SystemRandom())
    dataPlane.connect(to: engine)
  }

  /// Brings back what the last run has left, and starts the turns.
  func begin() async throws {
    let recovered = try await storage.recover(into: engine)
    engine.start()
    try await storage.begin(behind: recovered)
  }

  /// Writes everything down, and ends the threads.
  func end() async throws {
    let closed: Result<Void, any Error>
    do { closed = .success(try await storage.close()) } catch { closed = .failure(error) }
    await dataPlane.shutDown()
    try closed.get()
  }

  var publicAPI: PublicAPI {
    PublicAPI(
      engine: engine, authenticator: authenticator, tokens: tokens, readiness: readiness, origins: origins,
      cookie: .init(sameSite: configuration.cookieSameSite.attribute, isSecure: !configuration.listen.isLoopback),
      bodyBytesMax: configuration.limits.bodyBytesMax)
  }

  func adminAPI(onDrain drain: @escaping @Sendable () -> Void) -> AdminAPI {
    AdminAPI(
      engine: engine, tokens: tokens, readiness: readiness, key: configuration.apiKey,
      hooks: .init(
        openSockets: { [admission] in admission.sockets }, drain: drain,
        snapshot: { [storage] in try await storage.snapshot() }, storage: { [storage] in storage.view }))
  }

  private static func makeDataPlane(
    _ configuration: ServerConfiguration, _ parts: DataPlaneParts
  ) throws -> any DataPlane {
    let threads = configuration.planes(cores: System.coreCount)
    #if os(Linux)
      if configuration.transport == .reactor { return try ReactorDataPlane(threads: threads, parts) }
    #endif
    return NIODataPlane(threads: threads, parts)
  }

  /// The limits of the edge, with what the process may have open.
  private static func limits(of configuration: ServerConfiguration, _ logger: Logger) -> GatewayLimits {
    var limits = configuration.limits
    limits.socketsMax = Descriptors.raiseLimit() - Descriptors.reserved
    if limits.connectionsMax > limits.socketsMax {
      logger.info(
        "the process may have fewer open sockets than connections_max; the limit of open files sets that",
        metadata: ["connections_max": "\(limits.connectionsMax)", "sockets_max": "\(limits.socketsMax)"])
    }
    return limits
  }
}

extension ServerConfiguration {
  /// Which pages may use the public port.
  fileprivate var originPolicy: OriginPolicy {
    if isDevelopment && origins.isEmpty { return .any }
    return OriginPolicy(origins) ?? .sameHost
  }
}
