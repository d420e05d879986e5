#if os(Linux)
  import MusterWire

  /// The answer to an upgrade that is granted, as bytes that allocate nothing.
  struct UpgradeAnswer {
    private var text = InlineArray<192, UInt8>(repeating: 0)
    private var count = 0

    /// Writes the head with status 101.
    init(accept: InlineArray<28, UInt8>, hasSubprotocol: Bool) {
      put("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ")
      for index in accept.indices { put(accept[index]) }
      if hasSubprotocol { put("\r\nsec-websocket-protocol: muster.v1") }
      put("\r\n\r\n")
    }

    private mutating func put(_ byte: UInt8) {
      text[count] = byte
      count += 1
    }

    private mutating func put(_ literal: StaticString) {
      // SAFETY: a literal lives as long as the process.
      for byte in UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount) { put(byte) }
    }

    /// Copies the answer to where it is sent from.
    func write(into room: UnsafeMutableRawBufferPointer) -> Int {
      for index in 0..<count { room[index] = text[index] }
      return count
    }

    static let bytesMax = 192
  }
#endif
