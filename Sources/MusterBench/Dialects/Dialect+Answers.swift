extension Dialect {
  /// What a message of a server is that speaks neither `muster.v1` nor packets: by its first bytes.
  ///
  /// A change begins as ``change(_:)`` writes it; everything else answers the oldest request.
  func head(of view: MessageView) -> MessageHead {
    switch self {
    case .muster: view.head
    case .echo, .nchan: Self.isChange(view.bytes) ? .push(.diff) : .inTurn
    case .relay: RelayBatch.head(of: view.bytes)
    case .mqtt, .redis: .unknown
    }
  }

  private static func isChange(_ bytes: UnsafeRawBufferPointer) -> Bool {
    // `{"ev":"d` as a little-endian word.
    bytes.count >= 8 && UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)) == 0x6422_3a22_7665_227b
  }
}

extension MQTT.Packet {
  /// What it means to a load.
  var head: MessageHead {
    switch self {
    case .answer: .inTurn
    case .publish: .push(.diff)
    case .refusal(let code): .failed(id: nil, ServerError(name: "mqtt \(code)", message: "The broker refuses with code \(code)."))
    case .unexpected: .unknown
    }
  }
}

extension RESP.Value {
  /// What it means to a load.
  var head: MessageHead {
    switch self {
    case .answer: .inTurn
    case .message: .push(.diff)
    case .error(let sentence): .failed(id: nil, ServerError(name: "redis", message: sentence))
    }
  }
}
