import Glibc

/// Where a server listens.
package struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
  let host: String
  let port: UInt16

  /// Reads `127.0.0.1:7600`; `nil` when it is none.
  init?(_ text: Substring?) {
    guard let text, let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
      return nil
    }
    host = String(text[..<colon])
    self.port = port
  }

  package var description: String { "\(host):\(port)" }
}

/// A TCP connection that blocks with a deadline.
///
/// Whatever shows that the other side is gone (a reset, an end, a refusal to connect) is ``DrillError/disconnected``.
///
/// ### Isolation
/// Used by one thread.
final class Socket {
  private let descriptor: Int32

  /// Connects.
  init(_ address: SocketAddress) throws(DrillError) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .call("socket") }
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = address.port.bigEndian
    name.sin_addr.s_addr = inet_addr(address.host)
    // SAFETY: an address of this family may be seen as any address; the pointer is used inside the closures only.
    let result = withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else {
      let code = errno
      close(descriptor)
      throw [ECONNREFUSED, ECONNRESET, EPIPE].contains(code) ? .disconnected : .call("connect to \(address)", code)
    }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { close(descriptor) }

  /// Sends all bytes.
  func send(_ bytes: [UInt8], by deadline: Moment) throws(DrillError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard try wait(for: POLLOUT, by: deadline) else { throw .timedOut("the server to read") }
      // SAFETY: the pointer is used inside the closure only.
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
      }
      if count < 0 {
        guard errno == EAGAIN || errno == EINTR else { throw Self.failure("send") }
      }
      rest = rest.dropFirst(max(0, count))
    }
  }

  /// Appends what has come to a buffer; `false` when nothing came until the deadline.
  func receive(into buffer: inout [UInt8], by deadline: Moment) throws(DrillError) -> Bool {
    guard try wait(for: POLLIN, by: deadline) else { return false }
    // SAFETY: recv writes at most the room it is given.
    let count = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16 << 10) { room in
      let count = recv(descriptor, room.baseAddress, room.count, Int32(MSG_DONTWAIT))
      if count > 0 { buffer.append(contentsOf: room[..<count]) }
      return count
    }
    if count == 0 { throw .disconnected }
    if count < 0, errno != EAGAIN, errno != EINTR { throw Self.failure("recv") }
    return true
  }

  private func wait(for events: Int32, by deadline: Moment) throws(DrillError) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    while true {
      let result = poll(&entry, 1, deadline.pollMilliseconds)
      if result > 0 { return true }
      if result == 0 { return false }
      guard errno == EINTR else { throw .call("poll") }
    }
  }

  private static func failure(_ what: String) -> DrillError {
    [ECONNRESET, EPIPE, ENOTCONN].contains(errno) ? .disconnected : .call(what)
  }
}
