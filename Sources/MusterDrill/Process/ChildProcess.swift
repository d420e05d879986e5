import Glibc
import Synchronization

/// A program that a drill started, in a process group of its own.
///
/// ### Ownership
/// It ends with the value: whoever loses the last reference kills what still runs, and waits for it.
/// ### Isolation
/// Used by one thread at a time, but for ``kill()`` and ``signal(_:)``.
final class ChildProcess {
  /// How a process ended.
  enum Exit: Equatable, Sendable, CustomStringConvertible {
    case code(Int32)
    case signal(Int32)

    var description: String {
      switch self {
      case .code(let code): "exit code \(code)"
      case .signal(let number): "signal \(number)"
      }
    }
  }

  let pid: pid_t
  private let output: Int32
  private let logPath: String
  private var buffered: [UInt8] = []
  private var isAtEnd = false
  private var exit: Exit?

  /// Starts a program with its standard output in a pipe and its standard error behind the end of a file.
  ///
  /// - Parameters:
  ///   - arguments: The program's path and its arguments; a name without a slash is looked up in the path.
  ///   - environment: What is added to this process's environment, which loses all settings of Muster.
  ///   - log: The file for its standard error.
  /// - Throws: When the system refuses it.
  init(_ arguments: [String], environment: [String: String] = [:], log: String) throws(DrillError) {
    logPath = log
    let arguments = arguments
    let variables = Self.environment(adding: environment)
    let started = Self.starting.withLock { _ in
      Result { () throws(DrillError) in try Self.spawn(arguments, variables, log: log) }
    }
    (pid, output) = try started.get()
    guard LiveGroups.enter(pid) else {
      end()
      close(output)
      throw .system("too many servers at once")
    }
  }

  /// One at a time: between the making of a pipe and its mark for closing, another child would inherit it, and its end would
  /// never be seen.
  private static let starting = Mutex<Void>(())

  private static func spawn(
    _ arguments: [String], _ environment: [String: String], log: String
  ) throws(DrillError) -> (pid: pid_t, output: Int32) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw .call("pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let (output, writeEnd) = (ends[0], ends[1])
    defer { close(writeEnd) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, writeEnd, 1)
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

    // SAFETY: every copy is freed below, after the call that reads them.
    var argv = arguments.map { strdup($0) } + [nil]
    var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    var pid: pid_t = 0
    let result = posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, &envp)
    guard result == 0 else {
      close(output)
      throw .call("cannot start \(arguments[0])", result)
    }
    return (pid, output)
  }

  deinit {
    end()
    close(output)
  }

  private static func environment(adding more: [String: String]) -> [String: String] {
    var variables: [String: String] = [:]
    // SAFETY: an array of C strings that ends with a null pointer; nothing in this process changes it.
    var next: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
    while let place = next, let entry = place.pointee {
      next = place + 1
      guard let text = String(validatingCString: entry), let mark = text.firstIndex(of: "=") else { continue }
      let name = String(text[..<mark])
      if !name.hasPrefix("MUSTER_") { variables[name] = String(text[text.index(after: mark)...]) }
    }
    return variables.merging(more) { $1 }
  }

  /// The next line of its output; `nil` when it has ended, or when nothing came until the deadline.
  func readLine(by deadline: Moment) throws(DrillError) -> String? {
    while true {
      if let end = buffered.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: buffered[..<end], as: UTF8.self)
        buffered.removeFirst(end + 1)
        return line
      }
      guard !isAtEnd, try readSome(by: deadline) else { return nil }
    }
  }

  /// Whether anything, its end included, came until the deadline or the wish to stop.
  private func readSome(by deadline: Moment) throws(DrillError) -> Bool {
    var entry = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    while true {
      let left = deadline.pollMilliseconds
      let result = poll(&entry, 1, left < 0 ? 200 : min(left, 200))
      if result > 0 { break }
      guard result == 0 || errno == EINTR else { throw .call("poll") }
      if deadline.hasPassed || StopWish.isRaised { return false }
    }
    var chunk = [UInt8](repeating: 0, count: 4 << 10)
    let count = read(output, &chunk, chunk.count)
    guard count >= 0 else { throw .call("read") }
    if count == 0 { isAtEnd = true }
    buffered += chunk[..<count]
    return true
  }

  /// Sends a signal to the process.
  func signal(_ number: Int32) {
    if exit == nil { Glibc.kill(pid, number) }
  }

  /// Kills it and all that it started, as a loss of power would; it is not waited for.
  func kill() {
    if exit == nil { Glibc.kill(-pid, SIGKILL) }
  }

  /// Kills it if it still runs, and waits for it.
  @discardableResult
  func end() -> Exit {
    kill()
    while true {
      if let exit = reap(0) { return exit }
    }
  }

  /// How it ended; `nil` when it still runs at the deadline.
  func waitForExit(by deadline: Moment) throws(DrillError) -> Exit? {
    // Its output ends with it, so that is what is waited for; only reaping may come a moment later.
    while !isAtEnd {
      guard try readSome(by: deadline) else { return reap(WNOHANG) }
    }
    repeat {
      if let exit = reap(WNOHANG) { return exit }
      poll(nil, 0, 1)
    } while !deadline.hasPassed
    return nil
  }

  private func reap(_ options: Int32) -> Exit? {
    if let exit { return exit }
    var status: Int32 = 0
    var result: pid_t
    repeat { result = waitpid(pid, &status, options) } while result < 0 && errno == EINTR
    guard result == pid else {
      // Nobody else waits for children here, so the only other answer is that it still runs.
      return nil
    }
    LiveGroups.leave(pid)
    exit = status & 0x7f == 0 ? .code(status >> 8 & 0xff) : .signal(status & 0x7f)
    return exit
  }

  /// The end of what it wrote to its standard error.
  var logTail: String {
    let bytes = (try? FileTree.read(logPath)) ?? []
    return String(decoding: bytes.suffix(2000), as: UTF8.self)
  }
}
