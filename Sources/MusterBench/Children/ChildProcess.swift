import CLinux
import Glibc

/// A program that was started here and ends with the object at the latest.
///
/// It also ends when this process does, however that comes about: the kernel kills it then. So no server outlives a comparison
/// that was interrupted, failed or was killed.
///
/// ### Isolation
/// Of one thread at a time, the one that started it.
package final class ChildProcess {
  /// How a child is started.
  package struct Plan: Sendable {
    /// The program, by its path or by a name that is looked up in `PATH`, and its arguments.
    package var command: [String]
    /// Variables besides those of this process.
    package var environment: [String: String] = [:]
    /// The only processor it may run on.
    package var processor: Int?
    /// Where its stderr goes; `nil` to that of this process.
    package var log: String?
    /// Whether ``ChildProcess/send(line:)`` is wanted.
    package var hasInput = false
    /// Whether what it writes to stderr is read as if it were written to stdout.
    package var joinsOutputs = false

    package init(_ command: [String]) {
      self.command = command
    }
  }

  package let pid: Int32
  private let name: String
  private let output: Int32
  private let input: Int32
  private var unread: [UInt8] = []
  private var hasEnded = false
  /// Whether the kernel has told of its end, after which its id may be somebody else's.
  private var isReaped = false

  /// Starts a program.
  ///
  /// - Throws: ``LoadError/process(_:)`` when there is none of that name, ``LoadError/system(call:reason:)`` when a call fails.
  package init(_ plan: Plan) throws(LoadError) {
    name = plan.command.first ?? ""
    guard let path = Self.path(of: name) else { throw .process("there is no program '\(name)'") }
    let out = try Self.makePipe()
    let into = plan.hasInput ? try Self.makePipe() : [open("/dev/null", O_RDONLY | O_CLOEXEC), -1]
    var log: Int32 = plan.joinsOutputs ? out[1] : STDERR_FILENO
    if let file = plan.log { log = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) }
    var variables = plan.environment
    for (name, value) in Self.environment where variables[name] == nil { variables[name] = value }
    let child = Self.withStrings(plan.command) { arguments in
      Self.withStrings(variables.map { "\($0)=\($1)" }) { environment in
        muster_spawn(path, arguments, environment, into[0], out[1], log, Int32(plan.processor ?? -1))
      }
    }
    let failure = errno
    close(out[1])
    close(into[0])
    if plan.log != nil { close(log) }
    output = out[0]
    input = into[1]
    pid = child
    if child < 0 {
      close(output)
      if input >= 0 { close(input) }
      hasEnded = true
      throw .system(call: "fork", reason: LoadError.reason(failure))
    }
    _ = fcntl(output, F_SETFL, O_NONBLOCK)
  }

  deinit { stop() }

  /// Ends it: with SIGTERM, and if that does not help within three seconds, with SIGKILL.
  package func stop() {
    guard !hasEnded else { return }
    hasEnded = true
    defer {
      close(output)
      if input >= 0 { close(input) }
    }
    guard !isReaped else { return }
    kill(pid, SIGTERM)
    let patience = MonotonicTime.now().advanced(by: .seconds(3))
    while MonotonicTime.now() < patience {
      if waitpid(pid, nil, WNOHANG) != 0 { return }
      usleep(2_000)
    }
    kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
  }

  /// Whether it is still there.
  package var isRunning: Bool {
    guard !hasEnded, !isReaped else { return false }
    isReaped = waitpid(pid, nil, WNOHANG) != 0
    return !isReaped
  }

  /// Writes a line to its standard input.
  package func send(line: String) throws(LoadError) {
    let bytes = Array("\(line)\n".utf8)
    guard write(input, bytes, bytes.count) == bytes.count else { throw .process("'\(name)' (process \(pid)) does not listen") }
  }

  /// Takes a line of its output that is there; never waits.
  ///
  /// - Throws: ``LoadError/process(_:)`` when there is none and there will be none.
  package func nextLine() throws(LoadError) -> String? {
    while true {
      if let end = unread.firstIndex(of: 10) {
        let line = String(decoding: unread[..<end], as: UTF8.self)
        unread.removeSubrange(...end)
        return line
      }
      var piece = [UInt8](repeating: 0, count: 64 << 10)
      let count = read(output, &piece, piece.count)
      if count > 0 {
        unread += piece[..<count]
        continue
      }
      if count < 0, errno == EAGAIN || errno == EINTR { return nil }
      throw .process("'\(name)' (process \(pid)) has ended")
    }
  }

  /// Waits for a line that begins so.
  ///
  /// - Returns: What follows on it.
  /// - Throws: ``LoadError/process(_:)`` when it ends before, or the time does.
  package func waitForLine(beginning: String, within patience: Duration) throws(LoadError) -> String {
    let deadline = MonotonicTime.now().advanced(by: patience)
    while MonotonicTime.now() < deadline, !StopSignal.isRaised {
      guard let line = try nextLine() else {
        usleep(1_000)
        continue
      }
      if line.hasPrefix(beginning) { return String(line.dropFirst(beginning.count)) }
    }
    throw .process("'\(name)' (process \(pid)) did not say '\(beginning)' in time")
  }

  /// Runs a program to its end, for at most ten seconds.
  ///
  /// - Returns: The first lines that it wrote, to whichever output; `nil` when it could not be run.
  package static func output(of command: [String], linesMax: Int = 64) -> [String]? {
    var plan = Plan(command)
    plan.joinsOutputs = true
    guard let child = try? ChildProcess(plan) else { return nil }
    defer { child.stop() }
    var lines: [String] = []
    let deadline = MonotonicTime.now().advanced(by: .seconds(10))
    do {
      while MonotonicTime.now() < deadline, lines.count < linesMax {
        if let line = try child.nextLine() { lines.append(line) } else { usleep(1_000) }
      }
    } catch {
      // It has ended, as it should.
    }
    return lines
  }

  /// Where a program is: a path as it stands, a name as `PATH` has it.
  package static func path(of name: String) -> String? {
    if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
    let places = (environment["PATH"] ?? "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    for place in places.split(separator: ":") where access("\(place)/\(name)", X_OK) == 0 { return "\(place)/\(name)" }
    return nil
  }

  /// The variables of this process.
  static var environment: [String: String] {
    var variables: [String: String] = [:]
    guard let text = ServerProcess.bytes(of: "/proc/self/environ") else { return variables }
    for entry in text.split(separator: 0) {
      guard let mark = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
      variables[String(decoding: entry[..<mark], as: UTF8.self)] = String(decoding: entry[(mark + 1)...], as: UTF8.self)
    }
    return variables
  }

  /// A pipe that other children do not inherit.
  private static func makePipe() throws(LoadError) -> [Int32] {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .system("pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return ends
  }

  /// Shows strings as an array of C strings that ends with a null pointer.
  private static func withStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    // SAFETY: the copies are freed after the call that they are made for, and nobody keeps them: the child has its own memory.
    let copies = strings.map { strdup($0) } + [nil]
    defer { for copy in copies { free(copy) } }
    // SAFETY: the pointer is used inside the closure only.
    return copies.withUnsafeBufferPointer { pointers in
      guard let base = pointers.baseAddress else { preconditionFailure("an array with an element has an address") }
      return body(base)
    }
  }
}

@available(*, unavailable)
extension ChildProcess: Sendable {}
