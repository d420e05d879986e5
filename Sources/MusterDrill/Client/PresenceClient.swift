import MusterJSON
import MusterWire

/// One connection of `muster.v1`, on a blocking socket.
///
/// ### Isolation
/// Used by one thread.
final class PresenceClient {
  /// How long any single answer may take; far beyond what a loaded machine needs.
  static let patience = Duration.seconds(30)

  private let socket: Socket
  private var buffer: [UInt8] = []
  private var start = 0
  private var nextID: Int64 = 1
  /// Pushes that came while a reply was waited for, if they are wanted.
  private(set) var pushes: [JSONValue] = []
  private let keepsPushes: Bool

  /// Connects and upgrades.
  init(_ address: SocketAddress, keepsPushes: Bool = false) throws(DrillError) {
    self.keepsPushes = keepsPushes
    socket = try Socket(address)
    // The key of RFC 6455, section 1.3: it has to be unpredictable only to caches, and there are none.
    let key = "dGhlIHNhbXBsZSBub25jZQ=="
    let lines = [
      "GET /v1/connect HTTP/1.1", "Host: \(address)", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: \(key)",
      "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: muster.v1",
    ]
    let deadline = Moment.after(Self.patience)
    try socket.send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8), by: deadline)
    let end = Array("\r\n\r\n".utf8)
    while true {
      if let head = buffer.firstRange(of: end) {
        let text = String(decoding: buffer[..<head.lowerBound], as: UTF8.self)
        guard text.hasPrefix("HTTP/1.1 101"), text.contains(WebSocketHandshake.accept(key: key)) else {
          throw .server("the upgrade was answered with \(text.prefix(200))")
        }
        start = head.upperBound
        return
      }
      guard try socket.receive(into: &buffer, by: deadline) else { throw .timedOut("the answer to an upgrade") }
    }
  }

  /// Sends a request without waiting; the reply names the id.
  func send(_ op: String, _ members: [String: JSONValue] = [:]) throws(DrillError) -> Int64 {
    let id = nextID
    nextID += 1
    var request = members
    request["op"] = .string(op)
    request["id"] = .integer(id)
    try sendFrame(0x81, JSONValue.object(request).bytes)
    return id
  }

  /// Sends a request and waits for its reply: the whole object, with `ok` or `error`.
  func request(_ op: String, _ members: [String: JSONValue] = [:]) throws(DrillError) -> JSONValue {
    let id = try send(op, members)
    while true {
      let reply = try receiveReply()
      if reply["re"].integer == id { return reply }
    }
  }

  /// The next reply; pushes before it are kept or dropped.
  func receiveReply() throws(DrillError) -> JSONValue {
    let deadline = Moment.after(Self.patience)
    while true {
      guard let message = try receive(by: deadline) else { throw .timedOut("a reply") }
      if message["ev"].isNull { return message }
      if keepsPushes { pushes.append(message) }
    }
  }

  /// Reads and keeps pushes until nothing more has come for a while.
  func collectPushes(quietFor quiet: Duration) throws(DrillError) {
    while let message = try receive(by: .after(quiet)) {
      if message["ev"].string != nil { pushes.append(message) }
    }
  }

  /// Gives the kept pushes away.
  func takePushes() -> [JSONValue] {
    defer { pushes = [] }
    return pushes
  }

  /// The next message; `nil` when none came until the deadline.
  private func receive(by deadline: Moment) throws(DrillError) -> JSONValue? {
    while true {
      if let frame = try takeFrame() {
        switch frame.opcode {
        case 1:
          do {
            return try JSONValue(parsing: frame.payload)
          } catch {
            throw .server("a message is no JSON: \(error)")
          }
        case 8: throw .disconnected
        case 9: try sendFrame(0x8a, frame.payload)
        default: break
        }
      } else if try !socket.receive(into: &buffer, by: deadline) {
        return nil
      }
    }
  }

  private func takeFrame() throws(DrillError) -> (opcode: UInt8, payload: [UInt8])? {
    guard buffer.count - start >= 2 else { return nil }
    guard buffer[start + 1] & 0x80 == 0, buffer[start] & 0xf0 == 0x80 else {
      throw .server("a frame begins with \(buffer[start]), \(buffer[start + 1])")
    }
    var length = Int(buffer[start + 1] & 0x7f)
    var body = start + 2
    if length >= 126 {
      body += length == 126 ? 2 : 8
      guard buffer.count >= body else { return nil }
      length = buffer[(start + 2)..<body].reduce(0) { $0 << 8 | Int($1) }
    }
    guard length <= 64 << 20 else { throw .server("a frame of \(length) bytes") }
    guard buffer.count >= body + length else { return nil }
    defer {
      start = body + length
      if start == buffer.count {
        buffer.removeAll(keepingCapacity: true)
        start = 0
      } else if start > 1 << 20 {
        buffer.removeFirst(start)
        start = 0
      }
    }
    return (buffer[start] & 0x0f, Array(buffer[body..<(body + length)]))
  }

  private func sendFrame(_ first: UInt8, _ payload: [UInt8]) throws(DrillError) {
    var bytes = [first]
    switch payload.count {
    case ..<126: bytes.append(0x80 | UInt8(payload.count))
    case ...0xffff: bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
    default: bytes += [0x80 | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
    }
    let key: [UInt8] = [0x5a, 0x1f, 0xc3, 0x88]
    bytes += key
    bytes.reserveCapacity(bytes.count + payload.count)
    for (index, byte) in payload.enumerated() { bytes.append(byte ^ key[index & 3]) }
    try socket.send(bytes, by: .after(Self.patience))
  }
}
