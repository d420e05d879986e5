package import MusterJSON
package import MusterModel

/// Writes the bytes of `muster.relay.v1`: replies for servers, requests for clients.
package enum RelayEncoder {
  /// Writes a reply to a request of the kind that `request` has.
  ///
  /// - Parameters:
  ///   - reply: What became of the batch.
  ///   - id: As the request had it.
  ///   - kind: As the request had it.
  ///   - buffer: Where the payload of one binary message goes, at most 200,012 bytes.
  package static func write(_ reply: RelayReply, to id: UInt32, kind: RelayKind, into buffer: inout OutputBuffer) {
    switch reply {
    case .refused(let code): head(kind.rawValue | RelayFormat.replyBit, code.rawValue, id, 0, &buffer)
    case .heartbeats(let unknown), .closes(let unknown):
      head(kind.rawValue | RelayFormat.replyBit, 0, id, unknown.count, &buffer)
      for position in unknown { append(position, &buffer) }
    case .opens(let opened):
      head(kind.rawValue | RelayFormat.replyBit, 0, id, opened.count, &buffer)
      for entry in opened {
        switch entry {
        case .success(let session):
          append(UInt32(0), &buffer)
          append(session, &buffer)
        case .failure(let code):
          append(UInt32(code.rawValue), &buffer)
          append(SessionID(high: 0, low: 0), &buffer)
        }
      }
    }
  }

  /// Writes a request.
  ///
  /// For clients: the load generator, and tests.
  package static func write(_ request: RelayRequest, id: UInt32, into buffer: inout OutputBuffer) {
    precondition((1...RelayRequest.entriesMax).contains(request.count), "a batch has 1 to 10,000 entries, not \(request.count)")
    head(request.kind.rawValue, 0, id, request.count, &buffer)
    switch request {
    case .heartbeats(let sessions):
      for session in sessions { append(session, &buffer) }
    case .opens(let opens):
      for open in opens {
        buffer.append(open.user == nil ? UserKind.guest.rawValue : UserKind.member.rawValue)
        buffer.append(open.device.rawValue)
        append(UInt16(open.user?.utf8.count ?? 0), &buffer)
        append(UInt32(clamping: open.idleTTLMilliseconds ?? 0), &buffer)
        if let user = open.user { buffer.append(user.utf8) }
      }
    case .closes(let closes):
      for close in closes {
        append(close.session, &buffer)
        append(UInt32(close.how.rawValue), &buffer)
      }
    }
  }

  private static func head(_ kind: UInt8, _ code: UInt16, _ id: UInt32, _ count: Int, _ buffer: inout OutputBuffer) {
    buffer.append(kind)
    buffer.append(0)
    append(code, &buffer)
    append(id, &buffer)
    append(UInt32(count), &buffer)
  }

  private static func append(_ session: SessionID, _ buffer: inout OutputBuffer) {
    append(session.high.byteSwapped, &buffer)
    append(session.low.byteSwapped, &buffer)
  }

  private static func append<Integer: FixedWidthInteger>(_ integer: Integer, _ buffer: inout OutputBuffer) {
    // SAFETY: the pointer is used inside the closure only.
    withUnsafeBytes(of: integer.littleEndian) { buffer.append($0) }
  }
}
