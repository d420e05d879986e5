package import MusterEngine

/// What a file of the log is, by its name.
package enum LogFileName: Sendable, Hashable {
  /// `<sequence>-<first LSN>.wal`, both decimal and padded, so that names sort as segments follow each other.
  case segment(sequence: UInt64, firstLSN: LSN)
  /// Room for the next segment, taken in advance; nothing in it counts.
  case spare
  /// What was cut off a segment, kept for whoever wants to look at it: `<segment>.torn-<offset>`.
  case torn

  /// The name of the spare.
  package static let spareName = "next.spare"
  private static let sequenceDigits = 10
  private static let positionDigits = 20

  /// What a name says; `nil` when it is no file of the log.
  package init?(_ name: String) {
    if name == Self.spareName {
      self = .spare
      return
    }
    if let torn = name.firstRange(of: ".wal.torn-") {
      let segment = String(name[..<torn.lowerBound]) + ".wal"
      guard LogFileName(segment) != nil, UInt64(name[torn.upperBound...]) != nil else { return nil }
      self = .torn
      return
    }
    guard name.hasSuffix(".wal"), name.utf8.count == Self.sequenceDigits + 1 + Self.positionDigits + 4 else { return nil }
    let parts = name.dropLast(4).split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].utf8.count == Self.sequenceDigits, parts.allSatisfy({ $0.utf8.allSatisfy(Self.isDigit) }),
      let sequence = UInt64(parts[0]), let position = UInt64(parts[1]), position > 0
    else { return nil }
    self = .segment(sequence: sequence, firstLSN: LSN(position))
  }

  /// The name of a segment.
  package static func name(sequence: UInt64, firstLSN: LSN) -> String {
    padded(sequence, sequenceDigits) + "-" + padded(firstLSN.rawValue, positionDigits) + ".wal"
  }

  /// The name under which what is cut off a segment is kept.
  package static func tornName(of segment: String, offset: Int) -> String {
    "\(segment).torn-\(offset)"
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func padded(_ number: UInt64, _ digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }
}

/// A segment as the directory shows it.
package struct SegmentFile: Sendable, Hashable {
  package var name: String
  package var sequence: UInt64
  package var firstLSN: LSN

  package init(sequence: UInt64, firstLSN: LSN) {
    self.sequence = sequence
    self.firstLSN = firstLSN
    name = LogFileName.name(sequence: sequence, firstLSN: firstLSN)
  }

  /// The segments among some names, in their order.
  package static func all(in names: [String]) -> [SegmentFile] {
    names.compactMap { name -> SegmentFile? in
      guard case .segment(let sequence, let firstLSN)? = LogFileName(name) else { return nil }
      return SegmentFile(sequence: sequence, firstLSN: firstLSN)
    }.sorted { ($0.sequence, $0.firstLSN) < ($1.sequence, $1.firstLSN) }
  }
}
