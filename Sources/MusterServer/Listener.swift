import Hummingbird
import HummingbirdCore
import Logging
import MusterGateway
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// One of the two ports, as a service.
struct Listener<Responder: HTTPResponder>: Service
where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
  private let application: Application<Responder>
  private let setting: String
  private let address: ListenAddress

  /// Prepares a port; it listens once the service runs.
  ///
  /// - Parameters:
  ///   - setting: The setting that names the address, for messages.
  ///   - address: Where to listen.
  ///   - responder: What answers requests.
  ///   - server: What a socket of this port is.
  ///   - group: The loops it runs on.
  ///   - logger: For the server and the requests.
  ///   - onListening: Called with the address that was taken.
  init(
    setting: String, address: ListenAddress, responder: Responder, server: HTTPServerBuilder, group: any EventLoopGroup,
    logger: Logger, onListening: @escaping @Sendable (ListenAddress) -> Void
  ) {
    self.setting = setting
    self.address = address
    application = Application(
      responder: responder, server: server,
      configuration: .init(address: .hostname(address.host, port: address.port), backlog: 4_096),
      onServerRunning: { channel in
        // Added behind the core of the channel, so that its errors come here first. Fails on a closed channel only.
        try? await channel.pipeline.addHandler(AcceptErrorHandler(logger: logger), position: .first)
        onListening(ListenAddress(host: address.host, port: channel.localAddress?.port ?? address.port))
      },
      eventLoopGroupProvider: .shared(group), logger: logger)
  }

  func run() async throws {
    do {
      try await application.run()
    } catch let error as IOError {
      throw ServerError.cannotListen(setting: setting, address: address, reason: ListeningSocket.reason(error.errnoCode))
    } catch let error as SocketAddressError {
      throw ServerError.cannotListen(setting: setting, address: address, reason: "\(error)")
    }
  }
}

/// Why a server does not run, or stopped running.
package enum ServerError: Error, CustomStringConvertible {
  case cannotListen(setting: String, address: ListenAddress, reason: String)

  package var description: String {
    switch self {
    case .cannotListen(let setting, let address, let reason): "\(setting): cannot listen on \(address): \(reason)"
    }
  }
}
