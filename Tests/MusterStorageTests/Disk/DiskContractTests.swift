import Foundation
import Glibc
import MusterStorage
import MusterTestKit
import Testing

/// What every disk must do, the real one and the simulated one.
@Suite("The contract of a disk")
struct DiskContractTests {
  enum Kind: CaseIterable {
    case file
    case simulated
  }

  /// A fresh disk, and the directory to be removed behind it.
  private func withDisk(_ kind: Kind, _ body: (any Disk) throws -> Void) throws {
    switch kind {
    case .simulated: try body(SimulatedDisk(seed: 1))
    case .file: try withTemporaryDirectory { try body(FileDisk(path: $0)) }
    }
  }

  @Test("what was written is read, at any offset, and reads beyond the end are short", arguments: Kind.allCases)
  func readsAndWrites(kind: Kind) throws {
    try withDisk(kind) { disk in
      let file = try disk.create("a")
      try file.write(([1, 2, 3, 4] as [UInt8]).span.bytes, at: 2)
      #expect(try file.size() == 6)
      #expect(try file.read(10, at: 0) == [0, 0, 1, 2, 3, 4])
      #expect(try file.read(2, at: 3) == [2, 3])
      #expect(try file.read(4, at: 6) == [])
      #expect(try file.read(0, at: 0) == [])
      try file.sync()
      #expect(try disk.open("a", .reading).read(6, at: 0) == [0, 0, 1, 2, 3, 4])
    }
  }

  @Test("what is preallocated reads as zeros, and a file can be cut and grown", arguments: Kind.allCases)
  func sizes(kind: Kind) throws {
    try withDisk(kind) { disk in
      let file = try disk.create("a")
      try file.write(([9] as [UInt8]).span.bytes, at: 0)
      try file.preallocate(through: 100)
      #expect(try file.size() == 100)
      #expect(try file.read(100, at: 0) == [9] + [UInt8](repeating: 0, count: 99))
      try file.preallocate(through: 50)
      #expect(try file.size() == 100)
      try file.truncate(to: 1)
      #expect(try file.read(100, at: 0) == [9])
      try file.truncate(to: 3)
      #expect(try file.read(100, at: 0) == [9, 0, 0])
      try file.sync()
    }
  }

  @Test("files are made once, renamed over others, removed and listed", arguments: Kind.allCases)
  func names(kind: Kind) throws {
    try withDisk(kind) { disk in
      try disk.create("a").write(([1] as [UInt8]).span.bytes, at: 0)
      try disk.create("b").write(([2] as [UInt8]).span.bytes, at: 0)
      let failure = #expect(throws: DiskError.self) { try disk.create("a") }
      #expect(failure?.kind == .inUse)
      #expect(try disk.list().sorted() == ["a", "b"])
      #expect(try disk.list().sorted() == ["a", "b"], "a list can be had again")
      try disk.rename("a", to: "b")
      try disk.syncDirectory()
      #expect(try disk.list() == ["b"])
      #expect(try disk.open("b", .reading).read(1, at: 0) == [1])
      try disk.remove("b")
      #expect(try disk.list() == [])
    }
  }

  @Test("what is not there is missing", arguments: Kind.allCases)
  func missing(kind: Kind) throws {
    try withDisk(kind) { disk in
      #expect(throws: DiskError.self) { try disk.open("a", .reading) }
      for attempt in [{ _ = try disk.open("a", .reading) }, { try disk.remove("a") }, { try disk.rename("a", to: "b") }] {
        let failure = #expect(throws: DiskError.self) { try attempt() }
        #expect(failure?.kind == .missing)
      }
    }
  }

  @Test("a file that was removed or renamed stays open for whoever has it", arguments: Kind.allCases)
  func openAcrossNames(kind: Kind) throws {
    try withDisk(kind) { disk in
      let file = try disk.create("a")
      try disk.rename("a", to: "b")
      try file.write(([5] as [UInt8]).span.bytes, at: 0)
      #expect(try disk.open("b", .reading).read(1, at: 0) == [5])
      try disk.remove("b")
      #expect(try file.read(1, at: 0) == [5])
    }
  }

  @Test("what is opened for reading cannot be written", arguments: Kind.allCases)
  func readOnly(kind: Kind) throws {
    try withDisk(kind) { disk in
      _ = try disk.create("a")
      let file = try disk.open("a", .reading)
      #expect(throws: DiskError.self) { try file.write(([1] as [UInt8]).span.bytes, at: 0) }
      #expect(throws: DiskError.self) { try file.truncate(to: 1) }
    }
  }

  @Test("one holds the lock at a time, until it is let go", arguments: Kind.allCases)
  func locks(kind: Kind) throws {
    try withDisk(kind) { disk in
      var lock: (any DiskLock)? = try disk.lock("lock")
      let failure = #expect(throws: DiskError.self) { try disk.lock("lock") }
      #expect(failure?.kind == .inUse)
      #expect(try disk.list() == ["lock"])
      withExtendedLifetime(lock) {}
      lock = nil
      withExtendedLifetime(try disk.lock("lock")) {}
    }
  }
}

@Suite("A directory of the machine")
struct FileDiskTests {
  @Test("directory and files are for their owner only")
  func permissions() throws {
    try withTemporaryDirectory { path in
      let inner = path + "/data"
      let disk = try FileDisk(path: inner)
      _ = try disk.create("a")
      withExtendedLifetime(try disk.lock("lock")) {}
      #expect(mode(inner) == 0o700)
      #expect(mode(inner + "/a") == 0o600)
      #expect(mode(inner + "/lock") == 0o600)
    }
  }

  @Test("no name leads out of the directory, neither by a path nor through a link")
  func staysInside() throws {
    try withTemporaryDirectory { path in
      let disk = try FileDisk(path: path)
      for name in ["../a", "a/b", "", ".", "..", "a\0b"] {
        let failure = #expect(throws: DiskError.self) { try disk.create(name) }
        #expect(failure?.kind == .notPermitted)
      }
      #expect(symlink("/etc/passwd", path + "/link") == 0)
      let failure = #expect(throws: DiskError.self) { try disk.open("link", .reading) }
      #expect(failure?.kind == .notPermitted)
    }
  }

  @Test("a disk that is full, a parent that is missing and a file in place of the directory are told apart")
  func errors() throws {
    try withTemporaryDirectory { path in
      #expect(#expect(throws: DiskError.self) { try FileDisk(path: path + "/a/b") }?.kind == .missing)
      _ = try FileDisk(path: path).create("f")
      #expect(throws: DiskError.self) { try FileDisk(path: path + "/f") }
    }
    let failure = #expect(throws: DiskError.self) {
      try FileDisk(path: "/dev").open("full", .writing).write(([1] as [UInt8]).span.bytes, at: 0)
    }
    #expect(failure?.kind == .noSpace)
    #expect(failure?.description.contains("no room") == true)
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    stat(path, &status)
    return status.st_mode & 0o777
  }
}

/// Runs a test with a fresh directory, which is gone afterwards.
func withTemporaryDirectory(_ body: (String) throws -> Void) throws {
  var template = Array((NSTemporaryDirectory() + "muster-XXXXXX").utf8CString)
  guard mkdtemp(&template) != nil else { throw DiskError(.io, "make", "a temporary directory") }
  let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path)
}
