import MusterJSON
import MusterModel

/// Reads the members of one request as what they should be, or refuses with a sentence that names the member.
///
/// Everywhere, `null` means that the member is not there; clients in many languages send it for what they leave out.
// SAFETY: the memory belongs to the caller of `MessageDecoder.decode` and lives longer than this value, which never leaves it;
// the ranges of the members were found within it by a reader.
struct RequestFields {
  typealias Name = RequestMembers.Name

  private let bytes: UnsafeRawBufferPointer
  private let members: RequestMembers

  /// Reads a request that has been validated and mapped.
  init(_ bytes: UnsafeRawBufferPointer, _ members: RequestMembers) {
    self.bytes = bytes
    self.members = members
  }

  /// The kind of a member's value, `nil` when the request has no such member.
  func kind(of name: Name) -> JSONKind? {
    guard let range = members[name] else { return nil }
    var reader = JSONReader(bytes, from: range.lowerBound)
    return try? reader.kind()
  }

  /// Whether the request has such a member and it is not `null`.
  func has(_ name: Name) -> Bool {
    guard let range = members[name] else { return false }
    return bytes[range.lowerBound] != UInt8(ascii: "n")
  }

  // MARK: Plain values

  func integer(_ name: Name, in allowed: ClosedRange<Int64>) throws(Refusal) -> Int64? {
    guard var reader = reader(at: name) else { return nil }
    guard let value = try? reader.integer(), allowed.contains(value) else {
      throw wrong(name, "must be an integer from \(allowed.lowerBound) to \(allowed.upperBound)")
    }
    return value
  }

  func milliseconds(_ name: Name) throws(Refusal) -> Int? {
    try integer(name, in: 0...WireLimits.millisecondsMax).map(Int.init)
  }

  func bool(_ name: Name) throws(Refusal) -> Bool? {
    guard var reader = reader(at: name) else { return nil }
    guard let value = try? reader.bool() else { throw wrong(name, "must be true or false") }
    return value
  }

  func string(_ name: Name, bytesMax: Int) throws(Refusal) -> [UInt8]? {
    guard var reader = reader(at: name) else { return nil }
    guard let text = try? reader.string() else { throw wrong(name, "must be a string") }
    try limit(name, reader.length(of: text), bytesMax)
    return reader.bytes(of: text)
  }

  /// One word out of a fixed choice, as a name to switch over.
  ///
  /// - Parameters:
  ///   - name: The member.
  ///   - choice: The words as part of a sentence.
  ///   - parse: Makes of the name what it means, or `nil`.
  /// - Returns: What the word means; `nil` when the request has no such member.
  /// - Throws: `bad_request` for anything else.
  func word<Word>(_ name: Name, _ choice: StaticString, _ parse: (PackedName) -> Word?) throws(Refusal) -> Word? {
    guard var reader = reader(at: name) else { return nil }
    guard let text = try? reader.string(), let word = reader.packed(text).flatMap(parse) else {
      throw wrong(name, "must be one of \(choice)")
    }
    return word
  }

  /// An object as its bytes, untouched.
  func object(_ name: Name, bytesMax: Int) throws(Refusal) -> Payload? {
    guard has(name), let range = members[name] else { return nil }
    guard kind(of: name) == .object else { throw wrong(name, "must be an object") }
    try limit(name, range.count, bytesMax)
    return Payload(validated: Array(UnsafeRawBufferPointer(rebasing: bytes[range])))
  }

  /// Any value as its bytes, `null` included, untouched.
  func raw(_ name: Name, bytesMax: Int) throws(Refusal) -> [UInt8] {
    guard let range = members[name] else { throw missing(name) }
    try limit(name, range.count, bytesMax)
    return Array(UnsafeRawBufferPointer(rebasing: bytes[range]))
  }

  // MARK: Values of the model

  /// The `id`, which may stand anywhere in the request.
  func requestID() throws(Refusal) -> RequestID {
    guard var reader = reader(at: .id) else { return .none }
    if let value = try? reader.integer() { return .integer(value) }
    guard let text = try? reader.string(), reader.length(of: text) <= RequestID.bytesMax else {
      throw wrong(.id, "must be a 64-bit integer or a string of at most \(RequestID.bytesMax) bytes")
    }
    return .string(reader.bytes(of: text))
  }

  func channel() throws(Refusal) -> ChannelName {
    guard let name = try channelName(.channel) else { throw missing(.channel) }
    return name
  }

  private func channelName(_ name: Name) throws(Refusal) -> ChannelName? {
    guard let utf8 = try string(name, bytesMax: .max) else { return nil }
    return try channel(utf8)
  }

  /// A channel's name that stands in a member or as one.
  func channel(_ utf8: [UInt8]) throws(Refusal) -> ChannelName {
    guard let channel = ChannelName(utf8: utf8) else {
      throw Refusal(
        .invalidChannel,
        "A channel name has 1 to \(ChannelName.bytesMax) bytes, no control characters, and something on both sides of its colon.")
    }
    return channel
  }

  func user(_ name: Name) throws(Refusal) -> UserID? {
    guard let utf8 = try string(name, bytesMax: .max) else { return nil }
    guard let user = UserID(utf8: utf8) else { throw wrong(name, Self.userRule) }
    return user
  }

  /// A list of users, each once.
  func users(_ name: Name, max: Int) throws(Refusal) -> [UserID] {
    guard var reader = reader(at: name) else { throw missing(name) }
    guard (try? reader.beginArray()) != nil else { throw wrong(name, "must be an array of strings") }
    var users: [UserID] = []
    var seen: Set<UserID> = []
    var count = 0
    while (try? reader.nextElement()) == true {
      guard let text = try? reader.string() else { throw wrong(name, "must be an array of strings") }
      guard let user = UserID(utf8: reader.bytes(of: text)) else { throw wrong(name, "holds an id; each \(Self.userRule)") }
      count += 1
      guard count <= max else { throw Refusal(.tooLarge, "\"\(name.text)\" has more than \(max) elements.") }
      if seen.insert(user).inserted { users.append(user) }
    }
    return users
  }

  func epoch() throws(Refusal) -> Epoch {
    guard let utf8 = try string(.epoch, bytesMax: .max) else { throw missing(.epoch) }
    guard let epoch = Base36.read(utf8) else { throw wrong(.epoch, "must be an epoch as the server has given it") }
    return Epoch(rawValue: epoch)
  }

  func seq() throws(Refusal) -> Seq {
    guard let seq = try integer(.seq, in: 0...Int64.max) else { throw missing(.seq) }
    return Seq(UInt64(seq))
  }

  // MARK: Refusals

  static let userRule = "must have 1 to \(UserID.bytesMax) bytes and no control characters"

  func missing(_ name: Name) -> Refusal { Refusal(.badRequest, "\"\(name.text)\" is missing.") }

  func wrong(_ name: Name, _ rule: String) -> Refusal { Refusal(.badRequest, "\"\(name.text)\" \(rule).") }

  func limit(_ name: Name, _ bytes: Int, _ bytesMax: Int) throws(Refusal) {
    guard bytes > bytesMax else { return }
    throw Refusal(.tooLarge, "\"\(name.text)\" has \(bytes) bytes, allowed are \(bytesMax).")
  }

  /// A reader at the value of a member; `nil` when it is absent or `null`.
  func reader(at name: Name) -> JSONReader? {
    guard has(name), let range = members[name] else { return nil }
    return JSONReader(bytes, from: range.lowerBound, depthMax: JSONReader.depthLimit)
  }
}
