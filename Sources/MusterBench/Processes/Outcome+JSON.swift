import MusterJSON

/// What one process of several tells of its share, as one line of JSON.
///
///     {"parts":[{"key":"beat","counts":{…},"latencies":{"reply":[[ns,count],…]},"seconds_ns":…,"usage":{…},"plateaus":[[…]]}],
///      "troubles":[["close","4503 kicked",2,"kicked"]],"interrupted":false}
///
/// Times are whole nanoseconds, so nothing is lost on the way.
package struct ShareResult: Sendable {
  package var outcomes: [(key: String, outcome: Outcome)]
  package var troubles: Tally
  package var isInterrupted: Bool

  package init(outcomes: [(key: String, outcome: Outcome)], troubles: Tally, isInterrupted: Bool) {
    self.outcomes = outcomes
    self.troubles = troubles
    self.isInterrupted = isInterrupted
  }

  /// The share as one line.
  package var json: String {
    var writer = JSONWriter(capacity: 64 << 10)
    writer.beginObject()
    writer.key("parts")
    writer.beginArray()
    for (key, outcome) in outcomes { Self.write(key, outcome, into: &writer) }
    writer.endArray()
    writer.key("troubles")
    writer.beginArray()
    for entry in troubles.entries {
      writer.beginArray()
      writer.string(entry.kind.rawValue)
      writer.string(entry.code)
      writer.integer(entry.count)
      writer.string(entry.message)
      writer.endArray()
    }
    writer.endArray()
    writer.pair("interrupted", bool: isInterrupted)
    writer.endObject()
    return String(decoding: writer.copyBytes(), as: UTF8.self)
  }

  private static func write(_ key: String, _ outcome: Outcome, into writer: inout JSONWriter) {
    writer.beginObject()
    writer.pair("key", string: key)
    writer.key("counts")
    writer.beginObject()
    for count in Outcome.Count.allCases {
      guard let value = outcome.counts[count] else { continue }
      writer.key(Array(count.rawValue.utf8))
      writer.integer(value)
    }
    writer.endObject()
    writer.key("latencies")
    writer.beginObject()
    for name in Outcome.Latency.allCases {
      guard let record = outcome.latencies[name] else { continue }
      writer.key(Array(name.rawValue.utf8))
      writer.integers(record.buckets.flatMap { [Int($0.nanoseconds), $0.count] })
    }
    writer.endObject()
    writer.pair("seconds_ns", integer: Int(outcome.seconds * 1e9))
    writer.key("usage")
    let usage = outcome.usage
    let (own, server, kernel) = (Int(usage.own), Int(usage.server ?? -1), Int((usage.kernelShare ?? -1) * 1e6))
    writer.integers([Int(usage.seconds * 1e9), own, server, kernel])
    writer.key("plateaus")
    var plateaus: [Int] = []
    for plateau in outcome.plateaus {
      plateaus += [plateau.connections, Int(plateau.cpuNanoseconds), plateau.residentBytes, plateau.privateBytes ?? -1]
    }
    writer.integers(plateaus)
    writer.endObject()
  }

  /// Reads what ``json`` wrote.
  ///
  /// - Throws: ``LoadError/plan(_:)`` when it is something else.
  package init(json: String) throws(LoadError) {
    do {
      // SAFETY: the bytes are read inside the closure only.
      self = try Array(json.utf8).withUnsafeBytes { try Self.parse($0) }
    } catch {
      throw .plan("a process of the load says what is no result: \(json.prefix(80))")
    }
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> ShareResult {
    var result = ShareResult(outcomes: [], troubles: Tally(), isInterrupted: false)
    // SAFETY: the reader does not leave the closure that lends the bytes.
    var reader = JSONReader(bytes)
    try reader.beginObject()
    while let key = try reader.nextKey() {
      if reader.matches(key, "parts") {
        try reader.beginArray()
        while try reader.nextElement() { result.outcomes.append(try part(&reader)) }
      } else if reader.matches(key, "troubles") {
        try reader.beginArray()
        while try reader.nextElement() { try trouble(&reader, into: &result.troubles) }
      } else if reader.matches(key, "interrupted") {
        result.isInterrupted = try reader.bool()
      } else {
        try reader.skipValue()
      }
    }
    return result
  }

  private static func part(_ reader: inout JSONReader) throws(JSONError) -> (key: String, outcome: Outcome) {
    var (name, outcome) = ("", Outcome())
    try reader.beginObject()
    while let key = try reader.nextKey() {
      if reader.matches(key, "key") {
        name = try reader.words()
      } else if reader.matches(key, "counts") {
        try reader.beginObject()
        while let key = try reader.nextKey() {
          let count = Outcome.Count(rawValue: String(decoding: reader.bytes(of: key), as: UTF8.self))
          let value = Int(try reader.integer())
          if let count { outcome.counts[count] = value }
        }
      } else if reader.matches(key, "latencies") {
        try reader.beginObject()
        while let key = try reader.nextKey() {
          let name = Outcome.Latency(rawValue: String(decoding: reader.bytes(of: key), as: UTF8.self))
          let record = Self.record(try reader.integers())
          if let name { outcome.latencies[name] = record }
        }
      } else if reader.matches(key, "seconds_ns") {
        outcome.seconds = Double(try reader.integer()) / 1e9
      } else if reader.matches(key, "usage") {
        outcome.usage = Self.usage(try reader.integers())
      } else if reader.matches(key, "plateaus") {
        outcome.plateaus = Self.plateaus(try reader.integers())
      } else {
        try reader.skipValue()
      }
    }
    return (name, outcome)
  }

  private static func record(_ pairs: [Int]) -> LatencyRecord {
    var record = LatencyRecord()
    for index in stride(from: 0, to: pairs.count - 1, by: 2) {
      record.record(UInt64(clamping: pairs[index]), times: pairs[index + 1])
    }
    return record
  }

  private static func usage(_ numbers: [Int]) -> Usage {
    var usage = Usage()
    guard numbers.count == 4 else { return usage }
    usage.seconds = Double(numbers[0]) / 1e9
    usage.own = Double(numbers[1])
    if numbers[2] >= 0 { usage.server = Double(numbers[2]) }
    if numbers[3] >= 0 { usage.kernelShare = Double(numbers[3]) / 1e6 }
    return usage
  }

  private static func plateaus(_ numbers: [Int]) -> [Outcome.Plateau] {
    var plateaus: [Outcome.Plateau] = []
    for index in stride(from: 0, to: numbers.count - 3, by: 4) {
      let owned: Int? = numbers[index + 3] < 0 ? nil : numbers[index + 3]
      plateaus.append(
        Outcome.Plateau(
          connections: numbers[index], cpuNanoseconds: Double(numbers[index + 1]), residentBytes: numbers[index + 2],
          privateBytes: owned))
    }
    return plateaus
  }

  private static func trouble(_ reader: inout JSONReader, into tally: inout Tally) throws(JSONError) {
    try reader.beginArray()
    guard try reader.nextElement() else { return }
    let kind = Tally.Kind(rawValue: try reader.words())
    guard try reader.nextElement() else { return }
    let code = try reader.words()
    guard try reader.nextElement() else { return }
    let count = Int(try reader.integer())
    guard try reader.nextElement() else { return }
    let message = try reader.words()
    _ = try reader.nextElement()
    tally.count(kind ?? .protocol, code, message, times: count)
  }
}

extension JSONWriter {
  fileprivate mutating func integers(_ numbers: [Int]) {
    beginArray()
    for number in numbers { integer(number) }
    endArray()
  }
}

extension JSONReader {
  fileprivate mutating func integers() throws(JSONError) -> [Int] {
    var numbers: [Int] = []
    try beginArray()
    while try nextElement() { numbers.append(Int(try integer())) }
    return numbers
  }

  fileprivate mutating func words() throws(JSONError) -> String {
    let text = try string()
    return String(decoding: bytes(of: text), as: UTF8.self)
  }
}
