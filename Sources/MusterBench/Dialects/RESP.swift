/// The protocol of Redis, version 2, as far as a load needs it.
package enum RESP {
  /// What the bytes from an offset on are.
  package enum Step: Sendable, Equatable {
    /// A value that ends before `end`.
    case value(Value, end: Int)
    /// It has not all come.
    case incomplete
    /// This is not RESP.
    case violation
  }

  /// A value, as far as it is looked into.
  package enum Value: Sendable, Equatable {
    /// `+OK`, `:1`, a bulk string or an array that is no message: the answer to a request.
    case answer
    /// `-ERR …`, without the mark.
    case error(String)
    /// A message of a subscribed channel.
    case message
  }

  /// Arrays within arrays deeper than this are refused.
  private static let depthMax = 4

  /// A command as its client sends it: an array of bulk strings.
  package static func command(_ words: [String]) -> [UInt8] {
    var text = "*\(words.count)\r\n"
    for word in words { text += "$\(word.utf8.count)\r\n\(word)\r\n" }
    return Array(text.utf8)
  }

  /// Looks at the value that begins at an offset.
  ///
  /// - Complexity: O(length of the value); no allocation but for an error.
  package static func next(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Step {
    var offset = start
    switch skip(bytes, &offset, depth: 0) {
    case .incomplete: return .incomplete
    case .violation: return .violation
    case .value: break
    }
    switch bytes[start] {
    case UInt8(ascii: "-"):
      // SAFETY: the range lies within the value, which was found to end at `offset` with two bytes of line end.
      let sentence = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start + 1..<offset - 2]), as: UTF8.self)
      return .value(.error(sentence), end: offset)
    case UInt8(ascii: "*"): return .value(isMessage(bytes, start, offset) ? .message : .answer, end: offset)
    default: return .value(.answer, end: offset)
    }
  }

  private static func isMessage(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
    let head: StaticString = "*3\r\n$7\r\nmessage\r\n"
    let count = head.utf8CodeUnitCount
    guard end - start > count else { return false }
    // SAFETY: a literal lives as long as the process, and the index is within it.
    for index in 0..<count where bytes[start + index] != head.utf8Start[index] { return false }
    return true
  }

  /// Moves behind one value, whatever it is.
  private static func skip(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int, depth: Int) -> Step {
    guard depth <= depthMax else { return .violation }
    guard offset < bytes.count else { return .incomplete }
    let kind = bytes[offset]
    var end = offset + 1
    while end < bytes.count, bytes[end] != 13 { end += 1 }
    guard end + 1 < bytes.count else { return .incomplete }
    guard bytes[end + 1] == 10 else { return .violation }
    let line = offset + 1..<end
    offset = end + 2
    switch kind {
    case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"): return .value(.answer, end: offset)
    case UInt8(ascii: "$"):
      guard let count = integer(bytes, line) else { return .violation }
      if count < 0 { return .value(.answer, end: offset) }
      guard bytes.count - offset >= count + 2 else { return .incomplete }
      offset += count + 2
      return .value(.answer, end: offset)
    case UInt8(ascii: "*"):
      guard let count = integer(bytes, line) else { return .violation }
      for _ in 0..<max(0, count) {
        let step = skip(bytes, &offset, depth: depth + 1)
        guard case .value = step else { return step }
      }
      return .value(.answer, end: offset)
    default: return .violation
    }
  }

  /// A decimal number of at most nine digits.
  private static func integer(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
    let isNegative = range.first.map { bytes[$0] == UInt8(ascii: "-") } ?? false
    let digits = isNegative ? range.dropFirst() : range
    guard (1...9).contains(digits.count) else { return nil }
    var value = 0
    for index in digits {
      guard case let digit = bytes[index] &- 48, digit < 10 else { return nil }
      value = value * 10 + Int(digit)
    }
    return isNegative ? -value : value
  }
}
