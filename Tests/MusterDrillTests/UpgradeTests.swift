import Glibc
import MusterThreads
import Synchronization
import Testing

@testable import MusterDrill

/// The drill as such, against a program that says what it likes; `snapshots/golden` itself is read by the tests of storage, and by
/// a real server in the tests of interoperation.
@Suite("Upgrade: counters of released formats are held against what a server says")
struct UpgradeTests {
  @Test("kept when every start says what is expected, and the server sees nothing of the expectations")
  func kept() throws {
    let result = try drill(expected: #"{"sessions": 3, "users": 2}"#, stats: #"{"sessions": 3, "users": 2, "channels": 9}"#)
    #expect(result.outcome == .kept, "\(result.losses) \(result.troubles)")
    #expect(result.acknowledged == 5)
    #expect(result.recoveries.count == 2, "once from the old format, and once from what became of it")
    #expect(result.notes.first == .init("directories", "directories", .integer(1)))
  }

  @Test("lost when a counter differs or is not there, with both values")
  func lost() throws {
    let result = try drill(expected: #"{"sessions": 3, "users": 2}"#, stats: #"{"sessions": 2}"#)
    #expect(result.outcome == .lost)
    #expect(Set(result.losses.map { "\($0.part) \($0.acknowledged) \($0.found)" }) == ["sessions 3 2", "users 2 none"])
  }

  @Test("failed when a server does not start on it")
  func refused() throws {
    let result = try drill(expected: "{}", stats: nil)
    #expect(result.outcome == .failed)
    #expect(result.troubles.first?.contains("exit code 65") == true, "\(result.troubles)")
  }

  @Test("skipped, and told why, when there is nothing to try")
  func nothing() throws {
    var settings = DrillSettings(binary: "/bin/sh", seed: 1)
    settings.parent = "/tmp"
    settings.golden = "/nowhere"
    guard case .skipped(let reason) = Drill.run(.upgrade, settings, Progress(style: .silent)).outcome else {
      Issue.record("it was not skipped")
      return
    }
    #expect(reason.contains("/nowhere"))
  }

  /// Runs the drill on one directory of a released format, with a program that claims to have these counters, or refuses.
  private func drill(expected: String, stats: String?) throws -> DrillResult {
    let directory = try FileTree.makeTemporaryDirectory(under: "/tmp")
    defer { #expect(throws: Never.self) { try FileTree.remove(directory) } }
    let port = try StatsPort(answering: stats ?? "{}")
    defer { port.stop() }
    try FileTree.makeDirectory("\(directory)/golden")
    try FileTree.makeDirectory("\(directory)/golden/format-v1")
    try FileTree.write(Array(expected.utf8), to: "\(directory)/golden/format-v1/expected.json")
    try FileTree.write([1, 2, 3], to: "\(directory)/golden/format-v1/data")
    // Files for the tests of a reader: no server could start on them.
    try FileTree.makeDirectory("\(directory)/golden/reader-v1")
    // It looks for its data directory on its command line, and ends with 65 where it should not start.
    let program = """
      #!/bin/sh
      while [ "$1" != --data-dir ]; do shift; done
      [ -e "$2/data" ] && [ ! -e "$2/expected.json" ] \(stats == nil ? "&& false" : "") || exit 65
      trap 'exit 0' TERM
      echo "ready public=127.0.0.1:\(port.number) admin=127.0.0.1:\(port.number)"
      while :; do sleep 0.05; done
      """
    try FileTree.write(Array(program.utf8), to: "\(directory)/server")
    #expect(chmod("\(directory)/server", 0o700) == 0)
    var settings = DrillSettings(binary: "\(directory)/server", seed: 1)
    settings.parent = directory
    settings.golden = "\(directory)/golden"
    return Drill.run(.upgrade, settings, Progress(style: .silent))
  }
}

/// A port of the loopback on which every request is answered with the same object.
private final class StatsPort: Sendable {
  let number: UInt16
  private let listener: Int32
  private let answer: [UInt8]
  private let isStopping = Atomic<Bool>(false)

  init(answering body: String) throws {
    answer = Array("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let file = listener
    // SAFETY: an address of IPv4 is read and written as what it is, within the calls.
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(file, pointer, length) == 0 && listen(file, 8) == 0 && getsockname(file, pointer, &length) == 0
      }
    }
    number = UInt16(bigEndian: address.sin_port)
    guard isBound else { throw DrillError.call("listen") }
    SystemThread.needed { [self] in run() }.detach()
  }

  func stop() {
    isStopping.store(true, ordering: .releasing)
    shutdown(listener, Int32(SHUT_RDWR))
  }

  private func run() {
    while !isStopping.load(ordering: .acquiring) {
      let connection = accept(listener, nil, nil)
      guard connection >= 0 else { break }
      var head: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4_096)
      while true {
        let count = read(connection, &buffer, buffer.count)
        guard count > 0 else { break }
        head += buffer[..<count]
        guard head.suffix(4).elementsEqual("\r\n\r\n".utf8) else { continue }
        head = []
        _ = send(connection, answer, answer.count, Int32(MSG_NOSIGNAL))
      }
      close(connection)
    }
    close(listener)
  }
}
