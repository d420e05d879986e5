import Foundation
import Glibc

/// A program that a test started: its output, its end.
///
/// It ends with the value: whoever loses the last reference kills what still runs.
final class ChildProcess {
  /// How a process ended.
  enum Exit: Equatable {
    case code(Int32)
    case signal(Int32)
  }

  let pid: pid_t
  private let output: Int32
  private let errors: URL
  private let ownsGroup: Bool
  private var buffered: [UInt8] = []
  private var isAtEnd = false
  private var exit: Exit?

  /// Starts a program with its standard output in a pipe and its standard error in a file.
  ///
  /// - Parameters:
  ///   - arguments: The program and its arguments; a name without a slash is looked up in the path.
  ///   - environment: What is added to this process's environment, which loses all settings of Muster.
  ///   - ownsGroup: Whether it gets a process group of its own, so that what it starts ends with it.
  /// - Throws: When there is no such program.
  init(_ arguments: [String], environment: [String: String] = [:], ownsGroup: Bool = false) throws {
    self.ownsGroup = ownsGroup
    errors = FileManager.default.temporaryDirectory.appending(path: "muster-interop-\(UUID().uuidString).log")
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw SystemError("pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    output = ends[0]
    defer { close(ends[1]) }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_addopen(&actions, 2, errors.path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The threads that tests run on block signals, and a child would inherit that.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | (ownsGroup ? POSIX_SPAWN_SETPGROUP : 0)))

    let merged = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("MUSTER_") }.merging(environment) { $1 }
    var argv = arguments.map { strdup($0) } + [nil]
    var envp = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    var pid: pid_t = 0
    let result = posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, &envp)
    guard result == 0 else {
      close(ends[0])
      throw SystemError("cannot start \(arguments[0])", code: result)
    }
    self.pid = pid
  }

  deinit {
    if exit == nil {
      kill(ownsGroup ? -pid : pid, SIGKILL)
      var status: Int32 = 0
      waitpid(pid, &status, 0)
    }
    close(output)
    try? FileManager.default.removeItem(at: errors)
  }

  /// The next line of its output, without the line feed.
  func readLine(_ what: String, by deadline: Deadline) throws -> String {
    while true {
      if let end = buffered.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: buffered[..<end], as: UTF8.self)
        buffered.removeFirst(end + 1)
        return line
      }
      guard !isAtEnd else { throw TimedOut(what: "\(what): the output has ended\n\(log)") }
      guard try readSome(by: deadline) else { throw TimedOut(what: "\(what)\n\(log)") }
    }
  }

  /// All of its output until it closes it.
  func readToEnd(_ what: String, by deadline: Deadline) throws -> String {
    while !isAtEnd {
      guard try readSome(by: deadline) else { throw TimedOut(what: "\(what)\n\(log)") }
    }
    defer { buffered = [] }
    return String(decoding: buffered, as: UTF8.self)
  }

  private func readSome(by deadline: Deadline) throws -> Bool {
    var entry = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, deadline.milliseconds()) > 0 else { return false }
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    let count = read(output, &chunk, chunk.count)
    guard count >= 0 else { throw SystemError("read") }
    if count == 0 { isAtEnd = true }
    buffered += chunk[..<count]
    return true
  }

  /// Sends a signal to the process.
  func send(signal: Int32) {
    if exit == nil { kill(pid, signal) }
  }

  /// Whether it has not ended yet.
  var isRunning: Bool { (try? reap(WNOHANG)) == nil }

  /// How it ended; its output ends with it, so that is what is waited for.
  func waitForExit(by deadline: Deadline) throws -> Exit {
    _ = try readToEnd("the process to end", by: deadline)
    return try deadline.poll("the process to end") { try reap(WNOHANG) }
  }

  private func reap(_ options: Int32) throws -> Exit? {
    if let exit { return exit }
    var status: Int32 = 0
    let result = waitpid(pid, &status, options)
    guard result != 0 else { return nil }
    guard result == pid else { throw SystemError("waitpid") }
    exit = status & 0x7f == 0 ? .code(status >> 8 & 0xff) : .signal(status & 0x7f)
    return exit
  }

  /// The end of what it wrote to its standard error.
  var log: String {
    let text = (try? String(contentsOf: errors, encoding: .utf8)) ?? ""
    return String(text.suffix(4000))
  }
}

/// A call of the system that failed.
struct SystemError: Error, CustomStringConvertible {
  let description: String

  init(_ what: String, code: Int32 = errno) {
    description = "\(what): \(String(cString: strerror(code)))"
  }
}
