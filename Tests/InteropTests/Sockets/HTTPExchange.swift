import Foundation

/// One request and its answer, on a connection of its own.
struct HTTPExchange {
  let status: Int
  /// By lowercase name.
  let headers: [String: String]
  let body: String

  /// Sends a request, with header lines of one's own, and reads the answer.
  static func request(
    _ method: String, _ path: String, of address: Server.Address, headers: [String] = [], body: String? = nil,
    by deadline: Deadline = .after()
  ) throws -> HTTPExchange {
    let socket = try RawSocket(address)
    var head = "\(method) \(path) HTTP/1.1\r\nHost: \(address.text)\r\nConnection: close\r\n"
    head += headers.map { "\($0)\r\n" }.joined()
    if let body { head += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
    try socket.send(head + "\r\n" + (body ?? ""), by: deadline)
    return try read(from: socket, by: deadline)
  }

  /// Reads an answer from a connection that the server closes behind it.
  static func read(from socket: RawSocket, by deadline: Deadline = .after()) throws -> HTTPExchange {
    try HTTPExchange(parsing: String(decoding: try socket.receiveToEnd(by: deadline), as: UTF8.self))
  }

  init(parsing text: String) throws {
    guard let end = text.range(of: "\r\n\r\n") else { throw TimedOut(what: "the head of an answer, not '\(text.prefix(300))'") }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      throw TimedOut(what: "a status line, not '\(lines[0])'")
    }
    self.status = status
    headers = lines.dropFirst().reduce(into: [:]) { headers, line in
      guard let colon = line.firstIndex(of: ":") else { return }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    let rest = String(text[end.upperBound...])
    body = headers["transfer-encoding"]?.lowercased() == "chunked" ? Self.unchunk(rest) : rest
  }

  private static func unchunk(_ text: String) -> String {
    var body: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let line = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let digits = String(decoding: rest[..<line], as: UTF8.self).prefix { $0.isHexDigit }
      guard let count = Int(digits, radix: 16), count > 0 else { break }
      rest = rest[(line + 1)...]
      body += rest.prefix(count)
      rest = rest.dropFirst(count + 2)
    }
    return String(decoding: body, as: UTF8.self)
  }
}
