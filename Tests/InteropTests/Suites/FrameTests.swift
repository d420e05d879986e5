import Testing

extension Interop {
  /// RFC 6455 from the wrong side: each violation closes its connection with the code that the RFC names, and no other.
  @Suite("A malformed frame closes its connection with the right code", .server())
  struct FrameTests {
    private let server: Server
    /// Somebody who does everything right, and must not notice.
    private let bystander: WebSocket

    init() throws {
      server = try .current
      bystander = try WebSocket(server.public, user: "bystander")
    }

    private func expectClose(
      _ code: UInt16, after frames: [Frame], _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let client = try WebSocket(server.public, user: "mallory")
      for frame in frames { try client.send(frame) }
      #expect(try client.expectClose() == code, "\(what)", sourceLocation: sourceLocation)
      try bystander.expectAlive()
    }

    @Test("an unmasked frame: 1002")
    func unmasked() throws {
      try expectClose(1002, after: [Frame(.text, "{}").with { $0.isMasked = false }])
      try expectClose(1002, after: [Frame(.ping).with { $0.isMasked = false }])
    }

    @Test("a reserved bit: 1002", arguments: [0x40, 0x20, 0x10, 0x70] as [UInt8])
    func reservedBits(_ bits: UInt8) throws {
      try expectClose(1002, after: [Frame(.text, #"{"op":"beat"}"#).with { $0.reserved = bits }])
    }

    @Test("a reserved opcode: 1002", arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8])
    func reservedOpcodes(_ opcode: UInt8) throws {
      try expectClose(1002, after: [Frame(.text, "{}").with { $0.opcode = opcode }])
    }

    @Test("a control frame in fragments: 1002", arguments: [Frame.Opcode.close, .ping, .pong])
    func fragmentedControl(_ opcode: Frame.Opcode) throws {
      try expectClose(1002, after: [Frame(opcode).with { $0.isFinal = false }])
    }

    @Test("a control frame longer than 125 bytes: 1002", arguments: [Frame.Opcode.close, .ping, .pong])
    func longControl(_ opcode: Frame.Opcode) throws {
      let payload: [UInt8] =
        opcode == .close ? [3, 232] + [UInt8](repeating: 97, count: 124) : [UInt8](repeating: 97, count: 126)
      try expectClose(1002, after: [Frame(opcode, payload)])
    }

    @Test("a continuation of nothing, and a new message within a message: 1002")
    func fragmentOrder() throws {
      try expectClose(1002, after: [Frame(.continuation, "{}")])
      let first = Frame(.text, #"{"op":"#).with { $0.isFinal = false }
      try expectClose(1002, after: [first, Frame(.text, #""beat"}"#)])
    }

    @Test("a length that is not written in the fewest bytes, or has its highest bit set: 1002")
    func lengths() throws {
      try expectClose(1002, after: [Frame(.text, "{}").with { $0.lengthBytes = 2 }], "2 bytes of length for 2")
      let medium = Frame(.text, #"{"op":"beat","x":""# + String(repeating: "x", count: 200) + "\"}")
      try expectClose(1002, after: [medium.with { $0.lengthBytes = 8 }], "8 bytes of length for 200")
      try expectClose(1002, after: [Frame(.text, "{}").with { $0.claimedLength = 1 << 63 }], "the highest bit")
    }

    @Test("a binary frame: 1003")
    func binary() throws {
      try expectClose(1003, after: [Frame(.binary, [1, 2, 3])])
    }

    @Test(
      "text that is not UTF-8: 1007",
      arguments: [
        [0xff], [0xc0, 0xaf], [0xe0, 0x80, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80], [0xe2, 0x82],
        [0xf8, 0x88],
      ] as [[UInt8]])
    func invalidUTF8(_ bytes: [UInt8]) throws {
      try expectClose(1007, after: [Frame(.text, Array(#"{"op":"beat","x":""#.utf8) + bytes + Array("\"}".utf8))])
      try expectClose(1007, after: [Frame(.text, bytes)])
    }

    @Test("text whose fragments are not UTF-8 when put together: 1007, and fine when they are")
    func splitUTF8() throws {
      let head = Array(#"{"op":"beat","id":"#.utf8) + [0x22, 0xe2]
      try expectClose(1007, after: [Frame(.text, head).with { $0.isFinal = false }, Frame(.continuation, [0x22, 0x7d])])
      let client = try WebSocket(server.public, user: "alice")
      try client.send(Frame(.text, head).with { $0.isFinal = false })
      try client.send(Frame(.continuation, [0x82]).with { $0.isFinal = false })
      try client.send(Frame(.continuation, [0xac, 0x22, 0x7d]))
      #expect(try client.reply(to: "€")["ok"]["server_time_ms"].int != nil)
    }

    @Test("a close frame with a code that must not be sent, or half a code: 1002; with a reason that is not UTF-8: 1007")
    func closeFrames() throws {
      for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] as [UInt16] {
        try expectClose(1002, after: [.close(code)], "\(code)")
      }
      try expectClose(1002, after: [Frame(.close, [3])], "one byte")
      try expectClose(1007, after: [.close(1000, [0xc3, 0x28])])
    }

    @Test("the close handshake: the server answers with the client's own code, then ends the stream")
    func closeHandshake() throws {
      for code in [1000, 1001, 1003, 1007, 1011, 3000, 4999] as [UInt16] {
        let client = try WebSocket(server.public, user: "alice")
        try client.send(.close(code, Array("so long".utf8)))
        #expect(try client.expectClose() == code)
      }
      let client = try WebSocket(server.public, user: "alice")
      try client.send(Frame(.close))
      #expect([1000, 1005].contains(try client.expectClose()))
    }

    @Test("a ping is answered with its own payload, also within a message in fragments")
    func pings() throws {
      let client = try WebSocket(server.public, user: "alice")
      for payload in [[], [0], [UInt8](0...124)] as [[UInt8]] {
        try client.send(Frame(.ping, payload))
        #expect(try client.receive() == .pong(payload))
      }
      try client.send(Frame(.text, #"{"op":"beat","#).with { $0.isFinal = false })
      try client.send(Frame(.ping, "in between"))
      try client.send(Frame(.continuation, #""id":"late"}"#))
      #expect(try client.receive() == .pong(Array("in between".utf8)))
      #expect(try !client.reply(to: "late")["ok"].isNull)
      // A pong that nobody asked for is a sign of life and nothing else.
      try client.send(Frame(.pong, "unasked"))
      try client.expectAlive()
    }

    @Test("a message of 16 KiB is taken, one byte more closes with 4510, in one frame or in many")
    func messageSize() throws {
      func message(_ count: Int) -> String {
        let head = #"{"op":"beat","id":1,"x":""#
        return head + String(repeating: "x", count: count - head.utf8.count - 2) + "\"}"
      }
      let client = try WebSocket(server.public, user: "alice")
      try client.send(text: message(16 << 10))
      #expect(try !client.reply(to: 1)["ok"].isNull)
      try expectClose(4510, after: [Frame(.text, message(16 << 10 + 1))])
      // The header alone is enough to say no.
      try expectClose(4510, after: [Frame(.text, "{").with { $0.claimedLength = 1 << 40 }])
      let part = Frame(.continuation, [UInt8](repeating: 0x20, count: 5000)).with { $0.isFinal = false }
      try expectClose(4510, after: [Frame(.text, "{").with { $0.isFinal = false }, part, part, part, part])
    }

    @Test("fragments without any bytes are bounded too: a message of a hundred thousand of them does not go on for ever")
    func emptyFragments() throws {
      let client = try WebSocket(server.public, user: "alice")
      try client.send(Frame(.text, #"{"op":"beat","id":1}"#).with { $0.isFinal = false })
      let empty = Frame(.continuation).with { $0.isFinal = false }.bytes
      let many = [UInt8](repeatElement(empty, count: 1000).joined())
      for _ in 0..<100 { try? client.socket.send(many) }
      try? client.send(Frame(.continuation))
      // Either it is answered, or it was too many pieces; the server does not choke on it.
      let answer = try client.receive()
      if case .text(let text) = answer { #expect(try !JSON(parsing: text)["ok"].isNull) } else { #expect(answer != .end) }
      try bystander.expectAlive()
    }

    @Test("a frame that comes byte by byte, and fifty frames in one segment, are understood")
    func segmentation() throws {
      let client = try WebSocket(server.public, user: "alice")
      for byte in Frame(.text, #"{"op":"beat","id":"slow"}"#).bytes { try client.socket.send([byte]) }
      #expect(try !client.reply(to: "slow")["ok"].isNull)
      try client.socket.send((0..<50).flatMap { Frame(.text, #"{"op":"beat","id":\#($0)}"#).bytes })
      for id in 0..<50 { #expect(try !client.reply(to: .int(id))["ok"].isNull) }
    }

    @Test("a frame that is cut off by the end of the stream is the end of its connection only", arguments: 1...10)
    func truncated(_ count: Int) throws {
      let client = try WebSocket(server.public, user: "mallory")
      try client.socket.send(Array(Frame(.text, #"{"op":"beat","id":1}"#).bytes.prefix(count)))
      if count.isMultiple(of: 2) { client.socket.reset() } else { client.socket.finishSending() }
      if !client.socket.isClosed { _ = try client.expectClose() }
      try bystander.expectAlive()
    }
  }
}
