import MusterEngine
import MusterModel
import MusterStorage
import Testing

@testable import MusterDrill

@Suite("Flips are judged before servers are started on them")
struct BitFlipTests {
  @Test("every byte of a closed log is judged; what is let pass loses nothing, and the directory stays as it was")
  func everyByte() throws {
    let directory = try FileTree.makeTemporaryDirectory(under: "/tmp")
    defer { #expect(throws: Never.self) { try FileTree.remove(directory) } }
    var settings = LogSettings()
    settings.segmentBytes = 1 << 16
    settings.queuedBytesMax = 1 << 14
    settings.reserveBytes = 1 << 14
    let writer = try LogWriter(on: FileDisk(path: directory), at: .beginning, settings: settings)
    for number in 1...10 {
      let user = try #require(UserID("user-\(number)"))
      _ = writer.append(.banned(user, Ban(until: nil, reason: [])), at: WallTime(milliseconds: 1))
    }
    #expect(writer.close())
    try FileTree.write([1, 2, 3], to: "\(directory)/token.key")
    let pristine = try Pristine(of: directory)
    var random = SeededRandom(seed: 4)
    let flips = BitFlip.plan(pristine.files.map { ($0.bytes.count, $0.size) }, &random)
    var verdicts: [(flip: BitFlip.Flip, verdict: BitFlip.Verdict)] = []
    for flip in flips { verdicts.append((flip, try BitFlip.verdict(on: flip, of: pristine, in: directory))) }
    for (flip, verdict) in verdicts {
      let file = pristine.files[flip.file]
      #expect((verdict == .unknown) == (file.name == "token.key"))
      guard file.name.hasSuffix(".wal") else { continue }
      // All but the last word, a header of 64 bytes without records, which the loss of power may take as well.
      let isLastWord = flip.offset >= file.bytes.count - 64
      try #require(verdict == .unsound || isLastWord, "bit \(flip.bit) of byte \(flip.offset) of \(file.bytes.count)")
    }
    #expect(verdicts.count { $0.verdict == .unsound } > 100)
    #expect(try Pristine(of: directory).files.map(\.bytes) == pristine.files.map(\.bytes))
    let order = BitFlip.order(verdicts).map(\.verdict)
    #expect(order == order.sorted() && order.count == flips.count)
    #expect(order.first == .unknown && order.last == .unsound)
  }
}
