import Foundation
import Testing

extension Interop {
  /// What comes before the first frame: requests that are no upgrade, half an upgrade, or something else altogether.
  @Suite(
    "The public port answers every request, or ends it",
    .server(["request_timeout": "1s", "http_idle_timeout": "2s", "header_bytes_max": "4096"]))
  struct HandshakeTests {
    private let server: Server

    init() throws {
      server = try .current
    }

    /// Sends text, ends nothing, and reads what the server answers until it closes.
    private func answer(to text: String) throws -> String {
      let socket = try RawSocket(server.public)
      try socket.send(text)
      return String(decoding: try socket.receiveToEnd(), as: UTF8.self)
    }

    private func status(of request: String) throws -> Int {
      try HTTPExchange(parsing: try answer(to: request)).status
    }

    private func upgrade(without name: String? = nil, _ extra: [String] = []) -> String {
      let lines = WebSocket.handshake(for: server.public, headers: extra).components(separatedBy: "\r\n")
      return lines.filter { line in name.map { !line.lowercased().hasPrefix($0) } ?? true }.joined(separator: "\r\n")
    }

    @Test(
      "what is not HTTP is answered with 400 or the end of the stream, and soon",
      arguments: [
        "\0\0\0\0\0\0\0\0", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "hello, is anybody there?\r\n\r\n", "GET /v1/connect HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",
        "GET /v1/connect HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
      ])
    func garbage(_ text: String) throws {
      let answer = try answer(to: text)
      #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400"), "\(answer.prefix(200))")
    }

    @Test("a request without an upgrade, or with an unsound one, gets a 4xx and a sentence")
    func notAnUpgrade() throws {
      #expect(try status(of: "GET /v1/connect HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") == 426)
      #expect(try status(of: upgrade(without: "sec-websocket-key")) == 400)
      #expect(try status(of: upgrade(without: "sec-websocket-key", ["Sec-WebSocket-Key: c2hvcnQ="])) == 400)
      #expect(try status(of: upgrade(without: "sec-websocket-key", ["Sec-WebSocket-Key: not base 64 at all!!"])) == 400)
      let old = try HTTPExchange(parsing: try answer(to: upgrade(without: "sec-websocket-version", ["Sec-WebSocket-Version: 8"])))
      #expect(old.status == 426)
      #expect(old.headers["sec-websocket-version"] == "13")
      #expect((400..<500).contains(try status(of: upgrade().replacing("GET ", with: "POST "))))
      // RFC 6455, 4.2.1: at least HTTP/1.1, and with a host.
      #expect((400..<500).contains(try status(of: upgrade().replacing("HTTP/1.1", with: "HTTP/1.0"))))
      #expect((400..<500).contains(try status(of: upgrade(without: "host"))))
    }

    @Test("an upgrade with a body, however its length is told, is refused, and nothing in it is taken for a request")
    func smuggling() throws {
      let smuggled = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
      let bodies = [
        upgrade(["Content-Length: \(smuggled.utf8.count)"]) + smuggled,
        upgrade(["Transfer-Encoding: chunked"]) + "\(String(smuggled.utf8.count, radix: 16))\r\n\(smuggled)\r\n0\r\n\r\n",
        upgrade(["Content-Length: 0", "Transfer-Encoding: chunked"]) + "0\r\n\r\n" + smuggled,
        upgrade(["Content-Length: 5", "Content-Length: \(smuggled.utf8.count)"]) + smuggled,
        upgrade(["Transfer-Encoding: identity, chunked"]) + "0\r\n\r\n" + smuggled,
      ]
      for body in bodies {
        let answer = try answer(to: body)
        #expect(answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(300))")
        #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "two answers: \(answer)")
      }
      // Without a declared length what follows is the WebSocket's, and a request there is a malformed frame.
      let socket = try RawSocket(server.public)
      try socket.send(upgrade() + smuggled)
      let bytes = try socket.receiveToEnd()
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(text.hasPrefix("HTTP/1.1 101") && text.components(separatedBy: "HTTP/1.1 ").count == 2, "\(text.prefix(300))")
    }

    @Test("a frame that comes in the same segment as the upgrade is not lost")
    func eagerFrame() throws {
      let socket = try RawSocket(server.public)
      let hello = Frame(.text, #"{"op":"hello","id":1,"user":"eager"}"#)
      try socket.send(Array(upgrade().utf8) + hello.bytes)
      var text = ""
      let deadline = Deadline.after()
      while !text.contains("session_token"), let some = try socket.receive(by: deadline), !some.isEmpty {
        text += String(decoding: some, as: UTF8.self)
      }
      #expect(text.contains(#""re":1"#) && text.contains("session_token"), "\(text)")
    }

    @Test("header fields over the limit: 431; a request line without end: 4xx or the end")
    func largeHeaders() throws {
      #expect(try status(of: upgrade(["X-Large: \(String(repeating: "x", count: 5000))"])) == 431)
      let many = try answer(to: upgrade((0..<500).map { "X-\($0): y" }))
      #expect(many.hasPrefix("HTTP/1.1 4"), "\(many.prefix(100))")
      let long = try answer(to: "GET /\(String(repeating: "x", count: 20_000)) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      #expect(long.isEmpty || long.hasPrefix("HTTP/1.1 4"), "\(long.prefix(100))")
    }

    @Test("an upgrade that trickles in is cut off when its time is over, however busy it looks")
    func slowLoris() throws {
      let socket = try RawSocket(server.public)
      try socket.send("GET /v1/connect HTTP/1.1\r\nHost: a\r\n")
      let deadline = Deadline.after()
      let isCut = try deadline.poll("the server to lose its patience") { () -> Bool? in
        guard (try? socket.send("X")) != nil else { return true }
        return try socket.receive(by: .after(.zero)) == [] ? true : nil
      }
      #expect(isCut)
      let silent = try RawSocket(server.public)
      #expect(try silent.receiveToEnd().isEmpty)
    }

    @Test("the subprotocol is answered when it is offered, alone or among others, and only then")
    func subprotocol() throws {
      func offered(_ value: String?) throws -> HTTPExchange {
        let socket = try RawSocket(server.public)
        try socket.send(upgrade(value.map { ["Sec-WebSocket-Protocol: \($0)"] } ?? []))
        try socket.send(Frame.close(1000).bytes)
        return try HTTPExchange.read(from: socket)
      }
      #expect(try offered("muster.v1").headers["sec-websocket-protocol"] == "muster.v1")
      #expect(try offered("graphql-ws, muster.v1").headers["sec-websocket-protocol"] == "muster.v1")
      #expect(try offered(nil).headers["sec-websocket-protocol"] == nil)
      let other = try offered("muster.v9")
      #expect(other.headers["sec-websocket-protocol"] == nil)
      #expect(try offered("muster.v1").headers["sec-websocket-extensions"] == nil)
    }

    @Test("a compression that is offered is not taken up")
    func noCompression() throws {
      let socket = try RawSocket(server.public)
      try socket.send(upgrade(["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]))
      try socket.send(Frame.close(1000).bytes)
      let answer = try HTTPExchange.read(from: socket)
      #expect(answer.status == 101 && answer.headers["sec-websocket-extensions"] == nil)
    }

    @Test("other requests on the same port: health, 404 with a problem, the request's own id")
    func plainRequests() throws {
      #expect(try HTTPExchange.request("GET", "/health/live", of: server.public).status == 200)
      #expect(try HTTPExchange.request("GET", "/health/ready", of: server.public).status == 200)
      let unknown = try HTTPExchange.request("GET", "/v1/nowhere", of: server.public)
      #expect(unknown.status == 404)
      let problem = try JSON(parsing: unknown.body)
      #expect([problem["name"], problem["error"]["name"]].contains("not_found"), "\(unknown.body)")
      let socket = try RawSocket(server.public)
      try socket.send("GET /health/live HTTP/1.1\r\nHost: a\r\nX-Request-Id: r-42\r\nConnection: close\r\n\r\n")
      #expect(try HTTPExchange.read(from: socket).headers["x-request-id"] == "r-42")
    }
  }
}
