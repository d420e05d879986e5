#if os(Linux)
  import CLinux
  import Glibc
  import MusterJSON
  import MusterWire
  import Testing

  /// The client's end of a connection: raw bytes, and WebSocket when it wants to.
  ///
  /// ### Ownership
  /// Closes its descriptor at the latest when it goes.
  final class RawSocket {
    /// What a server says over a WebSocket.
    enum Event: Hashable {
      case text(String)
      case batch([UInt8])
      case ping
      case pong([UInt8])
      case close(UInt16?, String)
      case end
    }

    struct Failure: Error, CustomStringConvertible {
      var description: String
    }

    private(set) var descriptor: Int32
    private var bytes: [UInt8] = []
    private var decoder = WebSocketDecoder(role: .client, limits: RawSocket.limits)
    /// How long something that must come is waited for.
    private static let patience: Int32 = 20_000

    private static var limits: WebSocketDecoder.Limits {
      var limits = WebSocketDecoder.Limits()
      limits.messageBytesMax = 1 << 24
      return limits
    }

    init(_ descriptor: Int32) {
      self.descriptor = descriptor
    }

    /// Takes binary messages from now on, and no text.
    func expectBatches() {
      var limits = Self.limits
      limits.payload = .binary
      decoder = WebSocketDecoder(role: .client, limits: limits)
    }

    deinit {
      close()
    }

    /// Connects to a port of this machine.
    static func connect(to port: UInt16, receiveBytes: Int32? = nil) throws -> RawSocket {
      let socket = RawSocket(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
      if var size = receiveBytes {
        setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
      }
      var address = loopback(port)
      let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.connect(socket.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard result == 0 else { throw Failure(description: "connect: error \(errno)") }
      return socket
    }

    /// Two ends of one connection, the second of which does not block.
    static func pair() throws -> (client: RawSocket, server: Int32) {
      var ends: [Int32] = [-1, -1]
      guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
        throw Failure(description: "socketpair: error \(errno)")
      }
      _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
      return (RawSocket(ends[0]), ends[1])
    }

    /// A socket that listens on a free port of this machine, and the port.
    static func listen(sendBytes: Int32? = nil) throws -> (descriptor: Int32, port: UInt16) {
      let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
      let descriptor = socket(AF_INET, kind, 0)
      if var size = sendBytes {
        // Accepted sockets inherit it.
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
      }
      var address = loopback(0)
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) | Glibc.listen(descriptor, 1_024) | getsockname(descriptor, $0, &length)
        }
      }
      guard result == 0 else { throw Failure(description: "listen: error \(errno)") }
      return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      return address
    }

    func close() {
      if descriptor >= 0 { Glibc.close(descriptor) }
      descriptor = -1
    }

    /// Gives the descriptor up without closing it.
    func release() -> Int32 {
      defer { descriptor = -1 }
      return descriptor
    }

    /// Ends the outgoing direction.
    func finish() {
      shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Has the close of the socket reset the connection.
    func resetOnClose() {
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    }

    // MARK: Out

    func send(bytes: [UInt8]) throws {
      var sent = 0
      while sent < bytes.count {
        let count = bytes[sent...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { throw Failure(description: "send: error \(errno)") }
        sent += count
      }
    }

    func send(_ text: String) throws { try send(bytes: Self.frame(.text, Array(text.utf8))) }

    /// A frame of a client.
    static func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
      var buffer = OutputBuffer()
      WebSocketEncoder.append(opcode, payload.span.bytes, isFinal: isFinal, mask: 0x5eed_1234, to: &buffer)
      return buffer.copyBytes()
    }

    /// A close frame of a client.
    static func closeFrame(_ code: UInt16) -> [UInt8] {
      var buffer = OutputBuffer()
      WebSocketEncoder.appendClose(code, reason: "", mask: 0x1234_5678, to: &buffer)
      return buffer.copyBytes()
    }

    static let upgradeHead = upgradeHead()

    /// An upgrade request, with more fields before the empty line.
    static func upgradeHead(target: String = "/v1/connect", fields: [String] = []) -> [UInt8] {
      let lines = [
        "GET \(target) HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ]
      return Array(((lines + fields).joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    // MARK: In

    /// Reads what has come, or waits for it.
    ///
    /// - Returns: How many bytes came; 0 at the end of the stream or after a reset.
    private func read() throws -> Int {
      var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&poller, 1, Self.patience) == 1 else { throw Failure(description: "nothing came from the server") }
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count > 0 { bytes += buffer[..<count] }
      return max(0, count)
    }

    /// The next head of an HTTP answer, up to and with its empty line.
    func nextHead() throws -> String {
      while true {
        if let end = bytes.indices.first(where: { $0 + 4 <= bytes.count && bytes[$0..<$0 + 4].elementsEqual("\r\n\r\n".utf8) }) {
          let head = String(decoding: bytes[..<(end + 4)], as: UTF8.self)
          bytes.removeFirst(end + 4)
          return head
        }
        guard try read() > 0 else { throw Failure(description: "the server closed before its answer was whole") }
      }
    }

    /// The next that the server says.
    func next() throws -> Event {
      while true {
        if let event = decoded() { return event }
        if try read() == 0 { return .end }
      }
    }

    /// The next that the server has said as far as it is there; reads once, and does not wait.
    func nextIfWhole() throws -> Event? {
      if let event = decoded() { return event }
      var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&poller, 1, 0) == 1 else { return nil }
      return try read() == 0 ? .end : decoded()
    }

    /// The next text.
    func text() throws -> String {
      let event = try next()
      guard case .text(let text) = event else { throw Failure(description: "\(event) instead of a text") }
      return text
    }

    /// Whether something has come that nobody has looked at.
    func hasNews() -> Bool {
      var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      return !bytes.isEmpty || poll(&poller, 1, 0) == 1
    }

    private func decoded() -> Event? {
      var offset = 0
      var input = bytes
      let event = input.withUnsafeMutableBytes { bytes -> Event? in
        var span = bytes.mutableBytes
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        switch decoder.next(in: &span, at: &offset) {
        case .text(let range): return decoder.payload == .binary ? .batch(Array(bytes[range])) : .text(text(range))
        case .fragmentedText: return .text(String(decoding: decoder.takeMessage(), as: UTF8.self))
        case .ping: return .ping
        case .pong(let range): return .pong(Array(bytes[range]))
        case .close(let code, let reason): return .close(code, text(reason))
        case .needs, .ended: return nil
        case .violation(let violation): return .text("violation: \(violation)")
        }
      }
      bytes.removeFirst(offset)
      return event
    }
  }
#endif
