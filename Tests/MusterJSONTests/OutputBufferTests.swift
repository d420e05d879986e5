import MusterJSON
import Testing

@Suite struct OutputBufferTests {
  @Test("does what an array does", arguments: [11, 12] as [UInt64])
  func matchesArray(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<200 {
      var buffer = OutputBuffer(capacity: Int.random(in: 0..<64, using: &random))
      var model: [UInt8] = []
      for _ in 0..<50 {
        let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        switch Int.random(in: 0..<7, using: &random) {
        case 0:
          buffer.append(UInt8(bytes.count))
          model.append(UInt8(bytes.count))
        case 1:
          buffer.append(bytes)
          model.append(contentsOf: bytes)
        case 2:
          buffer.append(bytes.span.bytes)
          model.append(contentsOf: bytes)
        case 3:
          buffer.append("literal")
          model.append(contentsOf: "literal".utf8)
        case 4:
          let lower = Int.random(in: 0...model.count, using: &random)
          let range = lower..<Int.random(in: lower...min(model.count, lower + 20), using: &random)
          buffer.replace(range, with: bytes.span.bytes)
          model.replaceSubrange(range, with: bytes)
        case 5:
          let count = Int.random(in: (model.count / 2)...model.count, using: &random)
          buffer.truncate(to: count)
          model.removeSubrange(count...)
        default:
          buffer.append(room: bytes.count + 5) { room in
            room.copyBytes(from: bytes)
            return bytes.count
          }
          model.append(contentsOf: bytes)
        }
        #expect(buffer.copyBytes() == model, "seed \(seed)")
        #expect(buffer.count == model.count && buffer.isEmpty == model.isEmpty && buffer.capacity >= model.count)
      }
    }
  }

  @Test("keeps its memory when asked to, gives it back when not")
  func capacity() {
    var buffer = OutputBuffer(capacity: 32)
    buffer.append([UInt8](repeating: 1, count: 10_000))
    let grown = buffer.capacity
    buffer.removeAll(keepingCapacity: true)
    #expect(buffer.isEmpty && buffer.capacity == grown)
    buffer.removeAll(keepingCapacity: false)
    #expect(buffer.isEmpty && buffer.capacity < grown)
    buffer.append("again")
    #expect(text(buffer.copyBytes()) == "again")
  }
}
