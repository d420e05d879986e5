/// A word, an operator, a bracket or a string literal of a Swift source.
struct Token: Equatable {
  enum Kind {
    case word
    case symbol
    case string
  }

  let kind: Kind
  /// The characters; of a string literal only what stands between its quotes.
  let text: String
  /// The line it begins on, from 1.
  let line: Int
  /// Whether nothing stands between it and the token before.
  let isGlued: Bool
}

/// Splits Swift source into tokens and comments, so that no rule is misled by a word in a comment or a string.
///
/// It knows nested comments, all forms of string literals with the code in their interpolations, and regular expressions.
/// It does not know the grammar: that is the business of ``DeclarationParser``.
struct Lexer {
  private(set) var tokens: [Token] = []
  /// The text of the comment on each line that has one, with its slashes.
  private(set) var comments: [Int: String] = [:]

  private let bytes: [UInt8]
  private var index = 0
  private var line = 1
  /// Where the last token ended; -1 before the first.
  private var lastEnd = -1

  init(_ text: String) {
    bytes = Array(text.utf8)
    while index < bytes.count { step() }
  }

  private func peek(_ offset: Int = 0) -> UInt8 {
    index + offset < bytes.count ? bytes[index + offset] : 0
  }

  private func at(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard index + count <= bytes.count else { return false }
    return text.withUTF8Buffer { $0.elementsEqual(bytes[index..<index + count]) }
  }

  private func text(from start: Int, to end: Int) -> String {
    String(decoding: bytes[start..<end], as: UTF8.self)
  }

  private mutating func step() {
    let byte = bytes[index]
    switch byte {
    case UInt8(ascii: "\n"):
      line += 1
      index += 1
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
      index += 1
    case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
      lineComment()
    case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"):
      blockComment()
    case UInt8(ascii: "\""):
      string(hashes: 0)
    case UInt8(ascii: "#"):
      hash()
    case UInt8(ascii: "/") where beginsRegex:
      regex(hashes: 0)
    default:
      if Self.isWord(byte) || byte == UInt8(ascii: "`") || byte == UInt8(ascii: "@") { word() } else { symbol() }
    }
  }

  private mutating func add(_ kind: Token.Kind, _ text: String, from start: Int, line: Int) {
    tokens.append(Token(kind: kind, text: text, line: line, isGlued: start == lastEnd))
    lastEnd = index
  }

  private mutating func note(_ text: String) {
    comments[line, default: ""] += text
  }

  private mutating func lineComment() {
    let start = index
    while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
    note(text(from: start, to: index))
  }

  private mutating func blockComment() {
    var depth = 0
    var start = index
    repeat {
      if at("/*") {
        depth += 1
        index += 2
      } else if at("*/") {
        depth -= 1
        index += 2
      } else {
        if bytes[index] == UInt8(ascii: "\n") {
          note(text(from: start, to: index))
          line += 1
          start = index + 1
        }
        index += 1
      }
    } while depth > 0 && index < bytes.count
    note(text(from: start, to: index))
  }

  /// A raw string, an extended regular expression, or a directive such as `#if`.
  private mutating func hash() {
    var hashes = 0
    while peek(hashes) == UInt8(ascii: "#") { hashes += 1 }
    switch peek(hashes) {
    case UInt8(ascii: "\""): string(hashes: hashes)
    case UInt8(ascii: "/"): regex(hashes: hashes)
    default: word()
    }
  }

  private mutating func string(hashes: Int) {
    let opening = index
    let firstLine = line
    index += hashes
    let isMultiline = at("\"\"\"")
    let quotes = isMultiline ? 3 : 1
    index += quotes
    let start = index
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\""), closes(quotes: quotes, hashes: hashes) { break }
      if byte == UInt8(ascii: "\\"), escapes(hashes: hashes) {
        index += 1 + hashes
        if peek() == UInt8(ascii: "(") { interpolation() } else { index += 1 }
        continue
      }
      if byte == UInt8(ascii: "\n") {
        guard isMultiline else { break }
        line += 1
      }
      index += 1
    }
    let content = text(from: start, to: min(index, bytes.count))
    index = min(index + quotes + hashes, bytes.count)
    add(.string, content, from: opening, line: firstLine)
  }

  private func closes(quotes: Int, hashes: Int) -> Bool {
    (0..<quotes).allSatisfy { peek($0) == UInt8(ascii: "\"") }
      && (0..<hashes).allSatisfy { peek(quotes + $0) == UInt8(ascii: "#") }
  }

  private func escapes(hashes: Int) -> Bool {
    (0..<hashes).allSatisfy { peek(1 + $0) == UInt8(ascii: "#") }
  }

  /// The code between `\(` and its `)`; its tokens come before that of the string around them.
  private mutating func interpolation() {
    var depth = 0
    repeat {
      switch peek() {
      case UInt8(ascii: "("): depth += 1
      case UInt8(ascii: ")"): depth -= 1
      default: break
      }
      step()
    } while depth > 0 && index < bytes.count
  }

  /// Whether a slash begins a regular expression: it stands where a value is expected, and something follows it at once.
  private var beginsRegex: Bool {
    let next = peek(1)
    guard next != 0, next != UInt8(ascii: " "), next != UInt8(ascii: "\n"), next != UInt8(ascii: "=") else { return false }
    guard let last = tokens.last else { return false }
    guard ["(", ",", "=", ":", "[", "{", "return"].contains(last.text) else { return false }
    let rest = bytes[(index + 1)...].prefix { $0 != UInt8(ascii: "\n") }
    return rest.contains(UInt8(ascii: "/"))
  }

  private mutating func regex(hashes: Int) {
    let opening = index
    let firstLine = line
    index += hashes + 1
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "\\") {
        index += 2
        continue
      }
      if bytes[index] == UInt8(ascii: "\n") { line += 1 }
      if bytes[index] == UInt8(ascii: "/"), (0..<hashes).allSatisfy({ peek(1 + $0) == UInt8(ascii: "#") }) { break }
      index += 1
    }
    index = min(index + 1 + hashes, bytes.count)
    add(.string, "", from: opening, line: firstLine)
  }

  private mutating func word() {
    let start = index
    if bytes[index] == UInt8(ascii: "`") {
      index += 1
      while index < bytes.count, bytes[index] != UInt8(ascii: "`") { index += 1 }
      index = min(index + 1, bytes.count)
      return add(.word, text(from: start + 1, to: index - 1), from: start, line: line)
    }
    index += 1
    while index < bytes.count, Self.isWord(bytes[index]) { index += 1 }
    add(.word, text(from: start, to: index), from: start, line: line)
  }

  /// Operators are taken whole, but for angle brackets: two that close generics are two.
  private mutating func symbol() {
    let start = index
    index += 1
    if at2(start, "->") {
      index += 1
    } else if Self.isOperator(bytes[start]) {
      while index < bytes.count, Self.isOperator(bytes[index]), !at("//"), !at("/*") { index += 1 }
    }
    add(.symbol, text(from: start, to: index), from: start, line: line)
  }

  private func at2(_ start: Int, _ text: StaticString) -> Bool {
    start + 2 <= bytes.count && text.withUTF8Buffer { $0.elementsEqual(bytes[start..<start + 2]) }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...:
      true
    default: false
    }
  }

  private static func isOperator(_ byte: UInt8) -> Bool {
    "=+-*/%&|^~!?".utf8.contains(byte)
  }
}
