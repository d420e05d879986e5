import MusterJSON

/// A JSON value as a tree, the plain way: what the streaming code is measured against.
indirect enum SampleJSON: Hashable {
  case null
  case bool(Bool)
  /// As it is written, since that is what must survive.
  case number(String)
  case string(String)
  case array([SampleJSON])
  /// In order, each key once.
  case object([Pair])

  struct Pair: Hashable {
    var key: String
    var value: SampleJSON
  }
}

/// A generator that gives the same values for the same seed (SplitMix64, Steele and others 2014).
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }

  /// Whether one in so many tries hits.
  mutating func hits(oneIn count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}

extension SampleJSON {
  /// A random value; few distinct keys, so that patches and targets meet.
  static func random(depth: Int, using random: inout Seeded) -> SampleJSON {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
    case 0: .null
    case 1: .bool(Bool.random(using: &random))
    case 2: .number(["0", "-1", "17", "1.50", "-0.25e+10", "9223372036854775807", "1E400"].randomElement(using: &random)!)
    case 3, 4: .string(randomText(using: &random))
    case 5: .array((0..<Int.random(in: 0..<4, using: &random)).map { _ in self.random(depth: depth - 1, using: &random) })
    default: randomObject(depth: depth, using: &random)
    }
  }

  static func randomObject(depth: Int, using random: inout Seeded) -> SampleJSON {
    var pairs: [Pair] = []
    for _ in 0..<Int.random(in: 0..<6, using: &random) {
      let key = ["a", "b", "c", "d\"\\", "é\u{1}", ""].randomElement(using: &random)!
      if pairs.contains(where: { $0.key == key }) { continue }
      pairs.append(Pair(key: key, value: self.random(depth: depth - 1, using: &random)))
    }
    return .object(pairs)
  }

  static func randomText(using random: inout Seeded) -> String {
    let pieces = ["", "a", "bc", "\"", "\\", "/", "\n", "\u{0}", "\u{1f}", "\u{7f}", "é", "€", "😀", "plain text of some length"]
    return (0..<Int.random(in: 0..<6, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
  }

  /// The canonical bytes.
  var bytes: [UInt8] {
    var writer = JSONWriter()
    write(to: &writer)
    return writer.copyBytes()
  }

  private func write(to writer: inout JSONWriter) {
    switch self {
    case .null: writer.null()
    case .bool(let value): writer.bool(value)
    case .number(let text): writer.raw(Array(text.utf8))
    case .string(let text): writer.string(text)
    case .array(let elements):
      writer.beginArray()
      for element in elements { element.write(to: &writer) }
      writer.endArray()
    case .object(let pairs):
      writer.beginObject()
      for pair in pairs {
        writer.key(Array(pair.key.utf8))
        pair.value.write(to: &writer)
      }
      writer.endObject()
    }
  }

  /// Legal bytes for the value that are not canonical: white space and escapes wherever they may stand.
  func untidyBytes(using random: inout Seeded) -> [UInt8] {
    var text = ""
    func space() {
      while random.hits(oneIn: 3) { text += [" ", "\n", "\r", "\t"].randomElement(using: &random)! }
    }
    func quote(_ string: String) {
      text += "\""
      for unit in string.unicodeScalars {
        if random.hits(oneIn: 3) || unit.value < 0x20 || unit == "\"" || unit == "\\" {
          for half in String(unit).utf16 {
            let digits = String(half, radix: 16, uppercase: Bool.random(using: &random))
            text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
          }
        } else {
          text.unicodeScalars.append(unit)
        }
      }
      text += "\""
    }
    func write(_ value: SampleJSON) {
      space()
      switch value {
      case .string(let string): quote(string)
      case .array(let elements):
        text += "["
        for (index, element) in elements.enumerated() {
          if index > 0 { text += "," }
          write(element)
        }
        space()
        text += "]"
      case .object(let pairs):
        text += "{"
        for (index, pair) in pairs.enumerated() {
          if index > 0 { text += "," }
          space()
          quote(pair.key)
          space()
          text += ":"
          write(pair.value)
        }
        space()
        text += "}"
      default: text += String(decoding: value.bytes, as: UTF8.self)
      }
      space()
    }
    write(self)
    return Array(text.utf8)
  }

  /// Reads a tree with the pull parser.
  init(reading bytes: [UInt8], depthMax: Int = 32) throws {
    self = try bytes.withUnsafeBytes { bytes in
      var reader = JSONReader(bytes, depthMax: depthMax)
      let value = try SampleJSON(from: &reader, in: bytes)
      try reader.finish()
      return value
    }
  }

  private init(from reader: inout JSONReader, in bytes: UnsafeRawBufferPointer) throws(JSONError) {
    switch try reader.kind() {
    case .null:
      try reader.null()
      self = .null
    case .bool: self = .bool(try reader.bool())
    case .number: self = .number(String(decoding: bytes[try reader.skipValue()], as: UTF8.self))
    case .string: self = .string(String(decoding: reader.bytes(of: try reader.string()), as: UTF8.self))
    case .array:
      var elements: [SampleJSON] = []
      try reader.beginArray()
      while try reader.nextElement() { elements.append(try SampleJSON(from: &reader, in: bytes)) }
      self = .array(elements)
    case .object:
      var pairs: [Pair] = []
      try reader.beginObject()
      while let key = try reader.nextKey() {
        let name = String(decoding: reader.bytes(of: key), as: UTF8.self)
        pairs.append(Pair(key: name, value: try SampleJSON(from: &reader, in: bytes)))
      }
      self = .object(pairs)
    }
  }
}

/// The bytes of a text, for tables of examples.
func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The text of bytes, for messages.
func text(_ utf8: [UInt8]) -> String { String(decoding: utf8, as: UTF8.self) }
