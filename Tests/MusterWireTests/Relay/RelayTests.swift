import MusterJSON
import MusterModel
import MusterWire
import Testing

@Suite("Relay batches")
struct RelayTests {
  /// Numbers that depend on the seed alone (SplitMix64).
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var value = state
      value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
      value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
      return value ^ value >> 31
    }
  }

  private static func bytes(_ request: RelayRequest, id: UInt32) -> [UInt8] {
    var buffer = OutputBuffer()
    RelayEncoder.write(request, id: id, into: &buffer)
    return buffer.copyBytes()
  }

  private static func bytes(_ reply: RelayReply, id: UInt32, kind: RelayKind) -> [UInt8] {
    var buffer = OutputBuffer()
    RelayEncoder.write(reply, to: id, kind: kind, into: &buffer)
    return buffer.copyBytes()
  }

  private static func decode(_ bytes: [UInt8]) -> Result<(id: UInt32, request: RelayRequest), RelayViolation> {
    do throws(RelayViolation) { return .success(try RelayDecoder.decode(bytes.span.bytes)) } catch { return .failure(error) }
  }

  private static func violation(_ bytes: [UInt8]) -> RelayViolation? {
    if case .failure(let violation) = decode(bytes) { violation } else { nil }
  }

  private static func request(_ random: inout Numbers) -> RelayRequest {
    let count = Int.random(in: 1...40, using: &random)
    func session() -> SessionID { SessionID(high: random.next(), low: random.next()) }
    switch Int.random(in: 0..<3, using: &random) {
    case 0: return .heartbeats((0..<count).map { _ in session() })
    case 1:
      return .opens(
        (0..<count).map { _ in
          let length = Int.random(in: 0...128, using: &random)
          let utf8 = (0..<length).map { _ in UInt8.random(in: 0x20...0x7e, using: &random) }
          let ttl = Int.random(in: 0...4_000_000, using: &random)
          return RelayOpen(
            user: UserID(utf8: utf8), device: Device.allCases.randomElement(using: &random) ?? .web,
            idleTTLMilliseconds: ttl == 0 ? nil : ttl)
        })
    default:
      return .closes(
        (0..<count).map { _ in
          RelayClose(session: session(), how: RelayClose.How.allCases.randomElement(using: &random) ?? .leave)
        })
    }
  }

  // MARK: Bytes

  @Test("the bytes are those of the documentation")
  func golden() throws {
    let session = try #require(SessionID("00112233445566778899aabbccddeeff"))
    let id: [UInt8] = [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]
    #expect(Self.bytes(.heartbeats([session]), id: 7) == [1, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0] + id)
    let open = RelayOpen(user: UserID("ada"), device: .ios, idleTTLMilliseconds: 600_000)
    #expect(
      Self.bytes(.opens([open]), id: 258)
        == [2, 0, 0, 0, 2, 1, 0, 0, 1, 0, 0, 0, 0, 1, 3, 0, 0xc0, 0x27, 0x09, 0x00] + Array("ada".utf8))
    #expect(
      Self.bytes(.closes([RelayClose(session: session, how: .logout)]), id: 9)
        == [3, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0] + id + [1, 0, 0, 0])
    #expect(
      Self.bytes(.heartbeats(unknown: [0]), id: 7, kind: .heartbeats) == [0x81, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    #expect(
      Self.bytes(.opens([.success(session), .failure(.banned)]), id: 8, kind: .opens)
        == [0x82, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0] + [0, 0, 0, 0] + id + [0x98, 0x11, 0, 0] + [UInt8](repeating: 0, count: 16))
    #expect(Self.bytes(.refused(.overloaded), id: 9, kind: .closes) == [0x83, 0, 0xa3, 0x0f, 9, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test("what is written is read again, every byte less or more is a violation, and every cut is too short")
  func roundTrips() {
    for seed in 1...300 as ClosedRange<UInt64> {
      var random = Numbers(state: seed)
      let request = Self.request(&random)
      let bytes = Self.bytes(request, id: UInt32(seed))
      guard case .success(let read) = Self.decode(bytes) else {
        Issue.record("seed \(seed): \(request) is not read again")
        return
      }
      #expect(read.id == UInt32(seed) && read.request == request, "seed \(seed)")
      #expect(Self.violation(bytes + [0]) == .tooLong, "seed \(seed)")
      let cut = Int.random(in: 0..<bytes.count, using: &random)
      #expect(Self.violation(Array(bytes[..<cut])) == .tooShort, "seed \(seed), cut at \(cut)")
    }
  }

  @Test("any bytes are read or refused, and what is read says the same when it is written again")
  func anyBytes() {
    for seed in 1...2_000 as ClosedRange<UInt64> {
      var random = Numbers(state: seed)
      var bytes = Self.bytes(Self.request(&random), id: 1)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      guard case .success(let read) = Self.decode(bytes) else { continue }
      #expect(Self.bytes(read.request, id: read.id) == bytes, "seed \(seed)")
    }
  }

  @Test("replies are read again")
  func replies() throws {
    let opened: [Result<SessionID, ErrorCode>] = [.success(SessionID(high: 1, low: 2)), .failure(.sessionLimit)]
    let replies: [(RelayKind, RelayReply)] = [
      (.heartbeats, .heartbeats(unknown: [1, 5, 9_999])), (.closes, .closes(unknown: [])), (.opens, .opens(opened)),
      (.opens, .refused(.drain)),
    ]
    for (kind, reply) in replies {
      let read = try RelayDecoder.decodeReply(Self.bytes(reply, id: 77, kind: kind).span.bytes)
      #expect(read.id == 77 && read.reply == reply)
    }
  }

  // MARK: Refusals

  @Test("each rule has its violation")
  func violations() {
    let beat = Self.bytes(.heartbeats([SessionID(high: 1, low: 2)]), id: 1)
    let open = Self.bytes(.opens([RelayOpen(user: UserID("ada"), device: .web)]), id: 1)
    let guest = Self.bytes(.opens([RelayOpen(user: nil, device: .web)]), id: 1)
    let close = Self.bytes(.closes([RelayClose(session: SessionID(high: 1, low: 2), how: .leave)]), id: 1)
    func changed(_ bytes: [UInt8], _ offset: Int, _ byte: UInt8) -> [UInt8] {
      var bytes = bytes
      bytes[offset] = byte
      return bytes
    }
    let cases: [(RelayViolation, [UInt8])] = [
      (.tooShort, []), (.tooLong, beat + [0]), (.unknownKind, changed(beat, 0, 4)), (.unknownKind, changed(beat, 0, 0x81)),
      (.reservedBitsSet, changed(beat, 1, 1)), (.reservedBitsSet, changed(beat, 2, 1)), (.noEntries, changed(beat, 8, 0)),
      (.tooManyEntries, changed(beat, 10, 1)), (.tooShort, changed(beat, 8, 2)), (.unknownUserKind, changed(open, 12, 2)),
      (.unknownDevice, changed(open, 13, 6)), (.invalidUserID, changed(open, 20, 0x1f)),
      (.invalidUserID, changed(open, 20, 0xff)),
      (.invalidUserID, changed(open, 12, 1)), (.invalidUserID, changed(guest, 12, 0)), (.unknownClose, changed(close, 28, 2)),
      (.reservedBitsSet, changed(close, 29, 1)), (.reservedBitsSet, changed(close, 31, 1)),
    ]
    for (violation, bytes) in cases { #expect(Self.violation(bytes) == violation) }
    #expect(Set(cases.map(\.0)) == Set(RelayViolation.allCases))
  }

  // MARK: Frames

  @Test("a decoder of binary messages takes them whole and refuses text and fragments")
  func binaryFrames() {
    var limits = WebSocketDecoder.Limits()
    limits.payload = .binary
    limits.messageBytesMax = RelayLimits.messageBytesMax
    func first(_ opcode: WebSocketOpcode, isFinal: Bool) -> WebSocketEvent {
      var buffer = OutputBuffer()
      let payload: [UInt8] = [0xff, 0x00, 0xfe]
      WebSocketEncoder.append(opcode, payload.span.bytes, isFinal: isFinal, mask: 0x0102_0304, to: &buffer)
      var frame = buffer.copyBytes()
      var decoder = WebSocketDecoder(limits: limits)
      var span = frame.mutableSpan
      var bytes = span.mutableBytes
      var offset = 0
      let event = decoder.next(in: &bytes, at: &offset)
      if case .text(let range) = event { #expect(Array(frame[range]) == payload) }
      return event
    }
    #expect(first(.binary, isFinal: true) == .text(6..<9))
    #expect(first(.binary, isFinal: false) == .violation(.tooManyFragments))
    #expect(first(.text, isFinal: true) == .violation(.textMessage))
    #expect(first(.continuation, isFinal: true) == .violation(.unexpectedContinuation))
  }
}
