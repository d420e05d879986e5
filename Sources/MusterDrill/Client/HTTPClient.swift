import MusterJSON

/// Requests to one port, one after the other over a connection that is kept.
///
/// ### Isolation
/// Used by one thread.
final class HTTPClient {
  /// An answer.
  struct Answer: Sendable {
    let status: Int
    /// Null without a body.
    let body: JSONValue

    /// The name of the error that the body tells of.
    var errorName: String { body["error"]["name"].string ?? "status \(status)" }
  }

  private let address: SocketAddress
  private var socket: Socket?
  private var buffer: [UInt8] = []

  init(_ address: SocketAddress) {
    self.address = address
  }

  /// Sends a request and reads its answer.
  ///
  /// - Throws: ``DrillError/disconnected`` when the server went before it had answered; what was asked may have happened.
  func request(_ method: String, _ target: String, _ body: JSONValue? = nil) throws(DrillError) -> Answer {
    let deadline = Moment.after(PresenceClient.patience)
    let content = body.map(\.bytes) ?? []
    var head = "\(method) \(target) HTTP/1.1\r\nHost: \(address)\r\n"
    if body != nil { head += "Content-Type: application/json\r\n" }
    if body != nil || method != "GET" { head += "Content-Length: \(content.count)\r\n" }
    do throws(DrillError) {
      let socket: Socket
      if let kept = self.socket { socket = kept } else { socket = try Socket(address) }
      self.socket = socket
      try socket.send(Array((head + "\r\n").utf8) + content, by: deadline)
      return try read(from: socket, by: deadline)
    } catch {
      // Whatever is left of this exchange must not be taken for the answer to the next.
      socket = nil
      buffer = []
      throw error
    }
  }

  private func read(from socket: Socket, by deadline: Moment) throws(DrillError) -> Answer {
    let end = Array("\r\n\r\n".utf8)
    while true {
      if let head = buffer.firstRange(of: end) {
        let (status, length) = try Self.parse(String(decoding: buffer[..<head.lowerBound], as: UTF8.self))
        if buffer.count >= head.upperBound + length {
          let body = Array(buffer[head.upperBound..<(head.upperBound + length)])
          buffer.removeFirst(head.upperBound + length)
          do {
            return Answer(status: status, body: body.isEmpty ? .null : try JSONValue(parsing: body))
          } catch {
            throw .server("the body of an answer is no JSON: \(error)")
          }
        }
      }
      guard try socket.receive(into: &buffer, by: deadline) else { throw .timedOut("an answer over HTTP") }
    }
  }

  /// The status, and the length of the body.
  private static func parse(_ head: String) throws(DrillError) -> (Int, Int) {
    // A carriage return and a line feed are one Character.
    let lines = head.split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
      throw .server("an answer begins with \(head.prefix(100))")
    }
    var length = 0
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let value = parts[1].filter { $0 != " " }
      switch parts[0].lowercased() {
      case "content-length":
        guard let number = Int(value), number >= 0 else { throw .server("an answer has the length \(value)") }
        length = number
      case "transfer-encoding": throw .server("an answer is \(value), which was not asked for")
      default: break
      }
    }
    return (status, length)
  }
}
