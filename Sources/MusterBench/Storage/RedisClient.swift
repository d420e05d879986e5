import Glibc

/// One connection to Redis that waits for each answer: for questions, and for filling it.
///
/// ### Ownership
/// Closes its socket with its own end.
struct RedisClient: ~Copyable {
  private static let pieceBytes = 64 << 10
  private let descriptor: Int32
  private var unread: [UInt8] = []

  /// Connects to a port of the loopback.
  init(port: UInt16) throws(LoadError) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .system("socket") }
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = FreePort.loopback(port: port)
    // SAFETY: an address of the Internet begins as `sockaddr` does, and the length says which it is; the pointer stays inside.
    let outcome = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard outcome == 0 else {
      let reason = LoadError.reason(errno)
      close(descriptor)
      throw .system(call: "connect", reason: reason)
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Asks one thing and waits.
  ///
  /// - Throws: ``LoadError/refused(_:)`` with what Redis says against it.
  /// - Returns: The answer as it came, without its line ends at the end.
  mutating func ask(_ words: String...) throws(LoadError) -> String {
    try send(RESP.command(words))
    let answer = try receive()
    if answer.first == UInt8(ascii: "-") { throw .refused(String(decoding: answer.dropFirst(), as: UTF8.self)) }
    return String(decoding: answer, as: UTF8.self)
  }

  /// A number of one of the sections of `INFO`; `nil` when it is not there.
  mutating func info(_ section: String, _ name: String) throws(LoadError) -> Double? {
    Self.value(name, in: try ask("INFO", section)).flatMap { Double($0) }
  }

  /// What stands behind `name:` on its line.
  static func value(_ name: String, in info: String) -> String? {
    for line in info.split(whereSeparator: \.isNewline) where line.hasPrefix("\(name):") {
      return String(line.dropFirst(name.utf8.count + 1))
    }
    return nil
  }

  /// Sends commands, and waits for as many answers as there are.
  mutating func pipeline(_ commands: [UInt8], count: Int) throws(LoadError) {
    try send(commands)
    for _ in 0..<count {
      let answer = try receive()
      if answer.first == UInt8(ascii: "-") { throw .refused(String(decoding: answer.dropFirst(), as: UTF8.self)) }
    }
  }

  private func send(_ bytes: [UInt8]) throws(LoadError) {
    var sent = 0
    while sent < bytes.count {
      // SAFETY: the pointer is used inside the closure only.
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.send(descriptor, buffer.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .system("send") }
      sent += count
    }
  }

  private mutating func receive() throws(LoadError) -> [UInt8] {
    while true {
      // SAFETY: the bytes are only read, inside the closure.
      let step = unread.withUnsafeBytes { RESP.next($0, at: 0) }
      switch step {
      case .value(_, let end):
        let answer = unread[..<end].dropLast(2)
        defer { unread.removeFirst(end) }
        return Array(answer)
      case .violation: throw .process("Redis does not speak RESP")
      case .incomplete:
        var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
        let count = recv(descriptor, &piece, piece.count, 0)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw .process("Redis has closed the connection") }
        unread += piece[..<count]
      }
    }
  }
}
