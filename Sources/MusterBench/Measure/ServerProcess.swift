import CLinux
import Glibc

/// What a process had used at one moment.
package struct ProcessSample: Sendable, Equatable {
  /// User and system time of all its threads since it started, exact to the scheduler's nanoseconds.
  package var cpuNanoseconds: UInt64
  /// The same in clock ticks, as far as these tell: in the program itself, and in the kernel for it.
  package var userTicks: Int
  package var systemTicks: Int
  /// Memory that is resident, shared pages included, in bytes.
  package var residentBytes: Int
  /// Memory that is resident and nobody else's, in bytes; `nil` where the kernel does not show it.
  package var privateBytes: Int?

  package init(cpuNanoseconds: UInt64, userTicks: Int, systemTicks: Int, residentBytes: Int, privateBytes: Int?) {
    self.cpuNanoseconds = cpuNanoseconds
    self.userTicks = userTicks
    self.systemTicks = systemTicks
    self.residentBytes = residentBytes
    self.privateBytes = privateBytes
  }
}

/// The server as a process of this machine, watched from outside through `/proc` and its CPU clock.
///
/// What the kernel keeps for a socket (about 4 KB, for every server alike) is not part of any process and not counted.
package struct ServerProcess: Sendable {
  package let pid: Int32
  private let cpuClock: clockid_t

  /// Finds a running process.
  ///
  /// - Throws: ``LoadError/process(_:)`` when there is none, or its memory may not be read.
  package init(pid: Int32) throws(LoadError) {
    var clock = clockid_t()
    // Process 0 would be this one.
    guard pid > 0, clock_getcpuclockid(pid, &clock) == 0 else {
      throw .process("there is no process \(pid)")
    }
    self.pid = pid
    cpuClock = clock
    guard sample() != nil else {
      throw .process("the CPU and memory of process \(pid) cannot be read")
    }
  }

  /// Reads the counters; `nil` when the process has ended.
  package func sample() -> ProcessSample? {
    var time = timespec()
    guard clock_gettime(cpuClock, &time) == 0,
      let stat = Self.text(of: "/proc/\(pid)/stat"), let ticks = Self.ticks(stat: stat),
      let status = Self.text(of: "/proc/\(pid)/status"), let resident = Self.kilobytes("VmRSS", in: status)
    else { return nil }
    let rollup = Self.text(of: "/proc/\(pid)/smaps_rollup") ?? ""
    let owned: Int? =
      if let clean = Self.kilobytes("Private_Clean", in: rollup), let dirty = Self.kilobytes("Private_Dirty", in: rollup) {
        (clean + dirty) * 1024
      } else {
        nil
      }
    return ProcessSample(
      cpuNanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec), userTicks: ticks.user,
      systemTicks: ticks.system, residentBytes: resident * 1024, privateBytes: owned)
  }

  /// The processors the process may run on, as the kernel writes it (`0-1`, `1`).
  package var allowedProcessors: String? {
    Self.text(of: "/proc/\(pid)/status").flatMap { Self.value("Cpus_allowed_list", in: $0) }
  }

  /// The CPU time of this process itself, the generator, in nanoseconds.
  package static func ownCPUNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// The CPU time of the calling thread, in nanoseconds.
  static func threadCPUNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// User and system time in clock ticks, from the line of `/proc/<pid>/stat`.
  ///
  /// The name of the program is the second field and may hold spaces and parentheses, so fields count from the last parenthesis.
  package static func ticks(stat: String) -> (user: Int, system: Int)? {
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { return nil }
    return (user, system)
  }

  /// A value in kB from a file of lines like `VmRSS:     1234 kB`.
  package static func kilobytes(_ name: String, in text: String) -> Int? {
    value(name, in: text).flatMap { $0.split(separator: " ").first }.flatMap { Int($0) }
  }

  /// What stands after `name:` on its line.
  package static func value(_ name: String, in text: String) -> String? {
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      let rest = line.dropFirst(name.count)
      guard rest.first == ":" else { continue }
      return String(rest.dropFirst().drop { $0 == " " || $0 == "\t" })
    }
    return nil
  }

  /// The text of a small file, at most 64 KiB of it; `nil` when it cannot be read.
  package static func text(of path: String) -> String? {
    bytes(of: path).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The bytes of a small file, at most 64 KiB of it; `nil` when it cannot be read.
  static func bytes(of path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4 << 10)
    while bytes.count < 64 << 10 {
      let count = read(file, &piece, piece.count)
      if count < 0 { return nil }
      if count == 0 { break }
      bytes += piece[..<count]
    }
    return bytes
  }
}
