/// Why bytes are not the JSON that was asked for, and where.
///
/// Trivial, so that throwing one costs no allocation.
package struct JSONError: Error, Sendable, Hashable {
  /// What is wrong.
  package enum Reason: UInt8, Sendable, Hashable, CaseIterable {
    case unexpectedEnd
    case unexpectedByte
    case malformedNumber
    case malformedEscape
    case loneSurrogate
    case controlCharacter
    case invalidUTF8
    case tooDeep
    case trailingBytes
    /// The value is of another kind than the one asked for.
    case wrongKind
    /// A number with a fraction, an exponent, or more than 64 bits, where an integer was asked for.
    case notAnInteger
  }

  /// What is wrong.
  package let reason: Reason
  /// Where, in bytes from the beginning of the text.
  package let offset: Int

  package init(_ reason: Reason, at offset: Int) {
    self.reason = reason
    self.offset = offset
  }
}

extension JSONError: CustomStringConvertible {
  package var description: String { "\(reason.sentence) at byte \(offset)" }
}

extension JSONError.Reason {
  /// The reason as part of a sentence, for whoever develops the client.
  package var sentence: String {
    switch self {
    case .unexpectedEnd: "unexpected end"
    case .unexpectedByte: "unexpected byte"
    case .malformedNumber: "malformed number"
    case .malformedEscape: "malformed escape sequence"
    case .loneSurrogate: "lone surrogate"
    case .controlCharacter: "unescaped control character"
    case .invalidUTF8: "invalid UTF-8"
    case .tooDeep: "nested too deeply"
    case .trailingBytes: "bytes after the value"
    case .wrongKind: "value of another kind"
    case .notAnInteger: "not a 64-bit integer"
    }
  }
}

/// The kinds of JSON values.
package enum JSONKind: UInt8, Sendable, Hashable, CaseIterable {
  case object
  case array
  case string
  case number
  case bool
  case null
}
