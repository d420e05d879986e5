import Glibc

/// A TCP connection to the server that sends exactly the bytes it is given.
///
/// It blocks, with a deadline, and is used by one test at a time. The socket is closed with the value.
final class RawSocket {
  private let descriptor: Int32
  private(set) var isClosed = false

  /// Connects; a small receive buffer in the kernel makes a slow reader quickly.
  init(_ address: Server.Address, receiveBytes: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemError("socket") }
    if var receiveBytes {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBytes, socklen_t(MemoryLayout<Int32>.size))
    }
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = address.port.bigEndian
    name.sin_addr.s_addr = inet_addr(address.host)
    let result = withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw SystemError("connect to \(address.text)") }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { close() }

  /// Sends all bytes.
  ///
  /// - Throws: When the peer has closed, or takes nothing until the deadline.
  func send(_ bytes: [UInt8], by deadline: Deadline = .after()) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      guard poll(&entry, 1, deadline.milliseconds()) > 0 else { throw TimedOut(what: "the server to read") }
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count >= 0 else { throw SystemError("send") }
      rest = rest.dropFirst(count)
    }
  }

  func send(_ text: String, by deadline: Deadline = .after()) throws {
    try send(Array(text.utf8), by: deadline)
  }

  /// What has come; empty when the peer has closed its side, `nil` when nothing came until the deadline.
  ///
  /// A reset counts as closed: the peer is as gone as it can be.
  func receive(by deadline: Deadline, atMost limit: Int = 64 << 10) throws -> [UInt8]? {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, deadline.milliseconds()) > 0 else { return nil }
    var chunk = [UInt8](repeating: 0, count: limit)
    let count = recv(descriptor, &chunk, limit, 0)
    if count < 0, errno == ECONNRESET || errno == EPIPE { return [] }
    guard count >= 0 else { throw SystemError("recv") }
    return Array(chunk[..<count])
  }

  /// Everything until the peer closes.
  func receiveToEnd(by deadline: Deadline = .after()) throws -> [UInt8] {
    var all: [UInt8] = []
    while let some = try receive(by: deadline) {
      if some.isEmpty { return all }
      all += some
    }
    throw TimedOut(what: "the server to close; until now it sent \(String(decoding: all.prefix(300), as: UTF8.self))")
  }

  /// Ends this side only: the peer reads the end of the stream.
  func finishSending() {
    shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Closes without a word at the WebSocket level.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    Glibc.close(descriptor)
  }

  /// Closes with a reset, as a crashed host does when it is back.
  func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    close()
  }
}
