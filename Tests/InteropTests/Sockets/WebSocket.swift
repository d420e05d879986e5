import Testing

/// A WebSocket client on a raw socket, which a test can make misbehave.
///
/// It answers pings while it waits, unless it is told not to. Frames of the server are checked against RFC 6455: unmasked, no
/// reserved bits, control frames short and whole, text in UTF-8.
final class WebSocket {
  /// What the server sent.
  enum Received: Equatable {
    case text(String)
    case ping([UInt8])
    case pong([UInt8])
    /// With its code, 1005 when it has none, and its reason.
    case close(UInt16, String)
    /// The end of the stream, without a close frame before it.
    case end

    /// The code of a close frame.
    var code: UInt16? {
      if case .close(let code, _) = self { code } else { nil }
    }

    /// Whether nothing comes behind it.
    var isLast: Bool { self == .end || code != nil }
  }

  let socket: RawSocket
  var answersPings = true
  private var buffer: [UInt8] = []
  private(set) var pushes: [JSON] = []
  private var nextID = 1

  /// Connects and upgrades.
  init(_ address: Server.Address, receiveBytes: Int32? = nil, headers: [String] = []) throws {
    socket = try RawSocket(address, receiveBytes: receiveBytes)
    try socket.send(Self.handshake(for: address, headers: headers))
    let deadline = Deadline.after()
    let end = Array("\r\n\r\n".utf8)
    while buffer.firstRange(of: end) == nil {
      guard let some = try socket.receive(by: deadline), !some.isEmpty else {
        throw TimedOut(what: "the answer to the upgrade; so far: \(String(decoding: buffer, as: UTF8.self))")
      }
      buffer += some
    }
    let head = try #require(buffer.firstRange(of: end))
    let text = String(decoding: buffer[..<head.upperBound], as: UTF8.self)
    buffer.removeFirst(head.upperBound)
    let answer = try HTTPExchange(parsing: text)
    #expect(answer.status == 101)
    // The answer to the key of RFC 6455, section 1.3, which is the one sent.
    #expect(answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }

  /// The request of an upgrade, with the key of RFC 6455, section 1.3.
  static func handshake(for address: Server.Address, path: String = "/v1/connect", headers: [String] = []) -> String {
    let lines =
      [
        "GET \(path) HTTP/1.1", "Host: \(address.text)", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
      ] + headers
    return lines.joined(separator: "\r\n") + "\r\n\r\n"
  }

  /// Connects, upgrades and says hello as a user.
  convenience init(_ address: Server.Address, user: String, receiveBytes: Int32? = nil) throws {
    try self.init(address, receiveBytes: receiveBytes)
    let reply = try request("hello", ["user": .string(user), "device": "bot"])
    try #require(!reply["ok"].isNull, "hello was answered with \(reply)")
  }

  func send(_ frame: Frame) throws { try socket.send(frame.bytes) }

  func send(text: String) throws { try send(Frame(.text, text)) }

  /// The next frame of the server.
  func receive(by deadline: Deadline = .after()) throws -> Received {
    while true {
      if let frame = try takeFrame() { return frame }
      guard let some = try socket.receive(by: deadline) else { throw TimedOut(what: "a frame of the server") }
      if some.isEmpty { return .end }
      buffer += some
    }
  }

  /// Takes a few bytes from the socket, if there are any, without looking at them yet.
  func nibble() throws {
    buffer += try socket.receive(by: .after(.zero), atMost: 512) ?? []
  }

  /// The next message of the server, as JSON.
  func receiveMessage(by deadline: Deadline = .after()) throws -> JSON {
    while true {
      switch try receive(by: deadline) {
      case .text(let text): return try JSON(parsing: text)
      case .ping(let payload): if answersPings { try send(Frame(.pong, payload)) }
      case .pong: break
      case .close(let code, let reason): throw TimedOut(what: "a message, but the server closed with \(code) \(reason)")
      case .end: throw TimedOut(what: "a message, but the stream ended")
      }
    }
  }

  /// Sends a request and waits for its reply; pushes that come in between are kept in ``pushes``.
  func request(_ op: String, _ fields: [String: JSON] = [:], by deadline: Deadline = .after()) throws -> JSON {
    let id = nextID
    nextID += 1
    let message = JSON.object(fields.merging(["op": .string(op), "id": .int(id)]) { $1 })
    try send(text: message.description)
    return try reply(to: .int(id), by: deadline)
  }

  /// Waits for the reply that names this request.
  func reply(to id: JSON, by deadline: Deadline = .after()) throws -> JSON {
    while true {
      let message = try receiveMessage(by: deadline)
      if message["re"] == id, message["ev"].isNull { return message }
      if message["ev"].isNull { throw TimedOut(what: "the reply to \(id), but \(message) came") }
      pushes.append(message)
    }
  }

  /// Waits for a push; those that do not fit are kept in ``pushes``.
  func push(where fits: (JSON) -> Bool, by deadline: Deadline = .after()) throws -> JSON {
    if let index = pushes.firstIndex(where: fits) { return pushes.remove(at: index) }
    while true {
      let message = try receiveMessage(by: deadline)
      if !message["ev"].isNull, fits(message) { return message }
      pushes.append(message)
    }
  }

  /// Reads on until the server closes, answers its close frame, and tells the code; `nil` when the stream just ended.
  func expectClose(by deadline: Deadline = .after()) throws -> UInt16? {
    while true {
      switch try receive(by: deadline) {
      case .close(let code, _):
        // The server may be gone already; what counts is what it said.
        try? send(.close(code == 1005 ? 1000 : code))
        while let some = try socket.receive(by: deadline), !some.isEmpty {}
        return code
      case .end: return nil
      case .ping(let payload): if answersPings { try? send(Frame(.pong, payload)) }
      case .text, .pong: break
      }
    }
  }

  /// Whether the server still answers on this connection.
  func expectAlive() throws {
    let reply = try request("beat")
    #expect(reply["ok"]["server_time_ms"].int != nil, "beat was answered with \(reply)")
  }

  private func takeFrame() throws -> Received? {
    guard buffer.count >= 2 else { return nil }
    #expect(buffer[0] & 0x70 == 0, "the server set a reserved bit")
    #expect(buffer[1] & 0x80 == 0, "the server masked a frame")
    var length = Int(buffer[1] & 0x7f)
    var start = 2
    if length >= 126 {
      start += length == 126 ? 2 : 8
      guard buffer.count >= start else { return nil }
      length = buffer[2..<start].reduce(0) { $0 << 8 | Int($1) }
    }
    guard buffer.count >= start + length else { return nil }
    let first = buffer[0]
    let payload = Array(buffer[start..<start + length])
    buffer.removeFirst(start + length)
    #expect(first & 0x80 != 0, "the server fragments, which it has no reason to")
    switch Frame.Opcode(rawValue: first & 0x0f) {
    case .text: return .text(try #require(String(validating: payload, as: UTF8.self), "a text frame is not UTF-8"))
    case .ping: return .ping(payload)
    case .pong: return .pong(payload)
    case .close: return try close(payload)
    default: throw TimedOut(what: "a frame the protocol knows, but the opcode is \(first & 0x0f)")
    }
  }

  private func close(_ payload: [UInt8]) throws -> Received {
    #expect(payload.count <= 125 && payload.count != 1)
    guard payload.count >= 2 else { return .close(1005, "") }
    let reason = try #require(String(validating: payload.dropFirst(2), as: UTF8.self), "a close reason is not UTF-8")
    return .close(UInt16(payload[0]) << 8 | UInt16(payload[1]), reason)
  }
}
