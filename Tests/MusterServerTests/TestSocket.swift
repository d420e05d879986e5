import MusterServer
import MusterWire
import NIOCore
import NIOPosix
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A raw TCP client that can speak WebSocket when it wants to, and break every rule of it.
///
/// ### Isolation
/// One task at a time.
// SAFETY: a test uses its socket from one task at a time; it is passed into closures that run there.
final class TestSocket: @unchecked Sendable {
  /// What a server says over a WebSocket.
  enum Event: Hashable {
    case text(String)
    case batch([UInt8])
    case ping
    case pong([UInt8])
    case close(UInt16?, String)
    case end
  }

  struct Unexpected: Error, CustomStringConvertible {
    var description: String
  }

  private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
  private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  private let channel: any Channel
  private var bytes: [UInt8] = []
  private var decoder = WebSocketDecoder(role: .client, limits: TestSocket.limits)

  private static var limits: WebSocketDecoder.Limits {
    var limits = WebSocketDecoder.Limits()
    limits.messageBytesMax = 1 << 24
    return limits
  }

  private init(
    _ channel: any Channel, _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
    _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) {
    self.channel = channel
    self.inbound = inbound.makeAsyncIterator()
    self.outbound = outbound
  }

  /// Connects, runs the body, and closes whatever it left open.
  ///
  /// `receiveBuffer` is how many bytes the kernel takes for a client that does not read; `nil` leaves it to the kernel.
  static func connect<Result: Sendable>(
    to address: ListenAddress, receiveBuffer: Int? = nil, _ body: @Sendable (TestSocket) async throws -> Result
  ) async throws -> Result {
    var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
    if let receiveBuffer { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: receiveBuffer) }
    let channel =
      try await bootstrap
      .connect(host: address.host, port: address.port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
      }
    return try await channel.executeThenClose { inbound, outbound in
      try await body(TestSocket(channel.channel, inbound, outbound))
    }
  }

  /// Takes binary messages from now on, and no text.
  func expectBatches() {
    var limits = Self.limits
    limits.payload = .binary
    decoder = WebSocketDecoder(role: .client, limits: limits)
  }

  // MARK: Out

  func send(bytes: [UInt8]) async throws {
    try await outbound.write(ByteBuffer(bytes: bytes))
  }

  /// Sends a text message.
  func send(_ text: String) async throws {
    try await send(bytes: Self.frame(.text, Array(text.utf8)))
  }

  /// Sends a close frame.
  func sendClose(_ code: UInt16) async throws {
    try await send(bytes: Self.frame(.close, [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)]))
  }

  /// Sends FIN and goes on reading.
  func finishSending() {
    outbound.finish()
  }

  /// Ends the connection with RST.
  func reset() async throws {
    // Not to linger means to forget what is unsent, and to say so with RST.
    try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
    try await channel.close()
  }

  /// A frame of a client; without a mask, one that breaks the rules.
  static func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8], isMasked: Bool = true) -> [UInt8] {
    precondition(payload.count <= 0xffff, "tests send short frames only")
    let high = UInt8(truncatingIfNeeded: payload.count >> 8)
    let low = UInt8(truncatingIfNeeded: payload.count)
    let flag: UInt8 = isMasked ? 0x80 : 0
    let head = [0x80 | opcode.rawValue] + (payload.count < 126 ? [flag | low] : [flag | 126, high, low])
    guard isMasked else { return head + payload }
    let key: [UInt8] = [0x12, 0x34, 0x56, 0x78]
    return head + key + zip(payload, payload.indices).map { $0 ^ key[$1 % 4] }
  }

  /// The head of a WebSocket request.
  static func upgradeRequest(_ target: String = "/v1/connect", _ fields: String = "") -> [UInt8] {
    let head = """
      GET \(target) HTTP/1.1\r
      Host: 127.0.0.1\r
      Connection: Upgrade\r
      Upgrade: websocket\r
      Sec-WebSocket-Version: 13\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
      \(fields)\r

      """
    return Array(head.utf8)
  }

  /// Asks for a WebSocket, and gets one.
  func upgrade(_ target: String = "/v1/connect", _ fields: String = "") async throws {
    try await send(bytes: Self.upgradeRequest(target, fields))
    let head = try await head()
    guard head.hasPrefix("HTTP/1.1 101 ") else { throw Unexpected(description: head) }
  }

  // MARK: In

  /// The head of an HTTP answer.
  func head() async throws -> String {
    while true {
      if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
        defer { bytes.removeFirst(end.upperBound) }
        return String(decoding: bytes[..<end.upperBound], as: UTF8.self)
      }
      guard try await more() else { throw Unexpected(description: "the connection ended within a head") }
    }
  }

  /// An HTTP answer with a content length: its head and its body.
  func response() async throws -> String {
    let head = try await head()
    let field = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
    let length = field.flatMap { Int($0.dropFirst("content-length:".count).drop { $0 == " " }) } ?? 0
    while bytes.count < length {
      guard try await more() else { throw Unexpected(description: "the connection ended within a body") }
    }
    defer { bytes.removeFirst(length) }
    return head + String(decoding: bytes[..<length], as: UTF8.self)
  }

  /// Everything until the server ends the connection.
  func rest() async throws -> String {
    while try await more() {}
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The next thing that the server says.
  func next() async throws -> Event {
    while true {
      var offset = 0
      // SAFETY: the pointer is used inside the closure only.
      let event: WebSocketEvent = bytes.withUnsafeMutableBytes { bytes in
        var span = bytes.mutableBytes
        return decoder.next(in: &span, at: &offset)
      }
      defer { bytes.removeFirst(offset) }
      switch event {
      case .text(let range) where decoder.payload == .binary: return .batch(Array(bytes[range]))
      case .text(let range): return .text(String(decoding: bytes[range], as: UTF8.self))
      case .ping: return .ping
      case .pong(let range): return .pong(Array(bytes[range]))
      case .close(let code, let range): return .close(code, String(decoding: bytes[range], as: UTF8.self))
      case .fragmentedText, .violation: throw Unexpected(description: "\(event)")
      case .needs, .ended:
        guard try await more() else { return .end }
      }
    }
  }

  /// The next text that holds another; what comes before it is dropped.
  func text(containing part: String) async throws -> String {
    while true {
      switch try await next() {
      case .text(let text) where text.contains(part): return text
      case .text, .batch, .ping, .pong: continue
      case let event: throw Unexpected(description: "\(event) instead of \(part)")
      }
    }
  }

  /// How the server closes; what it says before is dropped.
  func close() async throws -> Event {
    while true {
      let event = try await next()
      switch event {
      case .text, .batch, .ping, .pong: continue
      case .close, .end: return event
      }
    }
  }

  private func more() async throws -> Bool {
    do {
      guard let buffer = try await inbound.next() else { return false }
      bytes.append(contentsOf: buffer.readableBytesView)
      return true
    } catch is IOError {
      // A reset is an end, too.
      return false
    }
  }
}
