/// Says whether bytes are one JSON value and nothing else.
package enum JSONValidator {
  /// Validates a whole text: grammar, UTF-8 and depth.
  ///
  /// - Parameters:
  ///   - json: The text.
  ///   - depthMax: How deep arrays and objects may be nested, at most ``JSONReader/depthLimit``.
  /// - Returns: The kind of the value.
  /// - Throws: What is wrong first, and where.
  /// - Complexity: O(bytes), no allocation.
  @discardableResult
  package static func validate(_ json: RawSpan, depthMax: Int = 32) throws(JSONError) -> JSONKind {
    // SAFETY: the reader does not leave the closure.
    try json.withUnsafeBytes { bytes throws(JSONError) in
      var reader = JSONReader(bytes, depthMax: depthMax)
      let kind = try reader.kind()
      try reader.skipValue()
      try reader.finish()
      return kind
    }
  }

  /// Validates a whole text: grammar, UTF-8 and depth.
  @discardableResult
  package static func validate(_ json: [UInt8], depthMax: Int = 32) throws(JSONError) -> JSONKind {
    try validate(json.span.bytes, depthMax: depthMax)
  }
}
