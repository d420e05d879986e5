import MusterJSON

/// What the server says was wrong with a request.
package struct ServerError: Sendable, Equatable {
  package var name: String
  package var message: String

  package init(name: String, message: String) {
    self.name = name
    self.message = message
  }
}

/// What a message of the server is, by its first members.
package enum MessageHead: Sendable, Equatable {
  /// A reply; `body` is where the value of `ok` begins.
  case ok(id: Int, body: Int)
  case failed(id: Int?, ServerError)
  /// The reply to the oldest request of its connection, from a server whose replies carry no id.
  case inTurn
  case push(PushKind)
  /// Neither a reply nor a push.
  case unknown

  /// The pushes that a load tells apart.
  package enum PushKind: Sendable, Equatable {
    case diff
    case snapshot
    /// The server asks to come back later.
    case reconnect
    /// The session is over.
    case ended
    case other
  }
}

/// Picks single values out of a message without decoding the rest of it.
///
/// A load needs the id of a reply or two numbers of an event, and the generator has to be much cheaper than the server; so
/// nothing is decoded into values. What is not sound JSON is not found.
///
/// - Complexity: O(bytes up to what is asked for), no allocation but for strings.
package struct MessageView {
  // SAFETY: borrowed from whoever makes the view, for the duration of a call; every access is behind a comparison with `count`,
  // here or in the reader.
  package let bytes: UnsafeRawBufferPointer

  package init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  /// What the message is.
  ///
  /// The order of members in which Muster writes them takes a few comparisons; any other is found by a walk.
  package var head: MessageHead {
    if starts(with: #"{"re":"#) {
      var reader = JSONReader(bytes, from: 6)
      if let id = try? reader.integer(), starts(with: #","ok":"#, at: reader.offset) {
        return .ok(id: Int(id), body: reader.offset + 6)
      }
    }
    if starts(with: #"{"ev":""#) { return .push(push(at: 7)) }
    if let event = member("ev") {
      var reader = JSONReader(bytes, from: event)
      if let name = try? reader.string() { return .push(push(at: name.range.lowerBound)) }
    }
    let id = integer("re")
    if let failure = member("error").flatMap({ error(at: $0) }) { return .failed(id: id, failure) }
    if let id, let ok = member("ok") { return .ok(id: id, body: ok) }
    return .unknown
  }

  /// Where the value of a member begins.
  ///
  /// - Parameters:
  ///   - name: The name of the member.
  ///   - object: Where its object begins; the message itself by default.
  /// - Returns: `nil` when there is no such object or member.
  package func member(_ name: StaticString, at object: Int = 0) -> Int? {
    guard object < bytes.count else { return nil }
    var reader = JSONReader(bytes, from: object)
    do {
      try reader.beginObject()
      while let key = try reader.nextKey() {
        if reader.matches(key, name) { return reader.offset }
        try reader.skipValue()
      }
    } catch {
      // What is not sound is not there.
    }
    return nil
  }

  /// The integer member of an object.
  package func integer(_ name: StaticString, at object: Int = 0) -> Int? {
    guard let start = member(name, at: object) else { return nil }
    var reader = JSONReader(bytes, from: start)
    return (try? reader.integer()).map { Int($0) }
  }

  /// Whether a member of an object is `true`.
  package func flag(_ name: StaticString, at object: Int = 0) -> Bool {
    guard let start = member(name, at: object) else { return false }
    var reader = JSONReader(bytes, from: start)
    return (try? reader.bool()) ?? false
  }

  /// The string member of an object.
  package func text(_ name: StaticString, at object: Int = 0) -> String? {
    guard let start = member(name, at: object) else { return nil }
    var reader = JSONReader(bytes, from: start)
    guard let text = try? reader.string() else { return nil }
    return String(decoding: reader.bytes(of: text), as: UTF8.self)
  }

  /// The error object that begins at a place.
  package func error(at object: Int) -> ServerError? {
    guard let name = text("name", at: object) else { return nil }
    return ServerError(name: name, message: text("message", at: object) ?? "")
  }

  /// Calls `body` with every stamp in the message, wherever it is.
  ///
  /// The marker `"bench":` is eight bytes, so each place is one comparison of words.
  package func forEachStamp(_ body: (Stamp) -> Void) {
    // `"bench":` as a little-endian word.
    let marker: UInt64 = 0x3a22_6863_6e65_6222
    var index = 0
    while index + 8 <= bytes.count {
      guard UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) == marker else {
        index += 1
        continue
      }
      index += 8
      if let stamp = stamp(at: index) { body(stamp) }
    }
  }

  /// The two integers of an array.
  private func stamp(at start: Int) -> Stamp? {
    var reader = JSONReader(bytes, from: start)
    do {
      try reader.beginArray()
      guard try reader.nextElement() else { return nil }
      let actor = try reader.integer()
      guard try reader.nextElement() else { return nil }
      return Stamp(actor: Int(actor), nanoseconds: Int(try reader.integer()))
    } catch {
      return nil
    }
  }

  private func push(at name: Int) -> MessageHead.PushKind {
    if starts(with: "diff\"", at: name) { return .diff }
    if starts(with: "snapshot\"", at: name) { return .snapshot }
    if starts(with: "reconnect\"", at: name) { return .reconnect }
    if starts(with: "ended\"", at: name) { return .ended }
    return .other
  }

  /// Whether the bytes at a place are these.
  private func starts(with text: StaticString, at start: Int = 0) -> Bool {
    let length = text.utf8CodeUnitCount
    guard start + length <= bytes.count else { return false }
    // SAFETY: a literal lives as long as the process, and the index is within it.
    for index in 0..<length where bytes[start + index] != text.utf8Start[index] { return false }
    return true
  }
}

// A view is a place in borrowed memory: another thread has no business with it.
@available(*, unavailable)
extension MessageView: Sendable {}
