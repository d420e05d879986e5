// What the front door and the heartbeat scanner do with arbitrary bytes, for libFuzzer; see `fuzz-front-door`.
//
// Not a target of the package: it is compiled together with the sources that it drives, under the fuzzer's instrumentation.

import MusterModel
import MusterWire

/// One input: its first byte says which of the two it is for.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  guard let start, count > 0 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
  if start[0] & 1 == 0 { lookAtHead(bytes) } else { lookAtFrames(bytes) }
  return 0
}

/// A head that is taken is whole, and the handshake accepts what stands in it.
private func lookAtHead(_ bytes: [UInt8]) {
  guard let head = UpgradeHead.read(bytes.span.bytes, path: "/v1/connect", bytesMax: 16 << 10) else { return }
  precondition(head.bytes <= bytes.count && bytes[..<head.bytes].suffix(4).elementsEqual("\r\n\r\n".utf8))
  precondition(!bytes[..<head.bytes].contains { $0 == 0 || $0 >= 0x7f }, "a byte that must not stand in a head")
  precondition(!head.host.isEmpty && head.key.range.count == 24)
  for field in [head.query, head.host, head.origin, head.authorization, head.cookie, head.key] {
    precondition(field.range.upperBound < head.bytes, "a field reaches beyond the head")
    precondition(!bytes[field.range].contains { $0 == 13 || $0 == 10 }, "a field holds a line end")
  }
  let offer = WebSocketHandshake.Offer(
    method: "GET", upgrade: "websocket", connection: "upgrade", version: "13",
    key: String(decoding: bytes[head.key.range], as: UTF8.self), protocols: nil)
  precondition((try? WebSocketHandshake.answer(offer)) != nil, "the handshake does not accept the key")
  // Nothing less than the head is enough, and what stands behind it changes nothing.
  precondition(UpgradeHead.read(Array(bytes[..<head.bytes]).span.bytes, path: "/v1/connect", bytesMax: 16 << 10) == head)
  precondition(UpgradeHead.read(Array(bytes[..<(head.bytes - 1)]).span.bytes, path: "/v1/connect", bytesMax: 16 << 10) == nil)
}

/// A heartbeat that is recognised in a run of frames is what the decoders make of it.
private func lookAtFrames(_ bytes: [UInt8]) {
  var offset = 0
  while offset < bytes.count {
    let start = offset
    let beat = BeatFrame.take(bytes.span.bytes, at: &offset)
    guard beat != .other else { return precondition(offset == start) }
    var decoder = WebSocketDecoder()
    var copy = Array(bytes[start...])
    var end = 0
    copy.withUnsafeMutableBytes { copy in
      var span = copy.mutableBytes
      guard case .text(let range) = decoder.next(in: &span, at: &end) else { preconditionFailure("this is no text") }
      precondition(end == offset - start, "the frame ends elsewhere")
      guard let (id, request) = try? MessageDecoder().decode(span.bytes.extracting(range)), case .beat = request else {
        preconditionFailure("this is no beat")
      }
      switch beat {
      case .bare: precondition(id == .none)
      case .numbered(let value): precondition(id == .integer(value))
      case .other: break
      }
    }
  }
}
