import CLinux
import Glibc
package import MusterJSON
import MusterWire

/// All connections of one worker: a row of a few bytes each, around one read buffer and one write buffer.
///
/// It speaks TCP, the upgrade, frames, ping and close; what the messages mean is the ``LoadPhase``'s affair, which is driven by
/// `drive(_:until:on:)`. Sending and receiving allocates nothing unless a frame arrives or leaves in parts.
///
/// - Invariant: I1. A row has a descriptor if and only if its stage is neither `idle` nor `closed`.
/// - Invariant: I2. What is composed in the write buffer belongs to one row, `outputRow`, and is sent before another row's.
/// ### Isolation
/// A plain value of one thread at a time.
package struct ConnectionTable: ~Copyable {
  /// How far a connection has come.
  package enum Stage: UInt8, Sendable {
    case idle
    case connecting
    case upgrading
    /// The WebSocket is open, the server does not know yet for whom.
    case greeting
    /// The server has said hello; load may be sent.
    case ready
    /// A goodbye was sent; its end is no surprise.
    case leaving
    case closed
  }

  struct Row {
    var descriptor: Int32 = -1
    var stage = Stage.idle
    var decoder = WebSocketDecoder(role: .client, limits: ConnectionTable.limits)
    /// Whether `unread` holds the beginning of a frame.
    var hasUnread = false
    /// Whether `unsent` holds what the socket did not take.
    var hasUnsent = false
  }

  /// One shared read is so large; it grows when a single frame is larger.
  private static let inputBytes = 64 << 10
  /// What is composed for one row leaves at the latest with so many bytes.
  private static let outputBytesMax = 64 << 10
  /// The longest message that is taken, well above a page of 1,000 members.
  private static let limits: WebSocketDecoder.Limits = {
    var limits = WebSocketDecoder.Limits()
    limits.messageBytesMax = 8 << 20
    return limits
  }()
  /// A connection that takes no more than this behind is given up.
  static let unsentBytesMax = 1 << 20

  let address: ServerAddress
  package let dialect: Dialect
  /// The heartbeats of each row, or of all, where they are the same bytes each time; else empty.
  private let constantBeats: [[UInt8]]
  /// Secrets of the sessions that the rows have, by row, where the load wants to go on with them.
  package var sessionTokens: [Int: [UInt8]] = [:]
  /// Whether they are kept.
  package var keepsSessionTokens = false
  let handshake: Handshake
  private let sources: Int
  /// The number of row 0 among all workers' connections, and the distance from one row to the next.
  package let first: Int
  package let stride: Int

  var rows: [Row]
  var poller: Poller
  // SAFETY: allocated by `init` and `growInput`, freed by `deinit` and `growInput`. Messages are shown to a phase as views into
  // it that end with the call, and it is neither refilled nor grown before the call returns.
  var input: UnsafeMutableRawBufferPointer
  var output = OutputBuffer(capacity: outputBytesMax * 2)
  var outputRow = 0
  private var payload = JSONWriter(capacity: 4096)
  var unread: [Int: [UInt8]] = [:]
  var unsent: [Int: [UInt8]] = [:]
  private var mask: UInt32 = 0x9e37_79b9

  /// What went wrong so far.
  package internal(set) var tally = Tally()
  /// How many rows are `ready`.
  package private(set) var readyCount = 0
  /// How many pings of the server were answered.
  package internal(set) var pongsSent = 0

  /// Makes a table of `count` idle rows.
  ///
  /// - Parameters:
  ///   - address: The server.
  ///   - dialect: What it speaks.
  ///   - count: How many connections this worker has.
  ///   - first: The number of the first among all workers' connections.
  ///   - stride: The distance to the number of the next.
  ///   - sources: Over how many addresses of 127.0.0.0/8 the connections are spread.
  ///   - apiKey: What the upgrades show as `Authorization: Bearer`.
  /// - Throws: ``LoadError/system(call:reason:)`` when there is no epoll.
  package init(
    address: ServerAddress, dialect: Dialect = .muster, count: Int, first: Int = 0, stride: Int = 1, sources: Int = 1,
    apiKey: String? = nil
  ) throws(LoadError) {
    self.address = address
    self.dialect = dialect
    constantBeats = (0..<(dialect == .redis ? count : 1)).compactMap { dialect.constantBeat(number: first + $0 * stride) }
    self.first = first
    self.stride = stride
    self.sources = sources
    handshake = Handshake(
      host: address.host, target: address.target, key: WebSocketHandshake.key(.random(in: 0 ... .max), .random(in: 0 ... .max)),
      subprotocol: dialect.subprotocol, apiKey: apiKey)
    rows = Array(repeating: Row(), count: count)
    poller = try Poller()
    input = .allocate(byteCount: Self.inputBytes, alignment: 16)
  }

  deinit {
    for row in rows where row.descriptor >= 0 { close(row.descriptor) }
    input.deallocate()
  }

  /// How many rows there are.
  package var count: Int { rows.count }

  /// The number of a row among all workers' connections.
  package func number(of row: Int) -> Int { first + row * stride }

  /// How far a row has come.
  package func stage(of row: Int) -> Stage { rows[row].stage }

  /// Opens a TCP connection; the phase hears how it goes.
  ///
  /// - Returns: Whether it was begun. What kept it from being is in the tally.
  package mutating func open(row: Int) -> Bool {
    let family = Int32(address.socketAddress.ss_family)
    let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(family, flags, Int32(IPPROTO_TCP))
    guard descriptor >= 0 else {
      tally.count(.connect, "errno \(errno)", LoadError.reason(errno))
      rows[row].stage = .closed
      return false
    }
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    rows[row].descriptor = descriptor
    rows[row].stage = .connecting
    guard bindSource(descriptor, number: number(of: row)), connectNow(descriptor),
      poller.add(descriptor, row: row, writable: true)
    else {
      tally.count(.connect, "errno \(errno)", LoadError.reason(errno))
      drop(row: row)
      return false
    }
    return true
  }

  /// Lets load be sent on a row: the server has said hello.
  package mutating func markReady(row: Int) {
    guard rows[row].stage == .greeting else { return }
    rows[row].stage = .ready
    readyCount += 1
  }

  /// Sends a request, in the words of the server.
  ///
  /// It leaves with the next ``flush()``, so several for one row go in one call of the system.
  ///
  /// - Returns: Whether the row can take messages at all.
  @discardableResult
  package mutating func send(_ request: LoadRequest, to row: Int) -> Bool {
    let stage = rows[row].stage
    guard stage == .ready || stage == .greeting else { return false }
    payload.removeAll(keepingCapacity: true)
    if case .beat = request, !constantBeats.isEmpty {
      payload.buffer.append(constantBeats[constantBeats.count == 1 ? 0 : row])
    } else {
      dialect.compose(request, number: number(of: row), into: &payload)
    }
    appendPayload(to: row)
    return true
  }

  /// Sends bytes as one binary message.
  ///
  /// - Returns: Whether the row can take messages at all.
  @discardableResult
  package mutating func sendBinary(to row: Int, _ compose: (inout JSONWriter) -> Void) -> Bool {
    guard rows[row].stage == .ready || rows[row].stage == .greeting else { return false }
    payload.removeAll(keepingCapacity: true)
    compose(&payload)
    appendFrame(.binary, to: row)
    return true
  }

  /// Says goodbye with close code 1000, so that the session leaves at once.
  ///
  /// A server that would not answer it is left without.
  package mutating func sendGoodbye(row: Int) {
    guard rows[row].stage == .ready || rows[row].stage == .greeting else { return }
    appendClose(1000, to: row)
    if rows[row].stage == .ready { readyCount -= 1 }
    rows[row].stage = .leaving
  }

  /// Closes the socket of a row.
  package mutating func drop(row: Int) {
    guard rows[row].descriptor >= 0 else { return }
    if outputRow == row { output.removeAll(keepingCapacity: true) }
    if rows[row].stage == .ready { readyCount -= 1 }
    close(rows[row].descriptor)
    if rows[row].hasUnread { unread[row] = nil }
    if rows[row].hasUnsent { unsent[row] = nil }
    rows[row] = Row(stage: .closed)
  }

  /// Closes the socket of a row that has kept silent for too long.
  package mutating func giveUp(row: Int, _ message: String) {
    tally.count(.timeout, "\(rows[row].stage)", message)
    drop(row: row)
  }

  /// Answers a ping with the same bytes.
  mutating func sendPong(_ bytes: UnsafeRawBufferPointer, to row: Int) {
    payload.removeAll(keepingCapacity: true)
    payload.buffer.append(bytes)
    appendFrame(.pong, to: row)
    pongsSent += 1
  }

  /// Answers or begins the close handshake.
  mutating func appendClose(_ code: UInt16, to row: Int) {
    claimOutput(for: row)
    WebSocketEncoder.appendClose(code, reason: "", mask: nextMask(), to: &output)
  }

  /// Sends the upgrade request, as one piece.
  mutating func sendUpgrade(row: Int) {
    claimOutput(for: row)
    output.append(handshake.request(number: number(of: row)))
    flush()
  }

  private mutating func appendPayload(to row: Int) {
    switch dialect.framing {
    case .text: appendFrame(.text, to: row)
    case .binary: appendFrame(.binary, to: row)
    case .plain:
      claimOutput(for: row)
      if output.count >= Self.outputBytesMax { flush() }
      // SAFETY: copied inside the closure.
      payload.withUnsafeBytes { output.append($0) }
    }
  }

  private mutating func appendFrame(_ opcode: WebSocketOpcode, to row: Int) {
    claimOutput(for: row)
    if output.count >= Self.outputBytesMax { flush() }
    let mask = nextMask()
    // SAFETY: the span made over the pointer is used inside the closure only.
    payload.withUnsafeBytes { WebSocketEncoder.append(opcode, $0.bytes, mask: mask, to: &output) }
  }

  /// A mask need not be secret from anybody here, only different each time (xorshift, Marsaglia 2003).
  private mutating func nextMask() -> UInt32 {
    mask ^= mask << 13
    mask ^= mask >> 17
    mask ^= mask << 5
    return mask
  }

  private mutating func claimOutput(for row: Int) {
    if outputRow != row { flush() }
    outputRow = row
  }

  private func bindSource(_ descriptor: Int32, number: Int) -> Bool {
    guard sources > 1, address.isLoopback else { return true }
    // The port is chosen when it connects, by both addresses; otherwise all connections would share the ports of one.
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_IP), Self.bindAddressNoPort, &yes, socklen_t(MemoryLayout<Int32>.size))
    var source = sockaddr_in()
    source.sin_family = sa_family_t(AF_INET)
    source.sin_addr.s_addr = (0x7f00_0001 + UInt32(number % sources)).bigEndian
    // SAFETY: every kind of address begins as `sockaddr` does, and the length says which it is; the pointer stays in the closure.
    return withUnsafePointer(to: &source) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private func connectNow(_ descriptor: Int32) -> Bool {
    // SAFETY: every kind of address begins as `sockaddr` does, and the length says which it is; the pointer stays in the closure.
    withUnsafePointer(to: address.socketAddress) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, address.socketAddressLength) == 0 || errno == EINPROGRESS
      }
    }
  }

  /// `IP_BIND_ADDRESS_NO_PORT` of `linux/in.h`.
  private static let bindAddressNoPort: Int32 = 24
}
