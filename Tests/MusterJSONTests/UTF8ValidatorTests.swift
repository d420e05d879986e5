import MusterJSON
import Testing

@Suite struct UTF8ValidatorTests {
  private func isValid(_ bytes: [UInt8]) -> Bool { UTF8Validator.isValid(bytes.span.bytes) }

  @Test("agrees with the standard library on every sequence of up to three bytes of a kind, and on random ones")
  func agrees() {
    let edges: [UInt8] = [
      0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0,
      0xf1,
      0xf3, 0xf4, 0xf5, 0xff,
    ]
    func check(_ bytes: [UInt8]) {
      #expect(isValid(bytes) == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
    }
    check([])
    for first in edges {
      check([first])
      for second in edges {
        check([first, second])
        for third in edges {
          check([first, second, third])
          check([first, second, third, 0x80])
        }
      }
    }
    var random = Seeded(99)
    for _ in 0..<20_000 {
      check(
        (0..<Int.random(in: 0..<24, using: &random)).map { _ in
          random.hits(oneIn: 2) ? 0x41 : edges.randomElement(using: &random)!
        })
    }
  }

  @Test("the verdict does not depend on where the text is cut")
  func cuts() {
    let samples: [[UInt8]] = [
      utf8("plain ASCII of more than eight bytes"), utf8("κόσμε é€😀\u{10ffff}"), utf8("é") + [0xed, 0xa0, 0x80], [0xf0, 0x9f],
      utf8("abcdefgh") + [0xc3, 0x28],
    ]
    for bytes in samples {
      let whole = isValid(bytes)
      for first in 0...bytes.count {
        for second in first...bytes.count {
          var validator = UTF8Validator()
          let pieces = [Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...])]
          let isValid = pieces.allSatisfy { validator.consume($0.span.bytes) } && validator.isComplete
          #expect(isValid == whole, "\(bytes) cut at \(first) and \(second)")
        }
      }
    }
  }

  @Test("fails at the first byte that no continuation could mend")
  func failsEarly() {
    var validator = UTF8Validator()
    var verdicts: [Bool] = []
    for piece in [utf8("ok"), [0xed], [0xa0]] { verdicts.append(validator.consume(piece.span.bytes)) }
    #expect(verdicts == [true, true, false])
    #expect(!validator.isComplete)
  }
}
