import Glibc
import Testing

@testable import MusterDrill

@Suite("Children and files, as the drills use them")
struct ProcessTests {
  /// A directory that goes with the closure.
  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = try FileTree.makeTemporaryDirectory(under: "/tmp")
    defer { #expect(throws: Never.self) { try FileTree.remove(directory) } }
    try body(directory)
  }

  @Test("lines come one by one, then the exit code; settings of Muster are not inherited")
  func lines() throws {
    try withDirectory { directory in
      setenv("MUSTER_LISTEN", "0.0.0.0:1", 1)
      defer { unsetenv("MUSTER_LISTEN") }
      let child = try ChildProcess(
        ["sh", "-c", "echo one; echo \"two ${MUSTER_LISTEN:-none} $MORE\"; echo bad >&2; exit 65"], environment: ["MORE": "3"],
        log: "\(directory)/log")
      #expect(try child.readLine(by: .after(.seconds(20))) == "one")
      #expect(try child.readLine(by: .after(.seconds(20))) == "two none 3")
      #expect(try child.readLine(by: .after(.seconds(20))) == nil)
      #expect(try child.waitForExit(by: .after(.seconds(20))) == .code(65))
      #expect(child.logTail == "bad\n")
    }
  }

  @Test("whatever a child started ends with it, also when nobody ends it")
  func groups() throws {
    try withDirectory { directory in
      var child: ChildProcess? = try ChildProcess(["sh", "-c", "sleep 1000 & echo $!; wait"], log: "\(directory)/log")
      let line = try #require(try child?.readLine(by: .after(.seconds(20))))
      let grandchild = try #require(pid_t(line))
      let pid = try #require(child?.pid)
      #expect(kill(grandchild, 0) == 0)
      child = nil
      #expect(kill(pid, 0) == -1)
      // An orphan that was killed is gone as soon as whoever adopts it has looked; until then it is a zombie.
      let status = try? String(decoding: FileTree.read("/proc/\(grandchild)/stat"), as: UTF8.self)
      #expect(status.map { $0.isEmpty || $0.contains(") Z ") || $0.contains(") X ") } ?? true, "\(status ?? "")")
    }
  }

  @Test("a program that is not there is an error, not a child")
  func missing() throws {
    #expect(throws: DrillError.self) { try ChildProcess(["/nowhere/muster"], log: "/dev/null") }
  }

  @Test("a server that ends before it is ready is told with its exit code and its last words")
  func refusal() throws {
    try withDirectory { directory in
      try FileTree.write(Array("#!/bin/sh\necho unsound >&2\nexit 65\n".utf8), to: "\(directory)/server")
      #expect(chmod("\(directory)/server", 0o700) == 0)
      let plan = ServerPlan(binary: "\(directory)/server", directory: "\(directory)/data", log: "\(directory)/log")
      guard case .ended(let exit, let log) = try ServerProcess.attempt(plan) else {
        Issue.record("it became ready")
        return
      }
      #expect(exit == .code(65))
      #expect(log == "unsound\n")
    }
  }

  @Test("the arguments of a server: development mode, free ports, every setting")
  func arguments() {
    var plan = ServerPlan(binary: "m", directory: "d", log: "l")
    plan.runner = ["strace", "-f"]
    plan.settings = ["b": "2", "a": "1"]
    let text = plan.arguments.joined(separator: " ")
    #expect(
      text.hasPrefix("strace -f m serve --dev --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --data-dir d --durability commit"))
    #expect(text.hasSuffix("--set a=1 --set b=2"))
  }

  @Test("a preallocated file keeps its size and its bytes in a copy")
  func copies() throws {
    try withDirectory { directory in
      try FileTree.makeDirectory("\(directory)/a")
      try FileTree.write([1, 0, 3], to: "\(directory)/a/x.wal", size: 1 << 20)
      try FileTree.write([], to: "\(directory)/a/lock")
      let entries = try FileTree.files(in: "\(directory)/a")
      #expect(entries == [.init(name: "lock", size: 0, used: 0), .init(name: "x.wal", size: 1 << 20, used: 3)])
      try FileTree.copy("\(directory)/a", to: "\(directory)/b")
      #expect(try FileTree.files(in: "\(directory)/b") == entries)
      let pristine = try Pristine(of: "\(directory)/b")
      #expect(pristine.lastSegment == 1)
      try pristine.write(to: "\(directory)/c")
      #expect(try FileTree.read("\(directory)/c/x.wal") == FileTree.read("\(directory)/a/x.wal"))
    }
  }

  @Test("addresses are read, and what is none is refused")
  func addresses() {
    #expect(SocketAddress("127.0.0.1:7600")?.port == 7600)
    for text in ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000"] as [Substring] { #expect(SocketAddress(text) == nil) }
  }

  @Test("JSON goes through the tree unchanged")
  func trees() throws {
    let text = #"{"a":[1,-2,true,null,"é\n"],"b":{"c":{}}}"#
    #expect(try JSONValue(parsing: Array(text.utf8)).description == #"{"a":[1,-2,true,null,"é\n"],"b":{"c":{}}}"#)
    #expect(throws: (any Error).self) { try JSONValue(parsing: Array("{}x".utf8)) }
  }
}
