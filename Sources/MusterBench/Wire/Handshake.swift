import MusterJSON
import MusterWire

/// The client's half of the HTTP upgrade that begins a WebSocket (RFC 6455, section 4).
package struct Handshake: Sendable {
  /// The longest answer that is read.
  package static let bytesMax = 16 << 10

  /// What stands for the number of the connection in the target, where each is to have its own.
  package static let numberMark = "{n}"

  /// What is sent, up to the number of the connection; all of it where the target has none.
  private let beginning: [UInt8]
  /// What follows the number.
  private let rest: [UInt8]?
  private let accept: String

  /// Prepares the upgrade for one address.
  ///
  /// - Parameters:
  ///   - host: The value of `Host`.
  ///   - target: Path and query; ``numberMark`` in it becomes the number of the connection.
  ///   - key: The value of `Sec-WebSocket-Key`. It has to be unpredictable only to keep caches between the two ends from
  ///     answering, so one for each run will do, and the proof that the server understood it is a constant too.
  ///   - subprotocol: What is offered, if anything.
  ///   - apiKey: What is shown as `Authorization: Bearer`, if anything; printable ASCII.
  package init(
    host: String, target: String, key: String, subprotocol: String? = WebSocketHandshake.subprotocol, apiKey: String? = nil
  ) {
    accept = WebSocketHandshake.accept(key: key)
    let offer =
      (subprotocol.map { "Sec-WebSocket-Protocol: \($0)\r\n" } ?? "") + (apiKey.map { "Authorization: Bearer \($0)\r\n" } ?? "")
    let mark = target.firstRange(of: Self.numberMark)
    let head = mark.map { target[..<$0.lowerBound] } ?? target[...]
    let tail = mark.map { target[$0.upperBound...] } ?? ""
    let fields =
      """
       HTTP/1.1\r
      Host: \(host)\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Key: \(key)\r
      Sec-WebSocket-Version: \(WebSocketHandshake.version)\r
      \(offer)User-Agent: muster-bench\r
      \r\n
      """
    beginning = Array("GET \(head)\(mark == nil ? fields : "")".utf8)
    rest = mark.map { _ in Array("\(tail)\(fields)".utf8) }
  }

  /// The request of one connection.
  package func request(number: Int) -> [UInt8] {
    guard let rest else { return beginning }
    return beginning + Array(String(number).utf8) + rest
  }

  /// What the server's answer is, so far.
  package enum Answer: Sendable, Equatable {
    /// More has to come.
    case incomplete
    /// The WebSocket begins after so many bytes.
    case accepted(bytes: Int)
    /// The status, and what the server said about it.
    case refused(status: String, message: String)
    /// The answer is not one to an upgrade.
    case violation(String)
  }

  /// Reads the answer as far as it has come.
  ///
  /// - Parameters:
  ///   - bytes: All that was received.
  ///   - ended: Whether nothing more will come; then a body without its end is taken as it is.
  /// - Returns: What it means.
  package func answer(_ bytes: UnsafeRawBufferPointer, ended: Bool) -> Answer {
    // SAFETY: parts of the caller's bytes, used inside this call only; the ranges come from `endOfHead` and from `min`.
    guard let end = Self.endOfHead(bytes) else {
      if bytes.count >= Self.bytesMax { return .violation("The head of the answer has no end.") }
      return ended ? .violation("The connection ended before the answer.") : .incomplete
    }
    let lines = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[..<end]), as: UTF8.self)
      .split(separator: "\r\n", omittingEmptySubsequences: true)
    let status = lines.first.map { $0.split(separator: " ", maxSplits: 1) } ?? []
    guard status.count == 2, status[0].hasPrefix("HTTP/1.") else { return .violation("This is not HTTP.") }
    var headers: [String: Substring] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].drop { $0 == " " }
    }
    if status[1].hasPrefix("101") {
      guard headers["sec-websocket-accept"].map(String.init) == accept else {
        return .violation("The server's proof that it understood the key is wrong.")
      }
      return .accepted(bytes: end)
    }
    let body = bytes.count - end
    let length = headers["content-length"].flatMap { Int($0) }.map { max(0, $0) }
    guard ended || bytes.count >= Self.bytesMax || length.map({ body >= $0 }) ?? false else { return .incomplete }
    let said = UnsafeRawBufferPointer(rebasing: bytes[end..<end + min(body, length ?? body)])
    return .refused(status: String(status[1]), message: Self.explanation(said))
  }

  /// Where the head ends, behind its empty line.
  private static func endOfHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
    var index = 3
    while index < bytes.count {
      if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10, bytes[index - 3] == 13 { return index + 1 }
      index += 1
    }
    return nil
  }

  /// The server's own words: the error of a JSON body, or the beginning of any other.
  private static func explanation(_ body: UnsafeRawBufferPointer) -> String {
    let view = MessageView(body)
    if let error = view.error(at: view.member("error") ?? 0) { return "\(error.name): \(error.message)" }
    return String(decoding: body.prefix(200), as: UTF8.self)
  }
}
