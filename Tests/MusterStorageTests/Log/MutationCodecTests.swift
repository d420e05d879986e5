import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@testable import MusterStorage

@Suite("Mutations as bytes")
struct MutationCodecTests {
  @Test("every kind of mutation comes back as it was", arguments: 0..<RandomMutations.kinds)
  func roundTrip(kind: Int) throws {
    let source = RandomMutations(seed: UInt64(kind))
    for index in 0..<300 {
      let (mutation, wall) = (source.make(kind: kind), source.wall())
      let buffer = RecordBuffer.holding([(mutation, wall)])
      #expect(buffer.count - LogFormat.groupHeaderBytes == MutationCodec.recordBytes(of: mutation))
      let records = try RecordReader.all(of: buffer.body, records: 1, firstLSN: LSN(UInt64(index + 1)))
      try #require(records == [LoggedMutation(lsn: LSN(UInt64(index + 1)), wall: wall, mutation: mutation)])
    }
  }

  @Test(
    "times that no clock shows are refused, wherever they stand: the engine reckons with them",
    arguments: [Int64.max, .min, 1 << 54 + 1])
  func impossibleTimes(milliseconds: Int64) throws {
    let (wall, now) = (WallTime(milliseconds: milliseconds), WallTime(milliseconds: 1))
    let user = UserID.named("alice")
    let session = SessionID(high: 1, low: 2)
    func grant(created: WallTime, expires: WallTime, idleTTL: Duration) -> Mutation {
      .granted(
        SessionGrant(
          session: session, user: user, kind: .member, device: .web, status: .online, text: [], created: created,
          expires: expires,
          idleTTL: idleTTL, resumeWindow: .zero))
    }
    let entries: [(Mutation, WallTime)] = [
      (.awake(session), wall), (.banned(user, Ban(until: wall, reason: [])), now),
      (.overridden(user, StatusOverride(status: .dnd, text: nil, until: wall)), now),
      (grant(created: wall, expires: now, idleTTL: .zero), now), (grant(created: now, expires: wall, idleTTL: .zero), now),
      (grant(created: now, expires: now, idleTTL: .milliseconds(milliseconds == .min ? .max : milliseconds)), now),
    ]
    for entry in entries {
      let body = RecordBuffer.holding([entry]).body
      #expect(throws: CodecError.self, "\(entry.0)") { try RecordReader.all(of: body, records: 1, firstLSN: LSN(1)) }
    }
  }

  @Test("a session or an override that is offline is refused: nobody chooses that, and the engine shows who has sessions")
  func impossibleStatus() throws {
    let session = SessionID(high: 1, low: 2)
    let mutations: [Mutation] = [
      .statusSet(session, .offline, text: []),
      .overridden(.named("alice"), StatusOverride(status: .offline, text: nil, until: nil)),
      .granted(
        SessionGrant(
          session: session, user: .named("alice"), kind: .member, device: .web, status: .offline, text: [],
          created: WallTime(milliseconds: 1), expires: WallTime(milliseconds: 2), idleTTL: .zero, resumeWindow: .zero)),
    ]
    for mutation in mutations {
      let body = RecordBuffer.holding([(mutation, WallTime(milliseconds: 1))]).body
      #expect(throws: CodecError.invalid("status")) { try RecordReader.all(of: body, records: 1, firstLSN: LSN(1)) }
    }
  }

  @Test("a group of many records comes back in order, with dense positions")
  func manyRecords() throws {
    let source = RandomMutations(seed: 5)
    let entries = (0..<500).map { _ in (source.next(), source.wall()) }
    let buffer = RecordBuffer.holding(entries)
    let records = try RecordReader.all(of: buffer.body, records: 500, firstLSN: LSN(10))
    #expect(records.map(\.mutation) == entries.map(\.0))
    #expect(records.map(\.wall) == entries.map(\.1))
    let positions: [UInt64] = records.map(\.lsn.rawValue)
    let expected: [UInt64] = Array(10..<510)
    #expect(positions == expected)
  }

  @Test(
    "damaged bytes give an error or another valid mutation, and never more than was there", arguments: 0..<RandomMutations.kinds)
  func damage(kind: Int) throws {
    let source = RandomMutations(seed: UInt64(100 + kind))
    var refused = 0
    for _ in 0..<400 {
      var body = RecordBuffer.holding([(source.make(kind: kind), source.wall())]).body
      for _ in 0...source.random.below(3) {
        let at = source.random.below(body.count)
        let bit: UInt8 = [1, 2, 4, 8, 16, 32, 64, 128][source.random.below(8)]
        switch source.random.below(3) {
        case 0: body[at] ^= bit
        case 1: body[at] = UInt8(truncatingIfNeeded: source.random.next())
        default: body.removeLast(at)
        }
        if body.isEmpty { break }
      }
      do throws(CodecError) {
        for record in try RecordReader.all(of: body, records: 1, firstLSN: LSN(1)) {
          // What was read can be written, and read again.
          let again = RecordBuffer.holding([(record.mutation, record.wall)])
          #expect(try RecordReader.all(of: again.body, records: 1, firstLSN: LSN(1)) == [record])
        }
      } catch {
        refused += 1
      }
    }
    #expect(refused > 0)
  }

  @Test("bytes that nobody wrote are refused, whatever they are")
  func garbage() {
    let random = SeededRandom(seed: 9)
    for _ in 0..<5_000 {
      let count = random.below(80)
      // Small numbers are more often lengths and tags that make sense.
      let body: [UInt8] = (0..<count).map { _ in UInt8(random.below(random.happens(percent: 50) ? 4 : 256)) }
      _ = try? RecordReader.all(of: body, records: 1 + random.below(3), firstLSN: LSN(1))
    }
  }

  @Test("a tag from the future is refused by its number")
  func unknownTag() {
    var body = RecordBuffer.holding([(.awake(SessionID(high: 1, low: 2)), WallTime(milliseconds: 3))]).body
    body[4] = 0xe7
    body[5] = 0x03
    #expect(throws: CodecError.unknownTag(999)) { try RecordReader.all(of: body, records: 1, firstLSN: LSN(1)) }
  }

  @Test("bytes behind the last field, behind the last record and beyond the end are refused")
  func lengths() {
    let body = RecordBuffer.holding([(.awake(SessionID(high: 1, low: 2)), WallTime(milliseconds: 3))]).body
    let withOneMore: [UInt8] = body + [1]
    #expect(throws: CodecError.truncated) { try RecordReader.all(of: Array(body.dropLast()), records: 1, firstLSN: LSN(1)) }
    #expect(throws: CodecError.truncated) { try RecordReader.all(of: body, records: 2, firstLSN: LSN(1)) }
    #expect(throws: CodecError.surplus) { try RecordReader.all(of: withOneMore, records: 1, firstLSN: LSN(1)) }
    let padded: [UInt8] = body + [UInt8](repeating: 0, count: 8)
    #expect(throws: CodecError.surplus) { try RecordReader.all(of: padded, records: 1, firstLSN: LSN(1)) }
    var longer: [UInt8] = body + [0]
    longer[0] += 1
    #expect(throws: CodecError.surplus) { try RecordReader.all(of: longer, records: 1, firstLSN: LSN(1)) }
  }

  @Test("the numbers for words lead back to the words, and no other number does")
  func codes() {
    for word in UserKind.allCases { #expect(MutationCodec.kind(of: MutationCodec.code(of: word)) == word) }
    for word in Device.allCases { #expect(MutationCodec.device(of: MutationCodec.code(of: word)) == word) }
    for word in Status.allCases { #expect(MutationCodec.status(of: MutationCodec.code(of: word)) == word) }
    for word in LeaveReason.allCases { #expect(MutationCodec.reason(of: MutationCodec.code(of: word)) == word) }
    let codes: [UInt8] = Array(0...255)
    #expect(codes.compactMap(MutationCodec.kind(of:)).count == UserKind.allCases.count)
    #expect(codes.compactMap(MutationCodec.device(of:)).count == Device.allCases.count)
    #expect(codes.compactMap(MutationCodec.status(of:)).count == Status.allCases.count)
    #expect(codes.compactMap(MutationCodec.reason(of:)).count == LeaveReason.allCases.count)
  }
}

extension RecordBuffer {
  static func holding(_ entries: [(Mutation, WallTime)]) -> RecordBuffer {
    var buffer = RecordBuffer(capacity: 64)
    for (mutation, wall) in entries {
      MutationCodec.append(mutation, at: wall, recordBytes: MutationCodec.recordBytes(of: mutation), to: &buffer)
    }
    return buffer
  }

  var body: [UInt8] { withBytes { $0.withUnsafeBytes { [UInt8]($0.dropFirst(LogFormat.groupHeaderBytes)) } } }
}

extension RecordReader {
  static func all(of body: [UInt8], records: Int, firstLSN: LSN) throws(CodecError) -> [LoggedMutation] {
    var reader = RecordReader(body, body: 0..<body.count, records: records, firstLSN: firstLSN)
    var all: [LoggedMutation] = []
    while let record = try reader.next() { all.append(record) }
    return all
  }
}
