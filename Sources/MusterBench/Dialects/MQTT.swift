/// The packets of MQTT 3.1.1 (OASIS, 2014) that a load sends and meets.
package enum MQTT {
  /// PINGREQ.
  package static let ping: [UInt8] = [0xc0, 0]

  /// CONNECT with a clean session, a client id, and no keep-alive: the load decides when there are heartbeats.
  package static func connect(client: String) -> [UInt8] {
    packet(0x10, string("MQTT") + [4, 0x02, 0, 0] + string(client))
  }

  /// SUBSCRIBE to one topic with QoS 0.
  package static func subscribe(topic: [UInt8]) -> [UInt8] {
    packet(0x82, [0, 1] + string(topic) + [0])
  }

  /// PUBLISH with QoS 0, which nobody acknowledges.
  package static func publish(topic: [UInt8], _ payload: [UInt8]) -> [UInt8] {
    packet(0x30, string(topic) + payload)
  }

  /// What a packet of the server is.
  package enum Packet: Sendable, Equatable {
    /// The answer to CONNECT, SUBSCRIBE or PINGREQ.
    case answer
    /// CONNECT or SUBSCRIBE was refused, with the code.
    case refusal(code: UInt8)
    case publish
    /// One that a load does not expect, by its type.
    case unexpected(UInt8)
  }

  /// Looks at the packet that begins at an offset.
  ///
  /// - Returns: What it is and where it ends; `nil` when it does not end within the bytes.
  package static func next(_ bytes: UnsafeRawBufferPointer, at start: Int) -> (packet: Packet, end: Int)? {
    var (offset, length, shift) = (start + 1, 0, 0)
    while true {
      guard offset < bytes.count, shift <= 21 else { return nil }
      length |= Int(bytes[offset] & 0x7f) << shift
      shift += 7
      offset += 1
      if bytes[offset - 1] & 0x80 == 0 { break }
    }
    let end = offset + length
    guard end <= bytes.count else { return nil }
    let code = length > 0 ? bytes[end - 1] : 0
    switch bytes[start] >> 4 {
    case 2: return (code == 0 ? .answer : .refusal(code: code), end)
    case 9: return (code < 3 ? .answer : .refusal(code: code), end)
    case 13: return (.answer, end)
    case 3: return (.publish, end)
    case let type: return (.unexpected(type), end)
    }
  }

  private static func string(_ text: String) -> [UInt8] { string(Array(text.utf8)) }

  private static func string(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8(truncatingIfNeeded: bytes.count >> 8), UInt8(truncatingIfNeeded: bytes.count)] + bytes
  }

  /// A packet with its length in front: seven bits a byte, the lowest first.
  private static func packet(_ head: UInt8, _ body: [UInt8]) -> [UInt8] {
    var packet = [head]
    var rest = body.count
    repeat {
      packet.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
      rest >>= 7
    } while rest > 0
    return packet + body
  }
}
