import MusterJSON
import MusterWire
import Testing

@Suite struct WebSocketPropertyTests {
  /// A random conversation of a client, and what the server must make of it.
  private func conversation(_ random: inout Seeded, role: WebSocketDecoder.Role) -> (bytes: [UInt8], told: [Told]) {
    var bytes: [UInt8] = []
    var told: [Told] = []
    func add(_ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true) {
      let mask = role == .server ? UInt32.random(in: 0 ... .max, using: &random) : nil
      bytes += frame(opcode, payload, isFinal: isFinal, mask: mask)
    }
    func addControl() {
      let payload = [UInt8].letters(Int.random(in: 0...125, using: &random))
      if Bool.random(using: &random) {
        add(.ping, payload)
        told.append(.ping(payload))
      } else {
        add(.pong, payload)
        told.append(.pong(payload))
      }
    }
    for _ in 0..<Int.random(in: 1...8, using: &random) {
      while random.hits(oneIn: 4) { addControl() }
      let pieces = ["a", "é", "€", "😀", "{\"op\":\"beat\"}", "some more plain text"]
      let length = random.hits(oneIn: 6) ? 400 : 12
      let message = utf8(
        (0..<Int.random(in: 0..<length, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined())
      var cuts = [0, message.count]
      if Bool.random(using: &random) {
        cuts += (0..<Int.random(in: 1...6, using: &random)).map { _ in Int.random(in: 0...message.count, using: &random) }
      }
      cuts.sort()
      for (index, (lower, upper)) in zip(cuts, cuts.dropFirst()).enumerated() {
        if index > 0, random.hits(oneIn: 4) { addControl() }
        add(index == 0 ? .text : .continuation, Array(message[lower..<upper]), isFinal: index == cuts.count - 2)
      }
      told.append(.text(message))
    }
    if Bool.random(using: &random) {
      add(.close, [0x0f, 0xa1] + utf8("fin"))
      told.append(.close(4001, utf8("fin")))
    }
    return (bytes, told)
  }

  @Test("however the bytes are cut, the messages are the same", arguments: [31, 32, 33] as [UInt64])
  func randomCuts(seed: UInt64) {
    var random = Seeded(seed)
    for round in 0..<150 {
      let role: WebSocketDecoder.Role = Bool.random(using: &random) ? .server : .client
      let (bytes, told) = conversation(&random, role: role)
      var peer = Peer(role: role)
      var received: [Told] = []
      var offset = 0
      let pieceMax = [1, 3, 20, 2_000].randomElement(using: &random)!
      while offset < bytes.count {
        let end = min(bytes.count, offset + Int.random(in: 1...pieceMax, using: &random))
        received += peer.receive(Array(bytes[offset..<end]))
        offset = end
      }
      #expect(received == told, "seed \(seed), round \(round)")
      #expect(peer.remainder.isEmpty)
    }
  }

  @Test("cut in two at every place, the messages are the same", arguments: [34] as [UInt64])
  func everyCut(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<6 {
      let (bytes, told) = conversation(&random, role: .server)
      for cut in 0...min(bytes.count, 1_500) {
        var peer = Peer()
        #expect(peer.receive(Array(bytes[..<cut])) + peer.receive(Array(bytes[cut...])) == told, "seed \(seed), cut at \(cut)")
      }
    }
  }

  @Test("what is said to be needed is never more than the next frame takes", arguments: [35] as [UInt64])
  func needs(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<150 {
      let payload = [UInt8].letters(Int.random(in: 0..<400, using: &random))
      let bytes = frame(.text, payload)
      for available in 0..<bytes.count {
        var peer = Peer()
        #expect(peer.receive(Array(bytes[..<available])) == [])
        #expect(peer.needed > available && peer.needed <= bytes.count)
      }
    }
  }

  @Test("100,000 random byte strings neither trap nor are read beyond their end", arguments: [36] as [UInt64])
  func neverTraps(seed: UInt64) {
    var random = Seeded(seed)
    // First bytes that begin something, so that more than the first check is reached.
    let starts: [UInt8] = [0x81, 0x01, 0x80, 0x00, 0x88, 0x89, 0x8a]
    for _ in 0..<100_000 {
      var peer = Peer(role: Bool.random(using: &random) ? .server : .client)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        var bytes = (0..<Int.random(in: 0..<32, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        if bytes.count > 2, !random.hits(oneIn: 4) {
          bytes[0] = starts.randomElement(using: &random)!
          bytes[1] = (bytes[1] & 0x80) | [0, 1, 5, 20, 126, 127].randomElement(using: &random)!
        }
        let told = peer.receive(bytes)
        #expect(told.count <= 40)
        #expect(!peer.decoder.hasEnded || peer.remainder.isEmpty)
      }
    }
  }

  @Test("damaged conversations end in a violation or in fewer messages, never in a trap", arguments: [37] as [UInt64])
  func damaged(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<1_500 {
      var (bytes, _) = conversation(&random, role: .server)
      for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      var peer = Peer()
      for told in peer.receive(bytes) {
        if case .text(let message) = told { #expect(String(validating: message, as: UTF8.self) != nil) }
      }
    }
  }
}
