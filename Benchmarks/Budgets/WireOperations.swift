import MusterJSON
import MusterModel
import MusterWire

/// Operations on the bytes of the protocols.
enum WireOperations {
  static func decodeBeat(_ count: Int) {
    decode(#"{"op":"beat","id":17}"#, count)
  }

  static func decodeJoin(_ count: Int) {
    decode(#"{"op":"join","id":18,"channel":"room:lobby","meta":{"name":"Ada","mood":"curious"},"list":100}"#, count)
  }

  private static func decode(_ text: String, _ count: Int) {
    let decoder = MessageDecoder()
    let utf8 = Array(text.utf8)
    let bytes = utf8.span.bytes
    for _ in 0..<count {
      guard let decoded = try? decoder.decode(bytes) else { preconditionFailure("a request was refused") }
      keep(decoded.request)
    }
  }

  /// A masked frame of a client with 32 bytes.
  static func frameIn(_ count: Int) {
    var buffer = OutputBuffer()
    let payload = [UInt8](repeating: UInt8(ascii: "a"), count: 32)
    WebSocketEncoder.append(.text, payload.span.bytes, mask: 0x1234_5678, to: &buffer)
    var frame = buffer.copyBytes()
    var decoder = WebSocketDecoder()
    for _ in 0..<count {
      // Unmasking changes the payload in place and every other frame has it unmasked: ASCII either way.
      var span = frame.mutableSpan
      var bytes = span.mutableBytes
      var offset = 0
      guard case .text = decoder.next(in: &bytes, at: &offset) else { continue }
    }
  }

  static func frameOut(_ count: Int) {
    var writer = JSONWriter()
    let reply = Reply.beat(serverTime: WallTime(milliseconds: 1_700_000_000_000))
    for _ in 0..<count {
      let start = WebSocketEncoder.begin(into: &writer.buffer)
      MessageEncoder.write(reply, to: .integer(17), into: &writer)
      WebSocketEncoder.end(start, .text, in: &writer.buffer)
      writer.buffer.removeAll(keepingCapacity: true)
    }
  }

  static func diffOf100(_ count: Int) {
    guard let channel = ChannelName("room:lobby") else { return }
    let joins = (0..<100).map { number in
      Member(
        user: UserID(unchecked: Array("user-\(100_000 + number)".utf8)), kind: .member, status: .online, text: [], meta: .empty,
        devices: DeviceSet(.web), since: WallTime(milliseconds: 1_700_000_000_000))
    }
    let diff = Diff(
      channel: channel, epoch: Epoch(rawValue: 12_345), prev: Seq(1), seq: Seq(2), joins: joins, updates: [], leaves: [],
      occupancy: Occupancy(users: 100, guests: 0, sessions: 100))
    var writer = JSONWriter(capacity: 64 << 10)
    for _ in 0..<count {
      MessageEncoder.write(Push.diff(diff), into: &writer)
      writer.buffer.removeAll(keepingCapacity: true)
    }
  }

  /// Heartbeats of a relay, 1,000 in a message; counted are heartbeats.
  static func relayBeat(_ count: Int) {
    let ids = (0..<1_000 as Range<UInt64>).map { SessionID(high: $0 << 48, low: $0) }
    var buffer = OutputBuffer()
    RelayEncoder.write(.heartbeats(ids), id: 1, into: &buffer)
    let message = buffer.copyBytes()
    let bytes = message.span.bytes
    for _ in 0..<count / 1_000 {
      guard let decoded = try? RelayDecoder.decode(bytes) else { preconditionFailure("heartbeats were refused") }
      keep(decoded.request)
    }
  }
}
