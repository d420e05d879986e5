import Glibc

/// Programs of the system that some drills need.
enum Tool {
  /// Runs a program to its end.
  ///
  /// - Throws: When there is none, or it does not end with 0.
  static func run(_ arguments: [String], log: String) throws(DrillError) {
    let process = try ChildProcess(arguments, log: log)
    let exit = try process.waitForExit(by: .after(.seconds(30)))
    guard exit == .code(0) else {
      throw .system("\(arguments[0]) ended with \(exit.map { "\($0)" } ?? "nothing"): \(process.logTail)")
    }
  }

  /// The first of some files that is there.
  static func find(_ paths: [String]) -> String? { paths.first { FileTree.exists($0) } }

  /// The library that shifts the clock of one process.
  static var fakeTimeLibrary: String? {
    find(
      ["x86_64-linux-gnu", "aarch64-linux-gnu", "", "lib64"].flatMap { directory in
        ["/usr/lib/\(directory)/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1"]
      })
  }

  /// What a process sees as wall time; its monotonic clock stays as it is.
  static func fakeTime(_ specification: String, library: String, for plan: inout ServerPlan) {
    plan.environment = [
      "LD_PRELOAD": library, "FAKETIME": specification, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
    ]
    // The library adds to the environment of the first process that it is loaded into, which moves it, and a program in Swift
    // then does not find its arguments any more. So the first process is another one, and becomes the server.
    plan.runner = ["env"]
  }

  /// Removes what the library leaves of a process that was killed.
  static func removeFakeTimeTraces(of pid: pid_t) {
    for name in ["faketime_shm_\(pid)", "sem.faketime_sem_\(pid)"] { unlink("/dev/shm/\(name)") }
  }
}
