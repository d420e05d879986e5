import MusterJSON
package import MusterModel

/// A request that could not be read, with as much as is needed to answer it.
package struct RefusedMessage: Error, Sendable, Hashable {
  /// The id of the request, wherever in it that stood; ``RequestID/none`` when it has none or it could not be found.
  package var id: RequestID
  /// Why, in a sentence that names the member.
  package var refusal: Refusal

  package init(id: RequestID, refusal: Refusal) {
    self.id = id
    self.refusal = refusal
  }
}

/// Turns the text of a client's message into a request.
///
/// Members that mean nothing to an op are ignored; `null` is the same as leaving a member out. Objects that are only passed on
/// (`meta`, `data`, `patch`) are validated and copied untouched.
///
/// ### Isolation
/// An immutable value; any number of threads may use one.
package struct MessageDecoder: Sendable {
  /// What is accepted.
  package let limits: WireLimits

  /// Makes a decoder that accepts what is within the limits.
  package init(limits: WireLimits = WireLimits()) {
    precondition((1...JSONReader.depthLimit).contains(limits.depthMax), "a reader keeps one bit for each level, 64 at most")
    self.limits = limits
  }

  /// Reads one message.
  ///
  /// - Parameter text: The payload of a text message. The empty one is a `beat` without an id.
  /// - Returns: The id to answer to, and the request.
  /// - Throws: What to answer instead.
  /// - Complexity: O(bytes). Allocates for the strings and objects that the request carries, so not at all for a `beat`.
  package func decode(_ text: RawSpan) throws(RefusedMessage) -> (id: RequestID, request: Request) {
    if Self.isBareBeat(text) { return (.none, .beat) }
    // SAFETY: what is made over the pointer does not leave the closure.
    return try text.withUnsafeBytes { bytes throws(RefusedMessage) in try decode(bytes) }
  }

  /// Whether a message is a `beat` in its shortest forms: `{"op":"beat"}` or nothing at all.
  ///
  /// Cheaper than decoding, for edges that answer beats by themselves.
  package static func isBareBeat(_ text: RawSpan) -> Bool {
    if text.byteCount == 0 { return true }
    guard text.byteCount == bareBeat.utf8CodeUnitCount else { return false }
    // SAFETY: the literal lives as long as the process and has 13 bytes, so two words of 8 that overlap cover it.
    let beat = UnsafeRawPointer(bareBeat.utf8Start)
    return text.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self) == beat.loadUnaligned(as: UInt64.self)
      && text.unsafeLoadUnaligned(fromByteOffset: 5, as: UInt64.self)
        == beat.loadUnaligned(fromByteOffset: 5, as: UInt64.self)
  }

  private static var bareBeat: StaticString { #"{"op":"beat"}"# }

  private func decode(_ bytes: UnsafeRawBufferPointer) throws(RefusedMessage) -> (id: RequestID, request: Request) {
    guard bytes.count <= limits.messageBytesMax else {
      let sentence = "The message has \(bytes.count) bytes, allowed are \(limits.messageBytesMax)."
      throw RefusedMessage(id: .none, refusal: Refusal(.tooLarge, sentence))
    }
    return try RequestMembers.withEmpty { members throws(RefusedMessage) in try decode(bytes, &members) }
  }

  private func decode(
    _ bytes: UnsafeRawBufferPointer, _ members: inout RequestMembers
  ) throws(RefusedMessage) -> (id: RequestID, request: Request) {
    var reader = JSONReader(bytes, depthMax: limits.depthMax)
    do throws(JSONError) {
      try members.scan(&reader)
    } catch {
      let sentence =
        error.reason == .wrongKind ? "A message must be a JSON object." : "The message is not valid JSON: \(error)."
      let id = try? RequestFields(bytes, members).requestID()
      throw RefusedMessage(id: id ?? .none, refusal: Refusal(.badRequest, sentence))
    }
    let fields = RequestFields(bytes, members)
    var id = RequestID.none
    do throws(Refusal) {
      id = try fields.requestID()
      return (id, try fields.request(within: limits))
    } catch {
      throw RefusedMessage(id: id, refusal: error)
    }
  }
}
