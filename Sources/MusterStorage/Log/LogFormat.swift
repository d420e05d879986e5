package import MusterEngine

/// The bytes of the log: the one file that knows the offsets.
///
/// A segment is a header and then groups, one behind the other, each aligned to 8 bytes. What is behind the last group was
/// preallocated and is zero. All integers are little-endian.
///
///     segment header                              group header
///      0  8  "MusterWL"                            0  4  "MGRP"
///      8  4  version, 1                            4  4  encoding of the body, 0
///     12  4  zero                                  8  8  salt of the segment
///     16  8  salt, random                         16  8  number of the group in the segment, from 0
///     24  8  sequence of the segment              24  8  LSN of the first record
///     32  8  LSN of the first record              32  8  LSN known to be durable when it was written
///     40  8  LSN known to be durable              40  4  records
///     48 12  zero                                 44  4  bytes of the body, a multiple of 8
///     60  4  CRC-32C of bytes 0 to 59             48  8  zero
///                                                 56  4  CRC-32C of the body
///                                                 60  4  CRC-32C of bytes 0 to 59
///
///     body of a group: records, then zeros up to a multiple of 8
///
///     record
///      0  4  bytes behind this field
///      4  2  tag, see ``MutationCodec``
///      6  8  wall time, milliseconds since 1970
///     14     fields
///
/// The LSN of a record is that of the first one of its group plus its index. A group without records is a mark: it says that
/// what stands before it has become durable.
///
/// ### Stability
/// Magic, version and the place of the segment header's CRC are the same in every version, so that a version from the future is
/// told from damage and refused by its number.
package enum LogFormat {
  /// The version that is written.
  package static let version: UInt32 = 1
  /// The bytes of a segment's header.
  package static let segmentHeaderBytes = 64
  /// The bytes of a group's header.
  package static let groupHeaderBytes = 64
  /// What groups are aligned to.
  package static let alignment = 8
  /// The longest body of a group.
  package static let groupBodyBytesMax = 8 << 20
  /// The longest record: data of 1 MiB twice, and room for what is around it.
  package static let recordBytesMax = 4 << 20
  /// The most records of a group: the shortest have 22 bytes.
  package static let groupRecordsMax = groupBodyBytesMax / 16

  static let segmentMagic: UInt64 = 0x4c57_7265_7473_754d
  static let groupMagic: UInt32 = 0x5052_474d

  /// Rounds up to where the next group may begin.
  package static func aligned(_ bytes: Int) -> Int {
    (bytes + alignment - 1) & ~(alignment - 1)
  }
}

/// What a segment says of itself.
package struct SegmentHeader: Sendable, Hashable {
  /// Tells groups of this segment from whatever else looks like a group.
  package var salt: UInt64
  /// Counts segments without gaps over the whole life of a log, from 1.
  package var sequence: UInt64
  package var firstLSN: LSN
  /// What was durable when the segment was begun: everything before it.
  package var durable: LSN

  package init(salt: UInt64, sequence: UInt64, firstLSN: LSN, durable: LSN) {
    self.salt = salt
    self.sequence = sequence
    self.firstLSN = firstLSN
    self.durable = durable
  }

  /// The header as it is written.
  package var bytes: [UInt8] {
    var bytes = FieldWriter(count: LogFormat.segmentHeaderBytes)
    bytes.put(LogFormat.segmentMagic, at: 0)
    bytes.put(LogFormat.version, at: 8)
    bytes.put(salt, at: 16)
    bytes.put(sequence, at: 24)
    bytes.put(firstLSN.rawValue, at: 32)
    bytes.put(durable.rawValue, at: 40)
    bytes.put(CRC32C.of(bytes.bytes.span.bytes.extracting(0..<60)), at: 60)
    return bytes.bytes
  }

  /// Reads a header from at least ``LogFormat/segmentHeaderBytes`` bytes.
  ///
  /// - Throws: ``SegmentHeaderError`` when it is none, or not of this version.
  package init(_ bytes: RawSpan) throws(SegmentHeaderError) {
    guard bytes.byteCount >= LogFormat.segmentHeaderBytes, bytes.word(at: 0, UInt64.self) == LogFormat.segmentMagic,
      bytes.word(at: 60, UInt32.self) == CRC32C.of(bytes.extracting(0..<60))
    else { throw .damaged }
    let version = bytes.word(at: 8, UInt32.self)
    guard version == LogFormat.version else { throw .unknownVersion(version) }
    self.init(
      salt: bytes.word(at: 16, UInt64.self), sequence: bytes.word(at: 24, UInt64.self),
      firstLSN: LSN(bytes.word(at: 32, UInt64.self)), durable: LSN(bytes.word(at: 40, UInt64.self)))
  }
}

/// Why a segment's header cannot be used.
package enum SegmentHeaderError: Error, Sendable, Hashable {
  /// It is not what was written, or was never written.
  case damaged
  /// It is sound, and of a version that this program does not know.
  case unknownVersion(UInt32)
}

/// What a group says of itself.
package struct GroupHeader: Sendable, Hashable {
  package var salt: UInt64
  /// Counts groups within the segment without gaps, marks included.
  package var number: UInt64
  package var firstLSN: LSN
  /// The last LSN known to be durable when the group was written: the evidence against what is bad before it.
  package var durable: LSN
  package var records: Int
  /// A multiple of ``LogFormat/alignment``.
  package var bodyBytes: Int
  package var bodySum: UInt32

  package init(
    salt: UInt64, number: UInt64, firstLSN: LSN, durable: LSN, records: Int, bodyBytes: Int, bodySum: UInt32
  ) {
    self.salt = salt
    self.number = number
    self.firstLSN = firstLSN
    self.durable = durable
    self.records = records
    self.bodyBytes = bodyBytes
    self.bodySum = bodySum
  }

  /// The LSN behind the last record.
  package var endLSN: LSN { LSN(firstLSN.rawValue + UInt64(records)) }

  /// Header and body together.
  package var bytesInAll: Int { LogFormat.groupHeaderBytes + bodyBytes }

  /// The header as it is written.
  package var bytes: [UInt8] {
    var bytes = FieldWriter(count: LogFormat.groupHeaderBytes)
    bytes.put(LogFormat.groupMagic, at: 0)
    bytes.put(salt, at: 8)
    bytes.put(number, at: 16)
    bytes.put(firstLSN.rawValue, at: 24)
    bytes.put(durable.rawValue, at: 32)
    bytes.put(UInt32(records), at: 40)
    bytes.put(UInt32(bodyBytes), at: 44)
    bytes.put(bodySum, at: 56)
    bytes.put(CRC32C.of(bytes.bytes.span.bytes.extracting(0..<60)), at: 60)
    return bytes.bytes
  }

  /// Reads a header from at least ``LogFormat/groupHeaderBytes`` bytes; `nil` when it is none of this segment, or damaged.
  package init?(_ bytes: RawSpan, salt: UInt64) {
    guard bytes.byteCount >= LogFormat.groupHeaderBytes, bytes.word(at: 0, UInt32.self) == LogFormat.groupMagic,
      bytes.word(at: 8, UInt64.self) == salt, bytes.word(at: 60, UInt32.self) == CRC32C.of(bytes.extracting(0..<60))
    else { return nil }
    self.init(
      salt: salt, number: bytes.word(at: 16, UInt64.self), firstLSN: LSN(bytes.word(at: 24, UInt64.self)),
      durable: LSN(bytes.word(at: 32, UInt64.self)), records: Int(bytes.word(at: 40, UInt32.self)),
      bodyBytes: Int(bytes.word(at: 44, UInt32.self)), bodySum: bytes.word(at: 56, UInt32.self))
    // A sound sum over senseless numbers is a program's mistake, or somebody's intent; neither may lead past an end.
    guard bytes.word(at: 4, UInt32.self) == 0, bodyBytes <= LogFormat.groupBodyBytesMax,
      bodyBytes % LogFormat.alignment == 0, records <= LogFormat.groupRecordsMax, (records == 0) == (bodyBytes == 0),
      firstLSN.rawValue > 0, firstLSN.rawValue <= .max - UInt64(LogFormat.groupRecordsMax)
    else { return nil }
  }
}

extension RawSpan {
  /// A little-endian integer at an offset inside.
  @inline(__always)
  func word<Word: FixedWidthInteger & BitwiseCopyable>(at offset: Int, _ type: Word.Type) -> Word {
    Word(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: Word.self))
  }
}

/// Puts integers at their offsets into bytes that begin as zeros.
struct FieldWriter {
  private(set) var bytes: [UInt8]

  init(count: Int) {
    bytes = Array(repeating: 0, count: count)
  }

  mutating func put<Word: FixedWidthInteger>(_ word: Word, at offset: Int) {
    var rest = word
    for index in 0..<MemoryLayout<Word>.size {
      bytes[offset + index] = UInt8(truncatingIfNeeded: rest)
      rest >>= 8
    }
  }
}
