/// The head of an upgrade request as nearly all clients send it, found in bytes that have arrived.
///
/// A front door reads it before anybody has decided what a socket is. It is no HTTP parser: it takes exactly the requests about
/// which no two parsers disagree, and declines everything else, which then goes to one that answers properly. So it may be strict,
/// and has no errors.
///
/// Taken is a whole head of `GET <path>[?query] HTTP/1.1`, each line ended by CR LF, of printable ASCII and tabs, without folded
/// lines, in which none of the fields that matter stands twice, and which has no body. A relay is nothing usual, and declined.
package struct UpgradeHead: Sendable, Hashable {
  /// Where the value of a field stands, without the white space around it; empty when there is none.
  package struct Field: Sendable, Hashable {
    var lower: UInt32 = 0
    var upper: UInt32 = 0

    /// Offsets into the bytes that were read.
    package var range: Range<Int> { Int(lower)..<Int(upper) }
    package var isEmpty: Bool { lower == upper }
  }

  /// The length of the head, the empty line included.
  package fileprivate(set) var bytes = 0
  /// What follows the question mark of the target.
  package fileprivate(set) var query = Field()
  package fileprivate(set) var host = Field()
  package fileprivate(set) var origin = Field()
  package fileprivate(set) var authorization = Field()
  package fileprivate(set) var cookie = Field()
  /// `Sec-WebSocket-Key`, which has been checked.
  package fileprivate(set) var key = Field()
  /// Whether ``Subprotocol/client`` is the first of ours that was offered; with other offers only, the request is declined.
  package fileprivate(set) var offersSubprotocol = false

  /// The most fields of a head.
  package static let fieldsMax = 100

  /// Reads the head that the bytes begin with.
  ///
  /// - Parameters:
  ///   - bytes: What has arrived; more may stand behind the head.
  ///   - path: The path of the endpoint.
  ///   - bytesMax: The longest head that is taken.
  /// - Returns: `nil` for everything but a whole, sound and usual upgrade request.
  /// - Complexity: O(length of the head), no allocation.
  package static func read(_ bytes: RawSpan, path: String, bytesMax: Int) -> UpgradeHead? {
    // SAFETY: the reader does not leave the closure.
    bytes.withUnsafeBytes { bytes in
      var reader = UpgradeHeadReader(UnsafeRawBufferPointer(rebasing: bytes.prefix(bytesMax)))
      return reader.read(path: path)
    }
  }
}

/// Reads one head, line by line.
// SAFETY: the memory belongs to the caller of `UpgradeHead.read` and outlives this value. Every access is through the buffer's
// checked subscript or behind a comparison with `bytes.count`.
private struct UpgradeHeadReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0
  private var head = UpgradeHead()
  /// One bit for each name that has been seen.
  private var seen: UInt16 = 0

  private enum Name: UInt16 {
    case host, origin, authorization, cookie, key, upgrade, connection, version, protocols
    /// What makes an upgrade something else: a body, or something to wait for.
    case declined
  }

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  mutating func read(path: String) -> UpgradeHead? {
    guard requestLine(path) else { return nil }
    for _ in 0...UpgradeHead.fieldsMax {
      if passLineEnd() {
        guard isComplete else { return nil }
        head.bytes = offset
        return head
      }
      guard field() else { return nil }
    }
    return nil
  }

  private var isComplete: Bool {
    let required = bit(.host) | bit(.key) | bit(.upgrade) | bit(.connection) | bit(.version)
    return seen & required == required
  }

  private func bit(_ name: Name) -> UInt16 { 1 << name.rawValue }

  // MARK: Lines

  private mutating func requestLine(_ path: String) -> Bool {
    guard pass("GET "), pass(path: path) else { return false }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "?") {
      offset += 1
      let start = offset
      while offset < bytes.count, bytes[offset] > 0x20, bytes[offset] < 0x7f, bytes[offset] != UInt8(ascii: "#") { offset += 1 }
      head.query = UpgradeHead.Field(lower: UInt32(start), upper: UInt32(offset))
    }
    return pass(" HTTP/1.1\r\n")
  }

  private mutating func field() -> Bool {
    let start = offset
    while offset < bytes.count, Self.isTokenByte(bytes[offset]) { offset += 1 }
    let name = start..<offset
    guard !name.isEmpty, pass(":") else { return false }
    while offset < bytes.count, bytes[offset] == 0x20 || bytes[offset] == 0x09 { offset += 1 }
    let lower = offset
    while offset < bytes.count, bytes[offset] >= 0x20 && bytes[offset] < 0x7f || bytes[offset] == 0x09 { offset += 1 }
    var upper = offset
    guard passLineEnd() else { return false }
    while upper > lower, bytes[upper - 1] == 0x20 || bytes[upper - 1] == 0x09 { upper -= 1 }
    guard let name = known(name) else { return true }
    return take(name, lower..<upper)
  }

  private mutating func passLineEnd() -> Bool { pass("\r\n") }

  private mutating func pass(path: String) -> Bool {
    var path = path
    // SAFETY: both buffers are compared inside the closure, as many bytes as both have.
    let isSame = path.withUTF8 { path in
      guard bytes.count - offset >= path.count else { return false }
      return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + path.count]).elementsEqual(path)
    }
    if isSame { offset += path.utf8.count }
    return isSame
  }

  private mutating func pass(_ literal: StaticString) -> Bool {
    let count = literal.utf8CodeUnitCount
    guard bytes.count - offset >= count else { return false }
    // SAFETY: a literal lives as long as the process; the bytes are there, compared above.
    for index in 0..<count where bytes[offset &+ index] != literal.utf8Start[index] { return false }
    offset += count
    return true
  }

  // MARK: Fields

  /// The field with a name that matters, or `nil` for all others.
  private func known(_ name: Range<Int>) -> Name? {
    // The length rules out nearly all others before a byte is compared.
    switch name.count {
    case 4: return isSame(name, "host") ? .host : nil
    case 6: return isSame(name, "origin") ? .origin : isSame(name, "cookie") ? .cookie : isSame(name, "expect") ? .declined : nil
    case 7: return isSame(name, "upgrade") ? .upgrade : nil
    case 10: return isSame(name, "connection") ? .connection : nil
    case 13: return isSame(name, "authorization") ? .authorization : nil
    case 14: return isSame(name, "content-length") ? .declined : nil
    case 17:
      return isSame(name, "sec-websocket-key") ? .key : isSame(name, "transfer-encoding") ? .declined : nil
    case 21: return isSame(name, "sec-websocket-version") ? .version : nil
    case 22: return isSame(name, "sec-websocket-protocol") ? .protocols : nil
    default: return nil
    }
  }

  private mutating func take(_ name: Name, _ value: Range<Int>) -> Bool {
    guard name != .declined, seen & bit(name) == 0, !value.isEmpty else { return false }
    seen |= bit(name)
    let field = UpgradeHead.Field(lower: UInt32(value.lowerBound), upper: UInt32(value.upperBound))
    switch name {
    case .host: head.host = field
    case .origin: head.origin = field
    case .authorization: head.authorization = field
    case .cookie: head.cookie = field
    case .key:
      head.key = field
      return isKey(value)
    case .upgrade: return isSame(value, "websocket")
    case .connection: return isUpgradingConnection(value)
    case .version: return isSame(value, "13")
    case .protocols:
      head.offersSubprotocol = offersSubprotocol(value)
      return head.offersSubprotocol
    case .declined: return false
    }
    return true
  }

  /// 16 bytes in base64: 22 digits and two paddings.
  private func isKey(_ value: Range<Int>) -> Bool {
    guard value.count == WebSocketHandshake.keyBytes else { return false }
    return value.prefix(22).allSatisfy { Base64.isDigit(bytes[$0]) }
      && value.suffix(2).allSatisfy { bytes[$0] == UInt8(ascii: "=") }
  }

  /// `Upgrade`, beside which only `keep-alive` may stand.
  private func isUpgradingConnection(_ value: Range<Int>) -> Bool {
    var isUpgrading = false
    var start = value.lowerBound
    while let element = element(of: value, from: &start) {
      if isSame(element, "upgrade") {
        isUpgrading = true
      } else if !isSame(element, "keep-alive") {
        return false
      }
    }
    return isUpgrading
  }

  private func offersSubprotocol(_ value: Range<Int>) -> Bool {
    var start = value.lowerBound
    while let element = element(of: value, from: &start) {
      if isEqual(element, Self.client) { return true }
      if isEqual(element, Self.relay) { return false }
    }
    return false
  }

  /// The names of ``Subprotocol``, as bytes.
  private static var client: StaticString { "muster.v1" }
  private static var relay: StaticString { "muster.relay.v1" }

  private func isEqual(_ range: Range<Int>, _ name: StaticString) -> Bool {
    range.count == name.utf8CodeUnitCount && zip(range, 0...).allSatisfy { bytes[$0] == name.utf8Start[$1] }
  }

  /// The next element of a comma-separated list, without the white space around it.
  private func element(of list: Range<Int>, from start: inout Int) -> Range<Int>? {
    guard start <= list.upperBound else { return nil }
    var lower = start
    var upper = start
    while upper < list.upperBound, bytes[upper] != UInt8(ascii: ",") { upper += 1 }
    start = upper + 1
    while lower < upper, bytes[lower] == 0x20 || bytes[lower] == 0x09 { lower += 1 }
    while upper > lower, bytes[upper - 1] == 0x20 || bytes[upper - 1] == 0x09 { upper -= 1 }
    return lower..<upper
  }

  /// Compares without regard to the case of ASCII letters.
  private func isSame(_ range: Range<Int>, _ lowercased: StaticString) -> Bool {
    guard range.count == lowercased.utf8CodeUnitCount else { return false }
    for index in 0..<range.count {
      let byte = bytes[range.lowerBound + index]
      let lower = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
      guard lower == lowercased.utf8Start[index] else { return false }
    }
    return true
  }

  /// RFC 9110, section 5.6.2.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"),
      UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "^"),
      UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
      true
    default: false
    }
  }
}
