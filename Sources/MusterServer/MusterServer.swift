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

/// A whole server, from its configuration: one engine with what it remembers, its planes, the public port and the admin port.
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

  /// Recovers what the last run has left, serves until it is asked to stop, then drains, syncs and makes a snapshot.
  ///
  /// - Parameters:
  ///   - stopsOnSignals: Whether SIGTERM and SIGINT ask it to stop.
  ///   - onReady: Called once, when both ports listen.
  /// - Throws: ``ServerError`` when a port cannot be taken, or when the data directory cannot be used, is not sound, or fails.
  package func run(stopsOnSignals: Bool = false, onReady: @escaping @Sendable (ServerAddresses) -> Void) async throws {
    let parts = try ServerParts(configuration, logger: logger)
    let control = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let served = await Self.result {
      try await parts.begin()
      try await serve(parts, control: control, signals: stopsOnSignals ? [.sigterm, .sigint] : [], onReady: onReady)
    }
    // Clients are gone, and the engine still turns: now what it knows can be written down.
    let ended = await Self.result { try await parts.end() }
    await EventLoops.end(control)
    try served.get()
    try ended.get()
  }

  private static func result(_ body: () async throws -> Void) async -> Result<Void, any Error> {
    do { return .success(try await body()) } catch { return .failure(error) }
  }

  private func serve(
    _ parts: ServerParts, control: MultiThreadedEventLoopGroup, signals: [UnixSignal],
    onReady: @escaping @Sendable (ServerAddresses) -> Void
  ) async throws {
    let ready = ReadyNotice(parts.readiness, onReady)
    let stopping = StopSwitch()
    let publicPort = parts.dataPlane.makePort(
      address: configuration.listen, responder: parts.publicAPI.router().buildResponder(),
      onListening: { ready.publicPortListens(at: $0) })
    let adminAPI = parts.adminAPI(onDrain: { stopping.stop() })
    let adminPort = Listener(
      setting: "admin_listen", address: configuration.adminListen, responder: adminAPI.router().buildResponder(),
      server: .http1(configuration: adminChannel), group: control, logger: logger,
      onListening: { ready.adminPortListens(at: $0) })
    let watch = StorageWatch(
      journal: parts.storage.journal, readiness: parts.readiness, logger: logger, onFailure: { stopping.stop() })
    let drain = DrainService(
      engine: parts.engine, judge: parts.judge, admission: parts.admission, readiness: parts.readiness,
      spread: configuration.drainSpread, logger: logger)

    // The last stops first.
    // A port that cannot be taken stops the others in peace, too, and not without a word to clients that were quick.
    let others = ([adminPort, publicPort, watch] as [any Service]).map {
      ServiceGroupConfiguration.ServiceConfiguration(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
    }
    var group = ServiceGroupConfiguration(
      services: others + [.init(service: drain)], gracefulShutdownSignals: signals, logger: serviceLogger)
    group.maximumGracefulShutdownDuration = configuration.drainSpread + DrainService.patience + .seconds(3)
    let services = ServiceGroup(configuration: group)
    stopping.arm { await services.triggerGracefulShutdown() }
    try await services.run()
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
