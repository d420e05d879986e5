/// JSON Merge Patch (RFC 7396), from bytes to bytes.
///
/// The result is canonical: no white space, no duplicate keys (the last wins, in the place of the first), strings with the
/// escapes that they need and no others, members in the order of the target and then of the patch. Numbers stay as they were
/// written. So an empty patch of a canonical text gives the same bytes, and applying a patch twice gives what applying it
/// once gave.
package enum MergePatch {
  /// Why a patch could not be applied.
  package enum Failure: Error, Sendable, Hashable {
    case invalidPatch(JSONError)
    case invalidTarget(JSONError)
    /// The result would have more bytes than allowed.
    case tooLarge
  }

  /// Applies a patch to a target.
  ///
  /// - Parameters:
  ///   - patch: Any JSON value; one that is not an object replaces the target.
  ///   - target: Any JSON value.
  ///   - bytesMax: The most bytes that the result may have.
  ///   - depthMax: How deep either text, and so the result, may be nested.
  /// - Returns: The result, canonical.
  /// - Throws: Which text is not JSON and why, or that the result is too large.
  /// - Complexity: O(n) in the bytes of both texts, times their depth.
  package static func apply(
    patch: RawSpan, to target: RawSpan, bytesMax: Int, depthMax: Int = 32
  ) throws(Failure) -> [UInt8] {
    // SAFETY: what is made over the pointers does not leave the closures.
    try patch.withUnsafeBytes { patch throws(Failure) in
      try target.withUnsafeBytes { target throws(Failure) in
        let change: ValidJSON
        let base: ValidJSON
        do throws(JSONError) { change = try ValidJSON(patch, depthMax: depthMax) } catch { throw .invalidPatch(error) }
        do throws(JSONError) { base = try ValidJSON(target, depthMax: depthMax) } catch { throw .invalidTarget(error) }
        var merger = Merger(bytesMax: bytesMax)
        try merger.merge(change, into: base)
        return merger.result()
      }
    }
  }

  /// Applies a patch to a target, both in arrays.
  package static func apply(
    patch: [UInt8], to target: [UInt8], bytesMax: Int, depthMax: Int = 32
  ) throws(Failure) -> [UInt8] {
    try apply(patch: patch.span.bytes, to: target.span.bytes, bytesMax: bytesMax, depthMax: depthMax)
  }
}

/// A value inside a text that has been validated as a whole.
// SAFETY: the text is valid while the closure in `MergePatch.apply` runs, which no value of this type outlives; the range was
// found within it by a reader.
private struct ValidJSON {
  let text: UnsafeRawBufferPointer
  /// Where the value stands, not empty.
  let range: Range<Int>

  init(_ text: UnsafeRawBufferPointer, range: Range<Int>) {
    self.text = text
    self.range = range
  }

  /// Validates a whole text.
  init(_ text: UnsafeRawBufferPointer, depthMax: Int) throws(JSONError) {
    var reader = JSONReader(text, depthMax: depthMax)
    self.init(text, range: try reader.skipValue())
    try reader.finish()
  }

  var first: UInt8 { text[range.lowerBound] }
  var isObject: Bool { first == UInt8(ascii: "{") }
  var isNull: Bool { first == UInt8(ascii: "n") }
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: text[range]) }

  /// Reads the value with a reader of its own.
  func read<Result>(_ body: (inout JSONReader) throws(JSONError) -> Result) -> Result {
    var reader = JSONReader(text, from: range.lowerBound, depthMax: JSONReader.depthLimit)
    do {
      return try body(&reader)
    } catch {
      preconditionFailure("a text that was found valid is not: \(error)")
    }
  }
}

/// The members of one object, each key once, in the order of the text.
private struct ObjectIndex {
  private(set) var members: [(key: [UInt8], value: ValidJSON)] = []
  private var places: [[UInt8]: Int] = [:]

  /// The index of an object; of anything else an empty one, which is what a merge patch takes it for.
  init(_ value: ValidJSON?) {
    guard let value, value.isObject else { return }
    value.read { reader throws(JSONError) in
      try reader.beginObject()
      while let text = try reader.nextKey() {
        let key = reader.bytes(of: text)
        let member = ValidJSON(value.text, range: try reader.skipValue())
        if let place = places[key] {
          members[place].value = member
        } else {
          places[key] = members.count
          members.append((key, member))
        }
      }
    }
  }

  subscript(key: [UInt8]) -> ValidJSON? { places[key].map { members[$0].value } }
}

/// Writes one result.
///
/// Recursive; the depth was limited when the texts were validated.
private struct Merger: ~Copyable {
  private let bytesMax: Int
  private var writer = JSONWriter()

  init(bytesMax: Int) {
    self.bytesMax = bytesMax
  }

  func result() -> [UInt8] { writer.copyBytes() }

  /// The function `MergePatch` of RFC 7396, section 2.
  mutating func merge(_ patch: ValidJSON, into target: ValidJSON?) throws(MergePatch.Failure) {
    guard patch.isObject else { return try copy(patch) }
    let changes = ObjectIndex(patch)
    let base = ObjectIndex(target)
    writer.beginObject()
    for (key, value) in base.members {
      guard let change = changes[key] else {
        writer.key(key)
        try copy(value)
        continue
      }
      if change.isNull { continue }
      writer.key(key)
      try merge(change, into: value)
    }
    for (key, change) in changes.members where !change.isNull && base[key] == nil {
      writer.key(key)
      try merge(change, into: nil)
    }
    writer.endObject()
    try checkSize()
  }

  /// Writes a value that the patch does not reach into, in the canonical form.
  private mutating func copy(_ value: ValidJSON) throws(MergePatch.Failure) {
    switch value.first {
    case UInt8(ascii: "{"):
      writer.beginObject()
      for (key, member) in ObjectIndex(value).members {
        writer.key(key)
        try copy(member)
      }
      writer.endObject()
    case UInt8(ascii: "["):
      writer.beginArray()
      for element in elements(of: value) { try copy(element) }
      writer.endArray()
    case UInt8(ascii: "\""):
      writer.string(value.read { reader throws(JSONError) in reader.bytes(of: try reader.string()) })
    default:
      writer.raw(value.bytes)
    }
    try checkSize()
  }

  private func elements(of array: ValidJSON) -> [ValidJSON] {
    array.read { reader throws(JSONError) in
      var elements: [ValidJSON] = []
      try reader.beginArray()
      while try reader.nextElement() { elements.append(ValidJSON(array.text, range: try reader.skipValue())) }
      return elements
    }
  }

  /// Called after each value, so the output never exceeds the limit by more than one value of the input.
  private func checkSize() throws(MergePatch.Failure) {
    if writer.count > bytesMax { throw .tooLarge }
  }
}
