import Glibc
import MusterEngine
import MusterModel
import MusterStorage
import Testing

@testable import MusterDrill

@Suite("An inspection says what recovery would say, and changes nothing")
struct InspectionTests {
  /// A directory with a closed log of so many bans, which are records that need no others.
  private func withLog(records: Int, _ body: (String) throws -> Void) throws {
    let directory = try FileTree.makeTemporaryDirectory(under: "/tmp")
    defer { #expect(throws: Never.self) { try FileTree.remove(directory) } }
    let disk = try FileDisk(path: directory)
    var settings = LogSettings()
    settings.segmentBytes = 1 << 20
    settings.queuedBytesMax = 1 << 16
    settings.reserveBytes = 1 << 17
    let writer = try LogWriter(on: disk, at: .beginning, settings: settings)
    writer.start {}
    for number in 1...records {
      let user = try #require(UserID("user-\(number)"))
      let lsn = writer.append(.banned(user, Ban(until: nil, reason: Array("r\(number)".utf8))), at: WallTime(milliseconds: 1))
      #expect(lsn == LSN(UInt64(number)))
      // Groups of one or a few records each, so that there is a middle.
      if number % 10 == 0 { writer.flush() }
      while number % 10 == 0, writer.durableThrough < lsn { sched_yield() }
    }
    #expect(writer.close())
    try body(directory)
  }

  private func segment(in directory: String) throws -> FileTree.Entry {
    try #require(try FileTree.files(in: directory).last { $0.name.hasSuffix(".wal") && $0.used > 64 })
  }

  private func flip(_ offset: Int, of name: String, in directory: String) throws {
    var bytes = try FileTree.read("\(directory)/\(name)")
    bytes[offset] ^= 0x10
    try FileTree.write(bytes, to: "\(directory)/\(name)")
  }

  @Test("a closed log is sound, with every record, and stays as it is to the byte")
  func sound() throws {
    try withLog(records: 100) { directory in
      let before = try FileTree.files(in: directory)
      let contents = try before.map { try FileTree.read("\(directory)/\($0.name)") }
      for verifies in [false, true] {
        let inspection = try Inspection.run(directory, verifies: verifies)
        #expect(inspection.isSound, "\(inspection.problems)")
        #expect(inspection.segments.reduce(0) { $0 + $1.records } == 100)
        #expect(inspection.recovery?.recordsReplayed == 100)
        #expect(inspection.recovery?.start.nextLSN == LSN(101))
        #expect(inspection.manifest == nil && inspection.otherFiles.isEmpty)
        #expect(inspection.table.contains("sound") && inspection.table.contains("replay 100 records"))
        let json = try JSONValue(parsing: Array(inspection.json.utf8))
        #expect(json["sound"] == true && json["next_lsn"] == 101)
      }
      #expect(try FileTree.files(in: directory) == before)
      #expect(try before.map { try FileTree.read("\(directory)/\($0.name)") } == contents)
    }
  }

  @Test("a flipped bit in what was durable is unsound, and the file is named")
  func corrupt() throws {
    try withLog(records: 100) { directory in
      let segment = try segment(in: directory)
      try flip(200, of: segment.name, in: directory)
      let inspection = try Inspection.run(directory, verifies: false)
      #expect(!inspection.isSound)
      #expect(inspection.problems.first?.contains(segment.name) == true, "\(inspection.problems)")
      #expect(inspection.table.contains("UNSOUND"))
      #expect(try JSONValue(parsing: Array(inspection.json.utf8))["sound"] == false)
    }
  }

  @Test("bytes behind the last group, which nobody was promised, are a remark and no harm")
  func torn() throws {
    try withLog(records: 10) { directory in
      let segment = try segment(in: directory)
      var bytes = Array(try FileTree.read("\(directory)/\(segment.name)")[..<segment.used])
      bytes += Array(repeating: 0, count: (8 - bytes.count % 8) % 8) + [1, 2, 3]
      try FileTree.write(bytes, to: "\(directory)/\(segment.name)", size: segment.size)
      let inspection = try Inspection.run(directory, verifies: true)
      #expect(inspection.isSound, "\(inspection.problems)")
      #expect(inspection.remarks.contains { $0.contains("unfinished") }, "\(inspection.remarks)")
    }
  }

  @Test("files of others are named, a manifest without its snapshot is unsound")
  func others() throws {
    try withLog(records: 3) { directory in
      try FileTree.write([1], to: "\(directory)/token.key")
      #expect(try Inspection.run(directory, verifies: false).otherFiles == ["token.key"])
      let manifest = Manifest(
        snapshot: SnapshotFileName.name(sequence: 1), snapshotBytes: 5, coveredThrough: LSN(1), durableThrough: LSN(2))
      try FileTree.write(Array(manifest.text.utf8), to: "\(directory)/\(SnapshotFileName.manifest)")
      let inspection = try Inspection.run(directory, verifies: false)
      #expect(inspection.problems.contains { $0.contains("not there") })
    }
  }

  @Test("a dump shows the directory first, then every record in its order")
  func dump() throws {
    try withLog(records: 25) { directory in
      var lines: [JSONValue] = []
      let isSound = try Dump.run(directory) { lines.append((try? JSONValue(parsing: $0)) ?? .null) }
      #expect(isSound)
      #expect(lines.count == 26)
      #expect(lines.first?["type"] == "inspection")
      #expect(lines.dropFirst().map { $0["lsn"] } == (1...25).map { .integer(Int64($0)) })
      #expect(lines.last?["mutation"] == "banned")
      #expect(lines.last?["user"] == "user-25")
      #expect(lines.last?["ban"] == ["reason": "r25"])
    }
  }

  @Test("an empty directory is sound")
  func empty() throws {
    let directory = try FileTree.makeTemporaryDirectory(under: "/tmp")
    defer { #expect(throws: Never.self) { try FileTree.remove(directory) } }
    let inspection = try Inspection.run(directory, verifies: true)
    #expect(inspection.isSound && inspection.segments.isEmpty && inspection.recovery?.start.nextLSN == LSN(1))
    #expect(Inspection.isDirectory(directory) && !Inspection.isDirectory("\(directory)/nothing"))
  }
}
