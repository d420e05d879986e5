/// The opening handshake of RFC 6455, section 4, on plain values: no HTTP library is needed to decide it.
package enum WebSocketHandshake {
  /// The subprotocol of clients.
  package static let subprotocol = Subprotocol.client.rawValue
  /// The one version that is spoken.
  package static let version = "13"

  /// What a client asks for: the method and the values of the headers, several of one name joined by commas.
  package struct Offer: Sendable, Hashable {
    package var method: String
    /// The value of `Upgrade`.
    package var upgrade: String?
    /// The value of `Connection`.
    package var connection: String?
    /// The value of `Sec-WebSocket-Version`.
    package var version: String?
    /// The value of `Sec-WebSocket-Key`.
    package var key: String?
    /// The value of `Sec-WebSocket-Protocol`.
    package var protocols: String?

    package init(
      method: String, upgrade: String?, connection: String?, version: String?, key: String?, protocols: String?
    ) {
      self.method = method
      self.upgrade = upgrade
      self.connection = connection
      self.version = version
      self.key = key
      self.protocols = protocols
    }
  }

  /// What to answer with status 101, beside `Upgrade: websocket` and `Connection: Upgrade`.
  package struct Acceptance: Sendable, Hashable {
    /// The value of `Sec-WebSocket-Accept`.
    package var accept: String
    /// The value of `Sec-WebSocket-Protocol`; `nil` leaves the header out.
    package var subprotocol: Subprotocol?
  }

  /// Why a request cannot become a WebSocket.
  package enum Rejection: Error, Sendable, Hashable, CaseIterable {
    case wrongMethod
    case notAnUpgrade
    /// Answer with `Sec-WebSocket-Version: 13` too.
    case unsupportedVersion
    case invalidKey

    /// The HTTP status to answer with.
    package var status: Int {
      switch self {
      case .wrongMethod: 405
      case .notAnUpgrade, .unsupportedVersion: 426
      case .invalidKey: 400
      }
    }

    /// What is wrong, in one sentence.
    package var sentence: String {
      switch self {
      case .wrongMethod: "A WebSocket is opened with GET."
      case .notAnUpgrade: "This is a WebSocket: send \"Connection: Upgrade\" and \"Upgrade: websocket\"."
      case .unsupportedVersion: "The version of the WebSocket protocol must be 13."
      case .invalidKey: "\"Sec-WebSocket-Key\" must be 16 bytes in base64."
      }
    }
  }

  /// Decides an offer.
  ///
  /// The first of ours that is offered is taken. A client that offers subprotocols but none of ours is let in without one; a
  /// browser then closes by itself.
  package static func answer(_ offer: Offer) throws(Rejection) -> Acceptance {
    guard offer.method == "GET" else { throw .wrongMethod }
    guard tokens(offer.upgrade).contains(where: { isSame($0, "websocket") }),
      tokens(offer.connection).contains(where: { isSame($0, "upgrade") })
    else { throw .notAnUpgrade }
    guard offer.version == version else { throw .unsupportedVersion }
    guard let key = offer.key, Base64.decode(key)?.count == 16 else { throw .invalidKey }
    let subprotocol = tokens(offer.protocols).lazy.compactMap { Subprotocol(rawValue: String($0)) }.first
    return Acceptance(accept: accept(key: key), subprotocol: subprotocol)
  }

  /// The value of `Sec-WebSocket-Accept` that proves that a key was understood.
  package static func accept(key: String) -> String {
    let proof = accept(key: Array(key.utf8).span.bytes)
    return String(decoding: (0..<proof.count).map { proof[$0] }, as: UTF8.self)
  }

  /// The same for a key that still stands in the request; allocates nothing.
  ///
  /// - Parameter key: At most 24 bytes, which is what 16 bytes are in base64.
  /// - Returns: ASCII.
  package static func accept(key: RawSpan) -> InlineArray<28, UInt8> {
    precondition(key.byteCount <= keyBytes, "a key is judged before it is answered")
    var message = InlineArray<60, UInt8>(repeating: 0)
    for index in 0..<key.byteCount { message[index] = key.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
    for index in 0..<guid.utf8CodeUnitCount { message[key.byteCount + index] = guid.utf8Start[index] }
    let digest = SHA1.digest(message.span.bytes.extracting(first: key.byteCount + guid.utf8CodeUnitCount))
    return Base64.encode(digest)
  }

  /// What RFC 6455 has the server put behind the key.
  private static var guid: StaticString { "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" }
  /// How long a key is as text.
  static let keyBytes = 24

  /// A key for a client to send, from 128 random bits.
  package static func key(_ high: UInt64, _ low: UInt64) -> String {
    Base64.encode([high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * $0)) } })
  }

  /// The elements of a comma-separated header value, without the white space around them.
  private static func tokens(_ value: String?) -> [Substring] {
    (value ?? "").split(separator: ",").map { element in
      var element = element
      while let last = element.last, last == " " || last == "\t" { element.removeLast() }
      return element.drop { $0 == " " || $0 == "\t" }
    }
  }

  /// Compares without regard to the case of ASCII letters.
  private static func isSame(_ left: Substring, _ lowercased: String) -> Bool {
    left.utf8.elementsEqual(lowercased.utf8) { $0 == $1 || ($0 | 0x20 == $1 && (0x41...0x5a).contains($0)) }
  }
}
