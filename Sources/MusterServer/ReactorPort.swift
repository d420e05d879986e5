import MusterThreads
#if os(Linux)
  import HummingbirdCore
  import Logging
  import MusterEdge
  import MusterGateway
  import MusterReactor
  import NIOCore
  import NIOPosix
  import ServiceLifecycle

  /// The public port in front of the reactor, as a service: the reactor accepts, and what it does not want is served here.
  struct ReactorPort: Service {
    let address: ListenAddress
    let transport: ReactorTransport
    let channels: GatewayChannel
    let loops: MultiThreadedEventLoopGroup
    let logger: Logger
    let onListening: @Sendable (ListenAddress) -> Void

    func run() async throws {
      let socket = try await ListeningSocket.open(address, setting: "listen", on: loops.next())
      // Bounded by the limit on open sockets, which each of them has passed.
      let (others, arrival) = AsyncStream.makeStream(of: CInt.self)
      let open = OpenChannels()
      transport.listen(on: socket.descriptor) { descriptor in
        if case .enqueued = arrival.yield(descriptor) { return }
        ListeningSocket.close(descriptor)
      }
      onListening(socket.address)
      await withGracefulShutdownHandler {
        await withDiscardingTaskGroup { group in
          for await descriptor in others {
            group.addTask { await serve(descriptor, open) }
          }
        }
      } onGracefulShutdown: {
        transport.stopAccepting()
        arrival.finish()
        open.quiesce()
      }
      transport.stopAccepting()
    }

    /// Serves one socket, from its first byte to its end.
    private func serve(_ descriptor: CInt, _ open: OpenChannels) async {
      let logger = logger
      let channels = channels
      do {
        let value = try await ClientBootstrap(group: loops)
          .channelOption(.allowRemoteHalfClosure, value: true)
          .withConnectedSocket(descriptor) { channel in
            open.add(channel)
            return channels.setup(channel: channel, logger: logger)
          }
        await channels.handle(value: value, logger: logger)
      } catch {
        logger.debug("a socket could not be served", metadata: ["error": "\(error)"])
      }
    }
  }

  /// The channels that are open, so that they can be told to come to an end.
  private final class OpenChannels: Sendable {
    private struct State {
      var channels: [ObjectIdentifier: any Channel] = [:]
      var isQuiescing = false
    }

    private let state = ContendedLock(State())

    func add(_ channel: any Channel) {
      let isQuiescing = state.withLock { state in
        state.channels[ObjectIdentifier(channel)] = channel
        return state.isQuiescing
      }
      channel.closeFuture.whenComplete { [self] _ in
        state.withLock { state in state.channels[ObjectIdentifier(channel)] = nil }
      }
      // Its handlers are added in the same turn of the loop, and hear of it in the next.
      if isQuiescing { Self.quiesce(channel) }
    }

    /// Lets each channel answer what it has been asked, and no more.
    func quiesce() {
      let channels = state.withLock { state in
        state.isQuiescing = true
        return Array(state.channels.values)
      }
      for channel in channels { Self.quiesce(channel) }
    }

    private static func quiesce(_ channel: any Channel) {
      channel.eventLoop.execute { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }
  }
#endif
