/// Reads the parts of a request target.
package enum RequestTarget {
  /// Splits a target into its path and what follows the question mark.
  package static func split(_ target: String) -> (path: Substring, query: Substring?) {
    guard let mark = target.firstIndex(of: "?") else { return (target[...], nil) }
    return (target[..<mark], target[target.index(after: mark)...])
  }

  /// The first value of a parameter of a query, with its percent escapes resolved.
  ///
  /// - Returns: `nil` when there is none, or when its escapes are broken.
  package static func value(of name: String, in query: Substring) -> String? {
    for pair in query.split(separator: "&") where pair.hasPrefix("\(name)=") {
      return unescaped(pair.dropFirst(name.utf8.count + 1))
    }
    return nil
  }

  /// Resolves percent escapes.
  ///
  /// - Returns: `nil` when one is broken, or when the result is not UTF-8.
  package static func unescaped(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var rest = text.utf8
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
      guard digits.count == 2 else { return nil }
      bytes.append(UInt8(digits[0] << 4 | digits[1]))
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
